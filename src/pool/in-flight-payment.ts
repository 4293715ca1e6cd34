import assert from 'node:assert';
import type { Clock } from '../core/clock.ts';
import type { Payment } from '../core/payment.ts';

/**
 * A payment that a pool thread holds, from the ring to the books.
 *
 * | state    | what it is waiting for                                | to                                    |
 * |----------|-------------------------------------------------------|---------------------------------------|
 * | waiting  | a processor that can take it                          | claiming, gone                        |
 * | claiming | the ledger's answer to its claim                      | calling, waiting, gone                |
 * | calling  | the processor's answer to `pay`                       | settling, asking, resting, pinned     |
 * | resting  | its backoff, after a refusal: nothing was committed   | waiting                               |
 * | pinned   | its backoff: it may have been committed, and may      | asking                                |
 * |          | only be sent to that processor, with that stamp       |                                       |
 * | asking   | the processor's answer to `find`                      | settling, resting, calling, pinned    |
 * | settling | the ledger's answer to its settlement                 | gone                                  |
 * | gone     | nothing: recorded, known elsewhere, purged or fenced  |                                       |
 *
 * Whatever has been claimed may also be gone at once: when this owner is fenced, or the books are purged.
 */
export type HeldState = keyof typeof NEXT;

const NEXT = {
  waiting: ['claiming', 'gone'],
  claiming: ['calling', 'waiting', 'gone'],
  calling: ['settling', 'asking', 'resting', 'pinned', 'gone'],
  resting: ['waiting', 'gone'],
  pinned: ['asking', 'gone'],
  asking: ['settling', 'resting', 'calling', 'pinned', 'gone'],
  settling: ['gone'],
  gone: [],
} as const satisfies Record<string, readonly string[]>;

/** By id and amount: another amount under the same id is another claim, which the ledger refuses. */
export function keyOf({ correlationId, amountCents }: Payment): string {
  return `${correlationId} ${amountCents}`;
}

/** No record of this payment in this instance's journal: it came from another owner, through the ledger. */
export const NOT_JOURNALED = -1;

export class Held {
  readonly payment: Payment;
  /** What it is held under (`keyOf`). */
  readonly key: string;
  /** Where the journal keeps it until the ledger does. */
  readonly journalRef: number;
  /** What its calls are part of; the ledger does not keep it. */
  trace: Buffer | null = null;
  #state: HeldState;
  /** The ledger holds a claim of this thread for it. */
  claimed = false;
  /** Processor and stamp of the claim; meaningless before. */
  processor = 0;
  requestedAtMs = 0;
  /** It is sent to find out whether its processor is well again. */
  trial = false;
  /**
   * When it was accepted, on the monotonic clock: its age is measured from here. Reckoned once, when it is taken, from
   * the wall clock's stamp, which is all that outlives a crash; a wall clock that jumps later changes nothing.
   */
  readonly acceptedAtMonotonicMs: number;
  /** When its latest call began, on the monotonic clock. */
  calledAtMs = 0;
  /**
   * Until then, on the monotonic clock, a call may still be running there whose end was not seen; 0: none. Only a 404 to
   * a question asked later ends the doubt.
   */
  doubtUntilMs = 0;
  /** Refusals, or questions without an answer, in a row: the backoff grows with them. */
  setbacks = 0;

  constructor(payment: Payment, journalRef: number, clock: Clock, state: 'waiting' | 'pinned' = 'waiting') {
    this.payment = payment;
    this.acceptedAtMonotonicMs = clock.monotonicMs() - Math.max(0, clock.nowMs() - payment.acceptedAtMs);
    this.key = keyOf(payment);
    this.journalRef = journalRef;
    this.#state = state;
  }

  get state(): HeldState {
    return this.#state;
  }

  /** The only setter of the state. */
  move(to: HeldState): void {
    const allowed: readonly string[] = NEXT[this.#state];
    assert.ok(allowed.includes(to), `${this.#state} -> ${to}`);
    this.#state = to;
  }
}
