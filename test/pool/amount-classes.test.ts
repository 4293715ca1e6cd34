import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AmountClasses, type Tariff } from '../../src/pool/amount-classes.ts';
import { processorTarget } from '../processor-target.ts';

const MAX = Number.MAX_SAFE_INTEGER;

function tariff(feePpm: number, feeFixedCents = 0, minAmountCents = 1, maxAmountCents = MAX): Tariff {
  return { feePpm, feeFixedCents, minAmountCents, maxAmountCents };
}

/** The order for an amount, computed for that amount alone. */
function oracle(tariffs: readonly Tariff[], amountCents: number): number[] {
  const costs = tariffs.map(
    ({ feePpm, feeFixedCents }) => BigInt(feePpm) * BigInt(amountCents) + BigInt(feeFixedCents) * 1_000_000n,
  );
  const order: number[] = [];
  for (const [processor, { minAmountCents, maxAmountCents }] of tariffs.entries()) {
    if (amountCents < minAmountCents || amountCents > maxAmountCents) continue;
    const cost = costs[processor] as bigint;
    const place = order.findIndex((other) => cost < (costs[other] as bigint));
    order.splice(place === -1 ? order.length : place, 0, processor);
  }
  return order;
}

function orderOf(classes: AmountClasses, amountCents: number): readonly number[] | undefined {
  return classes.orders[classes.classOf(amountCents)];
}

test('the processors of the contest are one class', () => {
  const classes = new AmountClasses([processorTarget(), processorTarget({ feePpm: 150_000 })]);
  assert.equal(classes.orders, [[0, 1]]);
  for (const amountCents of [1, 1990, MAX]) assert.is(classes.classOf(amountCents), 0);
  assert.equal([...classes.cheaperThan(0)], []);
  assert.equal([...classes.cheaperThan(1)], [0]);
});

test('a fixed part is worth it from the amount at which the costs cross; there, the one listed first is taken', () => {
  const classes = new AmountClasses([tariff(100_000), tariff(0, 10)]);
  assert.equal(orderOf(classes, 99), [0, 1]);
  assert.equal(orderOf(classes, 100), [0, 1]);
  assert.equal(orderOf(classes, 101), [1, 0]);
  const reversed = new AmountClasses([tariff(0, 10), tariff(100_000)]);
  assert.equal(orderOf(reversed, 99), [1, 0]);
  assert.equal(orderOf(reversed, 100), [0, 1]);
  assert.equal([...classes.cheaperThan(0), ...classes.cheaperThan(1)], [1, 0]);
});

test('limits are inclusive, and amounts that no processor takes have an empty order', () => {
  const classes = new AmountClasses([tariff(1, 0, 10, 20), tariff(2, 0, 15, 30), tariff(0, 0, 40, 40)]);
  const orders = [9, 10, 14, 15, 20, 21, 30, 31, 39, 40, 41].map((amountCents) =>
    orderOf(classes, amountCents),
  );
  assert.equal(orders, [[], [0], [0], [0, 1], [0, 1], [1], [1], [], [], [2], []]);
  assert.is(classes.orders.length, 5, 'intervals with the same order are one class');
});

test('amounts beyond 2^53 millionths are compared exactly', () => {
  const classes = new AmountClasses([tariff(999_999, 1), tariff(1_000_000)]);
  assert.equal(orderOf(classes, 999_999), [1, 0]);
  assert.equal(orderOf(classes, 1_000_000), [0, 1]);
  const far = new AmountClasses([tariff(0, 9_007_199_254), tariff(1)]);
  assert.equal(orderOf(far, 9_007_199_254_000_000), [0, 1]);
  assert.equal(orderOf(far, 9_007_199_253_999_999), [1, 0]);
});

const anyCents = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: MAX }));
const anyTariff = fc
  .tuple(
    fc.oneof(fc.integer({ min: 0, max: 1_000_000 }), fc.constantFrom(0, 10_000, 50_000, 1_000_000)),
    fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 10 ** 12 })),
    anyCents,
    anyCents,
  )
  .map(([feePpm, feeFixedCents, one, other]) =>
    tariff(feePpm, feeFixedCents, Math.min(one, other), Math.max(one, other)),
  );
const anyTariffs = fc.array(anyTariff, { minLength: 1, maxLength: 6 });

test('every amount has the order of its own costs and limits', () => {
  fc.assert(
    fc.property(anyTariffs, fc.array(anyCents, { maxLength: 20 }), (tariffs, amounts) => {
      const classes = new AmountClasses(tariffs);
      const edges = tariffs.flatMap(({ minAmountCents, maxAmountCents }) => [minAmountCents, maxAmountCents]);
      const tried = [...edges, ...amounts].flatMap((cents) => [cents - 1, cents, cents + 1]);
      for (const cents of tried.filter((each) => each >= 1 && each <= MAX)) {
        assert.equal(orderOf(classes, cents), oracle(tariffs, cents));
      }
    }),
  );
});

test('every small amount has the order of its own costs and limits, each crossing included', () => {
  const small = fc
    .tuple(fc.integer({ min: 0, max: 1_000_000 }), fc.nat(60), fc.integer({ min: 1, max: 150 }), fc.nat(150))
    .map(([feePpm, fixed, min, span]) => tariff(feePpm, fixed, min, min + span));
  fc.assert(
    fc.property(fc.array(small, { minLength: 1, maxLength: 6 }), (tariffs) => {
      const classes = new AmountClasses(tariffs);
      for (let cents = 1; cents <= 310; cents++) {
        assert.equal(orderOf(classes, cents), oracle(tariffs, cents), String(cents));
      }
    }),
  );
});

test('cheaper processors are those that come before it in some order', () => {
  fc.assert(
    fc.property(anyTariffs, (tariffs) => {
      const classes = new AmountClasses(tariffs);
      for (const processor of tariffs.keys()) {
        for (const other of tariffs.keys()) {
          const isBefore = classes.orders.some(
            (order) =>
              order.includes(other) &&
              order.includes(processor) &&
              order.indexOf(other) < order.indexOf(processor),
          );
          assert.is(classes.cheaperThan(processor).has(other), isBefore);
        }
      }
    }),
  );
});

test.run();
