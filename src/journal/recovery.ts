import { type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { IdempotencyCache } from '../shared-memory/idempotency-cache.ts';
import type { Ring } from '../shared-memory/ring.ts';
import type { SegmentTable } from '../shared-memory/segment-table.ts';
import { type JournalRecord, unfinished } from './replay.ts';

export interface RecoveryParts {
  readonly directory: string;
  readonly segments: SegmentTable;
  readonly idempotencyCache: IdempotencyCache;
  readonly ring: Ring;
  readonly clock: Clock;
  readonly log: Log;
  readonly stopping: () => boolean;
  /** A payment is accepted once it is written to the journal, without a sync or a claim. */
  readonly journalAccepts: boolean;
}

/** The pause before the next try while the ring is full. */
const PUSH_AGAIN_MS = 5;

/**
 * Pushes payments into the ring again that are in the journal and not yet in the ledger: at start, and when a pool
 * thread has died. Pushing too many is harmless, because each payment is claimed only once; pushing too few is not.
 */
export class Recovery {
  readonly #parts: RecoveryParts;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  /**
   * Restores the idempotency cache before the first post. If accepting takes more than a journal write, a record may be
   * of a payment that was refused, so it is only reserved and a repeated post goes all the way.
   */
  fillCache(): void {
    const { idempotencyCache, journalAccepts } = this.#parts;
    for (const record of this.#unfinished()) {
      idempotencyCache.reserve(record.id, record.amountCents, record.acceptedAtMs);
      if (journalAccepts) idempotencyCache.commit(record.id);
    }
  }

  /** Passes run one after another. Each ends when all its payments are in the ring. */
  pushAgain(): Promise<void> {
    this.#running = this.#running.then(() => this.#pushAll());
    return this.#running;
  }

  async #pushAll(): Promise<void> {
    const { ring, clock, stopping } = this.#parts;
    for (const record of this.#unfinished()) {
      while (!ring.reserve()) {
        if (stopping()) return;
        await sleep(clock, PUSH_AGAIN_MS);
      }
      this.#push(record);
    }
    ring.wakeAll();
  }

  #unfinished(): Generator<JournalRecord> {
    const { directory, segments, log } = this.#parts;
    return unfinished(directory, segments, (damaged) =>
      log.error({ ...damaged }, 'a journal record is damaged'),
    );
  }

  #push({ id, amountCents, acceptedAtMs, ref, trace }: JournalRecord): void {
    this.#parts.ring.push(id, amountCents, acceptedAtMs, ref, trace);
    this.#parts.ring.wake();
  }
}
