import { type Clock, isFromTheFuture } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { OutageLog } from '../core/outage-log.ts';
import { readUuid } from '../core/uuid.ts';
import type { Journal, JournalResult } from '../journal/writer.ts';
import type { Lease } from '../ledger/lease.ts';
import type { Claim, Ledger } from '../ledger/ledger.ts';
import type { IdempotencyCache } from '../shared-memory/idempotency-cache.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';
import type { Ring } from '../shared-memory/ring.ts';
import type { SegmentTable } from '../shared-memory/segment-table.ts';
import type { SharedState } from '../shared-memory/state.ts';

/** What becomes of a posted payment. Only `accepted` owes it a settlement. */
export type Verdict =
  | 'accepted'
  | 'amount-conflict'
  | 'queue-full'
  | 'journal-unavailable'
  | 'ledger-unavailable';

export interface PaymentAcceptorParts {
  readonly idempotencyCache: IdempotencyCache;
  readonly ring: Ring;
  readonly journal: Journal;
  readonly segments: SegmentTable;
  readonly sharedState: SharedState;
  /** What this thread counts. */
  readonly metrics: ThreadMetrics;
  readonly clock: Clock;
  readonly durability: Durability;
  readonly log: Log;
}

/**
 * What stands between the journal's write and the 202:
 *
 * - `journal`: nothing. A crash of every process loses nothing.
 * - `fsync`: the journal is synced, once for all that gathered meanwhile. A power cut loses nothing.
 * - `ledger`: the ledger has a claim of each. The loss of the machine loses nothing.
 */
export type Durability =
  | { readonly kind: 'journal' }
  | { readonly kind: 'fsync' }
  | { readonly kind: 'ledger'; readonly ledger: Ledger; readonly lease: Lease };

const NO_SEGMENT: JournalResult = { kind: 'failed', reason: 'every segment is in use: see JOURNAL_SEGMENTS' };

type OnVerdict = (verdict: Verdict) => void;

interface PendingPayment {
  readonly id: Buffer;
  readonly amountCents: number;
  readonly acceptedAtMs: number;
  /** Its trace context (`src/core/trace-context.ts`); null: none. */
  readonly trace: Buffer | null;
  /** It repeats a payment that is not accepted yet, and may still be refused. */
  readonly repeats: boolean;
  readonly answer: OnVerdict;
  /** Where the journal has it, once it has. */
  journalRef: number;
}

/**
 * The gate: a payment goes in, is remembered, journaled and pushed to the pool, and gets its verdict.
 *
 * With durability `journal` all of that happens before `offer` returns. One write for each payment costs less here
 * than it seems: at the rates where writes could be gathered, the request around it costs five times as much, and
 * an answer within the handler needs no memory, no timer and no care for clients that leave.
 */
export class PaymentAcceptor {
  readonly #parts: PaymentAcceptorParts;
  #pending: PendingPayment[] = [];
  #confirming = false;
  readonly #writeOutage: OutageLog;
  readonly #syncOutage: OutageLog;
  /** On the monotonic clock; 0: the last payment got into the journal as durably as it has to. */
  #journalFailingSinceMs = 0;

