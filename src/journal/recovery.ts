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
  /** A payment is accepted as soon as the journal has it: no sync, no claim. */
  readonly journalAccepts: boolean;
}

/** While the ring is full of what was accepted since. */
const PUSH_AGAIN_MS = 5;

/**
 * Pushes once more what the journal holds and no ledger answers for: at start, and when a pool thread has died with
 * payments in its hands. Pushing too much is harmless, since a payment is claimed once; pushing too little is not.
 */
export class Recovery {
  readonly #parts: RecoveryParts;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  /**
   * What was accepted lately is known again before the first post of this life. Where more than the journal is needed
   * to accept, a record may be of a payment that was refused: a post of it goes all the way.
   */
  fillCache(): void {
    const { idempotencyCache, journalAccepts } = this.#parts;
    for (const record of this.#unfinished()) {
      idempotencyCache.reserve(record.id, record.amountCents, record.acceptedAtMs);
      if (journalAccepts) idempotencyCache.commit(record.id);
    }
  }

  /** One pass after another; each ends when everything has found its place in the ring. */
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
