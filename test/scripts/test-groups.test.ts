import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { temporaryDirectory } from '../temporary-directory.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DEADLINE_MS = 60_000;

const IMPORTS = `
  import { spawn } from 'node:child_process';
  import { createServer } from 'node:net';
  import { test } from 'uvu';
`;
const PASSES = `test('it passes', () => {});`;
const OPENS = `test('it opens a server', () => void createServer().listen(0, '127.0.0.1'));`;
const STARTS = `test('it starts a process', () => spawn('sleep', ['60'], { stdio: 'inherit' }).unref());`;
const FAILS = `test('it fails', () => { throw new Error('moo'); });`;
const NEVER_ENDS = `
  test('it never ends', () => {
    console.error('now it waits');
    return new Promise(() => setInterval(() => {}, 1000));
  });
`;

/** Runs the tests of some folders in a project of their own. It gets SIGTERM when it has written `until` to stderr. */
async function runTests(folders: Readonly<Record<string, string>>, until?: string) {
  const directory = temporaryDirectory();
  for (const name of ['scripts', 'node_modules']) symlinkSync(`${ROOT}${name}`, `${directory}/${name}`);
  writeFileSync(`${directory}/package.json`, '{"type":"module"}');
  for (const [folder, tests] of Object.entries(folders)) {
    mkdirSync(`${directory}/test/${folder}`, { recursive: true });
    writeFileSync(`${directory}/test/${folder}/x.test.ts`, `${IMPORTS}${tests}test.run();`);
  }
  const child = spawn(process.execPath, ['scripts/test.ts', 'x'], {
    cwd: directory,
    env: { TESTS_END_WITHIN_MS: '3000' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: DEADLINE_MS,
  });
  const closed = once(child, 'close');
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    if (until !== undefined && chunk.includes(until)) child.kill('SIGTERM');
  });
  const output = await text(child.stdout);
  const [code] = await closed;
  return { code, output };
}

test('a group that does not end after its result is named, and fails', async () => {
  const { code, output } = await runTests({ fine: PASSES, open: OPENS, started: STARTS });
  assert.match(output, 'tests: test/open printed its result but kept running');
  assert.match(output, 'tests: test/started printed its result but kept running');
  assert.not.match(output, 'tests: test/fine');
  assert.match(output, /^open\/x\.test\.ts\n• +\(1 \/ 1\)$/m);
  assert.match(output, /\n3 passed, 1 failed\n$/);
  assert.is(code, 1);
});

test('what a failed test has left open keeps nothing running', async () => {
  const { code, output } = await runTests({ failing: `${OPENS}${FAILS}` });
  assert.match(output, 'moo');
  assert.not.match(output, 'kept running');
  assert.match(output, /\n1 passed, 1 failed\n$/);
  assert.is(code, 1);
});

test('a run that is stopped names the groups that had not ended, and prints their output', async () => {
  const { code, output } = await runTests({ endless: `${PASSES}${NEVER_ENDS}` }, 'now it waits');
  assert.match(output, /^endless\/x\.test\.ts\n• $/m);
  assert.match(output, /^tests: stopped before these had ended: test\/endless \(silent for \d+ s\)$/m);
  assert.match(output, /\ntests were stopped by SIGTERM\n0 passed, 1 failed\n$/);
  assert.is(code, 1);
});

test.run();
