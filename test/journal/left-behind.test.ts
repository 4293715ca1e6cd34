import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/core/clock.ts';
import { UUID_BYTES } from '../../src/core/uuid.ts';
import { lockDirectory } from '../../src/journal/directory-lock.ts';
import { markLedger } from '../../src/journal/ledger-mark.ts';
import { LeftJournalWatch, leftJournals, takeOverJournals } from '../../src/journal/left-behind.ts';
import { journalFileCount, replay, unfinished } from '../../src/journal/replay.ts';
import { Journal } from '../../src/journal/writer.ts';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { KeptLog } from '../kept-log.ts';
import { ManualClock } from '../manual-clock.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const RECORDS = 16;

const test = suite<{ home: string }>('journals left behind');

test.before.each((context) => {
  context.home = temporaryDirectory();
});

function ledgerOf(home: string) {
  return { kind: 'lmdb', path: join(home, 'ledger') } as const;
}

function neighbourhoodOf(home: string, instance: string, takesOver = true) {
  return { directory: join(home, instance), ledger: ledgerOf(home), takesOver };
}

/** An instance accepts payments of these amounts, and is killed. */
function accept(home: string, instance: string, amounts: readonly number[], ledger = ledgerOf(home)): void {
  const directory = join(home, instance);
  mkdirSync(directory, { recursive: true });
  assert.is(markLedger(directory, ledger), null);
  const segments = new SegmentTable(SegmentTable.allocate(8, RECORDS));
  const options = { directory, writer: 'http-0', segments, durable: false, randomU32: () => 7 };
  const journal = new Journal({ ...options, batchRecords: 1 });
  for (const amount of amounts) {
    const id = Buffer.alloc(UUID_BYTES);
    id.writeUInt32BE(amount, 12);
    assert.ok(journal.append(id, amount, 1000 + amount, null) >= 0);
    assert.is(journal.write().kind, 'ok');
  }
}

/** The amounts that a start of this instance finds to settle. */
function found(home: string, instance: string): number[] {
  const directory = join(home, instance);
  const segments = new SegmentTable(SegmentTable.allocate(8 + journalFileCount(directory), RECORDS));
  const replayed = replay(directory, segments);
  assert.is(replayed.kind, 'ok', JSON.stringify(replayed));
  const amounts: number[] = [];
  for (const { amountCents, id } of unfinished(directory, segments, () => assert.unreachable())) {
    assert.is(id.readUInt32BE(12), amountCents);
    amounts.push(amountCents);
  }
  return amounts.sort((one, other) => one - other);
}

function takeOver(home: string, instance: string, takesOver = true) {
  mkdirSync(join(home, instance), { recursive: true });
  return takeOverJournals(neighbourhoodOf(home, instance, takesOver), RECORDS, systemClock);
}

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

test('an instance with another name takes over the payments that a dead one accepted', async ({ home }) => {
  accept(home, 'one', range(1, 40));
  accept(home, 'two', range(100, 3));
  const taken = await takeOver(home, 'two');
  assert.equal(taken, [{ directory: join(home, 'one'), fileCount: 3, failure: null }]);
  assert.equal(found(home, 'two'), [...range(1, 40), ...range(100, 3)]);
  assert.equal(readdirSync(join(home, 'one')), ['ledger']);
  assert.equal(await takeOver(home, 'two'), []);
});

test('a journal in use by a process is neither taken over nor reported', async ({ home }) => {
  accept(home, 'one', [1, 2]);
  const lock = await lockDirectory(join(home, 'one'), systemClock);
  assert.equal(await takeOver(home, 'two'), []);
  assert.equal(await leftJournals(neighbourhoodOf(home, 'two')), []);
  if (lock.kind === 'locked') lock.release();
  assert.is((await leftJournals(neighbourhoodOf(home, 'two'))).length, 1);
});

test('several instances that start at once take over each payment once', async ({ home }) => {
  for (const dead of ['a', 'b', 'c']) accept(home, dead, range(dead.charCodeAt(0) * 100, 20));
  const starters = ['one', 'two', 'three'];
  await Promise.all(starters.map((starter) => takeOver(home, starter)));
  const amounts = starters.flatMap((starter) => found(home, starter));
  const left = (await leftJournals(neighbourhoodOf(home, 'four'))).map(({ directory }) => directory);
  assert.ok(left.every((directory) => starters.some((starter) => directory.endsWith(starter))));
  assert.equal(
    amounts.sort((one, other) => one - other),
    [...range(9700, 20), ...range(9800, 20), ...range(9900, 20)],
  );
});

