import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Feed } from '../../src/dashboard/feed.ts';
import type { Frame, Hello } from '../../src/dashboard/frame.ts';
import {
  INSTANCE_CIRCUITS,
  instanceCircuitsText,
  type SeenCircuit,
} from '../../src/ledger/instance-circuits.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { Ring } from '../../src/shared-memory/ring.ts';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { claimOf, must, settlementOf } from '../ledger/samples.ts';
import { ManualClock } from '../manual-clock.ts';

const NAMES = ['default', 'fallback'];
/** Two pool threads and one HTTP thread. */
const SHAPE = { processorCount: 2, threadCount: 3, processorsMax: 3 };
const LIMITS = {
  callLimit: 400,
  callsPerSecond: null,
  minAmountCents: 1,
  maxAmountCents: Number.MAX_SAFE_INTEGER,
};

const HELLO: Hello = {
  kind: 'hello',
  instanceId: 'gateway-1',
  ledger: 'lmdb',
  latencyBudgetMs: 1250,
  failoverDelayMs: 2000,
  processors: [
    { name: 'default', contract: 'rinha', terms: { ...LIMITS, feePpm: 50_000, feeFixedCents: 0 } },
    { name: 'fallback', contract: 'rinha', terms: { ...LIMITS, feePpm: 150_000, feeFixedCents: 30 } },
  ],
  instanceUrl: '',
  lab: null,
  operates: false,
};

function setUp(store = new MemoryStore(), hello = HELLO) {
  const clock = new ManualClock();
  const mood = new Mood();
  const books = new MemoryLedger(NAMES, store);
  const sharedState = new SharedState(SharedState.allocate(SHAPE), SHAPE);
  const metricsTable = new MetricsTable(MetricsTable.allocate(SHAPE), SHAPE);
  const ring = new Ring(Ring.allocate(1024));
  const segments = new SegmentTable(SegmentTable.allocate(4, 16));
  const published: Frame[] = [];
  const feed = new Feed({
    hello,
    publish: (text) => published.push(JSON.parse(text)),
    sharedState,
    metricsTable,
    ring,
    segments,
    ledger: moody(books, mood),
    poolThreadCount: 2,
    confirmsAcceptance: false,
    clock,
  });
  /** The frame after this many seconds. */
  const after = async (seconds: number): Promise<Frame> => {
    await clock.passSlowly(seconds * 1000);
    const frame = published.at(-1);
    if (frame === undefined) throw new Error('nothing was published');
    return frame;
  };
  /** All threads are ready, with leases for a minute. */
  const work = () => {
    for (const thread of [0, 1]) {
      sharedState.setReady(thread, true);
      metricsTable.thread(thread).set('leaseUntilMs', clock.monotonicMs() + 60_000);
    }
  };
  return {
    clock,
    mood,
    books,
    sharedState,
    metricsTable,
    ring,
    segments,
    feed,
    published,
    after,
    work,
  };
}

const feedTest = suite('the feed');

feedTest('a viewer gets the hello and the current frame, then a frame every second', async () => {
  const { feed, clock, published } = setUp();
  const [hello, first, ...rest] = feed.join().map((text) => JSON.parse(text));
  assert.equal(hello, HELLO);
  assert.is(first.kind, 'frame');
  assert.equal(rest, []);
  assert.is(first.instance.acceptedPerS, null, 'it has no predecessor');
  await clock.passSlowly(999);
  assert.is(published.length, 0);
  await clock.passSlowly(2001);
  assert.is(published.length, 3);
  feed.leave();
});

feedTest('all viewers share its frames, and the last one to leave stops it', async () => {
  const { feed, clock, published } = setUp();
  assert.is(clock.pending, 0);
  feed.join();
  await clock.passSlowly(1000);
  assert.is(feed.join().length, 2);
  await clock.passSlowly(1000);
  assert.is(published.length, 2);
  feed.leave();
  await clock.passSlowly(1000);
  assert.is(published.length, 3);
  feed.leave();
  assert.is(clock.pending, 0);
  await clock.passSlowly(5000);
  assert.is(published.length, 3);
  assert.is(JSON.parse(feed.join()[1] ?? '').instance.acceptedPerS, null, 'it starts again');
  feed.leave();
});

