import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { StrandedWatch } from '../../src/pool/stranded-payments.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { KeptLog } from '../kept-log.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { claimOf, must, settlementOf } from '../ledger/samples.ts';
import { ManualClock, rest } from '../manual-clock.ts';

const LOOK_EVERY_MS = 5000;
const WAITING =
  'error payments are waiting for a processor that is not configured: add it back to PROCESSORS or PROCESSORS_FILE to settle them';

function setUp(store: MemoryStore) {
  const clock = new ManualClock();
  const log = new KeptLog();
  const mood = new Mood();
  const metricsTable = new MetricsTable(MetricsTable.allocate(SHAPE), SHAPE);
  const ledger = moody(new MemoryLedger(['default'], store), mood);
  const watch = new StrandedWatch({ ledger, metrics: metricsTable.thread(0), clock, log });
  return { clock, log, mood, watch, count: () => metricsTable.gauge(0, 'stranded') };
}

const SHAPE = { processorCount: 1, threadCount: 1 };
const WORKER = { instanceId: 'gateway-1', name: 'pool-0' };

test('payments at a processor that is not configured are counted and logged until they are taken over', async () => {
  const store = new MemoryStore();
  const former = new MemoryLedger(['default', 'old'], store);
  const dead = await must(former.acquireLease(WORKER, 0));
  const claims = [claimOf(1), claimOf(2, { processor: 1 }), claimOf(3, { processor: 1 })];
  await must(former.commit(dead, [], claims));
  const { clock, log, mood, watch, count } = setUp(store);
  watch.start();
  await rest();
  assert.is(count(), 2);
  assert.equal(log.lines, [WAITING]);
  await clock.passSlowly(3 * LOOK_EVERY_MS);
  assert.equal(log.lines, [WAITING], 'logged once');

  mood.away.add('stranded');
  const successor = await must(former.acquireLease(WORKER, clock.nowMs() + 3_600_000));
  await must(former.takeOver(dead, successor, 10));
  await must(former.commit(successor, [settlementOf(2, { processor: 1 })], []));
  await clock.passSlowly(LOOK_EVERY_MS);
  assert.is(count(), 2, 'the last count stays while the ledger is unavailable');
  mood.away.clear();
  await clock.passSlowly(LOOK_EVERY_MS);
  assert.is(count(), 0);
  assert.equal(log.lines, [WAITING, 'info no payments are waiting for that processor any more']);
  watch.stop();
  assert.is(clock.pending, 0);
});

test('a stop while the ledger answers leaves nothing behind', async () => {
  const { clock, mood, watch } = setUp(new MemoryStore());
  const go = mood.slow();
  watch.start();
  watch.stop();
  go();
  await rest();
  assert.is(clock.pending, 0);
});

test.run();
