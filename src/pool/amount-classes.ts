import assert from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import type { Terms } from '../core/terms.ts';

/** What a payment costs at a processor, and which amounts the processor takes. */
export type Tariff = Pick<Terms, 'feePpm' | 'feeFixedCents' | 'minAmountCents' | 'maxAmountCents'>;

/** The processors that take an amount, cheapest first, and as listed where they cost the same. */
export type Order = readonly number[];

interface Interval {
  /** Up to the beginning of the next interval. */
  readonly fromCents: number;
  readonly amountClass: number;
}

const MILLION = 1_000_000n;

/**
 * Amounts for which routing has the same processors in the same order form a class. The order changes only where the
 * costs of two processors cross, and at a limit, so the axis of amounts is cut there into intervals. Several intervals
 * may belong to one class.
 *
 * A payment stays in its class until a fee or a limit changes.
 */
export class AmountClasses {
  #orders: readonly Order[] = [];
  #intervals: readonly Interval[] = [];
  /** For each processor, those that come before it in some order. */
  #cheaper: readonly ReadonlySet<number>[] = [];

  constructor(tariffs: readonly Tariff[]) {
    this.update(tariffs);
  }

  /** The order of each class; empty: no processor takes these amounts. */
  get orders(): readonly Order[] {
    return this.#orders;
  }

  /** What payments cost, or which amounts are taken, has changed. False: the classes are the same as before. */
  update(tariffs: readonly Tariff[]): boolean {
    const orders: Order[] = [];
    const intervals: Interval[] = [];
    for (const fromCents of cuts(tariffs)) {
      const order = orderAt(tariffs, fromCents);
      const known = orders.findIndex((other) => other.join() === order.join());
      const amountClass = known === -1 ? orders.push(order) - 1 : known;
      if (intervals.at(-1)?.amountClass !== amountClass) intervals.push({ fromCents, amountClass });
    }
    const isSame = isDeepStrictEqual([orders, intervals], [this.#orders, this.#intervals]);
    this.#cheaper = tariffs.map(
      (_, processor) =>
        new Set(orders.flatMap((order) => order.slice(0, Math.max(0, order.indexOf(processor))))),
    );
    if (isSame) return false;
    this.#orders = orders;
    this.#intervals = intervals;
    return true;
  }

  /** The class of an amount, as an index into `orders`. */
  classOf(amountCents: number): number {
    let low = 0;
    for (let high = this.#intervals.length; high - low > 1; ) {
      const middle = (low + high) >>> 1;
      if (this.#intervalAt(middle).fromCents <= amountCents) low = middle;
      else high = middle;
    }
    return this.#intervalAt(low).amountClass;
  }

  /** The processors that some amount would rather go to than to this one. */
  cheaperThan(processor: number): ReadonlySet<number> {
    const cheaper = this.#cheaper[processor];
    assert.ok(cheaper !== undefined);
    return cheaper;
  }

  #intervalAt(index: number): Interval {
    const interval = this.#intervals[index];
    assert.ok(interval !== undefined);
    return interval;
  }
}

/** The amounts at which the order may change, ascending; the first is the smallest amount there is. */
function cuts(tariffs: readonly Tariff[]): number[] {
  const found = new Set([1]);
  for (const [index, one] of tariffs.entries()) {
    found.add(one.minAmountCents).add(one.maxAmountCents + 1);
    for (const other of tariffs.slice(index + 1)) {
      for (const cents of crossings(one, other)) found.add(cents);
    }
  }
  return [...found].filter((cents) => cents >= 1 && cents <= Number.MAX_SAFE_INTEGER).sort((a, b) => a - b);
}

/**
 * The amounts around the one for which both cost the same: it, if it is in whole cents, and the next greater one. Costs
 * beyond 2^53 need integers of any size.
 */
function crossings(one: Tariff, other: Tariff): number[] {
  const sharePpm = BigInt(one.feePpm - other.feePpm);
  if (sharePpm === 0n) return [];
  const fixed = BigInt(other.feeFixedCents - one.feeFixedCents) * MILLION;
  const atCents = fixed / sharePpm;
  return [Number(atCents), Number(atCents + 1n)];
}

function orderAt(tariffs: readonly Tariff[], amountCents: number): Order {
  return [...tariffs.entries()]
    .filter(
      ([, { minAmountCents, maxAmountCents }]) =>
        amountCents >= minAmountCents && amountCents <= maxAmountCents,
    )
    .map(([processor, tariff]) => ({ processor, cost: costOf(tariff, amountCents) }))
    .sort((one, other) => (one.cost < other.cost ? -1 : one.cost > other.cost ? 1 : 0))
    .map(({ processor }) => processor);
}

/** In millionths of a cent. */
function costOf({ feePpm, feeFixedCents }: Tariff, amountCents: number): bigint {
  return BigInt(feePpm) * BigInt(amountCents) + BigInt(feeFixedCents) * MILLION;
}
