import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  conditionAt,
  final,
  preview,
  scaled,
  steady,
  userStartsAtMs,
} from '../../../bench/rinha/scenario.ts';

test('users start one by one at even intervals', () => {
  assert.is(userStartsAtMs(preview, 0), 0);
  assert.is(userStartsAtMs(preview, 549), 60_000);
  const halfway = Array.from({ length: 550 }, (_, index) => userStartsAtMs(preview, index));
  assert.is(halfway.filter((atMs) => atMs <= 30_000).length, 275);
  assert.is(halfway.filter((atMs) => atMs < 60_000).length, 549);
  assert.is(userStartsAtMs(final, 602), 300_000);
});

test('a steady run has all its users from the first second', () => {
  const scenario = steady(500, 20);
  assert.is(userStartsAtMs(scenario, 0), 0);
  assert.is(userStartsAtMs(scenario, 250), 500);
  assert.is(userStartsAtMs(scenario, 499), 998);
  assert.is(scenario.warmUpMs, 5_000);
  assert.equal(conditionAt(scenario.stages, 'default', 0), { delayMs: 5, failing: false });
});

test('a condition lasts from its stage to the next', () => {
  assert.equal(conditionAt(preview.stages, 'default', 0), { delayMs: 0, failing: false });
  assert.equal(conditionAt(preview.stages, 'default', 9_999), { delayMs: 0, failing: false });
  assert.equal(conditionAt(preview.stages, 'default', 10_000), { delayMs: 100, failing: false });
  assert.equal(conditionAt(preview.stages, 'default', 39_999), { delayMs: 2_000, failing: true });
  assert.equal(conditionAt(preview.stages, 'fallback', 90_000), { delayMs: 5_000, failing: false });
  assert.equal(conditionAt(final.stages, 'fallback', 150_000), { delayMs: 5, failing: true });
});

test('a shorter run has earlier stages and checks but the same delays', () => {
  const short = scaled(final, 30);
  assert.is(short.durationMs, 30_000);
  assert.equal(
    short.stages.map((stage) => stage.atMs),
    [100, 3_000, 6_000, 9_000, 12_000, 15_000, 18_000, 21_000, 24_000, 27_000],
  );
  assert.is(short.stages[4]?.default.delayMs, 5_000);
  assert.is(short.books.intervalMs, 1_000);
  assert.is(short.books.toAgoMs, 2_000);
  assert.is(userStartsAtMs(short, 301), userStartsAtMs(final, 301) / 10);
});

test('stages are in order', () => {
  for (const scenario of [preview, final]) {
    const moments = scenario.stages.map((stage) => stage.atMs);
    assert.equal(
      moments,
      moments.toSorted((one, other) => one - other),
    );
    assert.ok(moments.every((atMs) => atMs < scenario.durationMs));
  }
});

test.run();
