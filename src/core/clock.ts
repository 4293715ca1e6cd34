/**
 * The source of time, passed in: the system's in a composition root, a simulated one in tests.
 *
 * `nowMs` is the wall clock and may jump; use it for timestamps that leave the process. `monotonicMs` never goes back and
 * is the same in all threads of a machine; use it for durations.
 */
export interface Clock {
  /** Whole milliseconds since the Unix epoch, from 0 to 2^48 - 1. */
  nowMs(): number;
  /** Whole milliseconds since an arbitrary time, never decreasing. */
  monotonicMs(): number;
  /** Fractional milliseconds since an arbitrary time that differs by thread: for durations within one thread. */
  stopwatchMs(): number;
  /** Calls `run` once, after `delayMs`. The returned function cancels the call. */
  after(delayMs: number, run: () => void): () => void;
}

/** The last time that journal and ledgers can store: 48 bits, the year 10889. */
const LAST_MS = 2 ** 48 - 1;

export const systemClock: Clock = {
  // A machine with a dead battery may report 1969.
  nowMs: () => Math.min(Math.max(0, Date.now()), LAST_MS),
  // Not performance.now(), which starts at zero in each worker thread.
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

export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => clock.after(delayMs, resolve));
}

export const LATE = Symbol('late');

/** What `work` comes to, or `LATE` if that takes longer than `timeoutMs`. It goes on all the same. */
export function within<T>(clock: Clock, timeoutMs: number, work: Promise<T>): Promise<T | typeof LATE> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(timeoutMs, () => resolve(LATE));
    work.then(resolve, reject).finally(cancel);
  });
}

/** Correct wall clocks never differ by this much. */
const WRONG_BY_MS = 60_000;

/** Whether a timestamp is so far ahead of `nowMs` that one of the two comes from a wrong clock. */
export function isFromTheFuture(stampMs: number, nowMs: number): boolean {
  return stampMs > nowMs + WRONG_BY_MS;
}
