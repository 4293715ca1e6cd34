import assert from 'node:assert';
import { type Attempt, type AttemptOutcome, EARLIER_ATTEMPTS_MAX } from '../../src/core/attempt.ts';
import type { PaymentStatus } from '../../src/core/payment.ts';
import { isOpen } from '../../src/core/payment.ts';
import {
  type CancelReply,
  type HoldReply,
  isCancelled,
  type Reopening,
  type ReopenReply,
} from '../../src/ledger/actions.ts';
import type {
  Claim,
  CommitReply,
  Ledger,
  LedgerEntry,
  LedgerPage,
  NoSum,
  Reply,
  Settlement,
  SummaryReply,
} from '../../src/ledger/ledger.ts';
import { attemptsOf } from '../../src/ledger/story.ts';
import { UNIT_SPANS_MS, unitStartMs } from '../../src/ledger/time-index.ts';
import type { Dispatch } from '../../src/processor/processor.ts';
import type { Row } from '../../src/simulated/books.ts';
import type { SimulatedProcessor } from '../../src/simulated/processor.ts';
import { ExpectedEvents } from './events.ts';
import { HeardLimits } from './limits.ts';
import { Manners } from './manners.ts';
import type { Plan, Post } from './plan.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

/** A payment as a processor charged it. */
interface Charge {
  readonly processor: number;
  readonly amountCents: number;
  readonly requestedAtMs: number;
}

export interface Broken {
  readonly promise: string;
  readonly correlationId: string | null;
}

/** The minimum time between two calls to `GET /payments/service-health`. */
const HEALTH_BUDGET_MS = 5000;
const PAGE_LIMIT = 20;
/** The unit of the time index that retention leaves. */
const MINUTE = 2;
const MINUTE_MS = UNIT_SPANS_MS[MINUTE] as number;

/** Outcomes after which a payment may be sent again. */
const WITHOUT_CHARGE: readonly AttemptOutcome[] = ['refused', 'unfit', 'exhausted', 'not-held', 'not-sent'];
/** Outcomes after which an operator may send it again. */
const REJECTED: readonly AttemptOutcome[] = ['rejected', 'found-rejected'];
const FINAL_OUTCOMES: Readonly<Partial<Record<PaymentStatus, readonly AttemptOutcome[]>>> = {
  settled: ['charged', 'found-charged'],
  rejected: ['rejected', 'found-rejected', 'never-held'],
};

/**
 * Sees the whole deployment and reports broken promises: immediately where possible, the rest in `balance`, once the
 * deployment is idle.
 */