feedTest('when a processor is added, another hello comes before its first frame', async () => {
  const processors = [...HELLO.processors];
  const { feed, clock, published } = setUp(new MemoryStore(), { ...HELLO, processors });
  feed.join();
  await clock.passSlowly(1000);
  const [first] = processors;
  assert.ok(first !== undefined);
  processors.push({ ...first, name: 'third' });
  await clock.passSlowly(2000);
  const kinds = published.map((message) => [message.kind as string, message.processors.length]);
  assert.equal(kinds, [
    ['frame', 2],
    ['hello', 3],
    ['frame', 3],
    ['frame', 3],
  ]);
  assert.is(JSON.parse(feed.join()[0] ?? '').processors.length, 3);
  feed.leave();
  feed.leave();
});

feedTest.run();

const sampleTest = suite('what is shown');

sampleTest('rates cover all threads, over the time that has actually passed', async () => {
  const { feed, metricsTable, after } = setUp();
  metricsTable.thread(2).count('accepted', 1000);
  feed.join();
  metricsTable.thread(2).count('accepted', 30);
  metricsTable.thread(0).countAt(0, 'settled', 20);
  metricsTable.thread(1).countAt(0, 'settled', 5);
  metricsTable.thread(1).countAt(1, 'settled', 2);
  const { instance, processors } = await after(1);
  assert.is(instance.acceptedPerS, 30);
  assert.is(instance.settledPerS, 27);
  assert.equal(
    processors.map(({ settledPerS }) => settledPerS),
    [25, 2],
  );
  feed.leave();
});

sampleTest('the backlog counts payments in flight, and the age of the oldest', async () => {
  const { feed, clock, metricsTable, after } = setUp();
  feed.join();
  assert.equal((await after(1)).instance.backlogAgeMs, 0);
  metricsTable.thread(0).set('inFlight', 3);
  metricsTable.thread(1).set('inFlight', 4);
  metricsTable.thread(0).set('oldestInFlightAtMs', clock.monotonicMs() - 500);
  metricsTable.thread(1).set('oldestInFlightAtMs', clock.monotonicMs() - 200);
  const { instance } = await after(1);
  assert.is(instance.backlog, 7);
  assert.is(instance.backlogAgeMs, 1500);
  feed.leave();
});

sampleTest('accept and settlement times cover the last ten seconds', async () => {
  const { feed, metricsTable, after } = setUp();
  feed.join();
  assert.is((await after(1)).instance.accept, null);
  metricsTable.thread(2).observe('accept', 0.1);
  metricsTable.thread(0).observe('settle', 100);
  const { accept, settlement } = (await after(1)).instance;
  assert.ok(accept !== null && accept.p50Ms > 0.05 && accept.p99Ms <= 0.1);
  assert.ok(settlement !== null && settlement.p50Ms > 50 && settlement.p99Ms <= 100);
  assert.is((await after(10)).instance.accept, null);
  feed.leave();
});

sampleTest('reports the state, last report, calls and reason of a processor', async () => {
  const { feed, clock, sharedState, metricsTable, after } = setUp();
  feed.join();
  const unknown = (await after(1)).processors[1];
  assert.equal(unknown, {
    settledPerS: 0,
    paused: false,
    removed: false,
    fee: { feePpm: 150_000, feeFixedCents: 30 },
    limits: LIMITS,
    breakerOpen: false,
    openedAgeMs: null,
    openedWhy: '',
    closedAgeMs: null,
    unfit: false,
    restMs: null,
    observedMs: 0,
    reported: null,
    callsInFlight: 0,
    oldestCallAgeMs: null,
    inDoubt: 0,
    reason: 'none',
    reasonAgeMs: null,
    instances: [],
  });
  const nowMs = clock.monotonicMs();
  sharedState.moveBreaker(1, 'closed', 'open', nowMs - 900);
  sharedState.moveBreaker(1, 'open', 'closed', nowMs - 700);
  sharedState.moveBreaker(1, 'closed', 'open', nowMs - 500);
  sharedState.setOpenedWhy(1, 'status 500');
  const limits = { callLimit: 4, callsPerSecond: 10, minAmountCents: 100, maxAmountCents: 5000 };
  sharedState.setControls([
    { use: 'in-use' },
    { use: 'paused', terms: { ...limits, feePpm: 10_000, feeFixedCents: 5 } },
  ]);
  sharedState.setUnfit(1, nowMs);
  sharedState.extendRest(1, nowMs + 5000);
  sharedState.setLatency(1, 40.4);
  sharedState.setReported(1, { failing: true, minResponseTimeMs: 12, atMs: nowMs });
  sharedState.setCalls(0, 1, 3, nowMs - 250);
  sharedState.setReason(1, 'failing', nowMs - 750);
  metricsTable.thread(0).addInDoubt(1, 2);
  assert.equal((await after(1)).processors[1], {
    settledPerS: 0,
    paused: true,
    removed: false,
    fee: { feePpm: 10_000, feeFixedCents: 5 },
    limits,
    breakerOpen: true,
    openedAgeMs: 1500,
    openedWhy: 'status 500',
    closedAgeMs: 1700,
    unfit: true,
    restMs: 4000,
    observedMs: 40,
    reported: { failing: true, minResponseTimeMs: 12, ageMs: 1000 },
    callsInFlight: 3,
    oldestCallAgeMs: 1250,
    inDoubt: 2,
    reason: 'failing',
    reasonAgeMs: 1750,
    instances: [],
  });
  feed.leave();
});

