/**
 * Time, handed in: the real clock in a composition root, a simulated one in tests.
 *
 * `nowMs` is the wall clock and may jump; it stamps what leaves the process. `monotonicMs` only measures how long
 * something took and never goes back; all threads of a machine read the same one.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch, UTC, whole. */
  nowMs(): number;
  /** Whole milliseconds since an arbitrary moment, never decreasing. */
  monotonicMs(): number;
  /** Milliseconds with their fraction since a moment of this thread's own: for what begins and ends in one thread. */
  stopwatchMs(): number;
  /** Calls `run` once, `delayMs` from now. The function it returns cancels the call. */
  after(delayMs: number, run: () => void): () => void;
}

/** performance.now() begins at zero in each thread, on the clock that process.hrtime() reads for all of them. */
const THREAD_BEGAN_AT_MS = monotonicNowMs() - performance.now();

function monotonicNowMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => Math.floor(performance.now() + THREAD_BEGAN_AT_MS),
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
