import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { rangesOf, type TimeRange, UNIT_SPANS_MS, unitStartMs } from '../../src/ledger/time-index.ts';

const [, SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS] = UNIT_SPANS_MS as [number, number, number, number, number];

test('a window within two seconds is read in milliseconds', () => {
  assert.equal(rangesOf(1500, 1500), [{ unit: 0, firstMs: 1500, lastMs: 1500 }]);
  assert.equal(rangesOf(1500, 2998), [{ unit: 0, firstMs: 1500, lastMs: 2998 }]);
});

test('whole units are read as whole buckets', () => {
  assert.equal(rangesOf(2000, 2999), [{ unit: 1, firstMs: 2000, lastMs: 2999 }]);
  assert.equal(rangesOf(HOUR_MS, 3 * HOUR_MS - 1), [{ unit: 3, firstMs: HOUR_MS, lastMs: 3 * HOUR_MS - 1 }]);
  assert.equal(rangesOf(0, 9 * DAY_MS - 1), [{ unit: 4, firstMs: 0, lastMs: 9 * DAY_MS - 1 }]);
});

test('a long window has two edges in each unit', () => {
  const fromMs = DAY_MS - HOUR_MS - MINUTE_MS - SECOND_MS - 1;
  const toMs = 2 * DAY_MS + HOUR_MS + MINUTE_MS + SECOND_MS;
  assert.equal(
    rangesOf(fromMs, toMs).map(({ unit }) => unit),
    [0, 1, 2, 3, 4, 3, 2, 1, 0],
  );
});

test('a window that ends before it starts has no ranges', () => {
  assert.equal(rangesOf(1, 0), []);
});

test('the ranges cover the window once, in whole buckets, few of each unit', () => {
  const bound = fc.oneof(
    fc.nat({ max: 4 * DAY_MS }),
    fc.nat({ max: 5 * SECOND_MS }),
    fc.nat({ max: 96 }).map((hours) => hours * HOUR_MS),
  );
  fc.assert(
    fc.property(bound, bound, (a, b) => {
      const [fromMs, toMs] = [Math.min(a, b), Math.max(a, b)];
      let nextMs = fromMs;
      for (const range of rangesOf(fromMs, toMs)) {
        assert.is(range.firstMs, nextMs, 'no gap and no overlap');
        assertWhole(range);
        nextMs = range.lastMs + 1;
      }
      assert.is(nextMs, toMs + 1);
    }),
    { seed: 2025, numRuns: 500 },
  );
});

function assertWhole({ unit, firstMs, lastMs }: TimeRange): void {
  assert.ok(firstMs <= lastMs);
  assert.is(unitStartMs(unit, firstMs), firstMs);
  assert.is(unitStartMs(unit, lastMs + 1), lastMs + 1);
  const coarser = UNIT_SPANS_MS[unit + 1];
  if (coarser === undefined) return;
  assert.ok(lastMs + 1 - firstMs < 2 * coarser, 'else a coarser unit would do');
}

test.run();
