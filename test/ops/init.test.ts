import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../system/until.ts';

const INIT = join(import.meta.dirname, '../../ops/init.sh');

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<readonly [code: number | null, signal: string | null]>;
  readonly output: () => string;
}

/** Runs a shell script below `ops/init.sh`. */
function start(script: string, before: readonly string[] = []): Running {
  const [program = '', ...args] = [...before, 'sh', INIT, 'sh', '-c', script];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], timeout: 20_000 });
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  return { child, ended: once(child, 'exit') as unknown as Running['ended'], output: () => output };
}

async function ready({ output }: Running): Promise<void> {
  await until('the program runs', 10_000, () => output().includes('ready'));
}

const HANDLES = (signal: string) =>
  `trap 'echo ${signal}; sleep 0.2; exit 3' ${signal}; echo ready; while :; do sleep 0.05; done`;

test("the exit code is the program's", async () => {
  for (const code of [0, 1, 7]) assert.is((await start(`exit ${code}`).ended)[0], code);
});

for (const [sent, received] of [
  ['SIGTERM', 'TERM'],
  ['SIGINT', 'TERM'],
  ['SIGHUP', 'HUP'],
] as const) {
  test(`${sent} reaches the program, whose end is awaited`, async () => {
    const running = start(HANDLES(received));
    await ready(running);
    running.child.kill(sent);
    assert.equal(await running.ended, [3, null]);
    assert.match(running.output(), received);
  });
}

test('a program that has no handler yet ends at once, with exit code 0', async () => {
  const running = start('echo ready; exec sleep 15');
  await ready(running);
  running.child.kill('SIGTERM');
  assert.equal(await running.ended, [0, null]);
});

// Only root may make a namespace of process ids everywhere.
const testAsRoot = process.getuid?.() === 0 ? test : test.skip;
testAsRoot('as process 1 it passes signals on, too', async () => {
  // `unshare` ignores SIGTERM while it waits, so the signal goes to its child, which is process 1 of the namespace.
  const running = start('echo ready; exec sleep 15', ['unshare', '--pid', '--fork', '--kill-child']);
  await ready(running);
  const { pid } = running.child;
  const child = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  process.kill(Number(child), 'SIGTERM');
  assert.equal(await running.ended, [0, null]);
});

test.run();