sampleTest('reports the state of the instance: starting, ready, stopping', async () => {
  const { feed, sharedState, after } = setUp();
  feed.join();
  assert.is((await after(1)).instance.state, 'starting');
  for (const thread of [0, 1]) sharedState.setReady(thread, true);
  assert.is((await after(1)).instance.state, 'ready');
  sharedState.stop();
  assert.is((await after(1)).instance.state, 'stopping');
  feed.leave();
});

sampleTest('says when credentials were read, and whether their files have changed since', async () => {
  const { feed, clock, sharedState, metricsTable, after } = setUp();
  feed.join();
  assert.is((await after(1)).instance.credentials, null);
  sharedState.credentialsAtMs = clock.nowMs() - 4000;
  assert.equal((await after(1)).instance.credentials, { readAgeMs: 5000, outdated: false });
  metricsTable.thread(1).set('credentialsOutdated', 1);
  const { instance, conditions } = await after(1);
  assert.equal(instance.credentials, { readAgeMs: 6000, outdated: true });
  assert.ok(conditions.some(({ title }) => /^The files of the processors have changed/.test(title)));
  feed.leave();
});

sampleTest('derives conditions and their age from shared memory', async () => {
  const { feed, clock, sharedState, metricsTable, segments, mood, after, work } = setUp();
  const titles = ({ conditions }: Frame) => conditions.map(({ title, forMs }) => [title, forMs]);
  feed.join();
  assert.equal(titles(await after(1)), [['This instance is starting', null]]);
  work();
  const well = await after(1);
  assert.equal(titles(well), []);
  assert.ok(well.instance.canClaim);
  const nowMs = clock.monotonicMs();

  metricsTable.thread(1).set('commitFailingSinceMs', nowMs - 4000);
  metricsTable.thread(0).set('leaseFailingSinceMs', nowMs - 2000);
  const full = await after(1);
  assert.equal(titles(full), [['The ledger answers, but refuses writes', 5000]]);
  assert.not(full.instance.canClaim);
  mood.away.add('summary');
  assert.equal(titles(await after(3)), [['The ledger does not answer: away', 8000]]);
  mood.away.delete('summary');
  metricsTable.thread(1).set('commitFailingSinceMs', 0);
  metricsTable.thread(0).set('leaseFailingSinceMs', 0);
  assert.equal(titles(await after(3)), []);
  mood.away.add('owners');
  const [[title, forMs] = []] = titles(await after(4));
  assert.is(title, 'The ledger does not answer: away');
  assert.ok(typeof forMs === 'number' && forMs > 0 && forMs < 4000, 'since the first failed read');
  mood.away.delete('owners');
  await after(3);

  sharedState.moveBreaker(0, 'closed', 'open', clock.monotonicMs() - 2000);
  assert.equal(titles(await after(1)), [['default is failing', 3000]]);
  sharedState.moveBreaker(1, 'closed', 'open', clock.monotonicMs());
  assert.equal(titles(await after(1)), [['Both processors are failing', 1000]]);
  for (const processor of [0, 1]) sharedState.moveBreaker(processor, 'open', 'closed', clock.monotonicMs());

  metricsTable.thread(2).set('journalFailingSinceMs', clock.monotonicMs());
  assert.equal(titles(await after(1)), [['New payments are refused: the journal cannot be written', 1000]]);
  for (let segment = 0; segment < 4; segment++) segments.setWritten(segments.acquire(), 16);
  assert.equal(titles(await after(1)), [['New payments are refused: the journal is full', 2000]]);
  metricsTable.thread(2).set('journalFailingSinceMs', 0);
  assert.equal(titles(await after(1)), [['The journal is nearly full: 4 of 4 segments are in use', null]]);

  metricsTable.thread(0).set('leaseUntilMs', clock.monotonicMs());
  assert.is(titles(await after(1))[0]?.[0], '1 of 2 pool threads have no valid lease and send no payments');
  sharedState.stop();
  assert.is(titles(await after(1))[1]?.[0], 'This instance is stopping');
  feed.leave();
});

