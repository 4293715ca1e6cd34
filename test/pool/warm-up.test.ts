import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { DispatcherPolicy } from '../../src/pool/dispatcher.ts';
import { warmUpPool } from '../../src/pool/warm-up.ts';
import { KeptLog } from '../kept-log.ts';

const POLICY: DispatcherPolicy = {
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
  await warmUpPool(1500, POLICY, systemClock, log);
  assert.equal(
    log.lines.filter((line) => !line.startsWith('debug')),
    [],
  );
});

test('without payments nothing is run: no clock is read, and nothing is logged', async () => {
  const log = new KeptLog();
  const readClock = () => assert.unreachable('the clock is read');
  const clock = { nowMs: readClock, monotonicMs: readClock, stopwatchMs: readClock, after: readClock };
  await warmUpPool(0, POLICY, clock as unknown as Clock, log);
  assert.equal(log.lines, []);
});

test.run();
