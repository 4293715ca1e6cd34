import type { Clock } from './clock.ts';

/** Does some work again and again until it is stopped. Each time, the work says how long the pause after it is. */
export abstract class Repeating {
  readonly #clock: Clock;
  #cancel: () => void = () => {};
  #isStopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  /** Resolves to the pause in milliseconds. */
  protected abstract work(): Promise<number>;

  /** Work that was waiting for something when it was stopped should do nothing more. */
  protected get isStopped(): boolean {
    return this.#isStopped;
  }

  async #run(): Promise<void> {
    const pauseMs = await this.work();
    if (!this.#isStopped) this.#cancel = this.#clock.after(pauseMs, () => void this.#run());
  }
}
