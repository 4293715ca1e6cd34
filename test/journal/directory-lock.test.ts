import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/core/clock.ts';
import { type DirectoryLock, lockDirectory } from '../../src/journal/directory-lock.ts';

interface Context {
  directory: string;
}

const locking = suite<Context>('directory lock');
locking.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), 'lock-'));
});
locking.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }));

function lock(directory: string): Promise<DirectoryLock> {
  return lockDirectory(directory, systemClock);
}

function release(held: DirectoryLock): void {
  if (held.kind !== 'locked') throw new Error(`${held.kind}: ${held.reason}`);
  held.release();
}

/** A process that has answered whether it got the lock. */
async function startChild(directory: string): Promise<{ child: ChildProcess; kind: string }> {
  const script = fileURLToPath(new URL('./directory-lock-child.ts', import.meta.url));
  const child = spawn(process.execPath, [script, directory], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  return { child, kind: String(line).trim() };
}

locking('is held until it is released, and leaves nothing behind', async ({ directory }) => {
  const first = await lock(directory);
  assert.is(first.kind, 'locked');
  const second = await lock(directory);
  assert.is(second.kind, 'held');
  assert.ok(second.kind === 'held' && second.reason.includes(directory));
  release(first);
  release(await lock(directory));
  assert.equal(readdirSync(directory), []);
});

locking('creates the directory', async ({ directory }) => {
  release(await lock(join(directory, 'journal', 'gateway-1')));
});

locking('of many starters at once exactly one gets it', async ({ directory }) => {
  for (let round = 0; round < 20; round++) {
    const locks = await Promise.all(Array.from({ length: 8 }, () => lock(directory)));
    assert.is(locks.filter(({ kind }) => kind === 'locked').length, 1);
    assert.is(locks.filter(({ kind }) => kind === 'held').length, 7);
    for (const one of locks) if (one.kind === 'locked') one.release();
  }
});

locking('of many processes at once exactly one gets it', async ({ directory }) => {
  const started = await Promise.all(Array.from({ length: 5 }, () => startChild(directory)));
  assert.equal(started.map(({ kind }) => kind).sort(), ['held', 'held', 'held', 'held', 'locked']);
  for (const { child } of started) {
    child.stdin?.end();
    if (child.exitCode === null) await once(child, 'exit');
  }
  assert.equal(readdirSync(directory), []);
});

locking('a killed process holds it no more, and its socket is removed', async ({ directory }) => {
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

locking('a stopped process still holds it', async ({ directory }) => {
  const { child } = await startChild(directory);
  child.kill('SIGSTOP');
  assert.is((await lock(directory)).kind, 'held');
  child.kill('SIGCONT');
  assert.is((await lock(directory)).kind, 'held');
  child.kill('SIGKILL');
  await once(child, 'exit');
});

locking('a directory whose name is longer than a socket may have', async ({ directory }) => {
  const long = join(directory, 'a'.repeat(100), 'b'.repeat(100));
  const first = await lock(long);
  assert.is(first.kind, 'locked');
  assert.is((await lock(long)).kind, 'held');
  assert.is((await startChild(long)).kind, 'held');
  release(first);
  assert.equal(readdirSync(long), []);
});

locking('what is no directory fails, with the reason', async ({ directory }) => {
  const file = join(directory, 'file');
  writeFileSync(file, '');
  const failed = await lock(file);
  assert.is(failed.kind, 'failed');
  assert.ok(failed.kind === 'failed' && failed.reason.includes(file));
});

locking('keeps no process alive', async ({ directory }) => {
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
