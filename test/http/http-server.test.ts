import { readdirSync, writeFileSync } from 'node:fs';
import type { NetConnectOpts } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Address } from '../../src/core/address.ts';
import { systemClock } from '../../src/core/clock.ts';
import { NO_CONTRACTS } from '../../src/http/callbacks.ts';
import { type HttpServer, openHttpServer } from '../../src/http/http-server.ts';
import type { Listener } from '../../src/http/uws.ts';
import { allocateSharedMemory } from '../../src/shared-memory/allocate.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { Ring, RingSlot } from '../../src/shared-memory/ring.ts';
import { assertConversationKept } from '../contract/conversation.ts';
import { KeptLog } from '../kept-log.ts';
import { idOf } from '../payment-id.ts';
import { configIn } from '../settings.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { converse } from './converse.ts';

let directory = '';
test.before.each(() => {
  directory = temporaryDirectory();
});

function rawPost(number: number, amount: string): string {
  const body = `{"correlationId":"${idOf(number)}","amount":${amount}}`;
  return `POST /payments HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

function rawGet(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
}

/** Sends one request on its own connection; resolves with the whole response, or with '' if refused. */
async function exchange(to: Address, request: string): Promise<string> {
  const target: NetConnectOpts = to.kind === 'tcp' ? { host: to.host, port: to.port } : { path: to.path };
  const heard = await converse(target, [request]);
  assertConversationKept(request, heard);
  return heard;
}

function statusOf(answer: string): number {
  return Number(answer.slice(9, 12));
}

interface Front {
  readonly httpServer: HttpServer;
  readonly listener: Listener;
  readonly address: Address;
  readonly metricsTable: MetricsTable;
  readonly drained: () => number;
  readonly deaths: unknown[];
  close(): Promise<void>;
}

async function open(environment: Record<string, string>, onDeath: (error: unknown) => void) {
  const config = configIn(directory, environment);
  const shared = allocateSharedMemory(config, 0);
  const parts = {
    config,
    shared,
    clock: systemClock,
    log: new KeptLog(),
    contracts: NO_CONTRACTS,
    onDeath,
  };
  return { shared, httpServer: await openHttpServer(parts) };
}

async function setUp(environment: Record<string, string>): Promise<Front> {
  const deaths: unknown[] = [];
  const { shared, httpServer } = await open(environment, (error) => deaths.push(error));
  const listened = await httpServer.listen();
  if (listened.kind === 'failed') throw new Error(listened.reason);
  const { listener } = listened;
  const ring = new Ring(shared.ring);
  return {
    httpServer,
    listener,
    address: listener.address,
    metricsTable: new MetricsTable(shared.metricsTable, shared.shape),
    drained() {
      const slot = new RingSlot();
      let count = 0;
      while (ring.pop(slot)) count++;
      return count;
    },
    deaths,
    async close() {
      listener.close();
      await httpServer.close();
      assert.equal(deaths, []);
    },
  };
}

const PLACES = { tcp: () => '127.0.0.1:0', unix: () => `unix:${directory}/gateway.sock` };

for (const threads of [1, 2]) {
  for (const place of ['tcp', 'unix'] as const) {
    test(`HTTP_THREADS=${threads} over ${place}: every connection is served, and all threads know the same payments`, async () => {
      const { address, metricsTable, drained, close } = await setUp({
        HTTP_THREADS: String(threads),
        LISTEN: PLACES[place](),
        METRICS_ACCESS: 'open',
      });
      assert.is(address.kind, place);
      const numbers = Array.from({ length: 20 }, (_, number) => number);
      const posted = await Promise.all(numbers.map((number) => exchange(address, rawPost(number, '1.50'))));
      assert.equal(
        posted.map(statusOf),
        numbers.map(() => 202),
      );
      const again = await Promise.all(numbers.map((number) => exchange(address, rawPost(number, '1.5'))));
      assert.ok(again.every((answer) => statusOf(answer) === 202));
      const other = await Promise.all(numbers.map((number) => exchange(address, rawPost(number, '2'))));
      assert.ok(other.every((answer) => statusOf(answer) === 409));
      const shown = await exchange(address, rawGet(`/payments/${idOf(7)}`));
      assert.match(shown, '"status":"accepted"');
      assert.match(await exchange(address, rawGet('/payments-summary')), '"totalRequests":0');
      assert.is(drained(), 20);
      assert.equal([metricsTable.counted('accepted'), metricsTable.counted('repeated')], [20, 20]);
      const scrape = await exchange(address, rawGet('/metrics'));
      assert.match(scrape, '\ndinossauro_payments_accepted_total 20\n', 'one thread answers for all');
      const writers = readdirSync(directory).flatMap((name) => /http-\d/.exec(name) ?? []);
      assert.equal(
        [...new Set(writers)].sort(),
        Array.from({ length: threads }, (_, index) => `http-${index}`),
        'each thread has its own journal',
      );
      await close();
      assert.is(await exchange(address, rawGet('/livez')), '', 'no server is left');
    });
  }
}

for (const threads of ['1', '2']) {
  test(`HTTP_THREADS=${threads}: an address in use is reported, and the threads can be closed`, async () => {
    const path = join(directory, 'gateway.sock');
    writeFileSync(path, 'another file');
    const environment = { HTTP_THREADS: threads, LISTEN: `unix:${path}` };
    const { httpServer } = await open(environment, () => assert.unreachable());
    const listened = await httpServer.listen();
    assert.is(listened.kind, 'failed');
    assert.match(listened.kind === 'failed' ? listened.reason : '', 'gateway.sock');
    await httpServer.close();
  });
}

test('opening fails if a thread cannot start', async () => {
  writeFileSync(join(directory, 'ledger'), 'no database');
  const opening = open({ HTTP_THREADS: '2' }, () => assert.unreachable());
  const outcome = await opening.then(
    () => 'opened',
    () => 'failed',
  );
  assert.is(outcome, 'failed');
});

for (const durability of ['fsync', 'ledger']) {
  test(`ACCEPT_DURABILITY=${durability}: payments are accepted, and the lease is released`, async () => {
    const { address, drained, close } = await setUp({ ACCEPT_DURABILITY: durability });
    let answer = '';
    // The lease is acquired while requests already arrive; until then they get 503.
    for (let attempt = 0; attempt < 200 && statusOf(answer) !== 202; attempt++) {
      answer = await exchange(address, rawPost(1, '1'));
      if (statusOf(answer) === 503) assert.match(answer, 'errors#ledger-unavailable');
    }
    assert.is(statusOf(answer), 202);
    assert.is(drained(), 1);
    await close();
  });
}

test.run();
