import type { Clock } from '../core/clock.ts';
import type { Call } from './call.ts';

/** Calls of the same timeout, in the order in which they began. */
interface Line {
  readonly calls: Set<Call>;
  /** Null: no timer is set, since nobody is there. */
  cancelTimer: (() => void) | null;
}

/**
 * Ends calls whose time is over. Calls of the same timeout expire in the order in which they began, so each timeout has
 * a line and, while there is anybody in it, one timer.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #expire: (call: Call) => void;
  /** By their timeout. */
  readonly #lines = new Map<number, Line>();

  constructor(clock: Clock, expire: (call: Call) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  watch(call: Call): void {
    const { timeoutMs } = call;
    let line = this.#lines.get(timeoutMs);
    if (line === undefined) {
      line = { calls: new Set(), cancelTimer: null };
      this.#lines.set(timeoutMs, line);
    }
    line.calls.add(call);
    if (line.cancelTimer === null) this.#arm(line, timeoutMs);
  }

  /** It is over, in whatever way. */
  forget(call: Call): void {
    this.#lines.get(call.timeoutMs)?.calls.delete(call);
  }

  close(): void {
    for (const line of this.#lines.values()) {
      line.calls.clear();
      line.cancelTimer?.();
    }
    this.#lines.clear();
  }

  #arm(line: Line, delayMs: number): void {
    line.cancelTimer = this.#clock.after(delayMs, () => this.#check(line));
  }

  /** Whoever joins the line meanwhile is met by it, too, and needs no timer. */
  #check(line: Line): void {
    const nowMs = this.#clock.monotonicMs();
    for (const call of line.calls) {
      if (call.deadlineMs > nowMs) {
        this.#arm(line, call.deadlineMs - nowMs);
        return;
      }
      this.#expire(call);
    }
    line.cancelTimer = null;
  }
}
