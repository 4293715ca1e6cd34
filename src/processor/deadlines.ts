import type { Clock } from '../clock.ts';
import type { Call } from './call.ts';

/**
 * Ends calls whose time is over. Calls of the same timeout expire in the order in which they began, so each timeout has
 * a line and, while there is anybody in it, one timer.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #expire: (call: Call) => void;
  readonly #lines = new Map<number, Set<Call>>();
  readonly #cancels = new Map<number, () => void>();

  constructor(clock: Clock, expire: (call: Call) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  watch(call: Call): void {
    const { timeoutMs } = call;
    let line = this.#lines.get(timeoutMs);
    if (line === undefined) {
      line = new Set();
      this.#lines.set(timeoutMs, line);
    }
    line.add(call);
    if (!this.#cancels.has(timeoutMs)) this.#arm(timeoutMs, timeoutMs);
  }

  /** It is over, in whatever way. */
  forget(call: Call): void {
    this.#lines.get(call.timeoutMs)?.delete(call);
  }

  close(): void {
    for (const cancel of this.#cancels.values()) cancel();
    this.#cancels.clear();
    this.#lines.clear();
  }

  #arm(timeoutMs: number, delayMs: number): void {
    this.#cancels.set(
      timeoutMs,
      this.#clock.after(delayMs, () => this.#check(timeoutMs)),
    );
  }

  #check(timeoutMs: number): void {
    this.#cancels.delete(timeoutMs);
    const nowMs = this.#clock.monotonicMs();
    for (const call of this.#lines.get(timeoutMs) ?? []) {
      if (call.deadlineMs > nowMs) {
        this.#arm(timeoutMs, call.deadlineMs - nowMs);
        return;
      }
      this.#expire(call);
    }
  }
}
