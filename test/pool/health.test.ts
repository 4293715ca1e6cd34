import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { AmountClasses } from '../../src/pool/amount-classes.ts';
import { CircuitBreakers } from '../../src/pool/circuit-breakers.ts';
import { HealthWatch } from '../../src/pool/health.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { KeptLog } from '../kept-log.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { ManualClock, rest } from '../manual-clock.ts';
import { processorTarget } from '../processor-target.ts';
import { ScriptedProcessor } from './scripted-processor.ts';

const NAMES = ['default', 'fallback'];
const POLICY = { healthIntervalMs: 5100, healthTimeoutMs: 1500 };
/** After this long without a new turn, another instance takes over. */
const TURN_MS = POLICY.healthIntervalMs + 3 * POLICY.healthTimeoutMs;
const BREAKER_POLICY = {
  failoverDelayMs: 5000,
  latencyBudgetMs: 1000,
  restMaxMs: 60_000,
  outageLookUpRate: 10,
};

const CLASSES = new AmountClasses([processorTarget(), processorTarget()]);

function setUp({ store = new MemoryStore(), clock = new ManualClock(), random = (): number => 0 } = {}) {
  const mood = new Mood();
  const books = new MemoryLedger(NAMES, store);
  const log = new KeptLog();
  const processors = NAMES.map(() => new ScriptedProcessor());
  const shape = { processorCount: NAMES.length, threadCount: 1 };
  const sharedState = new SharedState(SharedState.allocate(shape), shape);
  const metricsTable = new MetricsTable(MetricsTable.allocate(shape), shape);
  const metrics = metricsTable.thread(0);
  const targets = NAMES.map((name) => processorTarget({ name, healthTimeoutMs: POLICY.healthTimeoutMs }));
  const breakers = new CircuitBreakers({
    sharedState,
    metrics,
    classes: CLASSES,
    targets,
    policy: BREAKER_POLICY,
    clock,
    random,
    log,
  });
  const ledger = moody(books, mood);
  const watch = new HealthWatch({
    ledger,
    processors,
    targets,
    breakers,
    sharedState,
    metrics,
    policy: POLICY,
    clock,
    random,
    log,
  });
  const [first, second] = processors as [ScriptedProcessor, ScriptedProcessor];
  const calls = () => processors.map(({ healthCalls }) => healthCalls);
  return {
    clock,
    store,
    mood,
    books,
    log,
    first,
    second,
    sharedState,
    metricsTable,
    breakers,
    watch,
    calls,
  };
}

test('asks every processor once at the start, and applies the answers', async () => {
  const { clock, first, second, metricsTable, breakers, watch, calls } = setUp();
  clock.pass(5000);
  first.state = { kind: 'reported', failing: true, minResponseTimeMs: 7 };
  second.state = { kind: 'reported', failing: false, minResponseTimeMs: 40 };
  watch.start();
  await rest();
  assert.equal(calls(), [1, 1]);
  assert.equal([metricsTable.countedAt(0, 'healthFailing'), metricsTable.countedAt(1, 'healthWell')], [1, 1]);
  assert.equal(
    breakers.views().map(({ open, expectedMs }) => ({ open, expectedMs })),
    [
      { open: true, expectedMs: 7 },
      { open: false, expectedMs: 40 },
    ],
  );
  watch.stop();
});

test('asks again after the interval, not before', async () => {
  const { clock, watch, calls } = setUp();
  watch.start();
  await clock.passSlowly(5099);
  assert.equal(calls(), [1, 1]);
  await clock.passSlowly(1);
  assert.equal(calls(), [2, 2]);
  await clock.passSlowly(51_000);
  assert.equal(calls(), [12, 12]);
  watch.stop();
});

test('good answers close a breaker without a payment, whichever instance got them', async () => {
  const clock = new ManualClock();
  const store = new MemoryStore();
  const one = setUp({ clock, store });
  const other = setUp({ clock, store, random: () => 0.5 });
  clock.pass(5000);
  for (const { watch } of [one, other]) watch.start();
  await rest();
  for (const { breakers } of [one, other])
    for (let failure = 0; failure < 3; failure++) breakers.failed(0, 'refused');
  const areOpen = () => [one, other].map(({ breakers }) => breakers.views()[0]?.open);
  await clock.passSlowly(POLICY.healthIntervalMs);
  assert.equal(areOpen(), [true, true], 'one answer, which the instance that asked gets twice');
  await clock.passSlowly(POLICY.healthIntervalMs + 100);
  assert.equal(areOpen(), [false, false]);
  for (const { watch } of [one, other]) watch.stop();
});

