import assert from 'node:assert';
import { type Backoff, fullJitterMs } from '../core/backoff.ts';
import { type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Payment } from '../core/payment.ts';
import { isPurged } from '../ledger/commit.ts';
import type { ClaimReply, Ledger, LedgerEntry, Settlement, WorkerId } from '../ledger/ledger.ts';
import { shardsOf } from '../ledger/shard-parts.ts';
import type { Processor } from '../processor/processor.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';
import type { SharedState } from '../shared-memory/state.ts';
import type { Tracer } from '../tracing/tracer.ts';
import type { AmountClasses } from './amount-classes.ts';
import { BatchWindow } from './batch-window.ts';
import { Calls } from './calls.ts';
import type { CircuitBreakers } from './circuit-breakers.ts';
import { ClassQueues } from './class-queues.ts';
import {
  beginsRequest,
  Delivery,
  type DeliveryEvent,
  type Effect,
  isInDoubt,
  keyOf,
  NOT_JOURNALED,
  type SettlementOutcome,
  type Transition,
  takenOver,
} from './delivery.ts';
import { Requests, type RequestsOwner } from './requests.ts';
import { type Settling, ShardWriter, type WriterOwner } from './shard-writer.ts';
import { Shortage } from './shortage.ts';
import type { QueuedPayment, Source } from './source.ts';
import { type DispatchTarget, TermsInForce } from './terms-in-force.ts';
import { TurnRouting } from './turn-routing.ts';

export interface DispatcherPolicy {
  readonly failoverDelayMs: number;
  readonly latencyBudgetMs: number;
  readonly leaseMs: number;
  readonly backoff: Backoff;
  readonly batchWindowMs: number;
  readonly batchLimit: number;
  readonly inFlightLimit: number;
  readonly poolThreadCount: number;
  /** Payments a second that this thread aims at while a backlog drains. */
  readonly drainRate: number;
}

export interface DispatcherParts {
  readonly worker: WorkerId;
  /** This thread's number in the shared state. */
  readonly thread: number;
  readonly source: Source;
  readonly ledger: Ledger;
  /** The ledger and the shared state number them alike. It may grow (`processorAdded`). */
  readonly processors: readonly Processor[];
  /** In the same order. */
  readonly targets: readonly DispatchTarget[];
  readonly classes: AmountClasses;
  readonly breakers: CircuitBreakers;
  readonly sharedState: SharedState;
  /** What this thread counts. */
  readonly metrics: ThreadMetrics;
  readonly policy: DispatcherPolicy;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly tracer: Tracer;
}

const NOT_TAKEN =
  'payments are waiting whose amounts no processor takes: configure a processor that takes them to settle them';
const MILLION = 1_000_000;
/** While the ledger does not answer, how often a thread that starts looks whether it is to stop. */
const LOOK_FOR_STOP_MS = 25;
/** Look-ups of one payment that callbacks may hasten: a processor calls once or twice, a flood does not end. */
const HASTENED_MAX = 4;

/**
 * One pool thread's work: takes payments from the ring, routes them, claims them in the ledger, sends each to a
 * processor, and settles what became of it. It carries out the effects that deliveries (`delivery.ts`) ask for, and
 * is alone in owning timers, call slots and gauges.
 *
 * It works in turns. A turn takes what has gathered, routes it, and writes one commit to each shard of the ledger: the
 * settlements of calls that have ended, and the claims of those that are about to begin. Calls run beside the turns.
 *
 * A turn begins once some shard is free. The payments of a shard whose commit is still under way, or is to be repeated
 * later, keep their places in the queue and are passed over until it is free again.
 */
