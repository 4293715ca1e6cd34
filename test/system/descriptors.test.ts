import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { listenLocally } from '../listen-locally.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { exchange } from './exchange.ts';
import { freePort } from './port.ts';
import { pause, until } from './until.ts';

const WITHIN_MS = 30_000;
/** Far more than a gateway with so few descriptors can have open. */
const CLIENTS = 150;
const OPEN_FILES = 96;
const RECONNECT_MS = 50;
const MEASURE_MS = 3000;
/** The share of one core. An accept loop that spins takes the whole core; closing 3,000 connections a second takes a tenth. */
const CPU_SHARE_MAX = 0.6;

/** Commits every payment; returns its URL and whom it has committed. */
async function processor(): Promise<{ server: Server; url: string; committed: Set<string> }> {
  const committed = new Set<string>();
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    if (request.method === 'POST') committed.add(JSON.parse(body).correlationId);
    response.end('{"failing":false,"minResponseTime":0}');
  });
  return { server, url: `http://127.0.0.1:${await listenLocally(server)}`, committed };
}

/** Idle connections that reconnect when they are closed. Returns a function that ends them. */
function besiege(port: number): () => void {
  const sockets = new Set<Socket>();
  let isOver = false;
  const open = () => {
    if (isOver) return;
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    sockets.add(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      setTimeout(open, RECONNECT_MS);
    });
  };
  for (let client = 0; client < CLIENTS; client++) open();
  return () => {
    isOver = true;
    for (const socket of sockets) socket.destroy();
  };
}

/** User and system time of a process, in ms: clock ticks are hundredths of a second on Linux. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

for (const threads of ['1', '2']) {
  test(`more clients than descriptors (${threads} HTTP threads): payments go on, no circuit opens, the CPU is free`, async () => {
    const directory = temporaryDirectory();
    const [first, second] = [await processor(), await processor()];
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const gateway = spawn(
      'sh',
      [
        '-c',
        `ulimit -n ${OPEN_FILES}; exec "$0" --disable-warning=ExperimentalWarning src/primary.ts`,
        process.execPath,
      ],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: {
          PATH: process.env['PATH'],
          LISTEN: `127.0.0.1:${port}`,
          LEDGER_URL: `lmdb:${join(directory, 'ledger')}`,
          JOURNAL_DIR: join(directory, 'journal'),
          PAYMENT_PROCESSOR_URL_DEFAULT: first.url,
          PAYMENT_PROCESSOR_URL_FALLBACK: second.url,
          HTTP_THREADS: threads,
          WARM_UP_PAYMENTS: '0',
        },
      },
    );
    let output = '';
    gateway.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const ended = once(gateway, 'exit');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    let relieve = () => {};
    try {
      await until('it is ready', WITHIN_MS, async () => {
        return (await exchange('GET', `${url}/readyz`, { agent })).status === 200;
      });
      relieve = besiege(port);
      await until('connections are refused', WITHIN_MS, () => output.includes('too many connections'));
      const beganMs = cpuMs(gateway.pid ?? 0);
      const beganAtMs = performance.now();
      const ids = Array.from({ length: 20 }, () => randomUUID());
      for (const id of ids) {
        const body = `{"correlationId":"${id}","amount":1}`;
        assert.is((await exchange('POST', `${url}/payments`, { agent, body })).status, 202);
        await pause(MEASURE_MS / ids.length);
      }
      const share = (cpuMs(gateway.pid ?? 0) - beganMs) / (performance.now() - beganAtMs);
      assert.ok(share < CPU_SHARE_MAX, `${share} of a core`);
      await until('all are settled', WITHIN_MS, () => first.committed.size === ids.length);
      assert.is(second.committed.size, 0);
      assert.not.match(output, 'breaker open');
      relieve();
      await until('others are served again', WITHIN_MS, async () => {
        return (await exchange('GET', `${url}/livez`)).status === 200;
      });
      await until('a line says so', WITHIN_MS, () => output.includes('new connections are accepted again'));
      const { body } = await exchange('GET', `${url}/metrics`);
      assert.match(body, /^dinossauro_connections_refused_total [1-9]/m);
    } catch (error) {
      console.error(output);
      throw error;
    } finally {
      relieve();
      agent.destroy();
      gateway.kill('SIGKILL');
      await ended;
      for (const { server } of [first, second]) {
        server.close();
        server.closeAllConnections();
      }
    }
  });
}

test.run();
