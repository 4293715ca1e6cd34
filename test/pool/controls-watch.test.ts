import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import type { ProcessorControl } from '../../src/ledger/processor-controls.ts';
import { AddedProcessors } from '../../src/pool/added-processors.ts';
import { ControlsWatch } from '../../src/pool/controls-watch.ts';
import { DefinitionTable } from '../../src/shared-memory/definition-table.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { claimOf, must } from '../ledger/samples.ts';
import { ManualClock, rest } from '../manual-clock.ts';
import { processorTarget } from '../processor-target.ts';

const NAMES = ['default', 'fallback'];
const SHAPE = { processorCount: NAMES.length, processorsMax: 4, threadCount: 1 };

function setUp() {
  const clock = new ManualClock();
  const said: [message: string, fields: object][] = [];
  const say = (fields: object, message: string) => void said.push([message, fields]);
  const log = { debug: say, info: say, warn: say, error: say };
  const mood = new Mood();
  const store = new MemoryStore();
  const books = new MemoryLedger(NAMES, store);
  const sharedState = new SharedState(SharedState.allocate(SHAPE), SHAPE);
  const metricsTable = new MetricsTable(MetricsTable.allocate(SHAPE), SHAPE);
  const wakes = { count: 0 };
  const opens: string[] = [];
  const broken = new Set<string>();
  const table = new DefinitionTable(DefinitionTable.allocate(SHAPE.processorsMax));
  const added = new AddedProcessors({
    configured: NAMES.map((name) => processorTarget({ name })),
    rowCount: SHAPE.processorsMax,
    open: async ({ name }) => {
      opens.push(String(name));
      if (name === 'endless') await new Promise(() => {});
      if (broken.has(String(name))) return { kind: 'failed', problem: `${name} has no key` };
      return { kind: 'ok', target: processorTarget({ name: String(name), feePpm: 7 }) };
    },
    ledger: books,
    table,
    sharedState,
    metrics: metricsTable.thread(0),
    clock,
    log,
  });
  const watch = new ControlsWatch({
    ledger: moody(books, mood),
    added,
    bounds: { poolThreadCount: 2, callsMax: 500 },
    sharedState,
    onChange: () => wakes.count++,
    clock,
    log,
  });
  return {
    clock,
    said,
    wakes,
    mood,
    store,
    watch,
    sharedState,
    opens,
    broken,
    table,
    notOpened: () => metricsTable.gauge(0, 'processorsNotOpened'),
    paused: () => NAMES.map((_, processor) => !sharedState.mayGetPayments(processor)),
    control(version: number, processors: Record<string, Partial<ProcessorControl>>) {
      const said = { isPaused: false, fee: null, changedAtMs: 5, by: 'ana', why: 'new' };
      const controls = Object.entries(processors).map(([name, control]) => [name, { ...said, ...control }]);
      store.controls = { version, processors: Object.fromEntries(controls) };
    },
    change(version: number, ...paused: string[]) {
      const control = { isPaused: true, fee: null, changedAtMs: 5, by: 'ana', why: 'maintenance' };
      store.controls = { version, processors: Object.fromEntries(paused.map((name) => [name, control])) };
    },
  };
}

test('a change holds within a second, and is logged with its author and reason', async () => {
  const { clock, said, watch, paused, change } = setUp();
  watch.start();
  await rest();
  assert.equal(paused(), [false, false]);
  assert.equal(said, []);
  change(1, 'fallback', 'of another instance');
  await clock.passSlowly(1000);
  assert.equal(paused(), [false, true]);
  change(2);
  await clock.passSlowly(1000);
  assert.equal(paused(), [false, false]);
  assert.equal(said, [
    ['processor paused', { processor: 'fallback', by: 'ana', why: 'maintenance' }],
    ['processor resumed', { processor: 'fallback' }],
  ]);
  watch.stop();
  assert.is(clock.pending, 0);
});

