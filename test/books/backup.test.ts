import { appendFileSync, cpSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { backUpBooks, restoreBackup } from '../../src/books/backup.ts';
import type { LedgerTarget } from '../../src/config/config.ts';
import { systemClock } from '../../src/core/clock.ts';
import { checkBooks } from '../../src/doctor/books.ts';
import { must } from '../ledger/samples.ts';
import { configIn } from '../settings.ts';
import { fill, inDirectory, withLedger } from './sample-books.ts';

const COUNT = 600;

function statusOf(target: LedgerTarget) {
  return withLedger(target, (ledger) => must(ledger.booksStatus()));
}

function lmdb(directory: string, name: string) {
  return { kind: 'lmdb', path: join(directory, name) } as const;
}

test('a backup that is made under load has all that was committed before, and is restored as books that may be behind', () =>
  inDirectory(async (directory) => {
    const [source, target] = [lmdb(directory, 'source'), lmdb(directory, 'target')];
    const backup = join(directory, 'backups', 'monday');
    await withLedger(source, async (ledger) => {
      await fill(ledger, COUNT);
      const running = fill(ledger, COUNT, COUNT);
      assert.is((await backUpBooks(source, backup, systemClock)).kind, 'ok');
      await running;
    });
    assert.equal(readdirSync(backup).sort(), ['backup.json', 'data.mdb']);
    assert.is((await backUpBooks(source, backup, systemClock)).kind, 'failed', 'it is not overwritten');
    assert.is((await restoreBackup(backup, source, systemClock)).kind, 'failed', 'nor is a ledger');
    assert.is((await restoreBackup(backup, target, systemClock)).kind, 'ok');
    const status = await statusOf(target);
    assert.is(status.kind, 'behind');
    assert.match(status.detail, /the backup of 20/);
    const totals = await withLedger(target, (ledger) => must(ledger.summary(-Infinity, Infinity)));
    assert.ok(totals.reduce((sum, { count }) => sum + count, 0) >= COUNT - 3);
    assert.is((await statusOf(source)).kind, 'in-use');
  }));

test('a damaged backup is not restored', () =>
  inDirectory(async (directory) => {
    const [source, target] = [lmdb(directory, 'source'), lmdb(directory, 'target')];
    await withLedger(source, (ledger) => fill(ledger, 20));
    const backup = join(directory, 'backup');
    await backUpBooks(source, backup, systemClock);
    appendFileSync(join(backup, 'data.mdb'), 'x');
    const outcome = await restoreBackup(backup, target, systemClock);
    assert.is(outcome.kind, 'failed');
    if (outcome.kind === 'failed') assert.match(outcome.lines.join(), /is damaged/);
    assert.equal(readdirSync(target.path), []);
  }));

test('books know that they were copied, also if the copy takes the place of the original; a rename changes nothing', () =>
  inDirectory(async (directory) => {
    const source = lmdb(directory, 'source');
    await withLedger(source, (ledger) => fill(ledger, 20));
    renameSync(source.path, join(directory, 'renamed'));
    assert.is((await statusOf(lmdb(directory, 'renamed'))).kind, 'in-use');
    const copy = lmdb(directory, 'copy');
    mkdirSync(copy.path);
    cpSync(join(directory, 'renamed'), copy.path, { recursive: true });
    const status = await statusOf(copy);
    assert.is(status.kind, 'behind');
    assert.match(status.detail, /is a copy of another file/);

    const config = configIn(directory, { LEDGER_URL: `lmdb:${copy.path}` });
    const [finding] = await checkBooks(config, systemClock);
    assert.is(finding?.level, 'fail');
    assert.match(finding?.seen ?? '', /audit --adopt/);
    rmSync(copy.path, { recursive: true });
    assert.equal(await checkBooks(config, systemClock), []);
  }));

test.run();
