import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { listenLocally } from '../listen-locally.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { exchange } from './exchange.ts';
import { freePort } from './port.ts';
import { until } from './until.ts';

const WITHIN_MS = 30_000;
/** Payments, each of which causes a log line: more than the pipe and the gateway's queues can hold. */
const INVALID_PAYMENTS = 1000;

interface Running {
  readonly url: string;
  /** The reading end of the gateway's standard output and error. */
  readonly reader: number;
  /** Closes it, as `head` does when it has read enough. */
  closeReader(): void;
  /** Sets the processor's answer to payments. */
  answer(status: number): void;
  /** Sends SIGTERM; resolves to the exit code. */
  stop(): Promise<number | null>;
}

/** A gateway whose output goes into a pipe that is full from the start. */
async function withFullPipe(use: (running: Running) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory();
  const path = join(directory, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  let isReaderOpen = true;
  const closeReader = () => {
    if (isReaderOpen) closeSync(reader);
    isReaderOpen = false;
  };
  fill(path);
  let status = 200;
  const processor = createServer((request, response) => {
    response.statusCode = request.method === 'POST' ? status : 200;
    response.end(request.method === 'POST' ? 'x'.repeat(150) : '{"failing":false,"minResponseTime":0}');
  });
  const listen = `127.0.0.1:${await freePort()}`;
  const writer = openSync(path, constants.O_WRONLY);
  const gateway = spawn(process.execPath, ['dist/cli/main.js', 'gateway'], {
    stdio: ['ignore', writer, writer],
    env: {
      PATH: process.env['PATH'],
      LISTEN: listen,
      LEDGER_URL: `lmdb:${join(directory, 'ledger')}`,
      JOURNAL_DIR: join(directory, 'journal'),
      PAYMENT_PROCESSOR_URL_DEFAULT: `http://127.0.0.1:${await listenLocally(processor)}`,
      WARM_UP_PAYMENTS: '0',
    },
  });
  closeSync(writer);
  const ended = once(gateway, 'exit') as Promise<[number | null]>;
  const url = `http://${listen}`;
  try {
    await until('it is ready', WITHIN_MS, async () => {
      return (await exchange('GET', `${url}/readyz`).catch(() => null))?.status === 200;
    });
    await use({
      url,
      reader,
      closeReader,
      answer: (next) => {
        status = next;
      },
      stop: async () => {
        gateway.kill('SIGTERM');
        await until('it exits', WITHIN_MS, () => gateway.exitCode !== null || gateway.signalCode !== null);
        return (await ended)[0];
      },
    });
  } finally {
    gateway.kill('SIGKILL');
    await ended;
    closeReader();
    processor.close();
    processor.closeAllConnections();
  }
}

function fill(path: string): void {
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const line = Buffer.from(`${'-'.repeat(99)}\n`);
  try {
    for (;;) writeSync(writer, line);
  } catch {
    closeSync(writer);
  }
}

function readAll(reader: number): string {
  const chunk = Buffer.alloc(65_536);
  let text = '';
  try {
    for (;;) {
      const length = readSync(reader, chunk);
      if (length === 0) return text;
      text += chunk.toString('utf8', 0, length);
    }
  } catch {
    return text;
  }
}

async function post(url: string): Promise<string> {
  const id = randomUUID();
  const { status } = await exchange('POST', `${url}/payments`, {
    body: `{"correlationId":"${id}","amount":1}`,
  });
  assert.is(status, 202);
  return id;
}

async function settles(url: string): Promise<void> {
  const id = await post(url);
  await until('a payment is settled', WITHIN_MS, async () =>
    (await exchange('GET', `${url}/payments/${id}`)).body.includes('"settled"'),
  );
}

async function droppedLines(url: string): Promise<number> {
  const { body } = await exchange('GET', `${url}/metrics`);
  return Number(/^dinossauro_log_lines_dropped_total (\d+)/m.exec(body)?.[1]);
}

test('log not read: payments continue, lines are dropped and counted, and a returning reader learns how many', () =>
  withFullPipe(async ({ url, reader, answer, stop }) => {
    answer(400);
    for (let count = 0; count < INVALID_PAYMENTS; count++) await post(url);
    await until('lines are dropped', WITHIN_MS, async () => (await droppedLines(url)) > 0);
    answer(200);
    await settles(url);
    let text = '';
    await until('the log says so', WITHIN_MS, () => {
      text += readAll(reader);
      return /"lineCount":\d+,"msg":"log lines were dropped/.test(text);
    });
    assert.match(text, '"msg":"gateway listens"');
    assert.is(await stop(), 0);
    text += readAll(reader);
    assert.match(text, '"msg":"stopped"');
  }));

test('log not read: a signal stops the gateway', () =>
  withFullPipe(async ({ url, answer, stop }) => {
    answer(400);
    for (let count = 0; count < 100; count++) await post(url);
    assert.is(await stop(), 0);
  }));

test('log reader exits: payments continue, and a signal stops the gateway', () =>
  withFullPipe(async ({ url, answer, closeReader, stop }) => {
    closeReader();
    answer(400);
    for (let count = 0; count < 10; count++) await post(url);
    await until('lines are dropped', WITHIN_MS, async () => (await droppedLines(url)) > 0);
    answer(200);
    await settles(url);
    assert.is(await stop(), 0);
  }));

test.run();
