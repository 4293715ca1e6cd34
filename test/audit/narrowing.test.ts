import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compared, narrow, piecesOf } from '../../src/audit/narrowing.ts';
import type { Compared, Period } from '../../src/audit/period.ts';

const END_MS = 100_000_000;

/** Compares two sides, given as timestamps of payments of one cent each. */
function compareWith(here: readonly number[], there: readonly number[], asked: Period[] = []) {
  const totals = (stamps: readonly number[], { fromMs, toMs }: Period) => {
    const count = stamps.filter((ms) => ms >= fromMs && ms <= toMs).length;
    return { count, amountCents: count };
  };
  return async (period: Period): Promise<Compared> => {
    asked.push(period);
    return { here: totals(here, period), there: totals(there, period) };
  };
}

const stamps = fc.uniqueArray(fc.integer({ min: 0, max: END_MS }), { maxLength: 40 });

test('every payment of only one side is in a period that differs, or cancels out in one', () =>
  fc.assert(
    fc.asyncProperty(stamps, stamps, async (here, there) => {
      const compare = compareWith(here, there);
      const whole = { fromMs: 0, toMs: END_MS };
      const found = await narrow(await compared([whole], compare), compare);
      for (const [index, period] of found.entries()) {
        const { here: ours, there: theirs } = await compare(period);
        assert.is.not(ours.count, theirs?.count);
        assert.ok(period.fromMs <= period.toMs);
        assert.ok(index === 0 || period.fromMs > (found[index - 1]?.toMs ?? 0), 'in order, without overlap');
      }
      const surplus = found.reduce((sum, each) => sum + each.here.count - (each.there?.count ?? 0), 0);
      assert.is(surplus, here.length - there.length);
    }),
    { numRuns: 200, seed: 2025 },
  ));

test('finds one difference among many payments, with few comparisons', async () => {
  const here = Array.from({ length: 50_000 }, (_, index) => index * 2000);
  const there = here.filter((ms) => ms !== 31_416_000);
  const asked: Period[] = [];
  const compare = compareWith(here, there, asked);
  const found = await narrow(await compared([{ fromMs: 0, toMs: END_MS }], compare), compare);
  assert.is(found.length, 1);
  const [period] = found;
  assert.ok(period !== undefined && period.fromMs <= 31_416_000 && period.toMs >= 31_416_000);
  assert.ok(period.here.count <= 8);
  assert.ok(asked.length < 50);
});

test('finds a bounded number of periods when everything differs', async () => {
  const here = Array.from({ length: 1000 }, (_, index) => index * 100_000);
  const compare = compareWith(here, []);
  const found = await narrow(await compared([{ fromMs: 0, toMs: END_MS }], compare), compare);
  assert.ok(found.length <= 65);
  assert.is(
    found.reduce((sum, each) => sum + each.here.count, 0),
    1000,
  );
});

test('pieces cover the period without gaps, and have the empty edges as pieces of their own', () =>
  fc.assert(
    fc.asyncProperty(stamps, async (here) => {
      const compare = compareWith(here, []);
      const whole = { fromMs: 0, toMs: END_MS };
      const pieces = await piecesOf(whole, async (period) => (await compare(period)).here.count);
      assert.is(pieces[0]?.fromMs, 0);
      assert.is(pieces.at(-1)?.toMs, END_MS);
      for (const [index, { fromMs }] of pieces.entries()) {
        if (index > 0) assert.is(fromMs, (pieces[index - 1]?.toMs ?? 0) + 1);
      }
      if (here.length === 0) assert.is(pieces.length, 1);
      else {
        const firstMs = Math.min(...here);
        assert.ok(firstMs === 0 || pieces[0]?.toMs === firstMs - 1);
        assert.ok(pieces.length <= 18);
      }
    }),
    { numRuns: 100, seed: 2025 },
  ));

test.run();