test('jitter delays a call a little, and never makes it earlier', async () => {
  const { clock, watch, calls } = setUp({ random: () => 0.999 });
  watch.start();
  await clock.passSlowly(5100);
  assert.equal(calls(), [1, 1]);
  await clock.passSlowly(50);
  assert.equal(calls(), [2, 2]);
  watch.stop();
});

test('two instances share the calls and the answers', async () => {
  const clock = new ManualClock();
  const store = new MemoryStore();
  const one = setUp({ clock, store });
  const other = setUp({ clock, store, random: () => 0.5 });
  clock.pass(5000);
  one.first.state = other.first.state = { kind: 'reported', failing: true, minResponseTimeMs: 3 };
  one.watch.start();
  await clock.passSlowly(100);
  other.watch.start();
  await clock.passSlowly(10);
  assert.equal(other.calls(), [0, 0]);
  assert.ok(other.breakers.views()[0]?.open, 'the current state comes first');
  await clock.passSlowly(100_000);
  for (const processor of [0, 1]) {
    const sum = (one.calls()[processor] ?? 0) + (other.calls()[processor] ?? 0);
    assert.ok(sum <= 1 + 100_110 / POLICY.healthIntervalMs, `${sum} calls`);
    assert.ok(sum >= 18, `${sum} calls`);
  }
  one.watch.stop();
  other.watch.stop();
});

test('the interval is kept across a restart', async () => {
  const clock = new ManualClock();
  const store = new MemoryStore();
  const before = setUp({ clock, store });
  before.watch.start();
  await clock.passSlowly(1000);
  before.watch.stop();
  const after = setUp({ clock, store });
  after.watch.start();
  await clock.passSlowly(TURN_MS - 1);
  assert.equal(after.calls(), [0, 0]);
  await clock.passSlowly(1);
  assert.equal(after.calls(), [1, 1]);
  after.watch.stop();
});

test('wall clocks that jump by a year do not affect the turns', async () => {
  const clock = new ManualClock();
  const store = new MemoryStore();
  const one = setUp({ clock, store });
  const other = setUp({ clock, store, random: () => 0.5 });
  one.watch.start();
  other.watch.start();
  let calls = 0;
  for (let round = 0; round < 40; round++) {
    clock.jump(round % 2 === 0 ? 365 * 24 * 3_600_000 : -365 * 24 * 3_600_000);
    await clock.passSlowly(POLICY.healthIntervalMs / 2);
    const now = (one.calls()[0] ?? 0) + (other.calls()[0] ?? 0);
    assert.ok(now - calls <= 1, 'at most one in half an interval');
    calls = now;
  }
  assert.ok(calls >= 18 && calls <= 21, `${calls} calls in 20 intervals`);
  one.watch.stop();
  other.watch.stop();
});

test('another instance takes over from one that is gone, whatever its clock said', async () => {
  const clock = new ManualClock();
  const store = new MemoryStore();
  const gone = setUp({ clock, store });
  const other = setUp({ clock, store });
  clock.jump(365 * 24 * 3_600_000);
  gone.watch.start();
  other.watch.start();
  await clock.passSlowly(1000);
  gone.watch.stop();
  clock.jump(-365 * 24 * 3_600_000);
  await clock.passSlowly(2 * TURN_MS);
  assert.ok((other.calls()[0] ?? 0) >= 1);
  other.watch.stop();
});

test('another instance takes over from one that dies during a call, when its turn is over', async () => {
  const clock = new ManualClock();
  const store = new MemoryStore();
  const dead = setUp({ clock, store });
  dead.first.state = new Promise(() => {});
  dead.second.state = new Promise(() => {});
  dead.watch.start();
  await rest();
  assert.equal(dead.calls(), [1, 1]);
  const next = setUp({ clock, store });
  next.watch.start();
  await clock.passSlowly(TURN_MS - 1);
  assert.equal(next.calls(), [0, 0]);
  await clock.passSlowly(1001);
  assert.equal(next.calls(), [1, 1]);
  next.watch.stop();
});

