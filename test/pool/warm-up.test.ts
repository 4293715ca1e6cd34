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

test('without payments there is nothing to do', async () => {
  await warmUpPool(0, POLICY, () => false, systemClock, new KeptLog());
});

test.run();
