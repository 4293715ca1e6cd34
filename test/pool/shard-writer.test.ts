import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { ledgerOf } from '../../src/ledger/sharded/ledger.ts';
import type { DispatcherPolicy } from '../../src/pool/dispatcher.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { claimOf } from '../ledger/samples.ts';
import { ManualClock, rest } from '../manual-clock.ts';
import { idOf } from '../payment-id.ts';
import { POLICY, runDispatcher, TARGET } from './running-dispatcher.ts';
import { ScriptedProcessor } from './scripted-processor.ts';

// One pool thread and two shards: `here` works, `there` has faults.

const NAMES = ['default'];
/** When a lease is renewed, and the owners that are dead are looked for. */
const RENEWAL_MS = Math.ceil(POLICY.leaseMs / 3);
function setUp(policy: Partial<DispatcherPolicy> = {}, callLimit = 100, mood = new Mood()) {
  const clock = new ManualClock();
  const stores = [new MemoryStore(), new MemoryStore()] as const;
  const books = stores.map((store) => new MemoryLedger(NAMES, store));
  const [here, there] = books as [MemoryLedger, MemoryLedger];
  const ledger = ledgerOf([here, moody(there, mood)]);
  const processor = new ScriptedProcessor();
  const targets = [{ ...TARGET, callLimit }];
  const running = runDispatcher({ clock, ledger, targets, processors: [processor], policy });
  let last = 0;
  /** Puts payments that live in this shard, and returns their numbers. */
  const put = (shard: 0 | 1, count = 1): number[] => {
    const numbers: number[] = [];
    while (numbers.length < count) {
      last++;
      if (ledger.shardOf(idOf(last)) !== shard) continue;
      numbers.push(last);
      running.put(last);
    }
    return numbers;
  };
  return {
    ...running,
    mood,
    here,
    there,
    processor,
    put,
    paid: () => processor.paid.map(({ amountCents }) => amountCents),
    async statusOf(number: number): Promise<string | undefined> {
      const reply = await books[ledger.shardOf(idOf(number))]?.find(idOf(number));
      return reply?.kind === 'ok' ? reply.value?.status : undefined;
    },
  };
}

/** Answers nothing until the returned function is called. */
function hold(processor: ScriptedProcessor): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  processor.onPay = () => promise;
  return () => {
    processor.onPay = () => {};
    resolve();
  };
}

test('payments of both shards are claimed, sent and settled, each in its shard', async () => {
  const { put, paid, statusOf, source, stop } = setUp();
  await rest();
  const numbers = [...put(0, 3), ...put(1, 3)];
  await rest();
  assert.equal(paid().sort(), numbers.sort());
  for (const number of numbers) assert.is(await statusOf(number), 'settled');
  assert.equal([...source.released].sort(), numbers);
  await stop();
});

test('a shard that does not answer holds up nothing but its own payments', async () => {
  const { clock, mood, put, paid, statusOf, metricsTable, stop } = setUp();
  await rest();
  const answer = mood.slow('commit');
  const waiting = put(1, 5);
  await clock.passSlowly(100);
  for (let round = 0; round < 10; round++) {
    const [number = 0] = put(0);
    waiting.push(...put(1));
    await clock.passSlowly(50);
    assert.is(await statusOf(number), 'settled');
  }
  assert.is(mood.count('commit'), 1, 'one commit at a time');
  assert.is(paid().length, 10);
  assert.is(metricsTable.gauge(0, 'waiting'), 10, 'those that are not in the commit wait');
  answer();
  await clock.passSlowly(100);
  assert.equal(
    paid().filter((number) => waiting.includes(number)),
    waiting,
    'they are sent in the order of their age',
  );
  assert.is(metricsTable.gauge(0, 'waiting'), 0);
  await stop();
});

