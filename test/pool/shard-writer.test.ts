import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { ledgerOf } from '../../src/ledger/sharded/ledger.ts';
import { AmountClasses } from '../../src/pool/amount-classes.ts';
import { CircuitBreakers } from '../../src/pool/circuit-breakers.ts';
import {
  Dispatcher,
  type DispatcherPolicy,
  type QueuedPayment,
  type Source,
} from '../../src/pool/dispatcher.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { propagationOnlyTracer } from '../../src/tracing/open.ts';
import { KeptLog } from '../kept-log.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { ManualClock, rest } from '../manual-clock.ts';
import { processorTarget } from '../processor-target.ts';
import { ScriptedProcessor } from './scripted-processor.ts';

// One pool thread and two shards: `here` works, `there` has faults.

const NAMES = ['default'];
const POLICY: DispatcherPolicy = {
  failoverDelayMs: 1000,
  latencyBudgetMs: 1000,
  leaseMs: 3000,
  backoff: { baseMs: 100, maxMs: 800 },
  batchWindowMs: 0,
  batchLimit: 256,
  inFlightLimit: 1000,
  drainRate: 1000,
};

class Posts implements Source {
  readonly released: number[] = [];
  readonly #waiting: QueuedPayment[] = [];
  #wake: () => void = () => {};

  put(payment: QueuedPayment): void {
    this.#waiting.push(payment);
    this.wake();
  }

  wake(): void {
    this.#wake();
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  take(limit: number): QueuedPayment[] {
    return this.#waiting.splice(0, limit);
  }

  wait(): Promise<void> {
    if (this.#waiting.length > 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  release(journalRef: number): void {
    this.released.push(journalRef);
  }

  leaveToLedger(): void {}
}

function idOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

function setUp(policy: Partial<DispatcherPolicy> = {}, callLimit = 100, mood = new Mood()) {
  const clock = new ManualClock();
  const stores = [new MemoryStore(), new MemoryStore()] as const;
  const books = stores.map((store) => new MemoryLedger(NAMES, store));
  const [here, there] = books as [MemoryLedger, MemoryLedger];
  const ledger = ledgerOf([here, moody(there, mood)]);
  const log = new KeptLog();
  const random = () => 0.5;
  const shape = { processorCount: 1, threadCount: 1 };
  const sharedState = new SharedState(SharedState.allocate(shape), shape);
  const metricsTable = new MetricsTable(MetricsTable.allocate(shape), shape);
  const metrics = metricsTable.thread(0);
  const breaker = { failures: 3, baseMs: 400, maxMs: 400 };
  const targets = [
    processorTarget({ name: 'default', timeoutMs: 2000, inDoubtHoldMs: 5000, callLimit, breaker }),
  ];
  const classes = new AmountClasses(targets);
  const processor = new ScriptedProcessor();
  const source = new Posts();
  const breakers = new CircuitBreakers({
    sharedState,
    metrics,
    targets,
    classes,
    policy: { failoverDelayMs: 1000, latencyBudgetMs: 1000, restMaxMs: 60_000, outageLookUpRate: 10 },
    clock,
    random,
    log,
  });
  const dispatcher = new Dispatcher({
    worker: { instanceId: 'gateway-1', name: 'pool-0' },
    thread: 0,
    source,
    ledger,
    processors: [processor],
    targets,
    classes,
    breakers,
    sharedState,
    metrics,
    policy: { ...POLICY, ...policy },
    clock,
    random,
    log,
    tracer: propagationOnlyTracer,
  });
  let ended = false;
  const running = dispatcher.run().then(() => {
    ended = true;
  });
  let last = 0;
  /** Puts payments that live in this shard, and returns their numbers. */
  const put = (shard: 0 | 1, count = 1): number[] => {
    const numbers: number[] = [];
    while (numbers.length < count) {
      last++;
      if (ledger.shardOf(idOf(last)) !== shard) continue;
      numbers.push(last);
      const payment = { correlationId: idOf(last), amountCents: last, acceptedAtMs: clock.nowMs() };
      source.put({ ...payment, journalRef: last, trace: null });
    }
    return numbers;
  };
  return {
    clock,
    mood,
    here,
    there,
    log,
    sharedState,
    metricsTable,
    processor,
    source,
    put,
    hasEnded: () => ended,
    paid: () => processor.paid.map(({ amountCents }) => amountCents),
    async statusOf(number: number): Promise<string | undefined> {
      const reply = await books[ledger.shardOf(idOf(number))]?.find(idOf(number));
      return reply?.kind === 'ok' ? reply.value?.status : undefined;
    },
    async stop() {
      sharedState.stop();
      dispatcher.wake();
      source.wake();
      for (let turn = 0; turn < 100 && !ended; turn++) await clock.passSlowly(100);
      assert.ok(ended, 'the drain has come to its end');
      await running;
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
  assert.is(source.waitingCount, 0, 'more than the limit are held');
  put(0, 30);
  await clock.passSlowly(1000);
  assert.is(paid().length, 30, 'and the others have room');
  put(1, 15);
  await clock.passSlowly(1000);
  assert.is(metricsTable.gauge(0, 'inFlight'), 20, 'twice the limit is the most that is held');
  assert.is(source.waitingCount, 10);
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