  constructor(parts: PaymentAcceptorParts) {
    const { log } = parts;
    this.#parts = parts;
    this.#writeOutage = new OutageLog({
      log,
      began: 'journal cannot be written: payments are refused',
      ended: 'journal written again',
    });
    this.#syncOutage = new OutageLog({
      log,
      began: 'journal cannot be synced: payments are refused',
      ended: 'journal synced again',
    });
  }

  /** `id` is lent until this returns. */
  accept(id: Buffer, amountCents: number, trace: Buffer | null, answer: OnVerdict): void {
    const { idempotencyCache, clock, sharedState } = this.#parts;
    const nowMs = clock.nowMs();
    const { purgedAtMs } = sharedState;
    const acceptedAtMs = isFromTheFuture(purgedAtMs, nowMs) ? nowMs : Math.max(nowMs, purgedAtMs);
    const known = idempotencyCache.reserve(id, amountCents, acceptedAtMs);
    switch (known) {
      case 'conflict':
        answer('amount-conflict');
        break;
      case 'same':
        this.#parts.metrics.count('repeated');
        answer('accepted');
        break;
      case 'new':
      case 'pending':
        this.#admit({
          id,
          amountCents,
          acceptedAtMs,
          trace,
          repeats: known === 'pending',
          answer,
          journalRef: -1,
        });
        break;
    }
  }

  /** A repetition goes all the way by itself, for what it repeats may fail. The ledger settles only one of them. */
  #admit(pending: PendingPayment): void {
    const { ring } = this.#parts;
    if (!ring.reserve()) {
      this.#refuse(pending, 'queue-full');
      return;
    }
    const journalRef = this.#write(pending);
    if (journalRef === null) {
      ring.release();
      this.#refuse(pending, 'journal-unavailable');
      return;
    }
    pending.journalRef = journalRef;
    this.#journaled(pending);
  }

  #write({ id, amountCents, acceptedAtMs, trace }: PendingPayment): number | null {
    const { journal, metrics, durability } = this.#parts;
    const journalRef = journal.append(id, amountCents, acceptedAtMs, trace);
    const written = journalRef < 0 ? NO_SEGMENT : journal.write();
    if (written.kind === 'failed') {
      this.#journalFails();
      this.#writeOutage.failed(written.reason);
      return null;
    }
    metrics.count('journalWrites');
    this.#writeOutage.recovered();
    if (durability.kind !== 'fsync') this.#journalWorks();
    return journalRef;
  }

  #journalFails(): void {
    const { metrics, clock } = this.#parts;
    metrics.count('journalFailures');
    if (this.#journalFailingSinceMs === 0) this.#journalFailingSinceMs = clock.monotonicMs();
    metrics.set('journalFailingSinceMs', this.#journalFailingSinceMs);
  }

  /** Free when it did. */
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
    this.#pending.push({ ...pending, id: Buffer.from(pending.id) });
    if (!this.#confirming) void this.#confirm();
  }

  #decide(pending: PendingPayment, verdict: Verdict): void {
    if (verdict !== 'accepted') this.#withdraw(pending, verdict);
    else if (pending.repeats && this.#isConflict(pending)) {
      this.#withdraw(pending, 'amount-conflict');
      this.#disown();
    } else this.#accept(pending);
  }

  /** What a repetition repeats may have been refused since, and forgotten: it is remembered anew. */
  #isConflict({ id, amountCents, acceptedAtMs }: PendingPayment): boolean {
    return this.#parts.idempotencyCache.reserve(id, amountCents, acceptedAtMs) === 'conflict';
  }

  #accept({ id, amountCents, acceptedAtMs, trace, journalRef, repeats, answer }: PendingPayment): void {
    const { idempotencyCache, ring, metrics } = this.#parts;
    idempotencyCache.commit(id);
    ring.push(id, amountCents, acceptedAtMs, journalRef, trace);
    ring.wake();
    metrics.count(repeats ? 'repeated' : 'accepted');
    answer('accepted');
  }

  #refuse({ id, repeats, answer }: PendingPayment, verdict: Verdict): void {
    if (!repeats) this.#parts.idempotencyCache.abort(id);
    answer(verdict);
  }

  #withdraw(pending: PendingPayment, verdict: Verdict): void {
    const { ring, segments } = this.#parts;
    ring.release();
    segments.markDone(pending.journalRef);
    this.#refuse(pending, verdict);
  }

  /** The ledger may hold a reservation that goes no further here: somebody else has to see to it. */
  #disown(): void {
    const { durability } = this.#parts;
    if (durability.kind === 'ledger') void durability.lease.abandon(durability.lease.owner);
  }

  /** One confirmation at a time; whoever comes meanwhile is in the next. */
  async #confirm(): Promise<void> {
    this.#confirming = true;
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      const verdicts = await this.#verdicts(batch);
      for (const [index, pending] of batch.entries()) {
        this.#decide(pending, verdicts[index] ?? 'ledger-unavailable');
      }
    }
    this.#confirming = false;
  }

  async #verdicts(batch: readonly PendingPayment[]): Promise<Verdict[]> {
    const { durability, journal, metrics } = this.#parts;
    if (durability.kind === 'ledger') return this.#reserve(batch, durability.ledger, durability.lease);
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

  async #reserve(batch: readonly PendingPayment[], ledger: Ledger, lease: Lease): Promise<Verdict[]> {
    const owner = lease.owner;
    const reply = await ledger.commit(owner, [], batch.map(reservation));
    if (reply.kind === 'unavailable') {
      this.#parts.metrics.count('commitFailures');
      void lease.abandon(owner);
      return batch.map(() => 'ledger-unavailable');
    }
    if (reply.value.claimed.includes('fenced') && lease.owner === owner) await lease.reacquire();
    return reply.value.claimed.map((claimed) => {
      if (claimed === 'conflict') return 'amount-conflict';
      return claimed === 'claimed' || claimed === 'known' ? 'accepted' : 'ledger-unavailable';
    });
  }
}

function reservation({ id, amountCents, acceptedAtMs }: PendingPayment): Claim {
  return { correlationId: readUuid(id, 0), amountCents, acceptedAtMs, processor: null, requestedAtMs: 0 };
}