test('payments of another or an unknown ledger are left and reported', async ({ home }) => {
  accept(home, 'other', [1], { kind: 'lmdb', path: join(home, 'another-ledger') });
  accept(home, 'unmarked', [2]);
  rmSync(join(home, 'unmarked/ledger'));
  accept(home, 'explicit', [3]);
  assert.equal(await takeOver(home, 'own', false), []);
  const left = await leftJournals(neighbourhoodOf(home, 'own', false));
  assert.equal(
    left.map(({ fileCount }) => fileCount),
    [1, 1, 1],
  );
  const obstacles = new Map(
    left.map(({ directory, obstacle }) => [directory.slice(home.length + 1), obstacle]),
  );
  assert.match(obstacles.get('other') ?? '', `another ledger, lmdb:${join(home, 'another-ledger')}`);
  assert.match(obstacles.get('unmarked') ?? '', 'it does not say which ledger');
  assert.match(obstacles.get('explicit') ?? '', 'JOURNAL_DIR is set');
  assert.equal(
    (await takeOver(home, 'own')).map(({ directory }) => directory),
    [join(home, 'explicit')],
  );
});

test('a file that cannot be taken over is left and reported; the others are taken over, without damaged records', async ({
  home,
}) => {
  accept(home, 'one', range(1, 40));
  const names = readdirSync(join(home, 'one')).filter((name) => name.endsWith('.journal'));
  const [first = '', second = ''] = names.sort();
  truncateSync(join(home, 'one', first), (RECORDS + 1) * 64);
  const damaged = join(home, 'one', second);
  const bytes = readFileSync(damaged);
  bytes[64 + 20] = 255 - (bytes[64 + 20] as number);
  writeFileSync(damaged, bytes);
  const [taken] = await takeOver(home, 'two');
  assert.is(taken?.fileCount, 2);
  assert.match(taken?.failure ?? '', `${first} is too large`);
  assert.equal(
    found(home, 'two'),
    range(17, 24).filter((amount) => amount !== 18),
  );
  assert.ok(existsSync(join(home, 'one', first)));
});

test('left journals are logged once, and counted until they are taken over', async ({ home }) => {
  accept(home, 'one', [1]);
  const shape = { processorCount: 1, threadCount: 1 };
  const sharedState = new SharedState(SharedState.allocate(shape), shape);
  const log = new KeptLog();
  const neighbourhood = neighbourhoodOf(home, 'two', false);
  const watch = new LeftJournalWatch({ neighbourhood, sharedState, clock: new ManualClock(), log });
  await watch.look();
  await watch.look();
  assert.is(sharedState.leftJournals, 1);
  assert.equal(log.lines, ['warn a journal was left behind: its payments are waiting']);
  await takeOver(home, 'three');
  rmSync(join(home, 'three'), { recursive: true });
  await watch.look();
  assert.is(sharedState.leftJournals, 0);
  assert.is(log.lines.at(-1), 'info no journal is left behind any more');
});

test('files with the same number, as when two journals are copied together, all count', ({ home }) => {
  accept(home, 'one', range(1, 20));
  const directory = join(home, 'other');
  mkdirSync(directory);
  const segments = new SegmentTable(SegmentTable.allocate(8, RECORDS));
  const options = { directory, writer: 'http-1', segments, durable: false, randomU32: () => 9 };
  const journal = new Journal({ ...options, batchRecords: 1 });
  const id = Buffer.alloc(UUID_BYTES);
  id.writeUInt32BE(77, 12);
  journal.append(id, 77, 1, null);
  assert.is(journal.write().kind, 'ok');
  for (const name of readdirSync(directory)) renameSync(join(directory, name), join(home, 'one', name));
  assert.equal(found(home, 'one'), [...range(1, 20), 77]);
  assert.equal(found(home, 'one'), [...range(1, 20), 77]);
});

test('a journal stays with its ledger while it holds payments, and can be moved with it', ({ home }) => {
  accept(home, 'deployment/one', [1]);
  let directory = join(home, 'deployment/one');
  const redis = { kind: 'redis', url: 'redis://user:secret@host/1' } as const;
  const refusal = markLedger(directory, redis) ?? '';
  assert.match(refusal, `holds payments of another ledger, lmdb:${join(home, 'ledger')}`);
  const moved = join(home, 'moved');
  mkdirSync(moved);
  renameSync(join(home, 'deployment'), join(moved, 'deployment'));
  directory = join(moved, 'deployment/one');
  assert.is(markLedger(directory, ledgerOf(moved)), null);
  for (const name of readdirSync(directory)) if (name.endsWith('.journal')) rmSync(join(directory, name));
  assert.is(markLedger(directory, redis), null);
  assert.is(readFileSync(join(directory, 'ledger'), 'utf8'), 'redis:host:6379/1\n');
  assert.is(markLedger(directory, { kind: 'redis', url: 'rediss://host:6379/1' }), null);
});

test.run();