export class Audit {
  readonly #timeline: Timeline;
  readonly #ledger: Ledger;
  readonly #amountsPosted = new Map<string, Set<number>>();
  readonly #amountsAccepted = new Map<string, Set<number>>();
  readonly #charges = new Map<string, Charge>();
  readonly manners: Manners;
  readonly limits: HeardLimits;
  readonly #events: ExpectedEvents;
  readonly #processors: SimulatedProcessor[] = [];
  readonly #rowsSeen: number[] = [];
  readonly #reopenedIds = new Set<string>();
  /** Those that have not been claimed again. */
  readonly #reopenedNow = new Set<string>();
  readonly #cancelledIds = new Set<string>();
  readonly #heldIds = new Set<string>();
  /** Every call that was made, by `callOf`. */
  readonly #sent = new Set<string>();
  /** What was claimed for a dispatch of each payment, oldest first. */
  readonly #dispatches = new Map<string, Pick<Attempt, 'processorName' | 'requestedAtMs'>[]>();
  /** Payments that the books have recorded as settled or rejected: they may forget them. */
  readonly #finished = new Set<string>();
  readonly #healthCalledAtMs: number[] = [];
  readonly #history: string[] | null;
  /** Whether the books have a retention. */
  readonly #forgets: boolean;
  readonly #unanswered = new Set<{
    readonly correlationId: string;
    readonly to: { readonly alive: boolean };
  }>();
  #broken: Broken | null = null;

  /** `ledger` always answers: no fault is injected into its connection. */
  constructor(timeline: Timeline, ledger: Ledger, history: string[] | null, forgets: boolean) {
    this.#timeline = timeline;
    this.#ledger = ledger;
    this.#history = history;
    this.#forgets = forgets;
    this.#events = new ExpectedEvents(ledger, (promise, correlationId) =>
      this.broken(promise, correlationId),
    );
    this.manners = new Manners(timeline, (promise, correlationId) => this.broken(promise, correlationId));
    this.limits = new HeardLimits(timeline, (promise, correlationId) => this.broken(promise, correlationId));
  }

  get firstBroken(): Broken | null {
    return this.#broken;
  }

  get chargeCount(): number {
    return this.#charges.size;
  }

  watch(processors: readonly SimulatedProcessor[], plan: Plan): void {
    this.#processors.push(...processors);
    this.limits.watch(plan);
    for (const _ of processors) this.#rowsSeen.push(0);
  }

  tell(who: string, what: string): void {
    if (this.#history === null) return;
    this.#history.push(`${(this.#timeline.nowMs / 1000).toFixed(3).padStart(8)} ${who}: ${what}`);
  }

  broken(promise: string, correlationId: string | null): void {
    this.tell('BROKEN', `${promise} ${correlationId ?? ''}`);
    this.#broken ??= { promise, correlationId };
  }

  // Checked immediately.

  posted({ correlationId, amountCents }: Post): void {
    setOf(this.#amountsPosted, correlationId).add(amountCents);
  }

  /** An instance has received a post. Call the returned function with the answer. */
  offered({ correlationId }: Post, to: { readonly alive: boolean }): () => void {
    const offer = { correlationId, to };
    this.#unanswered.add(offer);
    return () => this.#unanswered.delete(offer);
  }

  /** `knownCents`: the amount that this run of the answering instance has accepted under the id before. */
  accepted({ correlationId, amountCents }: Post, knownCents: number | undefined, everywhere: boolean): void {
    if (knownCents !== undefined && knownCents !== amountCents)
      this.broken('one instance accepted two amounts of one id', correlationId);
    const accepted = setOf(this.#amountsAccepted, correlationId);
    accepted.add(amountCents);
    if (everywhere && accepted.size > 1) this.broken('two amounts of one id were accepted', correlationId);
  }

  healthCall(processor: number): void {
    const nowMs = this.#timeline.nowMs;
    const lastMs = this.#healthCalledAtMs[processor] ?? Number.NEGATIVE_INFINITY;
    this.#healthCalledAtMs[processor] = nowMs;
    this.tell('audit', `health call to processor ${processor}`);
    if (nowMs - lastMs < HEALTH_BUDGET_MS)
      this.broken(`two health calls to processor ${processor} within ${nowMs - lastMs} ms`, null);
  }

  /** Every call must match a claim in the ledger, including its timestamp. */
  async sent(processor: number, { correlationId, amountCents, requestedAtMs }: Dispatch): Promise<void> {
    this.#sent.add(callOf(correlationId, nameOf(processor), requestedAtMs));
    if (this.#heldIds.has(correlationId)) this.broken('sent while it is held', correlationId);
    const entry = must(await this.#timeline.during(this.#ledger.find(correlationId)));
    const isClaimed =
      entry?.status === 'dispatched' &&
      entry.processorName === nameOf(processor) &&
      entry.requestedAtMs === requestedAtMs &&
      entry.amountCents === amountCents;
    if (!isClaimed) this.broken('a call does not match its claim', correlationId);
  }

  /** Checks the charges of a processor since the last check. */
  lookAt(processor: number): void {
    for (const row of this.#newRows(processor)) {
      const { correlationId, amountCents } = row;
      this.tell(`processor ${processor}`, `charged ${correlationId} ${amountCents} at ${row.requestedAtMs}`);
      if (this.#charges.has(correlationId)) this.broken('charged twice', correlationId);
      if (this.#cancelledIds.has(correlationId)) this.broken('charged after it was cancelled', correlationId);
      if (!this.#amountsPosted.get(correlationId)?.has(amountCents))
        this.broken('charged a payment that was not posted', correlationId);
      this.#charges.set(correlationId, { processor, amountCents, requestedAtMs: row.requestedAtMs });
    }
  }

  #newRows(processor: number): readonly Row[] {
    const seen = this.#rowsSeen[processor] ?? 0;
    const reply = this.#processors[processor]?.list(seen, 1000);
    assert.ok(reply?.kind === 'answer');
    const { payments } = JSON.parse(reply.body ?? '') as { payments: Row[] };
    this.#rowsSeen[processor] = seen + payments.length;
    return payments;
  }

  committed(
    instance: number,
    owner: number,
    settlements: readonly Settlement[],
    claims: readonly Claim[],
    { settled, claimed }: CommitReply,
  ): void {
    for (const [index, settlement] of settlements.entries()) {
      const { correlationId, status, processor, requestedAtMs } = settlement;
      const reply = settled[index];
      this.tell(
        `instance ${instance}`,
        `owner ${owner}: ${status} ${correlationId} at ${processor}, ${requestedAtMs}: ${reply}`,
      );
      if (reply === 'recorded') {
        this.#finished.add(correlationId);
        this.#events.finished(correlationId, status);
      }
      if (reply === 'recorded' && status === 'settled') this.#recorded(settlement);
    }
    for (const [index, { correlationId, processor, requestedAtMs }] of claims.entries()) {
      const answer = claimed[index];
      if (answer === 'claimed') this.#events.opened(correlationId);
      if (answer === 'claimed' && processor !== null)
        this.#dispatched(correlationId, nameOf(processor), requestedAtMs);
      if (this.#history === null) continue;
      this.tell(
        `instance ${instance}`,
        `owner ${owner}: claim ${correlationId} for ${processor}, ${requestedAtMs}: ${answer}`,
      );
    }
  }

  /** What an operator has opened again is no longer finished. */
  reopened(payments: readonly Reopening[], replies: readonly ReopenReply[]): void {
    for (const [index, { correlationId }] of payments.entries()) {
      if (replies[index] !== 'reopened') continue;
      this.tell('operator', `sends ${correlationId} again`);
      this.#reopenedIds.add(correlationId);
      this.#reopenedNow.add(correlationId);
      this.#finished.delete(correlationId);
      this.#events.opened(correlationId);
    }
  }

  /** What was cancelled is final, and is never charged. */
  cancelled(correlationId: string, reply: CancelReply | undefined): void {
    this.tell('operator', `cancels ${correlationId}: ${reply}`);
    if (reply !== 'cancelled') return;
    if (this.#charges.has(correlationId)) this.broken('cancelled after it was charged', correlationId);
    this.#cancelledIds.add(correlationId);
    this.#events.finished(correlationId, 'rejected');
  }

  /** From now on no processor may get it, until it is released. */
  held(correlationId: string, reply: HoldReply | undefined): void {
    this.tell('operator', `holds ${correlationId}: ${reply}`);
    if (reply === 'held' || reply === 'awaited') this.#heldIds.add(correlationId);
  }

  releasing(correlationId: string): void {
    this.tell('operator', `releases ${correlationId}`);
    this.#heldIds.delete(correlationId);
  }

  #dispatched(correlationId: string, processorName: string, requestedAtMs: number): void {
    const dispatches = this.#dispatches.get(correlationId) ?? [];
    this.#dispatches.set(correlationId, dispatches);
    const last = dispatches.at(-1);
    const isLikeLast = last?.processorName === processorName && last.requestedAtMs === requestedAtMs;
    // Clocks differ, so a payment that is sent again may get the stamp that it had.
    const isNew = this.#reopenedNow.delete(correlationId);
    if (isNew || !isLikeLast) dispatches.push({ processorName, requestedAtMs });
  }

  #recorded({ correlationId, processor, amountCents, requestedAtMs }: Settlement): void {
    const charge = this.#charges.get(correlationId);
    if (charge === undefined) this.broken('settled without a charge', correlationId);
    else if (charge.processor !== processor) this.broken('settled at another processor', correlationId);
    else if (charge.amountCents !== amountCents) this.broken('settled with another amount', correlationId);
    else if (charge.requestedAtMs !== requestedAtMs)
      this.broken('settled with another timestamp', correlationId);
  }

  /** The entries that `owner` may still settle. */
  async ownedBy(entries: readonly LedgerEntry[], owner: number): Promise<LedgerEntry[]> {
    const owned: LedgerEntry[] = [];
    for (const entry of entries) {
      const now = must(await this.#ledger.find(entry.correlationId));
      if (now?.owner === owner && isOpen(now)) owned.push(entry);
    }
    return owned;
  }

  // Checked at the end.

  /**
   * Whether every post is answered and every accepted payment is finished, except those that live in a shard that is lost
   * (null: none).
   */
  async isQuiet(lostShard: number | null): Promise<boolean> {
    await this.#events.read();
    const entries = await this.#entries();
    const concerns = (correlationId: string) => this.#ledger.shardOf(correlationId) !== lostShard;
    return (
      !this.#awaitingAnswer().some(concerns) &&
      ![...entries.values()].some((entry) => isOpen(entry) && concerns(entry.correlationId)) &&
      [...this.#amountsAccepted.keys()].every(
        (correlationId) =>
          entries.has(correlationId) || this.#mayBeForgotten(correlationId) || !concerns(correlationId),
      )
    );
  }

  /** Asks for a summary, which may leave out nothing that is in the books now, and count nothing that is not there later. */
  async summarized(ask: () => Promise<SummaryReply>): Promise<void> {
    await this.#timeline.during(this.#events.read());
    const before = await this.#totals();
    const reply = await ask();
    if (reply.kind !== 'ok') return;
    const after = await this.#totals();
    for (const { name, count } of reply.value) {
      if (count < (before.get(name) ?? 0) || count > (after.get(name) ?? 0))
        this.broken(`a summary counted ${count} payments of ${name}`, null);
    }
  }

  async #totals(): Promise<ReadonlyMap<string, number>> {
    const all = this.#ledger.summary(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
    const totals = must(await this.#timeline.during(all));
    return new Map(totals.map(({ name, count }) => [name, count]));
  }

  /** The full comparison, when the deployment is idle or should be. */
  async balance(random: Random): Promise<void> {
    const entries = await this.#entries();
    for (const [correlationId, amounts] of this.#amountsAccepted)
      this.#balanceAccepted(correlationId, amounts, entries.get(correlationId));
    for (const [correlationId, charge] of this.#charges) {
      const entry = entries.get(correlationId);
      if (entry === undefined) {
        if (!this.#mayBeForgotten(correlationId)) this.broken('charged but not in the ledger', correlationId);
      } else if (entry.status !== 'settled')
        this.broken(`charged but ${entry.status} in the ledger`, correlationId);
      else if (entry.amountCents !== charge.amountCents)
        this.broken('charged an amount that differs from the ledger', correlationId);
    }
    for (const entry of entries.values()) {
      if (isCancelled(entry) && !this.#cancelledIds.has(entry.correlationId))
        this.broken('cancelled, but no operator was told so', entry.correlationId);
      this.#balanceHeld(entry);
      this.#balanceStory(entry);
    }
    for (const correlationId of this.#awaitingAnswer())
      this.broken('a post was never answered', correlationId);
    await this.#balanceWindow(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
    await this.#balanceFees();
    await this.#events.balance(entries.values());
    const stamps = [...this.#charges.values()].map((charge) => charge.requestedAtMs);
    for (let round = 0; round < 20 && stamps.length > 0; round++) {
      const from = stamps[random.int(0, stamps.length - 1)] ?? 0;
      const to = stamps[random.int(0, stamps.length - 1)] ?? 0;
      await this.#balanceWindow(
        Math.min(from, to) + random.int(-1, 1),
        Math.max(from, to) + random.int(-1, 1),
      );
    }
  }

  /** The posts without an answer whose instance is still alive. */
  #awaitingAnswer(): string[] {
    return [...this.#unanswered].filter(({ to }) => to.alive).map(({ correlationId }) => correlationId);
  }

  /** Every entry of the ledger. */
  async #entries(): Promise<ReadonlyMap<string, LedgerEntry>> {
    const found = new Map<string, LedgerEntry>();
    for (let after: string | null = ''; after !== null; ) {
      const page: LedgerPage = must(
        await this.#ledger.page(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, after, PAGE_LIMIT),
      );
      for (const entry of page.entries) {
        if (found.has(entry.correlationId)) this.broken('returned twice by one listing', entry.correlationId);
        found.set(entry.correlationId, entry);
      }
      after = page.next;
    }
    return found;
  }

  #mayBeForgotten(correlationId: string): boolean {
    return this.#forgets && this.#finished.has(correlationId);
  }

  #balanceAccepted(
    correlationId: string,
    amounts: ReadonlySet<number>,
    entry: LedgerEntry | undefined,
  ): void {
    if (entry === undefined) {
      if (!this.#mayBeForgotten(correlationId)) this.broken('accepted but lost', correlationId);
      return;
    }
    if (entry.status !== 'settled' && entry.status !== 'rejected')
      this.broken(`accepted but ${entry.status} forever`, correlationId);
    if (entry.status === 'settled' && !this.#charges.has(correlationId))
      this.broken('settled but never charged', correlationId);
    if (amounts.size > 1 && entry.conflictingAmountCents === null)
      this.broken('another amount was accepted but is not reported', correlationId);
  }

  /** What is rejected is held nowhere, and what is settled nowhere else: a processor may charge later what it holds. */
  #balanceHeld({ correlationId, status, processorName }: LedgerEntry): void {
    for (const [index, processor] of this.#processors.entries()) {
      const isItsOwn = status === 'settled' && processorName === nameOf(index);
      const reply = processor.contract.find(correlationId);
      const isHeld =
        reply.kind === 'answer' && reply.status === 200 && !/"status":"failed"/.test(reply.body ?? '');
      if (isHeld && !isItsOwn) this.broken(`${status}, but held by processor ${index}`, correlationId);
    }
  }

  /** The books tell of every attempt that was claimed, up to the last few, and of no other; and what came of each. */
  #balanceStory(entry: LedgerEntry): void {
    const { correlationId, status, story } = entry;
    const dispatches = this.#dispatches.get(correlationId);
    // Adopted from a processor, and never sent by a gateway.
    if (dispatches === undefined) return;
    const keptMax = isCancelled(entry) ? EARLIER_ATTEMPTS_MAX : EARLIER_ATTEMPTS_MAX + 1;
    const keptCount = Math.min(entry.attempts, keptMax);
    const expected = dispatches.slice(-keptCount).map(({ processorName }) => processorName);
    const told = attemptsOf(entry).map(({ processorName }) => processorName);
    if (told.join() !== expected.join())
      this.broken(`told as sent to ${told}, not ${expected}`, correlationId);
    // The processor's own time replaces the last.
    for (const [index, { processorName, requestedAtMs, outcome, why }] of story.earlier.entries()) {
      const isSent = this.#sent.has(callOf(correlationId, processorName, requestedAtMs));
      if (isSent ? outcome === 'not-sent' : outcome === 'refused' || outcome === 'unfit')
        this.broken(`an attempt is told as ${outcome}, and was ${isSent ? '' : 'not '}sent`, correlationId);
      if (dispatches.at(index - keptCount)?.requestedAtMs !== requestedAtMs)
        this.broken(`an attempt has another time than was claimed`, correlationId);
      const isSentAgain = this.#reopenedIds.has(correlationId) && REJECTED.includes(outcome);
      if (!(isSentAgain || WITHOUT_CHARGE.includes(outcome)) || why === 'unknown')
        this.broken(`an attempt is told as ${why}, ${outcome}, and another followed`, correlationId);
    }
    if (!isCancelled(entry) && !(FINAL_OUTCOMES[status] ?? []).includes(story.outcome))
      this.broken(`${status}, but told as ${story.outcome}`, correlationId);
  }

  /** Whatever was settled cost something, once. */
  async #balanceFees(): Promise<void> {
    const fees = must(await this.#ledger.fees());
    const totals = must(await this.#ledger.summary(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY));
    for (const { name, count, amountCents } of totals) {
      const own = fees.filter((each) => each.name === name);
      if (sumOf(own, (each) => each.count) !== count || centsOf(own) !== amountCents)
        this.broken(`the fees of ${name} are not those of what it was sent`, null);
    }
  }

  async #balanceWindow(fromMs: number, toMs: number): Promise<void> {
    const reply = await this.#ledger.summary(fromMs, toMs);
    if (reply.kind === 'too-fine' && this.#forgets && !isWholeMinutes(fromMs, toMs)) {
      return this.#balanceWindow(unitStartMs(MINUTE, fromMs), unitStartMs(MINUTE, toMs) + MINUTE_MS - 1);
    }
    const totals = must(reply);
    for (const processor of this.#processors.keys()) {
      const isIn = ({ requestedAtMs }: { requestedAtMs: number }) =>
        requestedAtMs >= fromMs && requestedAtMs <= toMs;
      const charged = [...this.#charges.values()].filter((row) => row.processor === processor && isIn(row));
      const booked = totals.find(({ name }) => name === nameOf(processor));
      if (charged.length !== booked?.count || centsOf(charged) !== booked.amountCents)
        this.broken(`the ledger and processor ${processor} differ in [${fromMs}, ${toMs}]`, null);
    }
  }
}

export function nameOf(processor: number): string {
  return `processor-${processor}`;
}

function isWholeMinutes(fromMs: number, toMs: number): boolean {
  return unitStartMs(MINUTE, fromMs) === fromMs && unitStartMs(MINUTE, toMs + 1) === toMs + 1;
}

function must<T>(reply: Reply<T> | NoSum): T {
  assert.ok(reply.kind === 'ok', reply.kind === 'unavailable' ? reply.reason : reply.kind);
  return reply.value;
}

function sumOf<T>(rows: readonly T[], of: (row: T) => number): number {
  return rows.reduce((sum, row) => sum + of(row), 0);
}

function centsOf(rows: readonly { readonly amountCents: number }[]): number {
  return sumOf(rows, (row) => row.amountCents);
}

function setOf(sets: Map<string, Set<number>>, key: string): Set<number> {
  const known = sets.get(key) ?? new Set<number>();
  sets.set(key, known);
  return known;
}

function callOf(correlationId: string, processorName: string, requestedAtMs: number): string {
  return `${correlationId} ${processorName} ${requestedAtMs}`;
}