test('a fee that an operator changes is shown to all threads, and logged', async () => {
  const { clock, said, store, watch, sharedState } = setUp();
  watch.start();
  await rest();
  assert.is(sharedState.terms(1)?.feePpm, 50_000);
  const fee = { feePpm: 15_000, feeFixedCents: 35 };
  const control = { isPaused: false, fee, changedAtMs: 5, by: 'ana', why: 'contract' };
  store.controls = { version: 1, processors: { fallback: control } };
  await clock.passSlowly(1000);
  const { feePpm, feeFixedCents } = sharedState.terms(1) ?? {};
  assert.equal([sharedState.terms(0)?.feePpm, { feePpm, feeFixedCents }], [50_000, fee]);
  store.controls = { version: 2, processors: { fallback: { ...control, fee: null } } };
  await clock.passSlowly(1000);
  assert.is(sharedState.terms(1)?.feePpm, 50_000);
  assert.equal(
    said.map(([message]) => message),
    ['the fee has changed', 'the fee is as configured again'],
  );
  watch.stop();
});

test('limits that an operator changes are shown to all threads, which wake, and are logged', async () => {
  const { clock, said, wakes, store, watch, sharedState } = setUp();
  watch.start();
  await rest();
  const configured = {
    feePpm: 50_000,
    feeFixedCents: 0,
    callLimit: 400,
    callsPerSecond: null,
    minAmountCents: 1,
    maxAmountCents: Number.MAX_SAFE_INTEGER,
  };
  assert.equal(sharedState.terms(0), configured);
  const control = { isPaused: false, fee: null, changedAtMs: 5, by: 'ana', why: 'contract' };
  const limits = { callLimit: 20, callsPerSecond: 10, maxAmountCents: 5000 };
  store.controls = { version: 1, processors: { fallback: { ...control, limits } } };
  await clock.passSlowly(1000);
  assert.equal([sharedState.terms(0), sharedState.terms(1)], [configured, { ...configured, ...limits }]);
  assert.is(wakes.count, 2);
  store.controls = { version: 2, processors: { fallback: { ...control, limits: { callLimit: 900 } } } };
  await clock.passSlowly(1000);
  assert.is(sharedState.terms(1)?.callLimit, 500, 'more than its file descriptors allow');
  store.controls = { version: 3, processors: { fallback: { ...control, limits: { callLimit: 1 } } } };
  await clock.passSlowly(1000);
  assert.is(sharedState.terms(1)?.callLimit, 2, 'less than it has pool threads');
  store.controls = { version: 4, processors: { fallback: { ...control, limits: {} } } };
  await clock.passSlowly(1000);
  assert.equal(sharedState.terms(1), configured);
  const by = { processor: 'fallback', by: 'ana', why: 'contract' };
  assert.equal(said, [
    ['the limits have changed', { ...by, ...limits }],
    ['the limits have changed', { ...by, callLimit: 900 }],
    [
      'the open-file limit (ulimit -n) is too low for the new limit of calls at once: it is reduced',
      { processor: 'fallback', asked: 900, callLimit: 500 },
    ],
    ['the limits have changed', { ...by, callLimit: 1 }],
    [
      'each pool thread has one call at least: the new limit of calls at once is raised',
      { processor: 'fallback', asked: 1, callLimit: 2 },
    ],
    ['the limits are as configured again', by],
  ]);
  watch.stop();
});

test('after a start nothing may be sent before it is known what is paused', async () => {
  const { clock, mood, watch, paused, change } = setUp();
  change(3, 'default');
  mood.away.add('processorControls');
  watch.start();
  await clock.passSlowly(10_000);
  assert.equal(paused(), [true, true]);
  mood.away.clear();
  await clock.passSlowly(200);
  assert.equal(paused(), [true, false]);
  watch.stop();
});

test('while the ledger does not answer, what was last known holds; restored books may have an earlier version', async () => {
  const { clock, mood, watch, paused, sharedState, change } = setUp();
  change(3, 'default');
  watch.start();
  await rest();
  mood.away.add('processorControls');
  await clock.passSlowly(10_000);
  assert.equal(paused(), [true, false]);
  mood.away.clear();
  await clock.passSlowly(2000);
  assert.is(sharedState.controlsRevision, 1, 'nothing has changed');
  change(2, 'fallback');
  await clock.passSlowly(1000);
  assert.equal(paused(), [false, true]);
  watch.stop();
});

