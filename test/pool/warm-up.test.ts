import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { DispatcherPolicy } from '../../src/pool/dispatcher.ts';
import { warmUpPool } from '../../src/pool/warm-up.ts';
import { KeptLog } from '../kept-log.ts';

const POLICY: DispatcherPolicy = {
  failoverDelayMs: 0,
  latencyBudgetMs: 1000,
  leaseMs: 5000,
  backoff: { baseMs: 1, maxMs: 10 },
  batchWindowMs: 50,
  batchLimit: 64,
  inFlightLimit: 256,
  drainRate: 1000,
  poolThreadCount: 1,
};

test('drains more payments than its ring holds, and logs nothing', async () => {
  const log = new KeptLog();
  await warmUpPool(1500, POLICY, () => false, systemClock, log);
  assert.equal(
    log.lines.filter((line) => !line.startsWith('debug')),
    [],
  );
});

test('a stop cuts the warm-up short', async () => {
  const fromMs = performance.now();
  let looks = 0;
  // All of them would take most of an hour.
  await warmUpPool(20_000_000, POLICY, () => ++looks > 100, systemClock, new KeptLog());
  assert.is(looks, 101);
  assert.ok(performance.now() - fromMs < 20_000);
});

test('without payments nothing runs: no clock is read, and nothing is logged', async () => {
  const log = new KeptLog();
  const readClock = () => assert.unreachable('the clock is read');
  const clock = { nowMs: readClock, monotonicMs: readClock, stopwatchMs: readClock, after: readClock };
  await warmUpPool(0, POLICY, () => false, clock as unknown as Clock, log);
  assert.equal(log.lines, []);
});

test.run();