test('payments of a shard that fails hold no call slots, and wait until it answers', async () => {
  const { clock, mood, put, paid, log, metricsTable, stop } = setUp({}, 1);
  await rest();
  mood.away.add('commit').add('ping');
  const failing = put(1, 3);
  await clock.passSlowly(1000);
  const claimCount = mood.count('commit');
  assert.is(metricsTable.gauge(0, 'shardsFailing'), 1);
  const sinceMs = metricsTable.gauge(0, 'commitFailingSinceMs');
  assert.ok(sinceMs > 0);
  // The only call slot is free at every moment, also while the shard is asked whether it answers.
  const release = mood.slow('ping');
  await clock.passSlowly(1000);
  for (let round = 0; round < 5; round++) {
    const [number] = put(0);
    await clock.passSlowly(1);
    assert.is(paid().at(-1), number);
  }
  release();
  await clock.passSlowly(1000);
  assert.is(mood.count('commit'), claimCount, 'no claim is tried before it answers');
  mood.away.clear();
  await clock.passSlowly(1000);
  assert.equal(paid().slice(-3), failing);
  assert.is(metricsTable.gauge(0, 'shardsFailing'), 0);
  assert.is(metricsTable.gauge(0, 'commitFailingSinceMs'), 0);
  assert.ok(log.lines.includes('info ledger available again'));
  await stop();
});

test('payments of a shard that fails take no room from others, up to as many as there is room for', async () => {
  const { clock, mood, put, paid, source, metricsTable, stop } = setUp({ inFlightLimit: 10 });
  await rest();
  mood.away.add('commit').add('ping');
  put(1, 15);
  await clock.passSlowly(1000);
  assert.is(source.items.length, 0, 'more than the limit are held');
  put(0, 30);
  await clock.passSlowly(1000);
  assert.is(paid().length, 30, 'and the others have room');
  put(1, 15);
  await clock.passSlowly(1000);
  assert.is(metricsTable.gauge(0, 'inFlight'), 20, 'twice the limit is the most that is held');
  assert.is(source.items.length, 10);
  mood.away.clear();
  await clock.passSlowly(3000);
  assert.is(paid().length, 60);
  await stop();
});

test('a lease that has run out in one shard stops its payments, and no others', async () => {
  const { clock, mood, put, paid, metricsTable, stop } = setUp();
  await rest();
  mood.away.add('renewLease');
  await clock.passSlowly(4000);
  const claimCount = mood.count('commit');
  const [mine = 0] = put(0);
  const [theirs = 0] = put(1);
  await clock.passSlowly(500);
  assert.equal(paid(), [mine]);
  assert.is(mood.count('commit'), claimCount, 'nothing is claimed without a lease');
  assert.ok(
    metricsTable.gauge(0, 'leaseUntilMs') > clock.monotonicMs(),
    'the thread has a lease in the other',
  );
  assert.is(metricsTable.gauge(0, 'shardsFailing'), 1);
  mood.away.clear();
  await clock.passSlowly(2000);
  assert.equal(paid(), [mine, theirs]);
  await stop();
});

test('a claim whose reply outlasts the lease in its shard is not sent, whatever lease there is elsewhere', async () => {
  const { clock, mood, put, paid, processor, statusOf, stop } = setUp();
  await rest();
  mood.away.add('renewLease');
  await clock.passSlowly(1900);
  const answer = mood.slow('commit');
  const [number = 0] = put(1);
  await clock.passSlowly(2000);
  answer();
  processor.founds.push({ kind: 'unknown', reason: 'timeout' });
  await clock.passSlowly(1);
  assert.is(await statusOf(number), 'dispatched');
  assert.equal(paid(), [], 'it is in doubt, and looked up');
  mood.away.clear();
  await clock.passSlowly(12_000);
  assert.equal(paid(), [number]);
  await stop();
});

test('an owner that is taken over in one shard lets go of the payments of that shard alone', async () => {
  const { clock, there, put, processor, paid, metricsTable, stop } = setUp();
  await rest();
  const answer = hold(processor);
  put(0, 2);
  put(1, 2);
  await rest();
  assert.is(metricsTable.gauge(0, 'inFlight'), 4);
  const successor = await there.acquireLease({ instanceId: 'gateway-2', name: 'pool-0' }, clock.nowMs());
  const owners = await there.owners();
  assert.ok(successor.kind === 'ok' && owners.kind === 'ok');
  const [owner] = owners.value;
  await there.takeOver(owner?.owner ?? 0, successor.value, 10);
  await clock.passSlowly(1500);
  assert.is(metricsTable.gauge(0, 'inFlight'), 2);
  answer();
  await clock.passSlowly(100);
  assert.is(metricsTable.gauge(0, 'inFlight'), 0);
  put(0);
  put(1);
  await clock.passSlowly(100);
  assert.is(paid().length, 6, 'it goes on in both shards');
  await stop();
});

