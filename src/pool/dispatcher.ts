import assert from 'node:assert';
import { type Backoff, equalJitterMs, fullJitterMs } from '../core/backoff.ts';
import { type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Payment } from '../core/payment.ts';
import { Lease } from '../ledger/lease.ts';
import type { Claim, ClaimReply, Ledger, LedgerEntry, Seat, Settlement } from '../ledger/ledger.ts';
import type { Answer, Found, Processor } from '../processor/processor.ts';
import type { Sheet } from '../shared-memory/metrics-table.ts';
import type { Board } from '../shared-memory/state.ts';
import type { Span, Tracer } from '../tracing/tracer.ts';
import { Calls } from './calls.ts';
import type { Standing } from './circuit-breakers.ts';
import { Held, type HeldState, keyOf, NOT_JOURNALED } from './in-flight-payment.ts';
import { Queue } from './queue.ts';
import { choose, type ProcessorView, type Route, reasonOf } from './routing.ts';

/** Where a pool thread takes accepted payments from. */
export interface Source {
  take(limit: number): QueuedPayment[];
  /** Resolves when there may be something to take. */
  wait(): Promise<void>;
  /** The journal may forget it: the ledger answers for it now, or it is never to be sent. */
  release(journalRef: number): void;
}

export interface QueuedPayment extends Payment {
  readonly journalRef: number;
  /** Its trace context (`src/core/trace-context.ts`); null: none. */
  readonly trace: Buffer | null;
}

export interface DrainPolicy {
  readonly patienceMs: number;
  readonly latencyBudgetMs: number;
  readonly processorTimeoutMs: number;
  /** How long after a call began it may still be running at the processor. */
  readonly pinHoldMs: number;
  readonly leaseMs: number;
  readonly backoff: Backoff;
  readonly batchWindowMs: number;
  readonly batchLimit: number;
  readonly heldLimit: number;
  /** Calls in flight of this thread to one processor, at most. */
  readonly callLimit: number;
  /** Payments a second that this thread aims at while a backlog drains. */
  readonly drainRate: number;
}

export interface DrainParts {
  readonly seat: Seat;
  /** This thread's number on the board. */
  readonly thread: number;
  readonly source: Source;
  readonly ledger: Ledger;
  /** Cheapest first; the ledger and the board number them alike. */
  readonly processors: readonly Processor[];
  readonly standing: Standing;
  readonly board: Board;
  /** What this thread counts. */
  readonly sheet: Sheet;
  readonly policy: DrainPolicy;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly tracer: Tracer;
}

/** What is on its way into the books. */
interface Settling {
  readonly held: Held;
  readonly settlement: Settlement;
  readonly span: Span | null;
}

/** While payments wait for a processor, how often they are routed anew. */
const ROUTE_AGAIN_MS = 25;
/** Between the full batches of what has gathered, so that they don't keep a CPU for themselves. */
const PACE_MS = 2;
/** The window that is left once a call has ended that took longer than a whole one. */
const LATE_WINDOW_MS = 10;
/** How answers to questions are counted. */
const FOUND_COUNTERS = { held: 'foundHeld', absent: 'foundAbsent', unknown: 'foundUnknown' } as const;
/** Entries taken over from a dead owner in one step. */
const TAKE_OVER_LIMIT = 256;

/**
 * One pool thread's work: takes payments from the ring, claims them in the ledger, sends each to a processor,
 * learns what became of it, and settles it in the books.
 *
 * It turns in a loop. A turn takes what has gathered, routes it, and writes one commit to the ledger: the
 * settlements of calls that have ended, and the claims of those that are about to begin. Calls run beside the loop
 * and stir it when they end. What waits behind a turn's window waits for nobody: the client has its 202 already.
 */
export class Drain {
  readonly #parts: DrainParts;
  readonly #calls: Calls;
  readonly #lease: Lease;
  /** By `keyOf`. */
  readonly #held = new Map<string, Held>();
  readonly #waiting = new Queue<Held>();
  #settlements: Settling[] = [];
  #purgedAtMs = 0;
  #ledgerFailures = 0;
  #stirred = Promise.withResolvers<void>();
  #sourceWait: Promise<void> | null = null;
  /** The batch was full: what it leaves over waits for no window. */
  #more = false;
  /** A call has ended that took longer than a window. */
  #late = false;
  /** Cuts the window short that is open; null: none is. */
  #cutWindow: (() => void) | null = null;
  #lastAlone: Promise<unknown> = Promise.resolve();

