/** A first-in, first-out queue that also takes items back at its front. */
export class Queue<T> {
  #front: T[] = []; // Reversed: its last element is the first of the queue.
  #back: T[] = [];

  get length(): number {
    return this.#front.length + this.#back.length;
  }

  push(item: T): void {
    this.#back.push(item);
  }

  pushFront(item: T): void {
    this.#front.push(item);
  }

  peek(): T | undefined {
    this.#turnOver();
    return this.#front.at(-1);
  }

  shift(): T | undefined {
    this.#turnOver();
    return this.#front.pop();
  }

  /** Takes out all items, in their order. */
  drain(): T[] {
    const items = [...this.#front.reverse(), ...this.#back];
    this.#front = [];
    this.#back = [];
    return items;
  }

  /** Each item is reversed once, so a shift takes constant time on average. */
  #turnOver(): void {
    if (this.#front.length > 0) return;
    this.#front = this.#back.reverse();
    this.#back = [];
  }
}
