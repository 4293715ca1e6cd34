import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { type CommitReply, ok, type Shard, unavailable } from '../../src/ledger/ledger.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import type { DispatcherPolicy } from '../../src/pool/dispatcher.ts';
import { warmUpLedger, warmUpPool } from '../../src/pool/warm-up.ts';
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

test('the ledger refuses all that is committed to warm it up, and its books stay empty', async () => {
  const ledger = new MemoryLedger(['a']);
  const replies: CommitReply[] = [];
  const shard = {
    commit: async (...args: Parameters<Shard['commit']>) => {
      const reply = await ledger.commit(...args);
      if (reply.kind === 'ok') replies.push(reply.value);
      return reply;
    },
  };
  await warmUpLedger(70, 32, () => false, shard, systemClock);
  assert.equal(
    replies.map(({ settled, claimed }) => [settled.length, claimed.length]),
    [32, 32, 6].map((count) => [count, count]),
  );
  const all = replies.flatMap(({ settled, claimed }) => [...settled, ...claimed]);
  assert.equal(new Set<string>(all), new Set(['fenced']));
  assert.equal(await ledger.openPayments(), ok([]));
});

test('a ledger that is away is left alone after one try, and one that is stopped is not tried', async () => {
  let tries = 0;
  const shard = { commit: async () => unavailable(`away, try ${++tries}`) };
  await warmUpLedger(3000, 32, () => false, shard, systemClock);
  assert.is(tries, 1);
  await warmUpLedger(3000, 32, () => true, shard, systemClock);
  assert.is(tries, 1);
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