test('what was claimed under a former number is not sent, although the lease is valid again when the reply comes', async () => {
  const { clock, there, put, paid, statusOf, source, metricsTable, stop } = setUp();
  await rest();
  const { promise: late, resolve: answer } = Promise.withResolvers<void>();
  const commit = there.commit.bind(there);
  there.commit = async (...parts) => {
    const reply = await commit(...parts);
    await late;
    return reply;
  };
  const [number = 0] = put(1);
  await rest();
  const owners = await there.owners();
  const successor = await there.acquireLease(
    { instanceId: 'gateway-2', name: 'pool-0' },
    clock.nowMs() + 1e9,
  );
  assert.ok(successor.kind === 'ok' && owners.kind === 'ok');
  await there.takeOver(owners.value[0]?.owner ?? 0, successor.value, 10);
  await clock.passSlowly(RENEWAL_MS + 100);
  answer();
  await clock.passSlowly(100);
  assert.equal(paid(), [], 'gateway-2 looks it up, and sends it');
  assert.is(await statusOf(number), 'dispatched');
  assert.equal(source.released, [number]);
  assert.is(metricsTable.gauge(0, 'inFlight'), 0);
  there.commit = commit;
  const [next = 0] = put(1);
  await clock.passSlowly(100);
  assert.equal(paid(), [next]);
  await stop();
});

test('nothing is claimed in a shard while a take-over there is under way', async () => {
  const { clock, there, mood, put, paid, stop } = setUp();
  await rest();
  const dead = await there.acquireLease({ instanceId: 'gateway-2', name: 'pool-0' }, clock.nowMs());
  assert.ok(dead.kind === 'ok');
  const left = { processor: null, acceptedAtMs: clock.nowMs(), amountCents: 9_999 };
  await there.commit(dead.value, [], [claimOf(9_999, left)]);
  await there.releaseLease(dead.value);
  const goOn = mood.slow('takeOver');
  await clock.passSlowly(RENEWAL_MS);
  assert.is(mood.count('takeOver'), 1);
  const claimCount = mood.count('commit');
  const [mine = 0] = put(0);
  const [theirs = 0] = put(1);
  await clock.passSlowly(100);
  assert.is(mood.count('commit'), claimCount);
  assert.equal(paid(), [mine], 'the other shard goes on');
  goOn();
  await clock.passSlowly(100);
  assert.equal(paid().sort(), [mine, theirs, 9_999].sort());
  await stop();
});

test('a thread starts without a shard that is away, and takes it in when it comes', async () => {
  const mood = new Mood();
  for (const call of ['acquireLease', 'commit', 'ping'] as const) mood.away.add(call);
  const { clock, put, paid, sharedState, stop } = setUp({}, 100, mood);
  await clock.passSlowly(100);
  assert.is(sharedState.threadsReady, 1);
  const [mine = 0] = put(0);
  const [theirs = 0] = put(1);
  await clock.passSlowly(1000);
  assert.equal(paid(), [mine]);
  mood.away.clear();
  await clock.passSlowly(2000);
  assert.equal(paid(), [mine, theirs]);
  await stop();
});

test('a stop waits for settlements in a shard that is away', async () => {
  const { clock, mood, put, statusOf, processor, sharedState, hasEnded, source } = setUp();
  await rest();
  const answer = hold(processor);
  const [number = 0] = put(1);
  await rest();
  mood.away.add('commit');
  answer();
  await clock.passSlowly(100);
  sharedState.stop();
  source.wake();
  await clock.passSlowly(2000);
  assert.not(hasEnded());
  mood.away.clear();
  await clock.passSlowly(2000);
  assert.ok(hasEnded());
  assert.is(await statusOf(number), 'settled');
});

test('a thread that had no room takes more when a commit has made some', async () => {
  const { clock, mood, put, paid, stop } = setUp({ inFlightLimit: 2 });
  await rest();
  const answer = mood.slow('commit');
  put(1, 2);
  await clock.passSlowly(100);
  put(0, 1);
  put(1, 3);
  await clock.passSlowly(100);
  answer();
  await clock.passSlowly(1000);
  assert.is(paid().length, 6);
  await stop();
});

test.run();