  constructor(parts: DrainParts) {
    this.#parts = parts;
    this.#purgedAtMs = parts.board.purgedAtMs;
    this.#calls = new Calls(parts);
    this.#lease = new Lease({
      seat: parts.seat,
      ledger: parts.ledger,
      leaseMs: parts.policy.leaseMs,
      clock: parts.clock,
      random: parts.random,
      log: parts.log,
      sheet: parts.sheet,
      onEnlisted: () => this.#forgetClaims(),
      adopt: (entries) => this.#adopt(entries),
      room: () => Math.min(TAKE_OVER_LIMIT, this.#room()),
      alone: (work) => this.#alone(work),
    });
  }

  /** Runs until the board says stop and the calls in flight have ended and are in the books. */
  async run(): Promise<void> {
    const { board, thread } = this.#parts;
    await this.#lease.start();
    board.setReady(thread, true);
    for (;;) {
      this.#dropPurged();
      this.#take();
      this.#show();
      // Routed in there, too: a take-over that is under way may yet drop what waits here.
      await this.#alone(() => this.#commit(this.#route()));
      this.#show();
      if (board.stopping && this.#idle()) break;
      await this.#untilStirred();
    }
    board.setReady(thread, false);
    await this.#lease.stop();
  }

  /** Makes the loop turn soon; for those outside it is how a stop is noticed. */
  stir(): void {
    this.#stirred.resolve();
  }

  /** What it holds, for whoever looks: before a commit, which may last, and before a sleep. */
  #show(): void {
    const { sheet } = this.#parts;
    const oldest = this.#held.values().next().value;
    sheet.set('held', this.#held.size);
    sheet.set('waiting', this.#waiting.length);
    sheet.set('oldestHeldAtMs', oldest?.payment.acceptedAtMs ?? 0);
  }

  // Taking.

  #room(): number {
    return this.#parts.policy.heldLimit - this.#held.size;
  }

  #take(): void {
    const room = this.#room();
    if (room <= 0) return;
    for (const payment of this.#parts.source.take(room)) {
      const known = this.#held.get(keyOf(payment));
      if (known !== undefined || payment.acceptedAtMs < this.#purgedAtMs) {
        // Pushed again after another thread's death: the record is still all there is of a payment not yet claimed.
        if (known !== undefined) known.trace ??= payment.trace;
        if (known?.journalRef !== payment.journalRef) this.#parts.source.release(payment.journalRef);
        continue;
      }
      const held = new Held(payment, payment.journalRef);
      held.trace = payment.trace;
      this.#held.set(held.key, held);
      this.#waiting.push(held);
    }
  }

  /** Entries of an owner that is no more. Whatever was dispatched may have arrived: it is pinned, and asked for. */
  #adopt(entries: readonly LedgerEntry[]): void {
    for (const entry of entries) {
      const known = this.#held.get(keyOf(entry));
      if (known?.claimed === true) continue;
      if (known !== undefined) {
        // A repeated post, not claimed yet. Claimed by the owner of the entry, it would be sent as if it were new.
        this.#parts.source.release(known.journalRef);
        this.#drop(known);
      }
      const held = new Held(entry, NOT_JOURNALED, entry.status === 'dispatched' ? 'pinned' : 'waiting');
      held.trace = known?.trace ?? null;
      this.#held.set(held.key, held);
      // One that was only reserved may be claimed by anybody, and come to this owner once more, sent.
      if (held.state === 'waiting') {
        this.#waiting.pushFront(held);
        continue;
      }
      assert.ok(
        entry.processor !== null,
        'the ledger hands over nothing of a processor that is not configured',
      );
      held.claimed = true;
      held.processor = entry.processor;
      held.requestedAtMs = entry.requestedAtMs;
      this.#parts.sheet.pin(held.processor, 1);
      this.#doubt(held, this.#parts.clock.monotonicMs());
      this.#askLater(held, 0);
    }
    this.stir();
  }

  // Routing.

  /** The claims of this turn: oldest first, until one must wait or a processor has enough calls in flight. */
  #route(): Held[] {
    const { standing, clock, policy } = this.#parts;
    const claims: Held[] = [];
    let views = this.#waiting.length > 0 ? standing.views() : [];
    let last: Route | null = null;
    while (claims.length < policy.batchLimit && this.#lease.valid) {
      const held = this.#waiting.peek();
      if (held === undefined) break;
      if (held.state === 'gone') {
        this.#waiting.shift();
        continue;
      }
      const ageMs = Math.max(0, clock.nowMs() - held.payment.acceptedAtMs);
      const route = choose(views, ageMs, policy);
      last = route;
      if (route.kind === 'wait') break;
      if (route.trial && (this.#calls.isFull(route.processor) || !standing.takeTrial(route.processor))) {
        views = withoutTrial(views, route.processor);
        continue;
      }
      if (!route.trial && !this.#calls.hasRoom(route.processor)) break;
      if (route.trial) views = withoutTrial(views, route.processor);
      this.#waiting.shift();
      this.#prepare(held, route.processor, route.trial);
      claims.push(held);
    }
    if (last !== null) this.#explain(views, last);
    return claims;
  }

  /** Shows why each processor got what it got; once a turn, since nobody reads faster. */
  #explain(views: readonly ProcessorView[], last: Route): void {
    const { board, clock, policy } = this.#parts;
    const nowMs = clock.monotonicMs();
    const isFull = last.kind === 'send' && this.#waiting.length > 0 && !this.#calls.hasRoom(last.processor);
    for (const processor of views.keys()) {
      board.setReason(processor, reasonOf(processor, views, last, isFull, policy), nowMs);
    }
  }

  #prepare(held: Held, processor: number, trial: boolean): void {
    this.#move(held, 'claiming');
    held.processor = processor;
    held.requestedAtMs = this.#parts.clock.nowMs();
    held.trial = trial;
    this.#calls.reserve(processor);
  }

  // The ledger.

  /**
   * Commits and take-overs, one after another. A claim that is under way while an entry of the same id is handed to
   * this owner would look like the owner's own next claim, and send it elsewhere.
   */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#lastAlone.then(work);
    this.#lastAlone = run.catch(() => {});
    return run;
  }

  async #commit(claims: Held[]): Promise<void> {
    const { ledger, policy, sheet, log, clock, random } = this.#parts;
    const settling = this.#settlements.splice(0, policy.batchLimit);
    this.#more = claims.length === policy.batchLimit || this.#settlements.length > 0;
    if (claims.length === 0 && settling.length === 0) return;
    const settlements = settling.map((item) => item.settlement);
    const owner = this.#lease.owner;
    const beganAtMs = clock.stopwatchMs();
    const reply = await ledger.commit(owner, settlements, claims.map(claimOf));
    if (reply.kind === 'unavailable') {
      sheet.count('commitFailures');
      this.#settlements.unshift(...settling);
      for (const held of claims.reverse()) this.#unclaim(held);
      if (this.#ledgerFailures++ === 0) log.warn({ reason: reply.reason }, 'ledger unavailable');
      await sleep(clock, equalJitterMs(policy.backoff, this.#ledgerFailures, random));
      return;
    }
    if (this.#ledgerFailures > 0) log.info({ attempts: this.#ledgerFailures }, 'ledger available again');
    this.#ledgerFailures = 0;
    sheet.observe('commit', clock.stopwatchMs() - beganAtMs);
    for (const [index, item] of settling.entries())
      this.#settled(item, reply.value.settled[index] === 'recorded');
    for (const [index, held] of claims.entries()) this.#claimed(held, reply.value.claimed[index] ?? 'fenced');
    if (reply.value.claimed.includes('fenced') && this.#lease.owner === owner)
      await this.#lease.enlistAgain();
  }

  #unclaim(held: Held): void {
    this.#calls.release(held.processor);
    if (held.state === 'gone') return;
    this.#move(held, 'waiting');
    this.#waiting.pushFront(held);
  }

  #claimed(held: Held, reply: ClaimReply): void {
    if (reply === 'fenced' || held.state === 'gone') {
      this.#unclaim(held);
      return;
    }
    this.#parts.source.release(held.journalRef);
    if (reply !== 'claimed') {
      this.#calls.release(held.processor);
      this.#drop(held);
      return;
    }
    held.claimed = true;
    this.#move(held, 'calling');
    void this.#call(held);
  }

  #settled({ held, settlement, span }: Settling, recorded: boolean): void {
    const { correlationId, status } = settlement;
    span?.note('dinossauro.correlation_id', correlationId);
    span?.note('dinossauro.status', status);
    span?.end(recorded ? '' : 'fenced');
    if (recorded) this.#countSettled(held, settlement);
    else this.#parts.log.debug({ correlationId }, 'settlement fenced');
    // The lease may have been lost while the ledger wrote.
    if (held.state !== 'gone') this.#drop(held);
  }

  #countSettled(held: Held, { status, processor, amountCents }: Settlement): void {
    const { sheet, clock } = this.#parts;
    if (status === 'invalid') {
      sheet.countAt(processor, 'setAside');
      return;
    }
    sheet.countAt(processor, 'settled');
    sheet.countAt(processor, 'settledCents', amountCents);
    sheet.observe('settle', clock.nowMs() - held.payment.acceptedAtMs);
  }

  #settle(held: Held, amountCents: number, requestedAtMs: number): void {
    this.#write(held, { status: 'settled', amountCents, requestedAtMs, reason: '' });
  }

  #setAside(held: Held, reason: string): void {
    const { log } = this.#parts;
    log.warn({ correlationId: held.payment.correlationId, reason }, 'payment set aside as invalid');
    const { requestedAtMs, payment } = held;
    this.#write(held, { status: 'invalid', amountCents: payment.amountCents, requestedAtMs, reason });
  }

  #write(held: Held, outcome: Pick<Settlement, 'status' | 'amountCents' | 'requestedAtMs' | 'reason'>): void {
    this.#move(held, 'settling');
    const { correlationId } = held.payment;
    const span = held.trace === null ? null : this.#parts.tracer.begin(held.trace, 'settle', 'internal');
    this.#settlements.push({
      held,
      settlement: { correlationId, processor: held.processor, ...outcome },
      span,
    });
    this.stir();
  }

  // The processor.

  /** One call of a payment that has a place among the calls, and gives it back. */
  async #call(held: Held): Promise<void> {
    const { clock, policy, sheet } = this.#parts;
    if (!this.#lease.valid) {
      // Nothing was sent, but the ledger says it may have been: whoever owns it now asks first.
      this.#calls.release(held.processor);
      this.#pin(held, 0);
      return;
    }
    held.calledAtMs = clock.monotonicMs();
    this.#calls.began(held);
    const beganAtMs = clock.stopwatchMs();
    const { trace, requestedAtMs } = held;
    const { correlationId, amountCents, acceptedAtMs } = held.payment;
    const dispatch = { correlationId, amountCents, acceptedAtMs, requestedAtMs, trace };
    const answer = await this.#processorOf(held).pay(dispatch, policy.processorTimeoutMs);
    this.#calls.ended(held);
    const tookMs = clock.stopwatchMs() - beganAtMs;
    sheet.observeCall(held.processor, tookMs);
    if (tookMs > policy.batchWindowMs) this.#hurry();
    sheet.countAt(held.processor, answer.kind);
    this.#learn(held, answer);
    if (held.state === 'gone') this.#calls.release(held.processor);
    else await this.#answered(held, answer);
    this.stir();
  }

  #learn(held: Held, answer: Answer): void {
    const { standing, clock } = this.#parts;
    switch (answer.kind) {
      case 'committed':
      case 'duplicate':
      case 'invalid':
        standing.succeeded(held.processor, clock.monotonicMs() - held.calledAtMs);
        break;
      case 'refused':
      case 'failed':
      case 'unknown':
        standing.failed(held.processor, answer.reason);
        break;
    }
  }

  async #answered(held: Held, answer: Answer): Promise<void> {
    if (answer.kind === 'unknown' || answer.kind === 'duplicate') this.#doubt(held, held.calledAtMs);
    const inDoubt = held.doubtUntilMs > 0;
    if (answer.kind === 'duplicate' || (answer.kind === 'failed' && !inDoubt)) return this.#ask(held);
    this.#calls.release(held.processor);
    switch (answer.kind) {
      case 'committed':
        this.#settle(held, held.payment.amountCents, held.requestedAtMs);
        break;
      case 'invalid':
        if (inDoubt) this.#pin(held, 0);
        else this.#setAside(held, answer.reason);
        break;
      case 'refused':
        if (inDoubt) this.#pin(held, answer.retryAfterMs ?? 0);
        else this.#rest(held, answer.retryAfterMs ?? 0);
        break;
      case 'failed':
      case 'unknown':
        this.#pin(held, 0);
        break;
    }
  }

  /** Asks the processor what it holds. Keeps the place among the calls that it comes with, and gives it back. */
  async #ask(held: Held): Promise<void> {
    this.#move(held, 'asking');
    const askedAtMs = this.#parts.clock.monotonicMs();
    const found = await this.#processorOf(held).find(
      held.payment.correlationId,
      this.#parts.policy.processorTimeoutMs,
      held.trace,
    );
    this.#parts.sheet.countAt(held.processor, FOUND_COUNTERS[found.kind]);
    this.#calls.release(held.processor);
    if (held.state === 'gone') return;
    this.#found(held, found, askedAtMs);
    this.stir();
  }

  #found(held: Held, found: Found, askedAtMs: number): void {
    switch (found.kind) {
      case 'held':
        this.#settle(held, found.amountCents, found.requestedAtMs);
        break;
      case 'unknown':
        this.#pin(held, 0);
        break;
      case 'absent':
        this.#absent(held, askedAtMs);
        break;
    }
  }

  /** The processor did not hold it when it was asked: free to go anywhere, if no call could still be running then. */
  #absent(held: Held, askedAtMs: number): void {
    const { policy, standing } = this.#parts;
    if (askedAtMs >= held.doubtUntilMs) {
      held.doubtUntilMs = 0;
      this.#rest(held, 0);
      return;
    }
    const view = standing.views()[held.processor];
    const well = view !== undefined && !view.open && view.expectedMs <= policy.latencyBudgetMs;
    if (!well || !this.#lease.valid || !this.#calls.hasRoom(held.processor)) {
      this.#pin(held, 0);
      return;
    }
    this.#calls.reserve(held.processor);
    this.#move(held, 'calling');
    void this.#call(held);
  }

  #rest(held: Held, atLeastMs: number): void {
    this.#move(held, 'resting');
    this.#afterSetback(held, atLeastMs, () => {
      this.#move(held, 'waiting');
      this.#waiting.pushFront(held);
      this.stir();
    });
  }

  /**
   * A call that began then, and whose end nobody has seen, may still commit at the processor. Time alone ends no doubt,
   * nor does what a later call is answered: it may have been committed meanwhile.
   */
  #doubt(held: Held, calledAtMs: number): void {
    held.doubtUntilMs = calledAtMs + this.#parts.policy.pinHoldMs;
  }

  #pin(held: Held, atLeastMs: number): void {
    this.#move(held, 'pinned');
    this.#askLater(held, atLeastMs);
  }

  #askLater(held: Held, atLeastMs: number): void {
    this.#afterSetback(held, atLeastMs, () => {
      if (!this.#calls.hasRoom(held.processor)) {
        this.#askLater(held, 0);
        return;
      }
      this.#calls.reserve(held.processor);
      void this.#ask(held);
    });
  }

  #afterSetback(held: Held, atLeastMs: number, run: () => void): void {
    const { policy, random, clock } = this.#parts;
    held.setbacks++;
    const delayMs = Math.max(atLeastMs, fullJitterMs(policy.backoff, held.setbacks, random));
    clock.after(delayMs, () => {
      if (held.state !== 'gone') run();
    });
  }

  #processorOf(held: Held): Processor {
    const processor = this.#parts.processors[held.processor];
    if (processor === undefined) throw new Error(`no processor ${held.processor}`);
    return processor;
  }

  /** Counts those that their processor alone can tell about. */
  #move(held: Held, to: HeldState): void {
    const wasPinned = isPinned(held.state);
    held.move(to);
    const is = isPinned(to);
    if (is !== wasPinned) this.#parts.sheet.pin(held.processor, is ? 1 : -1);
  }

  // Letting go.

  #drop(held: Held): void {
    this.#move(held, 'gone');
    this.#held.delete(held.key);
  }

  /**
   * Another owner has what this thread had claimed; only what was never claimed stays. What is being claimed anew goes,
   * too: under the new owner it would look like a claim of its own, when it is handed to that.
   */
  #forgetClaims(): void {
    const heldCount = this.#held.size;
    for (const held of this.#held.values()) {
      if (held.claimed) this.#drop(held);
    }
    this.#settlements = [];
    // The loop may be waiting for room, deaf to its source.
    if (this.#held.size < heldCount) this.stir();
  }

  #dropPurged(): void {
    const { board, source } = this.#parts;
    if (board.purgedAtMs === this.#purgedAtMs) return;
    this.#purgedAtMs = board.purgedAtMs;
    for (const held of this.#held.values()) {
      if (held.payment.acceptedAtMs >= this.#purgedAtMs || held.state === 'settling') continue;
      source.release(held.journalRef);
      this.#drop(held);
    }
  }

  // Turning.

  #idle(): boolean {
    return this.#settlements.length === 0 && this.#calls.count === 0;
  }

  async #untilStirred(): Promise<void> {
    const { clock, policy, source, board } = this.#parts;
    if (this.#more && !board.stopping) {
      if (policy.batchWindowMs > 0) await sleep(clock, Math.min(PACE_MS, policy.batchWindowMs));
      return;
    }
    // What a commit has left over, because the ledger was away or its batch was full, has nobody to stir for it.
    if (this.#settlements.length > 0) this.stir();
    const waits = [this.#stirred.promise];
    // A source that stops wakes its sleepers for good, and would leave no time for the calls in flight.
    if (this.#room() > 0 && !board.stopping) {
      this.#sourceWait ??= source.wait().then(() => {
        this.#sourceWait = null;
      });
      waits.push(this.#sourceWait);
    }
    if (this.#waiting.length > 0 || board.stopping) waits.push(sleep(clock, ROUTE_AGAIN_MS));
    await Promise.race(waits);
    if (policy.batchWindowMs > 0 && !board.stopping) await this.#gather();
    this.#late = false;
    this.#stirred = Promise.withResolvers<void>();
  }

  /** Lets more come together for the next turn, which costs as much by itself as some twenty payments in it. */
  #gather(): Promise<void> {
    const { clock, policy } = this.#parts;
    const lateWindowMs = Math.min(LATE_WINDOW_MS, policy.batchWindowMs);
    return new Promise((resolve) => {
      const end = () => {
        this.#cutWindow = null;
        resolve();
      };
      const cancel = clock.after(this.#late ? lateWindowMs : policy.batchWindowMs, end);
      this.#cutWindow = () => {
        this.#cutWindow = null;
        cancel();
        clock.after(lateWindowMs, end);
      };
    });
  }

  /**
   * The charge of a call that took long has been in the processor's books for a while before it gets into ours, and
   * who compares them may look at that time already: it waits for no whole window.
   */
  #hurry(): void {
    this.#late = true;
    this.#cutWindow?.();
  }
}

/** Its outcome is unknown, and asked for or about to be. */
function isPinned(state: HeldState): boolean {
  return state === 'pinned' || state === 'asking';
}

function claimOf(held: Held): Claim {
  const { correlationId, amountCents, acceptedAtMs } = held.payment;
  return {
    correlationId,
    amountCents,
    acceptedAtMs,
    processor: held.processor,
    requestedAtMs: held.requestedAtMs,
  };
}

function withoutTrial(views: readonly ProcessorView[], processor: number): ProcessorView[] {
  return views.map((view, index) => (index === processor ? { ...view, trialDue: false } : view));
}
