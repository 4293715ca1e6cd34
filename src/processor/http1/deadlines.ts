import type { Clock } from '../../core/clock.ts';
import type { Call } from './call.ts';

/** Calls with the same timeout, in the order in which they began. */
interface Queue {
  readonly calls: Set<Call>;
  /** Null: the queue is empty, so no timer is set. */
  cancelTimer: (() => void) | null;
}

/**
 * Ends calls at their deadline. Calls with the same timeout expire in the order in which they began, so each timeout has
 * a queue and, unless it is empty, one timer.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #expire: (call: Call) => void;
  /** By timeout. */
  readonly #queues = new Map<number, Queue>();

  constructor(clock: Clock, expire: (call: Call) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  watch(call: Call): void {
    const { timeoutMs } = call;
    let queue = this.#queues.get(timeoutMs);
    if (queue === undefined) {
      queue = { calls: new Set(), cancelTimer: null };
      this.#queues.set(timeoutMs, queue);
    }
    queue.calls.add(call);
    if (queue.cancelTimer === null) this.#arm(queue, timeoutMs);
  }

  /** Call when a call is over. */
  forget(call: Call): void {
    this.#queues.get(call.timeoutMs)?.calls.delete(call);
  }

  close(): void {
    for (const queue of this.#queues.values()) {
      queue.calls.clear();
      queue.cancelTimer?.();
    }
    this.#queues.clear();
  }

  #arm(queue: Queue, delayMs: number): void {
    queue.cancelTimer = this.#clock.after(delayMs, () => this.#check(queue));
  }

  /** Calls added meanwhile are found by this loop, too, and need no timer of their own. */
  #check(queue: Queue): void {
    const nowMs = this.#clock.monotonicMs();
    for (const call of queue.calls) {
      if (call.deadlineMs > nowMs) {
        this.#arm(queue, call.deadlineMs - nowMs);
        return;
      }
      this.#expire(call);
    }
    queue.cancelTimer = null;
  }
}
