import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/core/clock.ts';
import { fileSystemOfType } from '../../src/core/file-system.ts';
import { checkDirectory, checkLock } from '../../src/doctor/directory.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { lockDirectory } from '../../src/journal/directory-lock.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const MIB = 2 ** 20;
/** Larger than any disk. */
const ENDLESS_BYTES = 2 ** 60;
const EXT4 = 0xef53;

const test = suite<{ directory: string }>('directory');

test.before.each((context) => {
  context.directory = temporaryDirectory();
});

function check(path: string, roomBytes = MIB, type = EXT4): Finding[] {
  return checkDirectory({
    check: 'journal',
    path,
    roomBytes,
    elsewhere: 'set JOURNAL_DIR',
    fileSystemOf: () => fileSystemOfType(type),
  });
}

function levels(findings: readonly Finding[]): string[] {
  return findings.map(({ level }) => level);
}

test('changes neither an existing nor a missing directory', ({ directory }) => {
  const path = join(directory, 'a/b');
  const [finding] = check(path);
  assert.is(finding?.level, 'ok');
  assert.match(finding?.seen ?? '', /\/a\/b is writable, \d+ (MiB|GiB) free$/);
  assert.not(existsSync(join(directory, 'a')));
  mkdirSync(path, { recursive: true });
  assert.equal(levels(check(path)), ['ok']);
});

test('reports a file in the way, and a path that cannot be followed', ({ directory }) => {
  const file = join(directory, 'file');
  writeFileSync(file, '');
  assert.match(check(file)[0]?.seen ?? '', 'is a file, not a directory');
  const below = check(join(file, 'below'))[0];
  assert.is(below?.level, 'fail');
  const loop = join(directory, 'loop');
  symlinkSync(loop, loop);
  const [lost] = check(join(loop, 'x'));
  assert.is(lost?.level, 'fail');
  assert.match(lost?.seen ?? '', 'ELOOP');
});

test('reports too little space, counting what the directory already uses', ({ directory }) => {
  const [full] = check(directory, ENDLESS_BYTES);
  assert.is(full?.level, 'warn');
  assert.match(full?.seen ?? '', 'may grow by');
  writeFileSync(join(directory, 'segment'), Buffer.alloc(MIB));
  assert.equal(levels(check(directory, MIB)), ['ok']);
});

test('warns of file systems in memory, on a network, or inside a container', ({ directory }) => {
  for (const [type, word] of [
    [0x01021994, 'tmpfs'],
    [0x6969, 'NFS'],
    [0x794c7630, 'overlay'],
  ] as const) {
    const [, kind] = check(directory, MIB, type);
    assert.is(kind?.level, 'warn');
    assert.match(kind?.seen ?? '', word);
  }
  assert.is(check(directory).length, 1);
});

test('recognizes a real file system in memory', () => {
  const path = '/dev/shm';
  if (!existsSync(path)) return;
  const findings = checkDirectory({ check: 'journal', path, roomBytes: 0, elsewhere: 'set JOURNAL_DIR' });
  assert.match(findings[1]?.seen ?? '', 'tmpfs');
});

test('sees whether a journal is in use, and by which process', async ({ directory }) => {
  const path = join(directory, 'journal');
  assert.is((await checkLock(path)).level, 'ok');
  const lock = await lockDirectory(path, systemClock);
  assert.is(lock.kind, 'locked');
  const held = await checkLock(path);
  assert.is(held.level, 'fail');
  assert.match(held.seen, process.platform === 'linux' ? `process ${process.pid} (node` : 'another process');
  assert.match(held.remedy, 'INSTANCE_ID');
  if (lock.kind === 'locked') lock.release();
  assert.is((await checkLock(path)).level, 'ok');
});

test('reports a journal that cannot be locked, or may be in use elsewhere', async ({ directory }) => {
  writeFileSync(join(directory, 'lock-of-another-mount'), '');
  const unclear = await checkLock(directory);
  assert.is(unclear.level, 'fail');
  assert.match(unclear.remedy, 'remove that file');
  if (process.platform !== 'linux') return;
  const unfit = await checkLock('/proc/self');
  assert.is(unfit.level, 'fail');
  assert.match(unfit.remedy, 'cannot create a unix socket');
});

test('reports a journal that is not a directory', async ({ directory }) => {
  const path = join(directory, 'file');
  writeFileSync(path, '');
  const finding = await checkLock(path);
  assert.is(finding.level, 'fail');
  assert.match(finding.seen, 'ENOTDIR');
});

test.run();