test('without an answer nothing is applied or published, and the interval is kept', async () => {
  for (const kind of ['limited', 'unknown'] as const) {
    const { clock, store, log, first, second, metricsTable, breakers, watch, calls } = setUp();
    const state = kind === 'limited' ? { kind } : { kind, reason: 'timeout' };
    first.state = second.state = state;
    watch.start();
    await rest();
    assert.is(store.health.size, 0);
    assert.not(breakers.views()[0]?.open);
    assert.equal(log.lines, ['debug no health answer', 'debug no health answer']);
    // A call that was given up may still come to the processor.
    const pauseMs = kind === 'limited' ? POLICY.healthIntervalMs : POLICY.healthIntervalMs + 3 * 1500;
    await clock.passSlowly(pauseMs - 1);
    assert.equal(calls(), [1, 1]);
    await clock.passSlowly(1000);
    assert.equal(calls(), [2, 2]);
    assert.is(metricsTable.countedAt(0, kind === 'limited' ? 'healthLimited' : 'healthUnknown'), 2);
    watch.stop();
  }
});

test('a report that comes again, or is older than a turn that is known, makes no call come sooner', async () => {
  const clock = new ManualClock();
  const store = new MemoryStore();
  const other = setUp({ clock, store });
  clock.pass(5000);
  const report = { processor: 0, failing: false, minResponseTimeMs: 1, checkedAtMs: 1 };
  await other.books.publishHealth(report);
  await other.books.takeHealthTurn(0, 0);
  // The call of that turn is still on its way. This instance hears of the turn, and of the report before it.
  const { watch, calls } = setUp({ clock, store });
  watch.start();
  await clock.passSlowly(100);
  await other.books.publishHealth(report);
  await clock.passSlowly(TURN_MS - 101);
  assert.is(calls()[0], 0);
  await clock.passSlowly(1);
  assert.is(calls()[0], 1);
  watch.stop();
});

test('a turn whose reply was late is not used: it may be over', async () => {
  const { clock, mood, watch, calls } = setUp();
  const answer = mood.slow('takeHealthTurn');
  watch.start();
  await clock.passSlowly(POLICY.healthTimeoutMs + 1);
  answer();
  await rest();
  assert.equal(calls(), [0, 0]);
  await clock.passSlowly(TURN_MS - 1);
  assert.equal(calls(), [0, 0]);
  await clock.passSlowly(1);
  assert.equal(calls(), [1, 1]);
  watch.stop();
});

test('while the ledger is unavailable there are no turns, so no processor is asked', async () => {
  const { clock, mood, watch, calls } = setUp();
  mood.away.add('takeHealthTurn');
  watch.start();
  await clock.passSlowly(30_000);
  assert.equal(calls(), [0, 0]);
  mood.away.clear();
  await clock.passSlowly(1000);
  assert.equal(calls(), [1, 1]);
  watch.stop();
});

test('a purge by any instance reaches the shared state', async () => {
  const { books, sharedState, watch } = setUp();
  watch.start();
  await rest();
  await books.purge(7_000_000);
  await rest();
  assert.is(sharedState.purgedAtMs, 7_000_000);
  watch.stop();
});

test('keeps trying to subscribe while the ledger is unavailable', async () => {
  const { clock, mood, books, sharedState, watch } = setUp();
  mood.away.add('subscribe');
  watch.start();
  await clock.passSlowly(3500);
  assert.is(mood.count('subscribe'), 4);
  await books.purge(7_000_000);
  mood.away.clear();
  await clock.passSlowly(1000);
  assert.is(sharedState.purgedAtMs, 7_000_000);
  watch.stop();
});

test('a stop leaves nothing behind: no timer, no subscription, no call', async () => {
  const { clock, store, watch, calls } = setUp();
  watch.start();
  await clock.passSlowly(100);
  assert.is(store.watchers.size, 1);
  watch.stop();
  assert.is(store.watchers.size, 0);
  assert.is(clock.pending, 0);
  await clock.passSlowly(60_000);
  assert.equal(calls(), [1, 1]);
});

test('the same holds for a stop while the ledger or a processor has not answered yet', async () => {
  const early = setUp();
  const go = early.mood.slow();
  early.watch.start();
  early.watch.stop();
  go();
  await rest();
  assert.is(early.store.watchers.size, 0);
  assert.is(early.clock.pending, 0);
  assert.equal(early.calls(), [0, 0]);

  const late = setUp();
  const answer = Promise.withResolvers<{ kind: 'limited' }>();
  late.first.state = answer.promise;
  late.watch.start();
  await rest();
  late.watch.stop();
  answer.resolve({ kind: 'limited' });
  await rest();
  assert.is(late.clock.pending, 0);

  const away = setUp();
  away.mood.away.add('subscribe');
  away.watch.start();
  await rest();
  away.watch.stop();
  assert.is(away.clock.pending, 0);
});

test.run();
