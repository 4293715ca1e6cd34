import assert from 'node:assert';
import { type Clock, isFromTheFuture } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { OutageLog } from '../core/outage-log.ts';
import { readUuid } from '../core/uuid.ts';
import type { Journal } from '../journal/writer.ts';
import { isCancelled, isKnown } from '../ledger/actions.ts';
import type { Lease } from '../ledger/lease.ts';
import type { Claim, Ledger, LedgerEntry, Reply, Shard } from '../ledger/ledger.ts';
import type { IdempotencyCache } from '../shared-memory/idempotency-cache.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';
import type { Ring } from '../shared-memory/ring.ts';
import type { SegmentTable } from '../shared-memory/segment-table.ts';
import type { SharedState } from '../shared-memory/state.ts';
import { ConfirmationQueue } from './confirmation-queue.ts';

/** The decision on a posted payment. After `accepted` the gateway must settle it. */
export type Verdict =
  | 'accepted'
  | 'amount-conflict'
  | 'queue-full'
  | 'journal-unavailable'
  | 'ledger-unavailable'
  | Frozen
  | Rejection;

/** The payment was not accepted, because nothing in the books may change now. */
export interface Frozen {
  readonly kind: 'books-frozen';
  /** For people: why, and what ends it. */
  readonly reason: string;
}

/** The payment was posted before, and its processor has rejected it for good, or an operator has cancelled it. */
export interface Rejection {
  readonly kind: 'payment-rejected';
  /** For people: which processor rejected it and why, or that an operator has cancelled it. */
  readonly reason: string;
}

export interface PaymentAcceptorParts {
  readonly idempotencyCache: IdempotencyCache;
  readonly ring: Ring;
  readonly journal: Journal;
  readonly segments: SegmentTable;
  readonly ledger: Pick<Ledger, 'find'>;
  readonly sharedState: SharedState;
  /** The metrics of this thread. */
  readonly metrics: ThreadMetrics;
  readonly clock: Clock;
  readonly durability: Durability;
  readonly log: Log;
}

/**
 * What must follow the journal's write before the 202:
 *
 * - `journal`: nothing. An accepted payment survives a crash of every process.
 * - `fsync`: a sync of the journal, shared by all payments that arrived in the meantime. It survives a power cut.
 * - `ledger`: a reservation in the ledger. It survives the loss of the machine. `leases` has one for each shard.
 */
export type Durability =
  | { readonly kind: 'journal' }
  | { readonly kind: 'fsync' }
  | { readonly kind: 'ledger'; readonly ledger: Ledger; readonly leases: readonly Lease[] };

const NO_SEGMENT = 'all segments are in use; see JOURNAL_SEGMENTS';

type OnVerdict = (verdict: Verdict) => void;

interface PendingPayment {
  readonly id: Buffer;
  readonly amountCents: number;
  readonly acceptedAtMs: number;
  /** See `src/core/trace-context.ts`. */
  readonly trace: Buffer | null;
  /** Whether it repeats a payment that is still pending, and may yet be refused. */
  readonly repeats: boolean;
  readonly onVerdict: OnVerdict;
  /** Its place in the journal; -1 until it is written. */
  journalRef: number;
}

/** A payment of a batch. */
export interface PostedPayment {
  /** Belongs to the acceptor from now on. */
  readonly id: Buffer;
  readonly amountCents: number;
}

type AskedPayment = Pick<PendingPayment, 'id' | 'amountCents' | 'trace' | 'onVerdict'>;

/**
 * Accepts payments: reserves each in the idempotency cache, writes it to the journal, pushes it to the pool and
 * reports the verdict.
 *
 * With durability `journal` all of this happens before `accept` returns. One write per payment is cheaper than it
 * looks: at rates where writes could be batched, the rest of the request costs five times as much, and a response
 * within the handler needs no memory, no timer and no handling of clients that leave.
 *
 * A repeated post is answered from the idempotency cache, unless the cache leaves the answer to the ledger: when the
 * payment was rejected, or when another owner has it, which may have rejected it by now.
 */
export class PaymentAcceptor {
  readonly #parts: PaymentAcceptorParts;
  /** One for each shard of the ledger, if it confirms; otherwise one for all. */
  readonly #confirmations: readonly ConfirmationQueue<PendingPayment>[];
  readonly #writeOutage: OutageLog;
  readonly #syncOutage: OutageLog;
  /** On the monotonic clock; 0 while the journal works. */
  #journalFailingSinceMs = 0;

