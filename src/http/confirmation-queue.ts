/** Items that wait for one confirmation at a time: those that arrive while one runs share the next one. */
export class ConfirmationQueue<Item> {
  readonly #confirm: (batch: readonly Item[]) => Promise<void>;
  #waiting: Item[] = [];
  #isConfirming = false;

  constructor(confirm: (batch: readonly Item[]) => Promise<void>) {
    this.#confirm = confirm;
  }

  push(item: Item): void {
    this.#waiting.push(item);
    if (!this.#isConfirming) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isConfirming = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      await this.#confirm(batch);
    }
    this.#isConfirming = false;
  }
}