sampleTest('the backlog includes the queue, and the age of its oldest payment', async () => {
  const { feed, clock, metricsTable, ring, after, work } = setUp();
  feed.join();
  work();
  assert.ok(ring.reserve());
  ring.push(Buffer.alloc(16), 100, clock.nowMs() - 62_000, 0, null);
  metricsTable.thread(0).set('inFlight', 1);
  metricsTable.thread(0).set('oldestInFlightAtMs', clock.nowMs() - 100);
  const { instance, conditions } = await after(1);
  assert.is(instance.backlog, 2);
  assert.is(instance.backlogAgeMs, 63_000);
  assert.equal(
    conditions.map(({ title, waiting }) => [title, waiting]),
    [['Payments have been waiting for more than a minute', 2]],
  );
  feed.leave();
});

sampleTest('reads totals and leases from the ledger, every two seconds', async () => {
  const { feed, clock, books, after } = setUp();
  await books.acquireLease({ instanceId: 'gateway-2', name: 'pool-0' }, clock.nowMs() + 5000);
  const first = JSON.parse(feed.join()[1] ?? '').deployment;
  const unknown = { unavailable: null, ageMs: null, settledPerS: null, noTotals: null, totals: [] };
  assert.equal(first, { ...unknown, changed: [], books: null, stranded: [], workers: [] });
  const { deployment } = await after(1);
  assert.is(deployment.ageMs, 1000);
  assert.equal(deployment.totals, [
    { name: 'default', count: 0, amountCents: 0, fees: [] },
    { name: 'fallback', count: 0, amountCents: 0, fees: [] },
  ]);
  assert.equal(
    deployment.workers,
    [{ instanceId: 'gateway-2', name: 'pool-0', owner: 1, leaseLeftMs: 5000 }],
    'when it was read',
  );
  assert.is(
    (await after(1)).deployment.ageMs,
    2000,
    'asked at this frame; the answer appears in the next one',
  );
  assert.is((await after(1)).deployment.ageMs, 1000);
  feed.leave();
});

sampleTest('says which instances see that the circuit of a processor is not closed', async () => {
  const { feed, clock, sharedState, books, after } = setUp();
  for (const instanceId of ['gateway-1', 'gateway-10', 'gateway-2', 'gateway-3'])
    await books.acquireLease({ instanceId, name: 'pool-0' }, clock.nowMs() + 20_000);
  await books.acquireLease({ instanceId: 'gateway-dead', name: 'pool-0' }, clock.nowMs());
  const [closed, nowMs] = [{ openedAtMs: null, why: '' }, clock.nowMs()];
  const open = { processor: 'default', state: 'open', openedAtMs: nowMs - 4000, why: 'status 500' } as const;
  const seen = new Map<string, readonly SeenCircuit[]>([
    ['gateway-1', [open]],
    ['gateway-10', [{ ...open, state: 'half-open' }]],
    ['gateway-2', ['default', 'fallback'].map((processor) => ({ processor, state: 'closed', ...closed }))],
    ['gateway-dead', [open]],
  ]);
  await must(books.setBookmark(INSTANCE_CIRCUITS, { version: 1, text: instanceCircuitsText(seen) }));
  feed.join();
  const shut = { state: 'closed', openedAgeMs: null, why: '' };
  const [first, second] = (await after(1)).processors;
  assert.equal(
    first?.instances,
    [
      { instanceId: 'gateway-1', ...shut },
      { instanceId: 'gateway-2', ...shut },
      { instanceId: 'gateway-3', ...shut, state: 'unknown' },
      { instanceId: 'gateway-10', state: 'half-open', openedAgeMs: 5000, why: 'status 500' },
    ],
    'what this instance sees itself is newer than what the ledger has of it',
  );
  assert.equal(second?.instances, [], 'it is open nowhere');
  sharedState.moveBreaker(1, 'closed', 'open', clock.monotonicMs());
  sharedState.setOpenedWhy(1, 'timed out');
  assert.equal((await after(1)).processors[1]?.instances.slice(0, 2), [
    { instanceId: 'gateway-1', state: 'open', openedAgeMs: 1000, why: 'timed out' },
    { instanceId: 'gateway-2', ...shut },
  ]);
  sharedState.setControls([{ use: 'in-use' }, { use: 'removed' }]);
  assert.equal((await after(1)).processors[1]?.instances, []);
  feed.leave();
});

