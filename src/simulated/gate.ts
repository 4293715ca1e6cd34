/** Lets `permitCount` calls run at once, and queues up to `queueLimit` more, first come first served. */
export class Gate {
  readonly #permitCount: number;
  readonly #queueLimit: number;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(permitCount: number, queueLimit: number) {
    this.#permitCount = permitCount;
    this.#queueLimit = queueLimit;
  }

  /** Runs `call` now, or queues it. False: the queue is full, so it never runs. */
  enter(call: () => void): boolean {
    if (this.#running < this.#permitCount) {
      this.#running++;
      call();
      return true;
    }
    if (this.#waiting.size >= this.#queueLimit) return false;
    this.#waiting.add(call);
    return true;
  }

  /** Removes `call` from the queue; does nothing if it is running. */
  giveUp(call: () => void): void {
    this.#waiting.delete(call);
  }

  /** Each call that ran must call this once, when it ends. */
  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running--;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