export class Dispatcher implements WriterOwner, RequestsOwner {
  readonly #parts: DispatcherParts;
  readonly #calls: Calls;
  /** One for each shard. */
  readonly #writers: readonly ShardWriter[];
  readonly #window: BatchWindow;
  /** All that this thread is responsible for, by `keyOf`. */
  readonly #deliveries = new Map<string, Delivery>();
  /** Those in phase `queued`, and dropped ones that have not been skipped yet. */
  readonly #queue: ClassQueues;
  readonly #terms: TermsInForce;
  readonly #routing: TurnRouting;
  readonly #requests: Requests;
  /** Payments held of each shard. */
  readonly #heldCounts: number[];
  readonly #broken = Promise.withResolvers<never>();
  /** Continues the turn that waits until some writer is free; null: none does. */
  #onFree: (() => void) | null = null;
  /** The thread sleeps and had no room for more: a commit may make some. */
  #isFull = false;
  #purgedAtMs = 0;
  #notTakenShown = 0;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#purgedAtMs = parts.sharedState.purgedAtMs;
    this.#calls = new Calls(parts);
    const { shards } = parts.ledger;
    this.#queue = new ClassQueues(parts.classes, shards.length);
    this.#heldCounts = shards.map(() => 0);
    const shared = {
      ...parts,
      calls: this.#calls,
      queue: this.#queue,
      shortage: new Shortage({ ...parts, backoff: parts.policy.backoff }),
    };
    this.#terms = new TermsInForce(shared);
    this.#routing = new TurnRouting({
      ...shared,
      apply: (delivery, event) => this.apply(delivery, event),
    });
    this.#requests = new Requests({ ...shared, terms: this.#terms, owner: this });
    this.#window = new BatchWindow({
      clock: parts.clock,
      windowMs: parts.policy.batchWindowMs,
      sourceReady: () => parts.source.wait(),
      isStopping: () => parts.sharedState.stopping,
    });
    this.#writers = shardsOf(parts.ledger, parts.log, parts.metrics).map(
      (shardParts) => new ShardWriter({ ...parts, ...shardParts, owner: this }),
    );
  }

  /** Runs until the shared state says stop and the calls in flight have ended and are settled. */
  run(): Promise<void> {
    return Promise.race([this.#run(), this.#broken.promise]);
  }

  async #run(): Promise<void> {
    const { sharedState, thread } = this.#parts;
    if (await this.#hasLease()) {
      sharedState.setReady(thread, true);
      await this.#turns();
      sharedState.setReady(thread, false);
    }
    await Promise.all(this.#writers.map(({ lease }) => lease.stop()));
  }

  async #turns(): Promise<void> {
    const { sharedState } = this.#parts;
    for (;;) {
      this.#dropPurged();
      this.#take();
      this.#showGauges();
      await this.#untilFree();
      this.#commit();
      await this.#untilFree();
      this.#showGauges();
      const isDone = this.#calls.count === 0 && this.#writers.every((writer) => writer.isDone);
      if (sharedState.stopping && isDone) break;
      await this.#nextTurn();
    }
  }

  /** A lease in some shard. False: a stop came first, perhaps because the ledger does not answer. */
  async #hasLease(): Promise<boolean> {
    const { sharedState, clock } = this.#parts;
    for (const writer of this.#writers) writer.start().catch((error) => this.broken(error));
    const started = this.#untilFree();
    while (!this.#writers.some(({ isFree }) => isFree) && !sharedState.stopping)
      await Promise.race([started, sleep(clock, LOOK_FOR_STOP_MS)]);
    return this.#writers.some(({ isFree }) => isFree);
  }

  async #untilFree(): Promise<void> {
    while (!this.#writers.some(({ isFree }) => isFree)) {
      await new Promise<void>((resolve) => {
        this.#onFree = resolve;
      });
    }
  }

  freed(writer: ShardWriter): void {
    const onFree = this.#onFree;
    this.#onFree = null;
    if (onFree !== null) {
      onFree();
      return;
    }
    // The thread sleeps, or will before it looks again.
    this.#showGauges();
    if (writer.hasSettlements || this.hasQueued(writer.position) || this.#isFull) this.wake();
  }

  broken(error: unknown): void {
    this.#broken.reject(error);
  }

  /** Makes the next turn begin soon, so that it notices a stop, too. */
  wake(): void {
    this.#window.wake();
  }

  async #nextTurn(): Promise<void> {
    const free = this.#writers.filter(({ isFree }) => isFree);
    // What a commit left over, because the ledger was away or its batch was full, wakes nothing by itself.
    if (free.some(({ hasSettlements }) => hasSettlements)) this.wake();
    const canTake = this.room() > 0;
    this.#isFull = !canTake;
    await this.#window.nextTurn({
      isBacklogged: free.some(({ isBacklogged }) => isBacklogged),
      canTake,
      hasQueued: this.#queue.length > 0,
    });
  }

  /** Before a commit, which may last, before a sleep, and when a commit ends during one. */
  #showGauges(): void {
    const { metrics } = this.#parts;
    const oldest = this.#deliveries.values().next().value;
    metrics.set('inFlight', this.#deliveries.size);
    metrics.set('waiting', this.#queue.length + this.#queue.notTakenCount);
    metrics.set('notTaken', this.#queue.notTakenCount);
    this.#showNotTaken();
    // One that is older than the machine's uptime is shown as old as that.
    metrics.set('oldestInFlightAtMs', oldest === undefined ? 0 : Math.max(1, oldest.acceptedAtMonotonicMs));
  }

  /** Logs payments that no processor takes: once for all that a turn brings, because there may be thousands. */
  #showNotTaken(): void {
    const payments = this.#queue.notTakenCount;
    if (payments === this.#notTakenShown) return;
    const { log } = this.#parts;
    if (payments === 0) log.info({}, 'no payments are left whose amounts no processor takes');
    else if (payments > this.#notTakenShown) log.error({ payments }, NOT_TAKEN);
    this.#notTakenShown = payments;
  }

  // Payments come in, and are dropped.

  /**
   * Payments that no processor takes need no room: they would keep out those that some processor takes. Nor do payments
   * that wait for a shard of the ledger which is behind the others, up to as many as there is room for.
   */
  room(): number {
    const { inFlightLimit } = this.#parts.policy;
    const asideCount = Math.min(inFlightLimit, this.#asideCount());
    return inFlightLimit - this.#deliveries.size + this.#queue.notTakenCount + asideCount;
  }

  #asideCount(): number {
    const behind = this.#writers.filter(({ isBehind }) => isBehind);
    if (behind.length === this.#writers.length) return 0;
    return behind.reduce((count, { position }) => count + this.#queue.lengthOf(position), 0);
  }

  #take(): void {
    const room = this.room();
    if (room <= 0) return;
    for (const payment of this.#parts.source.take(room)) {
      const known = this.#deliveries.get(keyOf(payment));
      if (known !== undefined) this.#repeated(known, payment);
      else if (this.#isPurged(payment)) this.#parts.source.release(payment.journalRef);
      else this.#begin(payment);
    }
  }

  #repeated(known: Delivery, { journalRef, trace }: QueuedPayment): void {
    known.trace ??= trace;
    if (known.state.isClaimed) this.#parts.source.release(journalRef);
    else known.keepRecord(journalRef);
  }

  #begin(payment: QueuedPayment): void {
    const delivery = this.#deliveryOf(payment, payment.journalRef, payment.trace);
    this.#hold(delivery);
    this.#queue.push(delivery);
  }

  /** The ledger has the payment, or it is never to be sent. */
  #release(delivery: Delivery): void {
    delivery.releaseRecords((journalRef) => this.#parts.source.release(journalRef));
  }

  /** What the owner had dispatched may have arrived, so the processor is asked for it. */
  adopt(entries: readonly LedgerEntry[]): void {
    for (const entry of entries) {
      const known = this.#deliveries.get(keyOf(entry));
      if (known?.state.isClaimed === true) continue;
      if (known !== undefined) {
        // A repeated post, not claimed yet. Claimed by the owner of the entry, it would be sent as if it were new.
        this.#release(known);
        this.apply(known, { kind: 'dropped' });
      }
      const delivery = this.#deliveryOf(entry, NOT_JOURNALED, known?.trace ?? null);
      this.#hold(delivery);
      if (entry.status === 'dispatched') this.#resume(delivery, entry);
      // One that was only reserved may be claimed by any owner, and be taken over once more, dispatched.
      else this.#queue.pushFront(delivery);
    }
    this.wake();
  }

  /**
   * Its age is reckoned once, from the wall clock's stamp, which is all that outlives a crash; a wall clock that jumps
   * later changes nothing.
   */
  #deliveryOf(payment: Payment, journalRef: number, trace: Buffer | null): Delivery {
    const { clock, ledger } = this.#parts;
    const ageMs = Math.max(0, clock.nowMs() - payment.acceptedAtMs);
    const shard = ledger.shardOf(payment.correlationId);
    return new Delivery(payment, journalRef, trace, clock.monotonicMs() - ageMs, shard);
  }

  #hold(delivery: Delivery): void {
    this.#deliveries.set(delivery.key, delivery);
    this.#heldCounts[delivery.shard] = at(this.#heldCounts, delivery.shard) + 1;
  }

  hasQueued(shard: number): boolean {
    return this.#queue.lengthOf(shard) > 0;
  }

  holdsNone(shard: number): boolean {
    return this.#heldCounts[shard] === 0;
  }

  #resume(delivery: Delivery, { processor, requestedAtMs }: LedgerEntry): void {
    assert.ok(processor !== null, 'the ledger hands over nothing of a processor that is not configured');
    const { callMayRunUntilMs } = this.#requests.callTimes(processor);
    this.#move(delivery, takenOver(processor, requestedAtMs, callMayRunUntilMs));
  }

  ownerChanged(shard: number): void {
    const countBefore = this.#deliveries.size;
    for (const delivery of this.#deliveries.values()) {
      // Claims that are being repeated go, too: taken over, they would look like claims of the new owner.
      if (delivery.shard !== shard || !delivery.state.isClaimed) continue;
      this.#leaveToLedger(delivery);
      this.apply(delivery, { kind: 'dropped' });
    }
    // The thread may be waiting for room, and not for its source.
    if (this.#deliveries.size < countBefore) this.wake();
  }

  #isPurged({ acceptedAtMs }: Payment): boolean {
    return isPurged({ acceptedAtMs, requestedAtMs: this.#parts.clock.nowMs() }, this.#purgedAtMs);
  }

  #dropPurged(): void {
    const { sharedState } = this.#parts;
    if (sharedState.purgedAtMs === this.#purgedAtMs) return;
    this.#purgedAtMs = sharedState.purgedAtMs;
    for (const delivery of this.#deliveries.values()) {
      if (!this.#isPurged(delivery.payment) || delivery.state.phase === 'settling') continue;
      this.#release(delivery);
      this.apply(delivery, { kind: 'dropped' });
    }
  }

  // Routing.

  /** A processor was added to the lists that this was made with: what waits may be routed there. */
  processorAdded(): void {
    this.#terms.follow();
    this.wake();
  }

  // The ledger.

  /** Begins a commit at each shard that is free and has something to write. */
  #commit(): void {
    this.#terms.follow();
    // A take-over that is under way may yet drop what is queued here.
    for (const { position, canClaim } of this.#writers) this.#queue.setOpen(position, canClaim);
    const claims = this.#routing.route(this.#writers.length);
    for (const writer of this.#writers) if (writer.isFree) writer.begin(at(claims, writer.position));
  }

  claimReplied(delivery: Delivery, reply: ClaimReply): void {
    if (reply === 'known' || reply === 'conflict') this.#leaveToLedger(delivery);
    const call = this.isOwned(delivery) ? this.#requests.callTimes(delivery.state.processor) : null;
    this.apply(delivery, { kind: 'claim-replied', reply, call });
  }

  claimLost(delivery: Delivery): void {
    this.apply(delivery, { kind: 'claim-lost' });
  }

  #settle(delivery: Delivery, outcome: SettlementOutcome): void {
    const { log, tracer } = this.#parts;
    const { correlationId } = delivery.payment;
    const { status, reason } = outcome;
    const { processor } = delivery.state;
    if (status === 'rejected') {
      log.warn({ correlationId, reason }, 'payment rejected by its processor');
      // Before the books say so: a client that reads it there and posts it again at once must hear that.
      this.#leaveToLedger(delivery);
    }
    this.#terms.follow();
    const { feePpm, feeFixedCents } = this.#terms.of(processor);
    const fee = status === 'settled' ? { fee: { feePpm, feeFixedCents } } : {};
    this.#writerOf(delivery).settle({
      delivery,
      settlement: { correlationId, processor, ...outcome, ...fee },
      span: delivery.trace === null ? null : tracer.begin(delivery.trace, 'settle', 'internal'),
    });
    this.wake();
  }

  settled({ delivery, settlement, span }: Settling, isRecorded: boolean): void {
    const { correlationId, status } = settlement;
    span?.setAttribute('dinossauro.correlation_id', correlationId);
    span?.setAttribute('dinossauro.status', status);
    span?.end(isRecorded ? '' : 'fenced');
    if (isRecorded) {
      this.#countSettled(delivery, settlement);
    } else {
      this.#leaveToLedger(delivery);
      this.#parts.log.debug({ correlationId }, 'settlement fenced');
    }
    this.apply(delivery, { kind: 'settled' });
  }

  /** The payment was rejected, or is another owner's, which may reject it: a client that posts it again must hear that. */
  #leaveToLedger({ payment }: Delivery): void {
    this.#parts.source.leaveToLedger(payment.correlationId);
  }

  #countSettled(delivery: Delivery, { status, processor, amountCents, fee }: Settlement): void {
    const { metrics, clock } = this.#parts;
    if (status === 'rejected') {
      metrics.countAt(processor, 'paymentsRejected');
      return;
    }
    metrics.countAt(processor, 'settled');
    metrics.countAt(processor, 'settledCents', amountCents);
    if (fee !== undefined)
      metrics.countAt(processor, 'feeCents', (amountCents * fee.feePpm) / MILLION + fee.feeFixedCents);
    metrics.observe('settle', clock.monotonicMs() - delivery.acceptedAtMonotonicMs);
  }

  isOwned(delivery: Delivery): boolean {
    return this.#writerOf(delivery).lease.valid;
  }

  callEnded(tookMs: number): void {
    this.#window.callEnded(tookMs);
  }

  #writerOf({ shard }: Delivery): ShardWriter {
    return at(this.#writers, shard);
  }

  // Events and effects.

  apply(delivery: Delivery, event: DeliveryEvent): void {
    this.#move(delivery, delivery.next(event));
  }

  #move(delivery: Delivery, transition: Transition): void {
    const { phase } = delivery.state;
    const wasInDoubt = isInDoubt(delivery.state);
    const effects = delivery.move(transition);
    const { state } = delivery;
    if (beginsRequest(phase, state.phase)) this.#calls.countRequest(state.processor);
    if (isInDoubt(state) !== wasInDoubt) this.#parts.metrics.addInDoubt(state.processor, wasInDoubt ? -1 : 1);
    for (const effect of effects) this.#execute(delivery, effect);
  }

  #execute(delivery: Delivery, effect: Effect): void {
    switch (effect.kind) {
      case 'acquire-slot':
        this.#calls.acquire(delivery.state.processor);
        break;
      case 'release-slot':
        this.#calls.release(delivery.state.processor);
        break;
      case 'call':
        void this.#requests.call(delivery);
        break;
      case 'look-up':
        void this.#requests.lookUp(delivery);
        break;
      case 'requeue':
        this.#queue.pushFront(delivery);
        break;
      case 'start-timer':
        this.#startTimer(delivery);
        break;
      case 'settle':
        this.#settle(delivery, effect.outcome);
        break;
      case 'release-journal':
        this.#release(delivery);
        break;
      case 'remove':
        this.#deliveries.delete(delivery.key);
        this.#heldCounts[delivery.shard] = at(this.#heldCounts, delivery.shard) - 1;
        this.#queue.forget(delivery);
        break;
    }
  }

  #startTimer(delivery: Delivery): void {
    const { policy, random, clock } = this.#parts;
    const { setbacks, processor } = delivery.state;
    delivery.cancelTimer = clock.after(fullJitterMs(policy.backoff, setbacks, random), () => {
      const repeat = this.#requests.dueRepeat(delivery);
      const mayAsk =
        repeat === null && delivery.state.phase === 'in-doubt' && this.#requests.mayAsk(processor);
      this.apply(delivery, { kind: 'timer', mayAsk, repeat });
      if (delivery.state.phase === 'queued') this.wake();
    });
  }

  /**
   * Processors have called back about these ids, by processor, or somebody claims so. What is in doubt there is looked up
   * now instead of later, if the processor wants to be asked.
   */
  calledBack(ids: readonly ReadonlySet<string>[]): void {
    for (const delivery of this.#deliveries.values()) {
      const { phase, processor } = delivery.state;
      if (phase !== 'in-doubt' || ids[processor]?.has(delivery.payment.correlationId) !== true) continue;
      if (delivery.hastenedCount >= HASTENED_MAX || !this.#requests.mayAsk(processor)) continue;
      delivery.hastenedCount++;
      delivery.cancelTimer();
      this.apply(delivery, { kind: 'timer', mayAsk: true, repeat: null });
    }
  }
}

/** For positions that are within the list by construction. */
function at<T>(list: readonly T[], position: number): T {
  const item = list[position];
  assert.ok(item !== undefined);
  return item;
}
