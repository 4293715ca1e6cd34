import assert from 'node:assert';
import type { AmountClasses, Order } from './amount-classes.ts';
import type { Delivery } from './delivery.ts';
import { Queue } from './queue.ts';

/** The payments of one amount class that wait to be routed. */
export interface ClassQueue {
  readonly order: Order;
  readonly queue: Queue<Delivery>;
}

/**
 * The payments that wait to be routed, in a queue for each amount class: where the first of a class has to wait, so do
 * the others of its class, and those of other classes do not.
 */
export class ClassQueues {
  readonly #classes: AmountClasses;
  readonly #queues: readonly ClassQueue[];
  /** The only queue, if all amounts are of one class, as in most deployments. */
  readonly #only: ClassQueue | null;
  /** Payments that no processor takes. They wait for an instance that is configured differently. */
  readonly #notTaken = new Set<Delivery>();

  constructor(classes: AmountClasses) {
    this.#classes = classes;
    this.#queues = classes.orders.map((order) => ({ order, queue: new Queue() }));
    this.#only = this.#queues.length === 1 ? (this.#queues[0] ?? null) : null;
  }

  /** Payments that can be routed, and dropped ones that have not been skipped yet. */
  get length(): number {
    return this.#queues.reduce((sum, { queue }) => sum + queue.length, 0);
  }

  get notTakenCount(): number {
    return this.#notTaken.size;
  }

  push(delivery: Delivery): void {
    const { order, queue } = this.#queueOf(delivery);
    if (order.length > 0) queue.push(delivery);
    else this.#notTaken.add(delivery);
  }

  pushFront(delivery: Delivery): void {
    const { order, queue } = this.#queueOf(delivery);
    if (order.length > 0) queue.pushFront(delivery);
    else this.#notTaken.add(delivery);
  }

  /** The thread is done with this payment. One in a queue is skipped there. */
  forget(delivery: Delivery): void {
    this.#notTaken.delete(delivery);
  }

  /** The queues that hold payments, the one whose first payment is oldest first. */
  byAge(): readonly ClassQueue[] {
    if (this.#only !== null) return [this.#only];
    return this.#queues
      .flatMap((each) => ({ each, atMs: each.queue.peek()?.acceptedAtMonotonicMs ?? null }))
      .filter(({ atMs }) => atMs !== null)
      .sort((one, other) => (one.atMs ?? 0) - (other.atMs ?? 0))
      .map(({ each }) => each);
  }

  #queueOf({ payment }: Delivery): ClassQueue {
    if (this.#only !== null) return this.#only;
    const queue = this.#queues[this.#classes.classOf(payment.amountCents)];
    assert.ok(queue !== undefined);
    return queue;
  }
}
