import type { Clock } from '../core/clock.ts';
import { Repeating } from '../core/repeating.ts';
import type { Shard } from '../ledger/ledger.ts';

export interface UpkeepParts {
  readonly shard: Shard;
  /** Infinity: the books keep everything. */
  readonly retentionMs: number;
  readonly clock: Clock;
}

/** How long a worker does steps before it takes the next turn. */
const TURN_MS = 1000;
/** A worker that finds another at work looks again after this time, and continues if that one has stopped. */
const STANDBY_MS = 5000;
/** Between two steps, as a multiple of the time that a step took: upkeep takes a fifth of the ledger's time at most. */
const PAUSES_A_STEP = 4;
const PAUSE_MIN_MS = 5;

/**
 * Keeps a shard of the books small and fast, in short steps (`Shard.upkeep`). All instances do this, one at a time: the
 * one that took the last turn takes the next.
 */
export class Upkeep extends Repeating {
  readonly #parts: UpkeepParts;
  #lastTurn = 0;
  /** The turn goes on with another step. */
  #isInTurn = false;
  #turnEndsAtMs = 0;

  constructor(parts: UpkeepParts) {
    super(parts.clock);
    this.#parts = parts;
  }

  protected override work(): Promise<number> {
    return this.#isInTurn ? this.#step() : this.#takeTurn();
  }

  async #takeTurn(): Promise<number> {
    const { shard, clock } = this.#parts;
    const reply = await shard.takeUpkeepTurn(this.#lastTurn);
    // The dispatcher reports a ledger that does not answer.
    if (reply.kind === 'unavailable') return STANDBY_MS;
    this.#lastTurn = reply.value.turn;
    if (!reply.value.isTaken) return STANDBY_MS;
    this.#turnEndsAtMs = clock.monotonicMs() + TURN_MS;
    return this.#step();
  }

  async #step(): Promise<number> {
    const { shard, retentionMs, clock } = this.#parts;
    const beganAtMs = clock.monotonicMs();
    const reply = await shard.upkeep(clock.nowMs(), retentionMs);
    const endedAtMs = clock.monotonicMs();
    const pauseMs = Math.max(PAUSE_MIN_MS, PAUSES_A_STEP * (endedAtMs - beganAtMs));
    const leftMs = this.#turnEndsAtMs - endedAtMs;
    this.#isInTurn = reply.kind === 'ok' && reply.value && pauseMs < leftMs;
    return this.#isInTurn ? pauseMs : Math.max(pauseMs, leftMs);
  }
}
