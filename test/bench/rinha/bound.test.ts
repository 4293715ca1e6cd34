import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bestFailoverDelay, bound } from '../../../bench/rinha/bound.ts';
import { final, preview, type Scenario } from '../../../bench/rinha/scenario.ts';

/** One post in the middle of each second. */
function everySecond(scenario: Scenario): number[] {
  return Array.from({ length: scenario.durationMs / 1_000 }, (_, second) => second * 1_000 + 500);
}

test('hindsight waits for the cheap processor throughout the preview', () => {
  const { hindsight } = bound(preview, everySecond(preview), 61_000);
  assert.is(hindsight.default, 60);
  assert.is(hindsight.fallback, 0);
  assert.is(hindsight.profitCents, 60 * 1_990 * 0.95);
});

test('hindsight ends the final at the expensive processor, because the delay of the cheap one reaches the window', () => {
  const { hindsight } = bound(final, everySecond(final), 301_000);
  assert.is(hindsight.default, 270);
  assert.is(hindsight.fallback, 30);
  assert.is(hindsight.unsettled, 0);
});

test('daring earns more with the slow processor and loses only what comes too late for it', () => {
  const { daring } = bound(final, everySecond(final), 301_000);
  assert.is(daring.default, 299);
  assert.is(daring.fallback, 1);
});

test('a payment too late for any processor stays unsettled', () => {
  const { hindsight } = bound(preview, [59_900], 59_900 - 1);
  assert.is(hindsight.unsettled, 1);
  assert.is(hindsight.profitCents, 0);
});

test('a call that ends in a failing stage does not commit', () => {
  const stages = [
    { atMs: 0, default: { delayMs: 1_000, failing: false }, fallback: { delayMs: 0, failing: false } },
    { atMs: 5_000, default: { delayMs: 0, failing: true }, fallback: { delayMs: 0, failing: false } },
  ];
  const { hindsight } = bound({ ...preview, stages }, [3_900, 4_100], 60_000);
  assert.is(hindsight.default, 1);
  assert.is(hindsight.fallback, 1);
});

test('without patience the expensive processor takes what the cheap one cannot', () => {
  const none = bound(preview, everySecond(preview), 61_000).failover.find(
    (each) => each.failoverDelayMs === 0,
  );
  // From 20 to 30 s the cheap one fails; from 30 to 40 s both do, and the cheap one recovers first.
  assert.is(none?.fallback, 10);
  assert.is(none?.default, 50);
});

test('the best patience waits no longer than necessary', () => {
  const { failover, hindsight } = bound(preview, everySecond(preview), 61_000);
  const best = bestFailoverDelay(failover);
  assert.is(best?.failoverDelayMs, 10_000);
  assert.is(best?.profitCents, hindsight.profitCents);
  assert.is(bestFailoverDelay([]), undefined);
});

test('no patience earns more than hindsight', () => {
  for (const scenario of [preview, final]) {
    const { failover, hindsight } = bound(scenario, everySecond(scenario), scenario.durationMs + 1_000);
    for (const each of failover) assert.ok(each.profitCents <= hindsight.profitCents);
  }
});

test.run();
