import type { Clock } from '../core/clock.ts';

const SHOW_EVERY_MS = 5000;

/** Logs how many payments a command has handled, every few seconds. */
export class PaymentProgress {
  readonly #clock: Clock;
  readonly #say: (line: string) => void;
  #shownAtMs: number;

  constructor(clock: Clock, say: (line: string) => void) {
    this.#clock = clock;
    this.#say = say;
    this.#shownAtMs = clock.monotonicMs();
  }

  show(line: () => string): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#shownAtMs < SHOW_EVERY_MS) return;
    this.#shownAtMs = nowMs;
    this.#say(line());
  }
}
