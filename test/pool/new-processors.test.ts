import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { NewProcessors } from '../../src/pool/new-processors.ts';
import { DefinitionTable } from '../../src/shared-memory/definition-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { KeptLog } from '../kept-log.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { acquire, claimOf, must } from '../ledger/samples.ts';
import { ManualClock } from '../manual-clock.ts';
import { until } from '../system/until.ts';

const SHAPE = { processorCount: 1, processorsMax: 4, threadCount: 1 };
const SOON_MS = 10_000;

function setUp() {
  const [clock, log, mood] = [new ManualClock(), new KeptLog(), new Mood()];
  const books = new MemoryLedger(['default'], new MemoryStore());
  const sharedState = new SharedState(SharedState.allocate(SHAPE), SHAPE);
  const table = new DefinitionTable(DefinitionTable.allocate(3));
  const opened: string[] = [];
  const broken = new Set<string>();
  const added = new NewProcessors<string>({
    open: async ({ name }) =>
      broken.has(String(name))
        ? { kind: 'failed', problem: `${name} has no key` }
        : { kind: 'ok', target: String(name) },
    ledger: moody(books, mood),
    onOpened: (name) => void opened.push(name),
    table,
    sharedState,
    clock,
    log,
  });
  const add = (...names: string[]) => {
    for (const [row, name] of names.entries()) table.set(row, JSON.stringify({ name }));
    sharedState.setControls(['default', ...names].map(() => ({ use: 'in-use' })));
  };
  const areOpened = (...names: string[]) =>
    until(`${names.join()} are opened`, SOON_MS, async () => {
      await clock.passSlowly(1000);
      return opened.join() === names.join();
    });
  return { added, books, mood, log, sharedState, broken, opened, add, areOpened };
}

test('each processor becomes known to the ledger and to the thread, in the order of the shared state', async () => {
  const { added, books, sharedState, add, areOpened } = setUp();
  add('second', 'third');
  const running = added.run();
  await areOpened('second', 'third');
  add('second', 'third', 'fourth');
  await areOpened('second', 'third', 'fourth');
  const owner = await acquire(books);
  await must(books.commit(owner, [], [claimOf(1, { processor: 3 })]));
  assert.is((await must(books.find(claimOf(1).correlationId)))?.processorName, 'fourth');
  sharedState.stop();
  sharedState.setControls(Array.from({ length: 4 }, () => ({ use: 'in-use' })));
  await running;
});

test('one that cannot be used yet is tried again, and those behind it wait', async () => {
  const { added, mood, log, sharedState, broken, opened, add, areOpened } = setUp();
  broken.add('second');
  mood.away.add('registerProcessor');
  add('second', 'third');
  const running = added.run();
  await areOpened();
  assert.equal(opened, []);
  broken.delete('second');
  await areOpened();
  mood.away.delete('registerProcessor');
  await areOpened('second', 'third');
  assert.is(log.lines.length, 2, 'once that it fails, and once that it does not any more');
  sharedState.stop();
  sharedState.setControls(Array.from({ length: 3 }, () => ({ use: 'in-use' })));
  await running;
});

test.run();
