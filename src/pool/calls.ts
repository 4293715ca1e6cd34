import assert from 'node:assert';
import type { Clock } from '../core/clock.ts';
import type { Limits } from '../core/terms.ts';
import type { SharedState } from '../shared-memory/state.ts';
import type { Delivery } from './delivery.ts';
import { Pace } from './pace.ts';

export interface CallsParts {
  readonly sharedState: SharedState;
  readonly thread: number;
  /** The limits of the instance at first. */
  readonly targets: readonly CallLimits[];
  readonly policy: CallsPolicy;
  readonly clock: Clock;
}

type CallLimits = Pick<Limits, 'callLimit' | 'callsPerSecond'>;

export interface CallsPolicy {
  /** The threads that share the limit of calls in flight. */
  readonly poolThreadCount: number;
  /** Payments per second that this thread aims for while it drains a backlog. */
  readonly drainRate: number;
  /** How long payments gather before a turn. */
  readonly batchWindowMs: number;
}

/** This many calls at once are always allowed: they cost nothing. */
const LEAST_CALLS = 32;

/**
 * The calls of one pool thread: how many may be in flight to each processor, and which is the oldest.
 *
 * The limit follows Little's law (L = rate x latency): a processor that answers in 5 ms drains a backlog with few
 * concurrent calls, one that takes a second needs hundreds, and more only take CPU from accepting. Calls begin once a
 * turn, so a slot is occupied for the latency plus the batch window.
 *
 * A processor that has had its calls of this second has no room, either. `routing.ts` decides how long payments wait for it.
 */
export class Calls {
  readonly #parts: CallsParts;
  readonly #pace: Pace;
  /** Most calls of this thread. */
  #limits: readonly number[] = [];
  readonly #acquired: number[] = [];
  /** In the order in which they began. */
  readonly #running: Set<Delivery>[] = [];

  constructor(parts: CallsParts) {
    this.#parts = parts;
    this.#pace = new Pace({ ...parts, batchWindowMs: parts.policy.batchWindowMs });
    this.follow(parts.targets);
  }

  /** These limits hold from now on, also for processors that are new. Calls in flight beyond them go on. */
  follow(targets: readonly CallLimits[]): void {
    const { sharedState, thread, policy } = this.#parts;
    const { poolThreadCount } = policy;
    for (let processor = this.#running.length; processor < targets.length; processor++) {
      this.#acquired.push(0);
      this.#running.push(new Set());
      sharedState.setCalls(thread, processor, 0, 0);
    }
    this.#limits = targets.map(({ callLimit }) => callShare(callLimit, poolThreadCount));
    this.#pace.follow(targets.map(({ callsPerSecond }) => callsPerSecond));
  }

  /** Slots taken, over all processors. */
  get count(): number {
    return this.#acquired.reduce((sum, acquired) => sum + acquired, 0);
  }

  /** Whether one more call to this processor is allowed once `freed` of its slots have been released. */
  hasRoom(processor: number, freed = 0): boolean {
    const { sharedState, policy } = this.#parts;
    const takenMs = sharedState.latencyMs(processor) + policy.batchWindowMs;
    const wanted = Math.ceil((policy.drainRate * takenMs) / 1000);
    const limit = Math.min(this.#limitOf(processor), Math.max(LEAST_CALLS, wanted));
    return this.#acquiredAt(processor) - freed < limit && !this.#pace.isReached(processor);
  }

  /** No slot is left even for a probe. */
  isFull(processor: number): boolean {
    return this.#acquiredAt(processor) >= this.#limitOf(processor) || this.#pace.isReached(processor);
  }

  /** Whether the processor has had as many requests in this second as it may get. */
  isPaced(processor: number): boolean {
    return this.#pace.isReached(processor);
  }

  /** Counts a request for the limit of calls a second. */
  countRequest(processor: number): void {
    this.#pace.count(processor);
  }

  /** Takes a slot; give it back with `release`. */
  acquire(processor: number): void {
    this.#acquired[processor] = this.#acquiredAt(processor) + 1;
  }

  release(processor: number): void {
    const acquired = this.#acquiredAt(processor);
    assert.ok(acquired > 0);
    this.#acquired[processor] = acquired - 1;
  }

  began(delivery: Delivery): void {
    const { processor } = delivery.state;
    this.#runningAt(processor).add(delivery);
    this.#show(processor);
  }

  ended(delivery: Delivery): void {
    const { processor } = delivery.state;
    const wasRunning = this.#runningAt(processor).delete(delivery);
    assert.ok(wasRunning);
    this.#show(processor);
  }

  #show(processor: number): void {
    const running = this.#runningAt(processor);
    const oldest = running.values().next().value;
    this.#parts.sharedState.setCalls(
      this.#parts.thread,
      processor,
      running.size,
      oldest?.state.calledAtMs ?? 0,
    );
  }

  #limitOf(processor: number): number {
    const limit = this.#limits[processor];
    assert.ok(limit !== undefined);
    return limit;
  }

  #acquiredAt(processor: number): number {
    const acquired = this.#acquired[processor];
    assert.ok(acquired !== undefined);
    return acquired;
  }

  #runningAt(processor: number): Set<Delivery> {
    const running = this.#running[processor];
    assert.ok(running !== undefined);
    return running;
  }
}

/** A pool thread's share of a limit of calls in flight. */
export function callShare(callLimit: number, poolThreadCount: number): number {
  return Math.max(1, Math.floor(callLimit / poolThreadCount));
}
