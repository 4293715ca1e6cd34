import assert from 'node:assert';
import type { Board } from '../shared-memory/state.ts';
import type { Held } from './in-flight-payment.ts';

export interface CallsParts {
  readonly board: Board;
  readonly thread: number;
  readonly processors: readonly unknown[];
  readonly policy: CallsPolicy;
}

export interface CallsPolicy {
  /** Calls in flight of this thread to one processor, at most. */
  readonly callLimit: number;
  /** Payments a second that this thread aims at while a backlog drains. */
  readonly drainRate: number;
  /** How long it gathers between turns. */
  readonly batchWindowMs: number;
}

/** Whatever the rate: a few calls at once cost nothing. */
const LEAST_CALLS = 32;

/**
 * The calls of one pool thread: how many may be in flight to each processor, and which is the oldest.
 *
 * As many as Little's law asks for (L = rate x latency): a processor that answers in 5 ms drains a backlog with few
 * calls at once, one that takes a second needs hundreds, and more than that only takes the CPU from accepting. Calls
 * begin once a turn, so what a place is taken for is the latency and the window between two turns.
 */
export class Calls {
  readonly #parts: CallsParts;
  readonly #reserved: number[];
  /** In the order in which they began. */
  readonly #running: Set<Held>[];

  constructor(parts: CallsParts) {
    this.#parts = parts;
    this.#reserved = parts.processors.map(() => 0);
    this.#running = parts.processors.map(() => new Set());
    for (const processor of parts.processors.keys()) parts.board.setCalls(parts.thread, processor, 0, 0);
  }

  /** Places taken, over all processors. */
  get count(): number {
    return this.#reserved.reduce((sum, reserved) => sum + reserved, 0);
  }

  hasRoom(processor: number): boolean {
    const { board, policy } = this.#parts;
    const takenMs = board.latencyMs(processor) + policy.batchWindowMs;
    const wanted = Math.ceil((policy.drainRate * takenMs) / 1000);
    const limit = Math.min(policy.callLimit, Math.max(LEAST_CALLS, wanted));
    return this.#reservedAt(processor) < limit;
  }

  /** Not even a trial has a place: it would wait for one of those it is to find out about. */
  isFull(processor: number): boolean {
    return this.#reservedAt(processor) >= this.#parts.policy.callLimit;
  }

  /** Takes a place among the calls, until `release`. */
  reserve(processor: number): void {
    this.#reserved[processor] = this.#reservedAt(processor) + 1;
  }

  release(processor: number): void {
    const reserved = this.#reservedAt(processor);
    assert.ok(reserved > 0);
    this.#reserved[processor] = reserved - 1;
  }

  began(held: Held): void {
    this.#runningAt(held.processor).add(held);
    this.#show(held.processor);
  }

  ended(held: Held): void {
    const wasRunning = this.#runningAt(held.processor).delete(held);
    assert.ok(wasRunning);
    this.#show(held.processor);
  }

  #show(processor: number): void {
    const running = this.#runningAt(processor);
    const oldest = running.values().next().value;
    this.#parts.board.setCalls(this.#parts.thread, processor, running.size, oldest?.calledAtMs ?? 0);
  }

  #reservedAt(processor: number): number {
    const reserved = this.#reserved[processor];
    assert.ok(reserved !== undefined);
    return reserved;
  }

  #runningAt(processor: number): Set<Held> {
    const running = this.#running[processor];
    assert.ok(running !== undefined);
    return running;
  }
}