test('a processor that is added gets a row, with its controls, before others hear of it', async () => {
  const { clock, said, watch, sharedState, table, control } = setUp();
  watch.start();
  await rest();
  assert.is(sharedState.processorCount, 2);
  const heard = sharedState.untilControlsChange(sharedState.controlsRevision).then(() => {
    return [sharedState.processorCount, sharedState.use(2), sharedState.terms(2)?.feePpm, table.get(0)];
  });
  control(1, { third: { definition: { name: 'third' }, isPaused: true } });
  await clock.passSlowly(1000);
  assert.equal(await heard, [3, 'paused', 7, '{"name":"third"}']);
  assert.equal(said[0], ['processor added', { processor: 'third' }]);
  watch.stop();
});

test('a processor that is removed takes no amounts, and is in use again once it is added again', async () => {
  const { clock, said, watch, sharedState, control } = setUp();
  watch.start();
  control(1, { default: { isRemoved: true, isPaused: true } });
  await clock.passSlowly(1000);
  assert.is(sharedState.use(0), 'removed');
  assert.is(sharedState.mayGetPayments(0), false);
  const { minAmountCents = 0, maxAmountCents = 0 } = sharedState.terms(0) ?? {};
  assert.ok(minAmountCents > maxAmountCents);
  control(2, { default: {} });
  await clock.passSlowly(1000);
  assert.is(sharedState.use(0), 'in-use');
  assert.is(sharedState.terms(0)?.maxAmountCents, Number.MAX_SAFE_INTEGER);
  const messages = said.map(([message]) => message);
  assert.ok(messages.includes('processor removed') && messages.includes('processor added again'));
  watch.stop();
});

test('a processor that cannot be opened is reported, left out, and tried again', async () => {
  const { clock, said, watch, sharedState, broken, opens, notOpened, control } = setUp();
  broken.add('third');
  watch.start();
  control(1, { third: { definition: { name: 'third' } }, fourth: { definition: { name: 'fourth' } } });
  await clock.passSlowly(1000);
  assert.is(sharedState.processorCount, 3);
  assert.is(notOpened(), 1);
  const problems = { third: 'third has no key' };
  assert.equal(
    said.filter(([, fields]) => 'problems' in fields).map(([, fields]) => fields),
    [{ problems }],
  );
  await clock.passSlowly(3000);
  assert.equal(opens, ['third', 'fourth'], 'not more often than every five seconds');
  broken.delete('third');
  await clock.passSlowly(6000);
  assert.is(sharedState.processorCount, 4);
  assert.is(notOpened(), 0);
  watch.stop();
});

test('a processor that was removed before the start is only opened while something is open there', async () => {
  const { clock, watch, store, sharedState, opens, control } = setUp();
  const books = new MemoryLedger(['gone', 'other'], store);
  const owner = await must(books.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, 1e15));
  await must(books.commit(owner, [], [claimOf(1)]));
  control(1, {
    gone: { definition: { name: 'gone' }, isRemoved: true },
    drained: { definition: { name: 'drained' }, isRemoved: true },
  });
  watch.start();
  await clock.passSlowly(1000);
  assert.equal(opens, ['gone']);
  assert.is(sharedState.use(2), 'removed');
  watch.stop();
});

test('a processor whose contract never loads does not hold up the others', async () => {
  const { clock, watch, sharedState, notOpened, control } = setUp();
  control(1, { endless: { definition: { name: 'endless' } }, third: { definition: { name: 'third' } } });
  watch.start();
  await clock.passSlowly(4000);
  assert.is(sharedState.controlsRevision, 0);
  await clock.passSlowly(2000);
  assert.is(sharedState.processorCount, 3);
  assert.is(notOpened(), 1);
  const revision = sharedState.controlsRevision;
  control(2, { default: { isPaused: true }, endless: { definition: { name: 'endless' } } });
  await clock.passSlowly(1000);
  assert.ok(sharedState.controlsRevision > revision, 'it delays only the first change');
  watch.stop();
});

test('an instance has room for so many', async () => {
  const { clock, watch, sharedState, notOpened, control } = setUp();
  watch.start();
  const names = ['third', 'fourth', 'fifth'];
  control(1, Object.fromEntries(names.map((name) => [name, { definition: { name } }])));
  await clock.passSlowly(1000);
  assert.is(sharedState.processorCount, 4);
  assert.is(notOpened(), 1);
  watch.stop();
});

test.run();
