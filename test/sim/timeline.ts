import assert from 'node:assert';
import type { Random } from './random.ts';

interface Event {
  readonly atMs: number;
  /** Orders events of the same millisecond; random, because their real order is not defined either. */
  readonly tie: number;
  run: (() => void) | null;
}

/**
 * Virtual time, in whole milliseconds. It advances only when nothing is left to do in the current one. Each event and all
 * microtasks it causes run before the next event.
 */
export class Timeline {
  readonly #random: Random;
  /** A binary heap, earliest first. */
  readonly #heap: Event[] = [];
  #nowMs = 0;
  #eventCount = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get eventCount(): number {
    return this.#eventCount;
  }

  /** Runs `run` once, `delayMs` from now. Returns a function that cancels it. */
  after(delayMs: number, run: () => void): () => void {
    assert.ok(delayMs >= 0, 'delayMs must not be negative');
    const event: Event = { atMs: this.#nowMs + Math.ceil(delayMs), tie: this.#random.u32(), run };
    this.#push(event);
    return () => {
      event.run = null;
    };
  }

  /** Runs the next events, each with its microtasks. Returns false if there are no more up to `endMs`. */
  async steps(count: number, endMs: number): Promise<boolean> {
    for (let left = count; left > 0; ) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > endMs) return false;
      this.#pop();
      const run = next.run;
      if (run === null) continue;
      this.#nowMs = next.atMs;
      this.#eventCount++;
      run();
      await microtasksDone();
      left--;
    }
    return true;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent] as Event)) break;
      heap[index] = heap[parent] as Event;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++;
      if (!isBefore(heap[child] as Event, last)) break;
      heap[index] = heap[child] as Event;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.tie < other.tie);
}

/** Node runs a tick queued by a microtask only when no microtask is left. */
function microtasksDone(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
