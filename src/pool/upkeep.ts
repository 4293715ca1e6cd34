import type { Clock } from '../core/clock.ts';
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
export class Upkeep {
  readonly #parts: UpkeepParts;
  #lastTurn = 0;
  #turnEndsAtMs = 0;
  #cancel: () => void = () => {};
  #stopped = false;

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
  }

  start(): void {
    void this.#takeTurn();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  async #takeTurn(): Promise<void> {
    const { shard, clock } = this.#parts;
    const reply = await shard.takeUpkeepTurn(this.#lastTurn);
    // The dispatcher reports a ledger that does not answer.
    if (reply.kind === 'unavailable') return this.#later(STANDBY_MS, () => this.#takeTurn());
    this.#lastTurn = reply.value.turn;
    if (!reply.value.isTaken) return this.#later(STANDBY_MS, () => this.#takeTurn());
    this.#turnEndsAtMs = clock.monotonicMs() + TURN_MS;
    await this.#step();
  }

  async #step(): Promise<void> {
    const { shard, retentionMs, clock } = this.#parts;
    const beganAtMs = clock.monotonicMs();
    const reply = await shard.upkeep(clock.nowMs(), retentionMs);
    const endedAtMs = clock.monotonicMs();
    const hasMore = reply.kind === 'ok' && reply.value;
    const pauseMs = Math.max(PAUSE_MIN_MS, PAUSES_A_STEP * (endedAtMs - beganAtMs));
    const leftMs = this.#turnEndsAtMs - endedAtMs;
    if (hasMore && pauseMs < leftMs) this.#later(pauseMs, () => this.#step());
    else this.#later(Math.max(pauseMs, leftMs), () => this.#takeTurn());
  }

  #later(delayMs: number, run: () => Promise<void>): void {
    if (!this.#stopped) this.#cancel = this.#parts.clock.after(delayMs, () => void run());
  }
}