  constructor(parts: PaymentAcceptorParts) {
    const { log, durability } = parts;
    this.#parts = parts;
    const queue = (verdictsOf: (batch: readonly PendingPayment[]) => Promise<Verdict[]>) =>
      new ConfirmationQueue<PendingPayment>(async (batch) => {
        const verdicts = await verdictsOf(batch);
        for (const [index, pending] of batch.entries())
          this.#decide(pending, verdicts[index] ?? 'ledger-unavailable');
      });
    this.#confirmations =
      durability.kind === 'ledger'
        ? durability.ledger.shards.map((shard, position) => {
            const lease = durability.leases[position];
            assert.ok(lease !== undefined);
            return queue((batch) => this.#reserve(batch, shard, lease));
          })
        : [queue((batch) => this.#sync(batch))];
    this.#writeOutage = new OutageLog({
      log,
      began: 'journal cannot be written: payments are refused',
      ended: 'journal can be written again',
    });
    this.#syncOutage = new OutageLog({
      log,
      began: 'journal cannot be synced: payments are refused',
      ended: 'journal can be synced again',
    });
  }

  /** `id` is only valid until this returns. */
  accept(id: Buffer, amountCents: number, trace: Buffer | null, onVerdict: OnVerdict): void {
    const staged = this.#stage(id, amountCents, trace, onVerdict);
    if (staged !== null) this.#write([staged]);
  }

  /**
   * Accepts several payments with one write to the journal, which must have room for so many. Each gets a verdict of its
   * own, in any order.
   */
  acceptAll<Posted extends PostedPayment>(
    payments: readonly Posted[],
    trace: Buffer | null,
    onVerdict: (verdict: Verdict, payment: Posted) => void,
  ): void {
    const staged = payments.map((payment) =>
      this.#stage(payment.id, payment.amountCents, trace, (verdict) => onVerdict(verdict, payment)),
    );
    this.#write(staged.filter((pending) => pending !== null));
  }

  /** Reserves a payment in the cache and the ring, and appends it to the journal; null: that has decided it. */
  #stage(id: Buffer, amountCents: number, trace: Buffer | null, onVerdict: OnVerdict): PendingPayment | null {
    const { idempotencyCache, clock, sharedState } = this.#parts;
    const nowMs = clock.nowMs();
    const { purgedAtMs } = sharedState;
    const acceptedAtMs = isFromTheFuture(purgedAtMs, nowMs) ? nowMs : Math.max(nowMs, purgedAtMs);
    const known = idempotencyCache.reserve(id, amountCents, acceptedAtMs);
    switch (known) {
      case 'conflict':
        onVerdict('amount-conflict');
        return null;
      case 'same':
        this.#parts.metrics.count('repeated');
        onVerdict('accepted');
        return null;
      case 'in-ledger':
        void this.#askLedger({ id: Buffer.from(id), amountCents, trace, onVerdict });
        return null;
      case 'new':
      case 'pending': {
        const repeats = known === 'pending';
        return this.#append({ id, amountCents, acceptedAtMs, trace, repeats, onVerdict, journalRef: -1 });
      }
    }
  }

  async #askLedger({ id, amountCents, trace, onVerdict }: AskedPayment): Promise<void> {
    const { ledger, idempotencyCache, metrics } = this.#parts;
    const verdict = verdictOf(await ledger.find(readUuid(id, 0)), amountCents);
    if (verdict === null) {
      idempotencyCache.forget(id);
      this.accept(id, amountCents, trace, onVerdict);
      return;
    }
    if (verdict === 'accepted') metrics.count('repeated');
    onVerdict(verdict);
  }

  /** A repetition is journaled and pushed too, because the first may still fail. The ledger settles only one of them. */
  #append(pending: PendingPayment): PendingPayment | null {
    const { ring, journal } = this.#parts;
    if (!ring.reserve()) {
      this.#refuse(pending, 'queue-full');
      return null;
    }
    const { id, amountCents, acceptedAtMs, trace } = pending;
    pending.journalRef = journal.append(id, amountCents, acceptedAtMs, trace);
    if (pending.journalRef >= 0) return pending;
    this.#unwritten([pending], NO_SEGMENT);
    return null;
  }

  #write(staged: readonly PendingPayment[]): void {
    if (staged.length === 0) return;
    const { journal, metrics, durability } = this.#parts;
    const written = journal.write();
    if (written.kind === 'failed') {
      this.#unwritten(staged, written.reason);
      return;
    }
    metrics.count('journalWrites');
    this.#writeOutage.recovered();
    if (durability.kind !== 'fsync') this.#journalWorks();
    for (const pending of staged) this.#journaled(pending);
  }

  #unwritten(refused: readonly PendingPayment[], reason: string): void {
    this.#journalFails();
    this.#writeOutage.failed(reason);
    for (const pending of refused) {
      this.#parts.ring.release();
      this.#refuse(pending, 'journal-unavailable');
    }
  }

  #journalFails(): void {
    const { metrics, clock } = this.#parts;
    metrics.count('journalFailures');
    if (this.#journalFailingSinceMs === 0) this.#journalFailingSinceMs = clock.monotonicMs();
    metrics.set('journalFailingSinceMs', this.#journalFailingSinceMs);
  }

  /** Costs nothing while the journal works. */
  #journalWorks(): void {
    if (this.#journalFailingSinceMs === 0) return;
    this.#journalFailingSinceMs = 0;
    this.#parts.metrics.set('journalFailingSinceMs', 0);
  }

  #journaled(pending: PendingPayment): void {
    if (this.#parts.durability.kind === 'journal') {
      this.#decide(pending, 'accepted');
      return;
    }
    const confirmation = this.#confirmations[this.#shardOf(pending)];
    assert.ok(confirmation !== undefined);
    confirmation.push({ ...pending, id: Buffer.from(pending.id) });
  }

  #decide(pending: PendingPayment, verdict: Verdict): void {
    if (verdict !== 'accepted') this.#withdraw(pending, verdict);
    else if (pending.repeats && this.#isConflict(pending)) {
      this.#withdraw(pending, 'amount-conflict');
      this.#abandonLease(pending);
    } else this.#commit(pending);
  }

  /** Reserves again, because the payment that it repeats may have been refused and its reservation aborted. */
  #isConflict({ id, amountCents, acceptedAtMs }: PendingPayment): boolean {
    return this.#parts.idempotencyCache.reserve(id, amountCents, acceptedAtMs) === 'conflict';
  }

  #commit({ id, amountCents, acceptedAtMs, trace, journalRef, repeats, onVerdict }: PendingPayment): void {
    const { idempotencyCache, ring, metrics } = this.#parts;
    idempotencyCache.commit(id);
    ring.push(id, amountCents, acceptedAtMs, journalRef, trace);
    ring.wake();
    metrics.count(repeats ? 'repeated' : 'accepted');
    onVerdict('accepted');
  }

  #refuse({ id, repeats, onVerdict }: PendingPayment, verdict: Verdict): void {
    if (!repeats) this.#parts.idempotencyCache.abort(id);
    onVerdict(verdict);
  }

  #withdraw(pending: PendingPayment, verdict: Verdict): void {
    const { ring, segments } = this.#parts;
    ring.release();
    segments.markDone(pending.journalRef);
    this.#refuse(pending, verdict);
  }

  /** The ledger may hold a reservation that this thread will not push, so another owner must take it over. */
  #abandonLease(pending: PendingPayment): void {
    const { durability } = this.#parts;
    if (durability.kind !== 'ledger') return;
    const lease = durability.leases[this.#shardOf(pending)];
    if (lease !== undefined) void lease.abandon(lease.owner);
  }

  /** The payment's shard of the ledger. Without confirmation by the ledger there is one shard, 0. */
  #shardOf({ id }: PendingPayment): number {
    const { durability } = this.#parts;
    return durability.kind === 'ledger' ? durability.ledger.shardOf(readUuid(id, 0)) : 0;
  }

  async #sync(batch: readonly PendingPayment[]): Promise<Verdict[]> {
    const { journal, metrics } = this.#parts;
    const synced = await journal.sync();
    if (synced.kind === 'failed') {
      this.#journalFails();
      this.#syncOutage.failed(synced.reason);
      return batch.map(() => 'journal-unavailable');
    }
    metrics.count('journalSyncs');
    this.#syncOutage.recovered();
    this.#journalWorks();
    return batch.map(() => 'accepted');
  }

  async #reserve(batch: readonly PendingPayment[], shard: Shard, lease: Lease): Promise<Verdict[]> {
    const owner = lease.owner;
    const reply = await shard.commit(owner, [], batch.map(reservation));
    if (reply.kind === 'unavailable') {
      this.#parts.metrics.count('commitFailures');
      const { refusal, reason } = reply;
      if (refusal === 'frozen') return batch.map(() => ({ kind: 'books-frozen', reason }));
      void lease.abandon(owner);
      return batch.map(() => 'ledger-unavailable');
    }
    if (reply.value.claimed.includes('fenced') && lease.owner === owner) await lease.reacquire();
    const verdicts = reply.value.claimed.map(async (claimed, index): Promise<Verdict> => {
      if (claimed === 'conflict') return 'amount-conflict';
      if (claimed === 'claimed') return 'accepted';
      const pending = batch[index];
      if (claimed !== 'known' || pending === undefined) return 'ledger-unavailable';
      const found = await shard.find(readUuid(pending.id, 0));
      return verdictOf(found, pending.amountCents) ?? 'ledger-unavailable';
    });
    return Promise.all(verdicts);
  }
}

/** What the ledger's entry says to a repeated post; null: the ledger does not know the payment. */
function verdictOf(found: Reply<LedgerEntry | undefined>, amountCents: number): Verdict | null {
  if (found.kind === 'unavailable') return 'ledger-unavailable';
  const entry = found.value;
  if (!isKnown(entry)) return null;
  if (entry.amountCents !== amountCents) return 'amount-conflict';
  if (entry.status !== 'rejected') return 'accepted';
  const by = isCancelled(entry) ? '' : `${entry.processorName}: `;
  return { kind: 'payment-rejected', reason: `${by}${entry.reason}` };
}

function reservation({ id, amountCents, acceptedAtMs }: PendingPayment): Claim {
  return { correlationId: readUuid(id, 0), amountCents, acceptedAtMs, processor: null, requestedAtMs: 0 };
}
