import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { listenLocally } from '../listen-locally.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const MAIN = fileURLToPath(new URL('../../src/simulated/main.ts', import.meta.url));

interface End {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs the program with these settings. `whenUp` gets the process and its first output. */
function run(
  settings: Record<string, string>,
  whenUp: (child: ChildProcess, output: string) => unknown,
): Promise<End> {
  const child = spawn(process.execPath, [MAIN], { env: { ...process.env, ...settings } });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    whenUp(child, output);
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output, errors })));
}

test('prints its address, answers there, and stops on either signal', async () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    let status = 0;
    const end = await run({ LISTEN: '127.0.0.1:0', FEE: '0.15', NAME: 'dear' }, async (child, output) => {
      const port = /:(\d+),/.exec(output)?.[1];
      status = (await fetch(`http://127.0.0.1:${port}/payments/service-health`)).status;
      child.kill(signal);
    });
    assert.match(end.output, /^Simulated processor dear listens on 127\.0\.0\.1:\d+, fee 0\.15\.\n$/);
    assert.is(status, 200);
    assert.is(end.code, 0);
    assert.is(end.errors, '');
  }
});

test('reports an invalid setting, and a port in use, in one line', async () => {
  const wrong = await run({ FEE: 'a lot' }, () => {});
  assert.is(wrong.code, 1);
  assert.match(wrong.errors, /^FEE="a lot" is invalid: .*\.\n$/);

  const taken = createServer();
  const refused = await run({ LISTEN: `127.0.0.1:${await listenLocally(taken)}` }, () => {});
  await new Promise((resolve) => taken.close(resolve));
  assert.is(refused.code, 1);
  assert.match(
    refused.errors,
    /^cannot listen on 127\.0\.0\.1:\d+: already in use by process \d+ \(.+\) \(EADDRINUSE\)\n$/,
  );
});

test('keeps its books in BOOKS_FILE across a kill, and reports an invalid file in one line', async () => {
  const directory = temporaryDirectory();
  const settings = { LISTEN: '127.0.0.1:0', BOOKS_FILE: join(directory, 'default.books') };
  const statuses: number[] = [];
  const pay = async (child: ChildProcess, output: string) => {
    const port = /:(\d+),/.exec(output)?.[1];
    const response = await fetch(`http://127.0.0.1:${port}/payments`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"correlationId":"4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3","amount":19.9,"requestedAt":"2025-07-15T12:00:00Z"}',
    });
    statuses.push(response.status);
    child.kill('SIGKILL');
  };
  await run(settings, pay);
  await run(settings, pay);
  assert.equal(statuses, [200, 422]);
  writeFileSync(settings.BOOKS_FILE, 'no books at all\n');
  const refused = await run(settings, () => {});
  assert.is(refused.code, 1);
  assert.match(refused.errors, /^BOOKS_FILE=\S+: line 1 is damaged, or the file is of another kind\.\n$/);
});

test.run();
