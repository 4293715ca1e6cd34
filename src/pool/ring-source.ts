import { readUuid, UUID_BYTES, writeUuid } from '../core/uuid.ts';
import type { IdempotencyCache } from '../shared-memory/idempotency-cache.ts';
import { type Ring, RingSlot } from '../shared-memory/ring.ts';
import type { SegmentTable } from '../shared-memory/segment-table.ts';
import type { SharedState } from '../shared-memory/state.ts';
import type { QueuedPayment, Source } from './source.ts';

/** The ring as the dispatcher's source of payments. */
export class RingSource implements Source {
  readonly #ring: Pick<Ring, 'pop' | 'sleep'>;
  readonly #segments: SegmentTable;
  readonly #idempotencyCache: IdempotencyCache;
  readonly #sharedState: SharedState;
  readonly #slot = new RingSlot();

  constructor(
    ring: Pick<Ring, 'pop' | 'sleep'>,
    segments: SegmentTable,
    idempotencyCache: IdempotencyCache,
    sharedState: SharedState,
  ) {
    this.#ring = ring;
    this.#segments = segments;
    this.#idempotencyCache = idempotencyCache;
    this.#sharedState = sharedState;
  }

  take(limit: number): QueuedPayment[] {
    const payments: QueuedPayment[] = [];
    while (payments.length < limit && this.#ring.pop(this.#slot)) {
      const { id, amountCents, acceptedAtMs, journalRef } = this.#slot;
      const trace = this.#slot.trace === null ? null : Buffer.from(this.#slot.trace);
      payments.push({ correlationId: readUuid(id, 0), amountCents, acceptedAtMs, journalRef, trace });
    }
    return payments;
  }

  wait(): Promise<void> {
    return this.#ring.sleep(Number.POSITIVE_INFINITY, () => this.#sharedState.stopping);
  }

  release(journalRef: number): void {
    if (journalRef >= 0) this.#segments.markDone(journalRef);
  }

  leaveToLedger(correlationId: string): void {
    const id = new Uint8Array(UUID_BYTES);
    writeUuid(correlationId, id, 0);
    this.#idempotencyCache.leaveToLedger(id);
  }
}
