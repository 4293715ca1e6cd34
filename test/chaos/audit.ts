import { exchangeKept } from '../contract/kept.ts';
import type { Random } from '../sim/random.ts';
import type { Books } from '../system/books.ts';
import { tooSoon } from '../system/deployment.ts';
import type { Charge, ProcessorAdmin } from '../system/processor-admin.ts';
import { pause, until } from '../system/until.ts';
import type { Paid, Post } from './clients.ts';

/** A broken promise. */
export interface Breach {
  readonly promise: 'lost' | 'twice' | 'window' | 'health' | 'idempotence' | 'bounds';
  readonly text: string;
  /** The id of the payment concerned, if any. */
  readonly correlationId?: string;
}

/** The deployment to audit. */
export interface Site {
  readonly gateways: readonly { readonly url: string }[];
  readonly processors: readonly ProcessorAdmin[];
  readonly books: Books;
}

/** The answer of `GET /payments/{id}`. */
export interface Said {
  readonly status: string;
  readonly amount?: number;
  readonly conflictingAmount?: number;
  readonly reason?: string;
}

const UNKNOWN: Said = { status: 'unknown' };
/** Concurrent look-ups. */
const TOGETHER = 32;
const IDLE_MS = 250;
const ANSWERS = [202, 503, 0];

/** Compares the posts of a round with the processors' charges since its start. */
export class Audit {
  readonly #site: Site;
  readonly #paid: readonly Paid[];
  readonly #since: readonly number[];
  #charges: readonly Charge[][] = [];
  #charged = new Set<string>();
  #rejectedCount = 0;

  constructor(site: Site, paid: readonly Paid[], since: readonly number[]) {
    this.#site = site;
    this.#paid = paid;
    this.#since = since;
  }

  get chargedCount(): number {
    return this.#charged.size;
  }

  /** Accepted, then rejected by a processor. */
  get rejectedCount(): number {
    return this.#rejectedCount;
  }

  /** Resolves when every accepted payment is charged or rejected, and in the ledger. */
  async untilQuiet(deadlineMs: number): Promise<Breach[]> {
    const look = async () => (await this.#isIdle()) && (await this.#unfinished(1)).length === 0;
    const isSettled = await until('every payment is settled', deadlineMs, look).then(
      () => true,
      () => false,
    );
    return isSettled ? [] : this.#unfinished();
  }

  /**
   * Whether nothing is charged for a while. Until then the instances are not asked about the payments: that would take
   * longer, and more of the machine, than the settling that it waits for.
   */
  async #isIdle(): Promise<boolean> {
    const { books } = this.#site;
    const before = await books.counts();
    await pause(IDLE_MS);
    const after = await books.counts();
    return before.every((count, processor) => count === after[processor]);
  }

