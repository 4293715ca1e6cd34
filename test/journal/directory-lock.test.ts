import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/core/clock.ts';
import {
  type DirectoryLock,
  directoryHolder,
  type LockPurpose,
  lockDirectory,
  lockFault,
} from '../../src/journal/directory-lock.ts';
import { BindMount } from '../bind-mount.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

interface Context {
  directory: string;
}

const locking = suite<Context>('directory lock');
locking.before.each((context) => {
  context.directory = temporaryDirectory();
});

function lock(directory: string, purpose?: LockPurpose): Promise<DirectoryLock> {
  return lockDirectory(directory, systemClock, purpose);
}

function release(held: DirectoryLock): void {
  if (held.kind !== 'locked') throw new Error(`${held.kind}: ${held.reason}`);
  held.release();
}

/** A process that has said whether it got the lock. */
async function startChild(directory: string): Promise<{ child: ChildProcess; kind: string }> {
  const script = fileURLToPath(new URL('./directory-lock-child.ts', import.meta.url));
  const child = spawn(process.execPath, [script, directory], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  return { child, kind: String(line).trim() };
}

locking('a lock is held until it is released, and leaves nothing behind', async ({ directory }) => {
  const first = await lock(directory);
  assert.is(first.kind, 'locked');
  const second = await lock(directory);
  assert.is(second.kind, 'held');
  assert.ok(second.kind === 'held' && second.reason.includes(directory));
  release(first);
  release(await lock(directory));
  assert.equal(readdirSync(directory), []);
});

locking('creates a missing directory', async ({ directory }) => {
  release(await lock(join(directory, 'journal', 'gateway-1')));
});

locking('when many start at once exactly one gets the lock', async ({ directory }) => {
  for (let round = 0; round < 20; round++) {
    const locks = await Promise.all(Array.from({ length: 8 }, () => lock(directory)));
    assert.is(locks.filter(({ kind }) => kind === 'locked').length, 1);
    assert.is(locks.filter(({ kind }) => kind === 'held').length, 7);
    for (const one of locks) if (one.kind === 'locked') one.release();
  }
});

locking('when many processes start at once exactly one gets the lock', async ({ directory }) => {
  const started = await Promise.all(Array.from({ length: 5 }, () => startChild(directory)));
  assert.equal(started.map(({ kind }) => kind).sort(), ['held', 'held', 'held', 'held', 'locked']);
  for (const { child } of started) {
    child.stdin?.end();
    if (child.exitCode === null) await once(child, 'exit');
  }
  assert.equal(readdirSync(directory), []);
});

locking('a killed process no longer holds the lock, and its socket is removed', async ({ directory }) => {
  for (let life = 0; life < 3; life++) {
    const { child, kind } = await startChild(directory);
    assert.is(kind, 'locked');
    assert.is((await lock(directory)).kind, 'held');
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  assert.is(readdirSync(directory).length, 1);
  release(await lock(directory));
  assert.equal(readdirSync(directory), []);
});

locking('a stopped process still holds the lock', async ({ directory }) => {
  const { child } = await startChild(directory);
  child.kill('SIGSTOP');
  assert.is((await lock(directory)).kind, 'held');
  child.kill('SIGCONT');
  assert.is((await lock(directory)).kind, 'held');
  child.kill('SIGKILL');
  await once(child, 'exit');
});

/** The name of the lock that a killed process left. */
async function leftLock(directory: string): Promise<string> {
  const { child } = await startChild(directory);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const [name] = readdirSync(directory);
  assert.ok(name);
  return name;
}

const LEFT: readonly (readonly [
  what: string,
  facts: (facts: readonly string[]) => string[],
  kind: string,
])[] = [
  ['of an earlier start of this machine', ([, ...rest]) => ['0badb007', ...rest], 'locked'],
  [
    'on a disk whose device number has changed',
    ([boot, type]) => [boot ?? '', type ?? '', 'fff', '1'],
    'locked',
  ],
  ['on another mount', ([boot]) => [boot ?? '', '65735546', 'fff', '1'], 'held'],
  ['on another machine that shares the directory', () => ['0badb007', '6969', 'fff', '1'], 'held'],
  [
    'that records another file system, in the same mount',
    ([boot, , ...rest]) => [boot ?? '', '6969', ...rest],
    'locked',
  ],
  ['that records nothing', () => [], 'held'],
];
for (const [what, change, kind] of LEFT) {
  locking(`a lock ${what} is ${kind === 'held' ? 'not taken over' : 'taken over'}`, async ({ directory }) => {
    const name = await leftLock(directory);
    const [prefix = '', random = '', ...facts] = name.split('-');
    const changed = [prefix, random, ...change(facts)].join('-');
    renameSync(join(directory, name), join(directory, changed));
    const holder = await directoryHolder(directory);
    const found = await lock(directory);
    assert.is(found.kind, kind);
    if (found.kind === 'locked') {
      assert.equal(holder, { kind: 'none' });
      return found.release();
    }
    assert.match(found.reason, `${join(directory, changed)} was made by a gateway on another machine`);
    assert.match(found.reason, 'remove that file');
    assert.equal(holder, { kind: 'unclear', reason: found.reason });
    rmSync(join(directory, changed));
    release(await lock(directory));
  });
}

const { obstacle } = BindMount;
const mounted = obstacle === null ? locking : locking.skip;
mounted(
  `of two mounts of a directory one can lock it${obstacle === null ? '' : ` (skipped: ${obstacle})`}`,
  async ({ directory }) => {
    const original = join(directory, 'original');
    mkdirSync(original);
    const mount = new BindMount(original, join(directory, 'mount'));
    try {
      for (const [one, other] of [
        [original, mount.path],
        [mount.path, original],
      ] as const) {
        const first = await startChild(one);
        assert.is(first.kind, 'locked');
        assert.is((await lock(other)).kind, 'held');
        first.child.kill('SIGKILL');
        await once(first.child, 'exit');
        assert.is((await lock(other)).kind, 'held', 'whether it died cannot be known from here');
        release(await lock(one));
        release(await lock(other));
      }
    } finally {
      mount.end();
    }
  },
);

locking('a process that keeps a directory waits for one that only empties it', async ({ directory }) => {
  for (let round = 0; round < 10; round++) {
    const emptier = await lock(directory, 'empty');
    const keepers = Promise.all([lock(directory), lock(directory)]);
    assert.is((await lock(directory, 'empty')).kind, 'held', 'it does not wait for one that keeps it');
    release(emptier);
    const kinds = (await keepers).map(({ kind }) => kind);
    assert.equal(kinds.sort(), ['held', 'locked']);
    for (const keeper of await keepers) if (keeper.kind === 'locked') keeper.release();
  }
});

locking('only one process at a time empties a directory', async ({ directory }) => {
  let isLocked = false;
  const emptiers = Array.from({ length: 6 }, async () => {
    const emptier = await lock(directory, 'empty');
    if (emptier.kind !== 'locked') return;
    assert.not(isLocked);
    isLocked = true;
    await new Promise((resolve) => setTimeout(resolve, 5));
    isLocked = false;
    emptier.release();
  });
  await Promise.all(emptiers);
  assert.equal(readdirSync(directory), []);
});

locking('locking fails where no socket can be created, and says what to do', async ({ directory }) => {
  assert.is(await lockFault(directory), null);
  assert.equal(readdirSync(directory), []);
  if (process.platform !== 'linux') return;
  const failed = await lock('/proc/self');
  assert.is(failed.kind, 'failed');
  const reason = failed.kind === 'failed' ? failed.reason : '';
  assert.match(reason, /^cannot create a unix socket in it \(E[A-Z]+\)/);
  assert.match(reason, 'choose a directory on a local Linux file system');
  assert.is(await lockFault('/proc/self'), reason);
});

locking('a directory whose path is too long for a socket', async ({ directory }) => {
  const long = join(directory, 'a'.repeat(100), 'b'.repeat(100));
  const first = await lock(long);
  assert.is(first.kind, 'locked');
  assert.is((await lock(long)).kind, 'held');
  assert.is((await startChild(long)).kind, 'held');
  release(first);
  assert.equal(readdirSync(long), []);
});

locking('locking fails on a path that is not a directory, and says why', async ({ directory }) => {
  const file = join(directory, 'file');
  writeFileSync(file, '');
  const failed = await lock(file);
  assert.is(failed.kind, 'failed');
  assert.ok(failed.kind === 'failed' && failed.reason.includes(file));
});

locking('a lock does not keep its process alive', async ({ directory }) => {
  const script = `
    import { lockDirectory } from ${JSON.stringify(join(import.meta.dirname, '../../src/journal/directory-lock.ts'))};
    import { systemClock } from ${JSON.stringify(join(import.meta.dirname, '../../src/core/clock.ts'))};
    console.log((await lockDirectory(${JSON.stringify(directory)}, systemClock)).kind);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [exitCode] = await once(child, 'exit');
  assert.is(exitCode, 0);
});

locking.run();
