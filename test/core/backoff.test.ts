import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { equalJitterMs, fullJitterMs } from '../../src/core/backoff.ts';

const BACKOFF = { baseMs: 50, maxMs: 2000 };
const lowest = () => 0;
const highest = () => 0.999_999;

test('full jitter is below a bound that doubles with each attempt', () => {
  const bounds = [1, 2, 3, 4, 5, 6].map((attempt) => fullJitterMs(BACKOFF, attempt, () => 0.999_999));
  assert.equal(bounds, [49, 99, 199, 399, 799, 1599]);
  assert.is(fullJitterMs(BACKOFF, 1, lowest), 0);
  assert.is(
    fullJitterMs(BACKOFF, 3, () => 0.5),
    100,
  );
});

test('equal jitter is between half of the bound and the bound', () => {
  assert.is(equalJitterMs(BACKOFF, 1, lowest), 25);
  assert.is(equalJitterMs(BACKOFF, 2, lowest), 50);
  assert.is(
    equalJitterMs(BACKOFF, 2, () => 0.5),
    75,
  );
  assert.is(equalJitterMs(BACKOFF, 2, highest), 99);
});

test('neither exceeds the cap, however many attempts there are', () => {
  for (const attempt of [7, 30, 31, 32, 1000, 1e9]) {
    assert.is(
      fullJitterMs(BACKOFF, attempt, () => 0.5),
      1000,
    );
    assert.is(equalJitterMs(BACKOFF, attempt, lowest), 1000);
    assert.ok(equalJitterMs(BACKOFF, attempt, highest) <= 2000);
  }
});

test('delays are whole milliseconds', () => {
  for (const random of [0.1, 0.123, 0.77]) {
    assert.ok(Number.isInteger(fullJitterMs({ baseMs: 3, maxMs: 100 }, 2, () => random)));
    assert.ok(Number.isInteger(equalJitterMs({ baseMs: 3, maxMs: 100 }, 1, () => random)));
  }
});

test.run();