  /** All breaches, once the deployment is idle. */
  async breaches(fromMs: number, windowCount: number, random: Random): Promise<Breach[]> {
    // Charges made since then, unknown to the gateway, count too.
    const unfinished = await this.#unfinished();
    if (unfinished.length > 0) return unfinished;
    const window = { fromMs, toMs: Date.now() };
    const differences = await this.#site.books.differencesWithin(window, windowCount, random);
    return [
      ...differences.map((text): Breach => ({ promise: 'window', text })),
      ...this.#chargeBreaches(),
      ...(await this.#conflictBreaches()),
      ...this.#paid.flatMap((paid) => answerBreaches(paid, this.#charged.has(paid.correlationId))),
    ];
  }

  /** Stops looking for more once there are `enough`. */
  async #unfinished(enough = Infinity): Promise<Breach[]> {
    const { books, processors } = this.#site;
    this.#charges = await Promise.all(
      processors.map((processor, index) => processor.charges(this.#since[index] ?? 0)),
    );
    this.#charged = new Set(this.#charges.flat().map(({ correlationId }) => correlationId));
    const uncharged = this.#paid.filter(({ correlationId }) => !this.#charged.has(correlationId));
    const unfinished: Breach[] = [];
    this.#rejectedCount = 0;
    for (let first = 0; first < uncharged.length && unfinished.length < enough; first += TOGETHER) {
      const some = uncharged.slice(first, first + TOGETHER);
      unfinished.push(...(await Promise.all(some.map((paid) => this.#unchargedBreaches(paid)))).flat());
    }
    if (unfinished.length > 0) return unfinished;
    return (await books.differences()).map((text) => ({ promise: 'window', text }));
  }

  /** What makes a window wrong: payments that were charged and are not settled at some instance, or charged twice. */
  async windowCauses(): Promise<Breach[]> {
    const breaches = this.#chargeBreaches();
    const ids = [...this.#charged];
    for (let first = 0; first < ids.length; first += TOGETHER) {
      const some = ids.slice(first, first + TOGETHER);
      const said = await Promise.all(some.map((id) => this.#saidOf(id)));
      for (const [index, correlationId] of some.entries()) {
        const states = said[index]?.map(({ status }) => status) ?? [];
        if (states.every((status) => status === 'settled')) continue;
        breaches.push({ promise: 'window', correlationId, text: `charged but ${states.join(' and ')}` });
      }
    }
    return breaches;
  }

  /** A payment that was not charged must be rejected everywhere, or never have been accepted. */
  async #unchargedBreaches(paid: Paid): Promise<Breach[]> {
    const { correlationId } = paid;
    const isAccepted = paid.posts.some(({ status }) => status === 202);
    const said = await this.#saidOf(correlationId);
    if (isAccepted && said.every(isRejected)) this.#rejectedCount++;
    return said.flatMap((of, index): Breach[] => {
      if (isRejected(of) || (of.status === 'absent' && !isAccepted)) return [];
      const text = `not charged but ${of.status} at instance ${index + 1}`;
      return [{ promise: 'lost', correlationId, text }];
    });
  }

  #chargeBreaches(): Breach[] {
    const posted = new Map(this.#paid.map((paid) => [paid.correlationId, paid]));
    const times = new Map<string, number>();
    const breaches: Breach[] = [];
    for (const { correlationId, amountCents } of this.#charges.flat()) {
      times.set(correlationId, (times.get(correlationId) ?? 0) + 1);
      const posts = posted.get(correlationId)?.posts ?? [];
      const same = posts.filter((post) => post.amountCents === amountCents);
      if (same.length === 0)
        breaches.push({
          promise: 'idempotence',
          correlationId,
          text: `charged ${amountCents} cents, which were not posted`,
        });
      else if (same.every(({ status, to }) => status === 409 && to !== 'nginx'))
        breaches.push({
          promise: 'idempotence',
          correlationId,
          text: `charged ${amountCents} cents, which were refused`,
        });
    }
    for (const [correlationId, count] of times)
      if (count > 1) breaches.push({ promise: 'twice', correlationId, text: `charged ${count} times` });
    return breaches;
  }

  /** If two amounts of one id were accepted, one is charged, and every instance reports the other. */
  async #conflictBreaches(): Promise<Breach[]> {
    const breaches: Breach[] = [];
    for (const { correlationId, posts } of this.#paid) {
      const accepted = new Set(posts.filter(({ status }) => status === 202).map((post) => post.amountCents));
      if (accepted.size < 2) continue;
      for (const { status, amount = 0, conflictingAmount = 0 } of await this.#saidOf(correlationId)) {
        const told = [amount, conflictingAmount].map((decimal) => Math.round(decimal * 100));
        if (told.every((cents) => accepted.has(cents)) && told[0] !== told[1]) continue;
        const text = `${[...accepted].join(' and ')} cents were accepted, but it is ${status} with ${told.join(' and ')}`;
        breaches.push({ promise: 'idempotence', correlationId, text });
      }
    }
    return breaches;
  }

  #saidOf(correlationId: string): Promise<Said[]> {
    return Promise.all(
      this.#site.gateways.map(async ({ url }) => {
        const { status, body } = await exchangeKept('GET', `${url}/payments/${correlationId}`);
        if (status === 404) return { status: 'absent' };
        return status === 200 ? (JSON.parse(body) as Said) : UNKNOWN;
      }),
    );
  }
}

function isRejected({ status, reason = '' }: Said): boolean {
  return status === 'rejected' && REJECTIONS.test(reason);
}

/** What processors in the lab say when they refuse a payment for good. */
const REJECTIONS = /^(?:HTTP 40[02]|card declined|called a duplicate \d+ times, but not held: HTTP 40[02])/;

/** Statuses that no client may get, whatever happens. A payment that was rejected is answered 422 when it comes again. */
function answerBreaches({ correlationId, posts }: Paid, isCharged: boolean): Breach[] {
  const isConflict = (post: Post) => posts.some(({ amountCents }) => amountCents !== post.amountCents);
  return posts.flatMap((post): Breach[] => {
    if (ANSWERS.includes(post.status) || (post.status === 409 && isConflict(post))) return [];
    if (post.status === 422 && !isCharged) return [];
    const text = `answered ${post.status} by ${post.to} (${post.manner})`;
    return [{ promise: 'idempotence', correlationId, text }];
  });
}

/** Health calls of the whole run that were too close together. */
export async function healthBreaches({ processors }: Site): Promise<Breach[]> {
  const calls = await Promise.all(processors.map((processor) => processor.healthCalls()));
  return calls.flatMap((of, index) =>
    tooSoon(processors[index]?.name ?? '', of).map((text): Breach => ({ promise: 'health', text })),
  );
}
