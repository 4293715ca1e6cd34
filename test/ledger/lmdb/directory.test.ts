import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../../src/core/clock.ts';
import { type EnteredDirectory, enterDirectory, sharingFault } from '../../../src/ledger/lmdb/directory.ts';
import { temporaryDirectory } from '../../temporary-directory.ts';

/** Enters the given directory, prints the result, and stays. */
const CHILD = `
  import { enterDirectory } from '${new URL('../../../src/ledger/lmdb/directory.ts', import.meta.url)}';
  import { systemClock } from '${new URL('../../../src/core/clock.ts', import.meta.url)}';
  const entered = await enterDirectory(process.argv[1], { clock: systemClock, random: Math.random });
  console.log(entered.kind === 'entered' ? 'entered' : entered.reason);
  setInterval(() => {}, 60_000);
`;
const NODE = [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  '--input-type=module',
  '--eval',
  CHILD,
];
const FILES = ['data.mdb', 'lock.mdb'];
const OTHER_NAMESPACE = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];

const test = suite<{ directory: string }>('the directory of an LMDB ledger');

test.before.each((context) => {
  context.directory = temporaryDirectory();
});

function enter(path: string, namespace?: string): Promise<EnteredDirectory> {
  const parts = { clock: systemClock, random: Math.random };
  return enterDirectory(path, namespace === undefined ? parts : { ...parts, namespace });
}

function leave(entered: EnteredDirectory): void {
  assert.is(entered.kind, 'entered');
  if (entered.kind === 'entered') entered.leave();
}

/** A process that enters, and what it printed. */
async function enterElsewhere(command: readonly string[], path: string) {
  const [program = '', ...args] = [...command, path];
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout === null) throw new Error('the child has no output');
  const [said] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const kill = async () => {
    child.kill('SIGKILL');
    await once(child, 'close');
  };
  return { said, child, kill };
}

test('any number of processes of one namespace can enter', async ({ directory }) => {
  const path = join(directory, 'a/ledger');
  const [one, other] = [await enter(path), await enter(path)];
  leave(one);
  leave(other);
  assert.equal(readdirSync(path), FILES);
});

test('another namespace can enter once the last process has left', async ({ directory }) => {
  const [one, other] = [await enter(directory, '1'), await enter(directory, '1')];
  const refused = await enter(directory, '2');
  assert.match(refused.kind === 'failed' ? refused.reason : 'entered', /process in another PID namespace/);
  assert.match((await sharingFault(directory, '2')) ?? 'none', /process in another PID namespace/);
  assert.is(await sharingFault(directory, '1'), null);
  leave(one);
  assert.is((await enter(directory, '2')).kind, 'failed');
  leave(other);
  leave(await enter(directory, '2'));
});

test('when two namespaces enter at once one gets in, never both', async ({ directory }) => {
  let entries = 0;
  for (let round = 0; round < 10; round++) {
    const both = await Promise.all([enter(directory, '1'), enter(directory, '2')]);
    const inside = both.filter(({ kind }) => kind === 'entered');
    assert.ok(inside.length <= 1);
    entries += inside.length;
    for (const entered of inside) leave(entered);
  }
  assert.ok(entries >= 9, `${entries} of 10 rounds had a winner`);
});

test('a path too long for a socket works', async ({ directory }) => {
  const path = join(directory, 'x'.repeat(120));
  const entered = await enter(path, '1');
  assert.is((await enter(path, '2')).kind, 'failed');
  leave(entered);
});

test('a killed process does not block others', async ({ directory }) => {
  const child = await enterElsewhere(NODE, directory);
  assert.is(child.said, 'entered');
  assert.is((await enter(directory, '1')).kind, 'failed');
  await child.kill();
  leave(await enter(directory, '1'));
  assert.equal(readdirSync(directory), FILES, 'what it left is cleared away');
});

test('a stopped process still counts', async ({ directory }) => {
  const { child, kill } = await enterElsewhere(NODE, directory);
  child.kill('SIGSTOP');
  assert.is((await enter(directory, '1')).kind, 'failed');
  await kill();
});

test('a file in place of the directory, and files that are not a ledger, are rejected', async ({
  directory,
}) => {
  const file = join(directory, 'file');
  writeFileSync(file, '');
  for (const path of [file, join(file, 'ledger')]) {
    const { kind, reason } = { reason: '', ...(await enter(path)) };
    assert.is(kind, 'failed');
    assert.match(reason, /^E(EXIST|NOTDIR): /);
  }
  const wrong = join(directory, 'wrong');
  mkdirSync(wrong);
  writeFileSync(join(wrong, 'data.mdb'), Buffer.alloc(9000));
  const { reason } = { reason: '', ...(await enter(wrong)) };
  assert.match(
    reason,
    /wrong\/data\.mdb is not an LMDB data file; restore it from a backup, or move it away/,
  );
});

test('a full disk is an error', async ({ directory }) => {
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory]).status !== 0) {
    console.log('skipped: this user may mount nothing here');
    return;
  }
  const { reason } = { reason: '', ...(await enter(join(directory, 'ledger'))) };
  const left = readdirSync(join(directory, 'ledger'));
  spawnSync('umount', [directory]);
  assert.match(reason, /^ENOSPC: /);
  assert.equal(left, ['data.mdb']);
});

test('a process in a real PID namespace is refused', async ({ directory }) => {
  if (spawnSync('unshare', [...OTHER_NAMESPACE.slice(1), 'true']).status !== 0) {
    console.log('skipped: this user may make no PID namespace here');
    return;
  }
  const inside = await enterElsewhere([...OTHER_NAMESPACE, ...NODE], directory);
  assert.is(inside.said, 'entered');
  const outside = await enterElsewhere(NODE, directory);
  assert.match(outside.said, /process in another PID namespace/);
  await outside.kill();
  await inside.kill();
  leave(await enter(directory));
});

test.run();
