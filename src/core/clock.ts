/**
 * Time, handed in: the real clock in a composition root, a simulated one in tests.
 *
 * `nowMs` is the wall clock and may jump; it stamps what leaves the process. `monotonicMs` only measures how long
 * something took and never goes back; all threads of a machine read the same one.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch, UTC, whole, from 0 up to 2^48 - 1. */
  nowMs(): number;
  /** Whole milliseconds since an arbitrary moment, never decreasing. */
  monotonicMs(): number;
  /** Milliseconds with their fraction since a moment of this thread's own: for what begins and ends in one thread. */
  stopwatchMs(): number;
  /** Calls `run` once, `delayMs` from now. The function it returns cancels the call. */
  after(delayMs: number, run: () => void): () => void;
}

/** What journal and ledgers have room for: 48 bits, up to the year 10889. */
const LAST_MS = 2 ** 48 - 1;

export const systemClock: Clock = {
  // A machine whose battery is dead may believe that it is 1969.
  nowMs: () => Math.min(Math.max(0, Date.now()), LAST_MS),
  // Not performance.now(): that one starts at zero in each worker thread.
  monotonicMs() {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1000 + Math.floor(nanoseconds / 1e6);
  },
  stopwatchMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Waits `delayMs` on the clock handed in. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => clock.after(delayMs, resolve));
}

/** No two wall clocks that are right differ by as much. */
const WRONG_BY_MS = 60_000;

/** Whether a stamp lies so far in the future of `nowMs` that one of the two was read from a clock that was wrong. */
export function isFromTheFuture(stampMs: number, nowMs: number): boolean {
  return stampMs > nowMs + WRONG_BY_MS;
}