sampleTest('says how much all instances settle, from the ledger; nothing after a purge', async () => {
  const { feed, books, clock, after } = setUp();
  const owner = await must(books.acquireLease({ instanceId: 'gateway-2', name: 'pool-0' }, 0));
  feed.join();
  const { deployment } = await after(1);
  assert.is(deployment.settledPerS, null);
  const claims = [1, 2, 3].map((number) => claimOf(number));
  await must(books.commit(owner, [], claims));
  const settled = [1, 2, 3].map((number) => settlementOf(number));
  await must(books.commit(owner, settled, []));
  assert.is((await after(2)).deployment.settledPerS, 1.5);
  await must(books.purge(clock.nowMs()));
  assert.is((await after(2)).deployment.settledPerS, null);
  feed.leave();
});

sampleTest('a lease is judged by when it was read, unless the ledger does not answer', async () => {
  const { feed, clock, books, mood, after } = setUp();
  const owner = await must(
    books.acquireLease({ instanceId: 'gateway-2', name: 'pool-0' }, clock.nowMs() + 1000),
  );
  feed.join();
  await clock.passSlowly(500);
  await must(books.renewLease(owner, clock.nowMs() + 1000));
  const left = async (seconds: number) => (await after(seconds)).deployment.workers[0]?.leaseLeftMs;
  assert.is(await left(1.5), 1000, 'it may have been renewed since');
  for (const call of ['summary', 'fees'] as const) mood.away.add(call);
  assert.ok(((await left(3)) ?? 0) < 0, 'no lease can be renewed');
  feed.leave();
});

sampleTest('what all instances settle is measured between the moments at which the totals came', async () => {
  const { feed, books, mood, after } = setUp();
  const owner = await must(books.acquireLease({ instanceId: 'gateway-2', name: 'pool-0' }, 0));
  feed.join();
  await after(1);
  const claims = [1, 2, 3, 4].map((number) => claimOf(number));
  await must(books.commit(owner, [], claims));
  const settled = [1, 2, 3, 4].map((number) => settlementOf(number));
  await must(books.commit(owner, settled, []));
  const go = mood.slow('stranded');
  await after(4);
  assert.is(mood.count('summary'), 2, 'one question at a time');
  go();
  assert.is((await after(1)).deployment.settledPerS, 2, 'four in two seconds, however long the rest took');
  feed.leave();
});

sampleTest('a processor is looked at once: what it has just become fits together', async () => {
  const { feed, clock, sharedState, after, work } = setUp();
  work();
  feed.join();
  // As it is seen between the change of the state and the writing of its moment.
  const moment = sharedState.openedAtMs.bind(sharedState);
  sharedState.moveBreaker(0, 'closed', 'open', clock.monotonicMs());
  sharedState.openedAtMs = () => 0;
  const first = await after(1);
  assert.is(first.processors[0]?.openedAgeMs, 0);
  assert.is(first.conditions[0]?.forMs, 0);
  sharedState.openedAtMs = moment;
  const opened = await after(1);
  assert.is(opened.processors[0]?.openedAgeMs, 2000);
  sharedState.moveBreaker(0, 'open', 'closed', clock.monotonicMs());
  const isOpen = ['open', 'closed'] as const;
  let looks = 0;
  const breaker = sharedState.breaker.bind(sharedState);
  sharedState.breaker = (processor) => (processor === 0 ? (isOpen[looks++] ?? 'closed') : breaker(processor));
  const { processors, conditions } = await after(1);
  assert.ok(processors[0]?.breakerOpen);
  assert.match(conditions[0]?.title ?? '', /^default is failing/, 'card and condition agree');
  sharedState.setCalls(0, 0, 0, clock.monotonicMs());
  assert.is((await after(1)).processors[0]?.oldestCallAgeMs, null, 'no call is in flight');
  feed.leave();
});

