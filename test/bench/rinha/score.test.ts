import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bonusFor, inconsistency, percentile, roundHalfUp, score } from '../../../bench/rinha/score.ts';

const counted = {
  acceptedCount: 300,
  totals: {
    default: { count: 200, amountCents: 200 * 1_990 },
    fallback: { count: 100, amountCents: 100 * 1_990 },
  },
  fees: { default: 0.05, fallback: 0.15 },
  p99Ms: 5,
  inconsistencyCount: 0,
};

test('the profit is the amount minus fees; bonus and fine make the score', () => {
  const result = score(counted);
  assert.is(result.amountCents, 597_000);
  assert.is(result.feeCents, 19_900 + 29_850);
  assert.is(result.profitCents, 547_250);
  assert.is(result.bonus, 0.12);
  assert.is(result.fine, 0);
  assert.ok(Math.abs(result.cents - 547_250 * 1.12) < 0.001);
  assert.is(result.lagCount, 0);
  assert.is(result.disqualified, false);
});

test('one inconsistency costs as much as a thousand', () => {
  const once = score({ ...counted, inconsistencyCount: 1 });
  assert.is(once.fine, 0.35);
  assert.is(once.cents, score({ ...counted, inconsistencyCount: 1_000 }).cents);
  assert.ok(Math.abs(once.cents - 547_250 * 0.77) < 0.001);
});

test('lag is accepted minus settled; a negative lag disqualifies', () => {
  assert.is(score({ ...counted, acceptedCount: 310 }).lagCount, 10);
  assert.is(score({ ...counted, acceptedCount: 299 }).disqualified, true);
});

test('the bonus is two percent per millisecond below 11, in whole percent', () => {
  const bonuses = [
    [1, 0.2],
    [0, 0.22],
    [5, 0.12],
    [9, 0.04],
    [10.5, 0.01],
    [10.76, 0],
    [10.75, 0.01],
    [3.75, 0.15],
    [3.76, 0.14],
    [11, 0],
    [1_500, 0],
  ] as const;
  for (const [p99Ms, bonus] of bonuses) assert.is(bonusFor(p99Ms), bonus, `${p99Ms} ms`);
});

test('a printed decimal is rounded half up', () => {
  assert.is(roundHalfUp(0.145, 2), 0.15);
  assert.is(roundHalfUp(1.005, 2), 1.01);
  assert.is(roundHalfUp(1.004_9, 2), 1);
  assert.is(roundHalfUp(1e-7, 2), 0);
  assert.is(roundHalfUp(12, 2), 12);
});

test('a percentile is interpolated between neighbours', () => {
  assert.is(percentile([1, 2, 3, 4, 5], 0.5), 3);
  assert.is(percentile([1, 2], 0.5), 1.5);
  assert.is(percentile([7], 0.99), 7);
  const ascending = Float64Array.from({ length: 101 }, (_, index) => index);
  assert.is(percentile(ascending, 0.99), 99);
  assert.is(percentile(ascending, 1), 100);
  assert.ok(Number.isNaN(percentile([], 0.99)));
});

test('in a net error the processors may cancel out, in a gross error they do not', () => {
  const backend = { default: 10, fallback: 20 };
  const processors = { default: 13, fallback: 18 };
  assert.is(inconsistency(backend, processors, 'net'), 1);
  assert.is(inconsistency(backend, processors, 'gross'), 5);
  assert.is(inconsistency(backend, backend, 'gross'), 0);
});

test.run();
