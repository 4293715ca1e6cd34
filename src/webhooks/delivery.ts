import type { WebhookTarget } from '../config/webhooks-file.ts';
import { equalJitterMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { Repeating } from '../core/repeating.ts';
import { ExclusiveBookmark, instanceOf } from '../ledger/exclusive-bookmark.ts';
import type { Ledger, OutboxEvent } from '../ledger/ledger.ts';
import { eventId } from '../ledger/outbox.ts';
import type { Message, PostOutcome } from './post.ts';
import { bookmarkOf, type Progress, progressOf, progressText } from './progress.ts';

export interface WebhookDeliveryParts {
  readonly target: WebhookTarget;
  readonly ledger: Pick<Ledger, 'outbox' | 'outboxEnd' | 'bookmark' | 'setBookmark'>;
  /** Names this delivery among those of all lives of all instances (`holderOf`). */
  readonly holder: string;
  readonly textOf: (event: OutboxEvent) => string;
  readonly post: (message: Message) => Promise<PostOutcome>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly onOutcome: (outcome: PostOutcome['kind']) => void;
  readonly onState: (state: WebhookState) => void;
}

export type WebhookState = 'delivers' | 'failing' | 'disabled' | 'elsewhere';

/** Events whose delivery is noted together: after a crash they are posted again. */
const PAGE_EVENTS = 50;
/** Posts of different payments at once. */
const POSTS_AT_ONCE = 8;
const POLL_MS = 500;
const WATCH_MS = 2000;
/** The holder says this often that it lives. */
const RENEW_MS = 5000;
/** No post begins later than this after the page; with its timeout, a holder is silent for 25 s at most. */
const PAGE_MS = 10_000;
/** A holder that is silent for so long is replaced. So is an earlier life of this instance, at once. */
const SILENCE_MAX_MS = 40_000;
const RETRY = { baseMs: 2000, maxMs: 3_600_000 };
const FAILING_MAX_MS = 86_400_000;

type Fault = Exclude<PostOutcome, { readonly kind: 'delivered' }>;

/** Events that are not delivered yet, and what to note once they are. */
interface Page {
  readonly events: readonly OutboxEvent[];
  readonly next: string;
}

/**
 * Delivers the events of the ledger to one endpoint: at least once, and those of a payment one after another. Every
 * instance has one for each endpoint; the one that holds the endpoint's bookmark works, and the others watch it.
 */
export class WebhookDelivery extends Repeating {
  readonly #parts: WebhookDeliveryParts;
  readonly #bookmark: ExclusiveBookmark;
  /** Null: another instance delivers. */
  #held: Progress | null = null;
  #hasLooked = false;
  #page: Page | null = null;
  /** 0: it works, as far as this instance has seen. */
  #retryAtMs = 0;

  constructor(parts: WebhookDeliveryParts) {
    super(parts.clock);
    this.#parts = parts;
    const name = bookmarkOf(parts.target.name);
    this.#bookmark = new ExclusiveBookmark({ ...parts, name, silenceMaxMs: SILENCE_MAX_MS });
  }

  /** Lets another instance continue at once. */
  async release(): Promise<void> {
    this.stop();
    if (this.#held !== null) await this.#save({ holder: '' });
    this.#held = null;
  }

  protected override async work(): Promise<number> {
    if (this.#held === null) return this.#watch();
    const { clock, ledger } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#bookmark.savedAtMs >= RENEW_MS && !(await this.#save({}))) return WATCH_MS;
    if (nowMs < this.#retryAtMs) return Math.min(RENEW_MS, this.#retryAtMs - nowMs);
    if (this.#page === null) {
      const page = await ledger.outbox(this.#held.cursor, PAGE_EVENTS);
      if (page.kind === 'unavailable') return WATCH_MS;
      const { types } = this.#parts.target;
      const events = page.value.events.filter(({ type }) => types.length === 0 || types.includes(type));
      if (page.value.events.length === 0) return POLL_MS;
      this.#page = { events, next: page.value.next };
    }
    return this.#deliver(this.#page);
  }

  /** Takes the bookmark if it is free, or if its holder has been silent for too long. */
  async #watch(): Promise<number> {
    const { ledger, onState } = this.#parts;
    const reply = await this.#bookmark.look();
    if (reply.kind === 'unavailable') return WATCH_MS;
    const read = await progressOf(ledger, reply.value);
    if (read.kind === 'unavailable') return WATCH_MS;
    const isFirstLook = !this.#hasLooked;
    this.#hasLooked = true;
    const known = read.value;
    onState(known.disabled === null ? 'elsewhere' : 'disabled');
    // Its own name is there after a write whose answer was lost.
    const isFree = known.holder === '' || known.holder === this.#parts.holder;
    // It died without a word, or these books are a copy of older ones.
    const isOwnPast = isFirstLook && instanceOf(known) === instanceOf(this.#parts);
    if (known.disabled !== null || !(isFree || isOwnPast || reply.value.isSilent)) return WATCH_MS;
    this.#bookmark.take(reply.value);
    this.#held = known;
    this.#page = null;
    this.#retryAtMs = 0;
    return (await this.#save({ holder: this.#parts.holder })) ? 0 : WATCH_MS;
  }

  async #deliver(page: Page): Promise<number> {
    const endMs = this.#parts.clock.monotonicMs() + PAGE_MS;
    const lanes = [...Map.groupBy(page.events, subjectOf).values()];
    const faults: Fault[] = [];
    const delivered = new Set<OutboxEvent>();
    const work = async () => {
      for (let lane = lanes.shift(); lane !== undefined; lane = lanes.shift()) {
        for (const event of lane) {
          if (this.isStopped || faults.length > 0 || this.#parts.clock.monotonicMs() >= endMs) return;
          const outcome = await this.#parts.post({ id: eventId(event), body: this.#parts.textOf(event) });
          this.#parts.onOutcome(outcome.kind);
          if (outcome.kind === 'delivered') delivered.add(event);
          else faults.push(outcome);
        }
      }
    };
    await Promise.all(Array.from({ length: POSTS_AT_ONCE }, work));
    const events = page.events.filter((event) => !delivered.has(event));
    this.#page = { ...page, events };
    if (this.isStopped) return 0;
    const fault = faults.find(({ kind }) => kind === 'gone') ?? faults[0];
    const taken = delivered.size > 0 ? { deliveredAtMs: this.#parts.clock.nowMs() } : {};
    if (fault !== undefined) return this.#failed(fault, taken);
    if (events.length > 0) return 0;
    this.#page = null;
    this.#retryAtMs = 0;
    this.#parts.onState('delivers');
    if (this.#held?.failingSinceMs !== null)
      this.#parts.log.warn({ webhook: this.#parts.target.name }, 'events are delivered to a webhook again');
    const works = { ...taken, cursor: page.next, failingSinceMs: null, failures: 0 };
    return (await this.#save(works)) ? 0 : WATCH_MS;
  }

  async #failed(outcome: Fault, taken: Partial<Progress>): Promise<number> {
    const { clock, random, log, target, onState } = this.#parts;
    const reason = outcome.kind === 'failed' ? outcome.reason : 'HTTP 410: it wants no more events';
    const nowMs = clock.nowMs();
    const before = this.#held;
    const sinceMs = before?.failingSinceMs ?? nowMs;
    const failures = (before?.failures ?? 0) + 1;
    const failed = { ...taken, failures, lastFailure: { atMs: nowMs, reason } };
    if (outcome.kind === 'gone' || nowMs - sinceMs >= FAILING_MAX_MS) {
      const disabled = { atMs: nowMs, reason };
      if (await this.#save({ ...failed, disabled, failingSinceMs: null, holder: '' })) {
        log.error(
          { webhook: target.name, reason },
          'a webhook is disabled: its events are kept, and `dinossauro webhooks enable` continues with them',
        );
        onState('disabled');
      }
      this.#held = null;
      return WATCH_MS;
    }
    const retryInMs = equalJitterMs(RETRY, failures, random);
    if (this.#retryAtMs === 0) log.warn({ webhook: target.name, reason, retryInMs }, 'a webhook fails');
    onState('failing');
    this.#retryAtMs = clock.monotonicMs() + retryInMs;
    return (await this.#save({ ...failed, failingSinceMs: sinceMs })) ? 0 : WATCH_MS;
  }

  /** False: another holds the bookmark now, or the ledger does not answer. */
  async #save(change: Partial<Progress>): Promise<boolean> {
    if (this.#held === null) return false;
    const progress = { ...this.#held, ...change };
    const isSaved = await this.#bookmark.save(progressText(progress));
    this.#held = isSaved ? progress : null;
    return isSaved;
  }
}

/** Events of the same subject are delivered one after another. */
function subjectOf(event: OutboxEvent): string {
  return 'payment' in event ? event.payment.correlationId : `processor ${event.processor}`;
}
