import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { takenAmounts } from '../../src/config/amount-ranges.ts';

const limits = (minAmountCents: number, maxAmountCents: number) => ({ minAmountCents, maxAmountCents });

test('ranges that touch or overlap are one, and those beyond what the gateway accepts are left out', () => {
  const taken = takenAmounts(
    [limits(50, 60), limits(1, 10), limits(11, 20), limits(15, 17), limits(90, 99)],
    55,
  );
  assert.equal(taken, [
    { minCents: 1, maxCents: 20 },
    { minCents: 50, maxCents: 55 },
  ]);
  assert.equal(takenAmounts([], 100), []);
});

test('an amount is in a range if some processor takes it', () => {
  const anyLimits = fc
    .tuple(fc.integer({ min: 1, max: 40 }), fc.nat(10))
    .map(([min, span]) => limits(min, min + span));
  fc.assert(
    fc.property(fc.array(anyLimits, { maxLength: 5 }), fc.integer({ min: 1, max: 60 }), (targets, max) => {
      const taken = takenAmounts(targets, max);
      for (let cents = 1; cents <= 60; cents++) {
        const isTaken =
          cents <= max && targets.some((t) => cents >= t.minAmountCents && cents <= t.maxAmountCents);
        assert.is(
          taken.filter((range) => cents >= range.minCents && cents <= range.maxCents).length,
          Number(isTaken),
        );
      }
      for (const [index, range] of taken.entries()) {
        const next = taken[index + 1];
        assert.ok(next === undefined || next.minCents > range.maxCents + 1);
      }
    }),
  );
});

test.run();
