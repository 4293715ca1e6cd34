/** Lets `permitCount` calls run at once, and `queueLimit` more wait their turn, the oldest first. */
export class Gate {
  readonly #permitCount: number;
  readonly #queueLimit: number;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(permitCount: number, queueLimit: number) {
    this.#permitCount = permitCount;
    this.#queueLimit = queueLimit;
  }

  /** Runs `call` now, or in its turn. False: there is no room, and it never runs. */
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

  /** Gives up the wait of `call`; one that runs already goes on. */
  giveUp(call: () => void): void {
    this.#waiting.delete(call);
  }

  /** To be called once by each call that ran, at its end. */
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
