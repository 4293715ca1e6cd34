import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { Upkeep } from '../../src/pool/upkeep.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { claimOf, must, settlementOf } from '../ledger/samples.ts';
import { ManualClock, rest } from '../manual-clock.ts';

const TURN_MS = 1000;
const STANDBY_MS = 5000;
const RETENTION_MS = 60_000;

/** Workers of several instances over the same books. */
function setUp(store = new MemoryStore()) {
  const clock = new ManualClock();
  const newWorker = () => {
    const mood = new Mood();
    const shard = moody(new MemoryLedger(['default'], store), mood);
    return { mood, upkeep: new Upkeep({ shard, retentionMs: RETENTION_MS, clock }) };
  };
  return { clock, newWorker, ledger: new MemoryLedger(['default'], store) };
}

async function pass(clock: ManualClock, spanMs: number): Promise<void> {
  for (let passedMs = 0; passedMs < spanMs; passedMs += 100) {
    clock.pass(100);
    await rest();
  }
}

test('what is older than the retention is forgotten', async () => {
  const { clock, newWorker, ledger } = setUp();
  const owner = await must(ledger.acquireLease({ instanceId: 'a', name: 'pool-0' }, Infinity));
  const stamp = { acceptedAtMs: clock.nowMs(), requestedAtMs: clock.nowMs() };
  await must(ledger.commit(owner, [], [claimOf(1, stamp)]));
  await must(ledger.commit(owner, [settlementOf(1, { requestedAtMs: stamp.requestedAtMs })], []));
  const { upkeep } = newWorker();
  upkeep.start();
  await pass(clock, RETENTION_MS - TURN_MS);
  assert.ok((await must(ledger.find(claimOf(1).correlationId))) !== undefined);
  await pass(clock, RETENTION_MS + 2 * TURN_MS);
  assert.is(await must(ledger.find(claimOf(1).correlationId)), undefined);
  upkeep.stop();
  assert.is(clock.pending, 0);
});

test('one instance does the upkeep, and another continues when it stops', async () => {
  const { clock, newWorker } = setUp();
  const [first, second] = [newWorker(), newWorker()];
  first.upkeep.start();
  await rest();
  second.upkeep.start();
  await pass(clock, 20_000);
  assert.ok(first.mood.count('upkeep') >= 15);
  assert.is(second.mood.count('upkeep'), 0);
  first.upkeep.stop();
  await pass(clock, 2 * STANDBY_MS + TURN_MS);
  assert.ok(second.mood.count('upkeep') > 0);
  second.upkeep.stop();
});

test('a ledger that does not answer is tried again', async () => {
  const { clock, newWorker } = setUp();
  const { mood, upkeep } = newWorker();
  mood.away.add('takeUpkeepTurn');
  upkeep.start();
  await pass(clock, 2 * STANDBY_MS);
  assert.is(mood.count('upkeep'), 0);
  mood.away.clear();
  mood.away.add('upkeep');
  await pass(clock, STANDBY_MS + 3 * TURN_MS);
  assert.ok(mood.count('upkeep') > 1);
  upkeep.stop();
});

test.run();