sampleTest('sums that are too large are said to be, and make nothing else look wrong', async () => {
  const { feed, books, after, work } = setUp();
  work();
  const owner = await must(books.acquireLease({ instanceId: 'gateway-2', name: 'pool-0' }, 0));
  const change = { amountCents: Number.MAX_SAFE_INTEGER };
  await must(
    books.commit(
      owner,
      [],
      [1, 2].map((number) => claimOf(number, change)),
    ),
  );
  const fee = { feePpm: 50_000, feeFixedCents: 0 };
  await must(
    books.commit(
      owner,
      [1, 2].map((number) => settlementOf(number, { ...change, fee })),
      [],
    ),
  );
  feed.join();
  const { deployment, conditions, instance } = await after(1);
  assert.match(deployment.noTotals ?? '', /^a sum exceeds/);
  assert.is(deployment.unavailable, null);
  assert.equal(deployment.totals, []);
  assert.is(deployment.workers.length, 1);
  assert.equal(conditions, []);
  assert.ok(instance.canClaim);
  feed.leave();
});

sampleTest('says when operators have changed a processor, by whom and why', async () => {
  const { feed, clock, books, after } = setUp();
  const said = { changedAtMs: clock.nowMs() - 60_000, by: 'ana', why: 'maintenance' };
  await must(
    books.setProcessorControls(
      { version: 1, processors: { fallback: { isPaused: true, fee: null, ...said } } },
      [],
    ),
  );
  feed.join();
  const { deployment } = await after(1);
  assert.equal(deployment.changed, [{ name: 'fallback', ageMs: 61_000, by: 'ana', why: 'maintenance' }]);
  feed.leave();
});

sampleTest('says how large the books are, and when they will be full', async () => {
  const { feed, metricsTable, after } = setUp();
  feed.join();
  const metrics = metricsTable.thread(0);
  metrics.set('booksBytes', 1e9);
  metrics.set('booksLimitBytes', Number.POSITIVE_INFINITY);
  metrics.set('booksFullInMs', Number.POSITIVE_INFINITY);
  const unlimited = { usedBytes: 1e9, limitBytes: null, fullInMs: null };
  assert.equal((await after(1)).deployment.books, unlimited);
  metrics.set('booksLimitBytes', 4e9);
  metrics.set('booksFullInMs', 3 * 86_400_000);
  const { deployment, conditions } = await after(1);
  assert.equal(deployment.books, { usedBytes: 1e9, limitBytes: 4e9, fullInMs: 259_200_000 });
  assert.ok(conditions.some(({ title }) => title.startsWith('The books are full in 3 days')));
  feed.leave();
});

sampleTest('names unconfigured processors that have settled or open payments', async () => {
  const store = new MemoryStore();
  const former = new MemoryLedger(['old'], store);
  const owner = await must(former.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, 0));
  await must(former.commit(owner, [], [claimOf(1), claimOf(2), claimOf(3)]));
  const fee = { feePpm: 70_000, feeFixedCents: 0 };
  await must(former.commit(owner, [settlementOf(1, { fee })], []));
  const { feed, after } = setUp(store);
  feed.join();
  const { deployment } = await after(1);
  assert.equal(deployment.totals.slice(2), [
    { name: 'old', count: 1, amountCents: 1990, fees: [{ ...fee, count: 1, amountCents: 1990 }] },
  ]);
  assert.equal(deployment.stranded, [{ name: 'old', count: 2 }]);
  feed.leave();
});

sampleTest('keeps the last figures while the ledger is unavailable, with the reason', async () => {
  const { feed, mood, after } = setUp();
  feed.join();
  await after(1);
  for (const call of ['summary', 'fees', 'bookmark', 'owners', 'stranded', 'processorControls'] as const) {
    mood.away.add(call);
    const { deployment } = await after(3);
    assert.is(deployment.unavailable, 'away', call);
    assert.is(deployment.totals.length, 2);
    mood.away.delete(call);
    assert.is((await after(3)).deployment.unavailable, null);
  }
  feed.leave();
});

sampleTest.run();
