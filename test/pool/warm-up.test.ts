import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/core/clock.ts';
import type { DrainPolicy } from '../../src/pool/dispatcher.ts';
import { warmUpPool } from '../../src/pool/warm-up.ts';
import { KeptLog } from '../kept-log.ts';

const POLICY: DrainPolicy = {
  patienceMs: 0,
  latencyBudgetMs: 1000,
  processorTimeoutMs: 5000,
  pinHoldMs: 10_000,
  leaseMs: 5000,
  backoff: { baseMs: 1, maxMs: 10 },
  batchWindowMs: 50,
  batchLimit: 64,
  heldLimit: 256,
  callLimit: 32,
  drainRate: 1000,
};

test('more payments than its ring holds are drained, and nothing is complained of', async () => {
  const log = new KeptLog();
  await warmUpPool(1500, POLICY, () => false, systemClock, log);
  assert.equal(
    log.lines.filter((line) => !line.startsWith('debug')),
    [],
  );
});

test('a stop does not wait for the rest', async () => {
  const fromMs = performance.now();
  let looks = 0;
  // So many would take the better part of an hour.
  await warmUpPool(20_000_000, POLICY, () => ++looks > 100, systemClock, new KeptLog());
  assert.is(looks, 101);
  assert.ok(performance.now() - fromMs < 20_000);
});

test('without payments there is nothing to do', async () => {
  await warmUpPool(0, POLICY, () => false, systemClock, new KeptLog());
});

test.run();
