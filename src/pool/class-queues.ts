import assert from 'node:assert';
import type { AmountClasses, Order } from './amount-classes.ts';
import type { Delivery } from './delivery.ts';
import { Queue } from './queue.ts';

/**
 * The payments of one amount class that wait to be routed, in a queue for each shard of the ledger: while a shard is
 * closed, its payments step aside and keep their order.
 */
export class ClassQueue {
  readonly order: Order;
  readonly #queues: readonly Queue<Delivery>[];
  readonly #isOpen: readonly boolean[];

  /** `isOpen` says of each shard whether its payments may be routed now; the caller changes it. */
  constructor(order: Order, isOpen: readonly boolean[]) {
    this.order = order;
    this.#queues = isOpen.map(() => new Queue());
    this.#isOpen = isOpen;
  }

  /** Over all shards, with dropped payments that have not been skipped yet. */
  get length(): number {
    let length = 0;
    for (const queue of this.#queues) length += queue.length;
    return length;
  }

  lengthOf(shard: number): number {
    return this.of(shard).length;
  }

  /** The oldest payment that may be routed, if any. */
  peek(): Delivery | undefined {
    let oldest: Delivery | undefined;
    for (let shard = 0; shard < this.#queues.length; shard++) {
      const first = this.#isOpen[shard] === true ? this.of(shard).peek() : undefined;
      if (first === undefined) continue;
      if (oldest === undefined || first.acceptedAtMonotonicMs < oldest.acceptedAtMonotonicMs) oldest = first;
    }
    return oldest;
  }

  /** Takes out all payments, those of each shard in their order. */
  drain(): Delivery[] {
    return this.#queues.flatMap((queue) => queue.drain());
  }

  of(shard: number): Queue<Delivery> {
    const queue = this.#queues[shard];
    assert.ok(queue !== undefined);
    return queue;
  }
}

/**
 * The payments that wait to be routed, in a queue for each amount class: where the first of a class has to wait, so do
 * the others of its class, and those of other classes do not.
 */
export class ClassQueues {
  readonly #classes: AmountClasses;
  #queues: readonly ClassQueue[] = [];
  /** The only queue, if all amounts are of one class, as in most deployments. */
  #only: ClassQueue | null = null;
  /** Of each shard. */
  readonly #isOpen: boolean[];
  /** Payments that no processor takes. They wait for an instance that is configured differently. */
  readonly #notTaken = new Set<Delivery>();

  constructor(classes: AmountClasses, shardCount: number) {
    this.#classes = classes;
    this.#isOpen = Array.from({ length: shardCount }, () => true);
    this.#makeQueues();
  }

  /** The classes have changed: every payment joins the queue of its new class, the oldest first. */
  reclassify(): void {
    const waiting = [...this.#queues.flatMap((queue) => queue.drain()), ...this.#notTaken];
    this.#notTaken.clear();
    this.#makeQueues();
    waiting.sort((one, other) => one.acceptedAtMonotonicMs - other.acceptedAtMonotonicMs);
    for (const delivery of waiting) if (!delivery.isDone) this.push(delivery);
  }

  #makeQueues(): void {
    this.#queues = this.#classes.orders.map((order) => new ClassQueue(order, this.#isOpen));
    this.#only = this.#queues.length === 1 ? (this.#queues[0] ?? null) : null;
  }

  /** Payments that can be routed, now or once their shard is open, and dropped ones that have not been skipped yet. */
  get length(): number {
    return this.#queues.reduce((sum, { length }) => sum + length, 0);
  }

  /** Those among them that live in a shard. */
  lengthOf(shard: number): number {
    return this.#queues.reduce((sum, queue) => sum + queue.lengthOf(shard), 0);
  }

  get notTakenCount(): number {
    return this.#notTaken.size;
  }

  /** Whether payments of a shard may be routed. All shards are open at first. */
  setOpen(shard: number, isOpen: boolean): void {
    this.#isOpen[shard] = isOpen;
  }

  push(delivery: Delivery): void {
    const queue = this.#queueOf(delivery);
    if (queue.order.length > 0) queue.of(delivery.shard).push(delivery);
    else this.#notTaken.add(delivery);
  }

  pushFront(delivery: Delivery): void {
    const queue = this.#queueOf(delivery);
    if (queue.order.length > 0) queue.of(delivery.shard).pushFront(delivery);
    else this.#notTaken.add(delivery);
  }

  /** The thread is done with this payment. One in a queue is skipped there. */
  forget(delivery: Delivery): void {
    this.#notTaken.delete(delivery);
  }

  /** The queues with payments that may be routed, the one whose first payment is oldest first. */
  byAge(): readonly ClassQueue[] {
    if (this.#only !== null) return [this.#only];
    return this.#queues
      .flatMap((each) => ({ each, atMs: each.peek()?.acceptedAtMonotonicMs ?? null }))
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
