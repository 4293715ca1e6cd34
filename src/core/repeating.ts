import type { Clock } from './clock.ts';

/** Does some work again and again until it is stopped. Each time, the work says how long the pause after it is. */
export class Repeating {
  readonly #clock: Clock;
  readonly #work: () => Promise<number>;
  #cancel: () => void = () => {};
  #isStopped = false;

  /** `work` resolves to the pause in milliseconds. */
  constructor(clock: Clock, work: () => Promise<number>) {
    this.#clock = clock;
    this.#work = work;
  }

  /** Work that was waiting for something when it was stopped should do nothing more. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  async #run(): Promise<void> {
    const pauseMs = await this.#work();
    if (!this.#isStopped) this.#cancel = this.#clock.after(pauseMs, () => void this.#run());
  }
}
