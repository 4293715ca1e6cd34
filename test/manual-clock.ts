import type { Clock } from '../src/core/clock.ts';

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  #nowMs = 1_000_000;
  #wallAheadMs = 0;
  readonly #due = new Set<{ readonly atMs: number; readonly run: () => void }>();

  nowMs(): number {
    return this.#nowMs + this.#wallAheadMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  stopwatchMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#due.add(timer);
    return () => this.#due.delete(timer);
  }

  /** Calls that are still to come. */
  get pending(): number {
    return this.#due.size;
  }

  /** Sets the wall clock on, or back; what is measured or due does not notice. */
  jump(byMs: number): void {
    this.#wallAheadMs += byMs;
  }

  /** Lets `spanMs` pass; what falls due runs in the order of its time. */
  pass(spanMs: number): void {
    const untilMs = this.#nowMs + spanMs;
    while (this.#runNext(untilMs)) {}
    this.#nowMs = untilMs;
  }

  /** Lets `spanMs` pass, and all that is asynchronous come to rest after each call. */
  async passSlowly(spanMs: number): Promise<void> {
    const untilMs = this.#nowMs + spanMs;
    do await rest();
    while (this.#runNext(untilMs));
    this.#nowMs = untilMs;
    await rest();
  }

  #runNext(untilMs: number): boolean {
    const due = [...this.#due].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
    if (due === undefined) return false;
    this.#due.delete(due);
    this.#nowMs = Math.max(this.#nowMs, due.atMs);
    due.run();
    return true;
  }
}

/** Resolves when every promise that depends on nothing but others has run its course. */
export function rest(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
