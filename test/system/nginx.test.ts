import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EventStreamReader } from '../../client/src/stream.ts';
import { exchangeKept } from '../contract/kept.ts';
import { Site } from '../fuzz/site.ts';
import { exchange } from './exchange.ts';
import { behindNginx } from './load-balancer.ts';
import { pause, until } from './until.ts';

const ANSWER_MS = 20_000;

function post(version: string): string {
  const body = JSON.stringify({ correlationId: randomUUID(), amount: 1 });
  return `POST /payments HTTP/${version}\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** Connections to one port and their answers; `closed` is set when the other side has closed one. */
interface Client {
  readonly socket: Socket;
  text: string;
  closed: boolean;
}

async function open(port: number, count: number): Promise<Client[]> {
  const clients = Array.from({ length: count }, (): Client => {
    const client: Client = { socket: connect(port, '127.0.0.1'), text: '', closed: false };
    client.socket.on('data', (data) => {
      client.text += data.toString('latin1');
    });
    client.socket.on('error', () => {});
    client.socket.on('close', () => {
      client.closed = true;
    });
    return client;
  });
  await Promise.all(clients.map(({ socket }) => once(socket, 'connect')));
  return clients;
}

/** The status of each answer; 0 if the connection ended without one. */
async function statuses(clients: readonly Client[]): Promise<number[]> {
  await until('every connection is answered or closed', ANSWER_MS, () =>
    clients.every(({ text, closed }) => closed || text.includes('\r\n\r\n')),
  );
  return clients.map(({ text }) => Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 0));
}

function close(clients: readonly Client[]): void {
  for (const { socket } of clients) socket.destroy();
}

const nginxMemory = (site: Site): number => site.gauges().memoryBytes.at(-1) ?? 0;

test('a connection opened early and used late is answered', async () => {
  await Site.run('lmdb', async (site) => {
    const clients = await open(site.targets[0]?.port ?? 0, 50);
    await pause(6_000);
    for (const { socket } of clients) socket.write(post('1.1'));
    assert.equal(
      await statuses(clients),
      clients.map(() => 202),
    );
    close(clients);
  });
});

test('HTTP/1.0 is answered, then the connection closed; a batch that nginx does not keep passes', async () => {
  await Site.run('lmdb', async (site) => {
    const lines = Array.from({ length: 500 }, () =>
      JSON.stringify({ correlationId: randomUUID(), amount: 1 }),
    );
    const batch = await exchangeKept('POST', `http://127.0.0.1:${site.targets[0]?.port}/payments-batch`, {
      body: lines.join('\n'),
    });
    assert.is(batch.body.match(/"status":202}\n/g)?.length, 500);
    const keyed = await exchangeKept('POST', `http://127.0.0.1:${site.targets[0]?.port}/payments`, {
      body: '{"amount":1}',
      headers: { 'Idempotency-Key': randomUUID() },
    });
    assert.is(keyed.status, 202);
    const clients = await open(site.targets[0]?.port ?? 0, 1);
    for (const { socket } of clients) socket.write(post('1.0'));
    assert.equal(await statuses(clients), [202]);
    await until('nginx closes', ANSWER_MS, () => clients.every(({ closed }) => closed));
  });
});

/** A stream of events that is read until `count` have come; then its last cursor. */
async function read(
  url: string,
  headers: Record<string, string>,
  count: number,
  begun: () => Promise<unknown> = async () => {},
): Promise<{ readonly ids: string[]; readonly cursor: string }> {
  const abort = new AbortController();
  const timeout = AbortSignal.timeout(ANSWER_MS);
  const response = await fetch(url, { headers, signal: AbortSignal.any([abort.signal, timeout]) });
  assert.is(response.status, 200);
  const [reader, decoder, ids] = [new EventStreamReader(), new TextDecoder(), [] as string[]];
  let cursor = '';
  for await (const bytes of response.body ?? []) {
    for (const event of reader.push(decoder.decode(bytes, { stream: true }))) {
      if (cursor === '') await begun();
      cursor = event.id;
      if (event.data !== '') ids.push(JSON.parse(event.data).data.payment.correlationId);
    }
    if (ids.length >= count) break;
  }
  abort.abort();
  return { ids, cursor };
}

function upgrade(url: string, cookie: string): string {
  const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
  const asked = `GET /dashboard/live HTTP/1.1\r\nHost: ${new URL(url).host}\r\nConnection: Upgrade\r\nUpgrade: websocket`;
  return `${asked}\r\n${key}\r\nOrigin: ${url}\r\nCookie: ${cookie}\r\n\r\n`;
}

test('events pass at once and are continued by header; what operators send passes whole, and so does the dashboard', async () => {
  const key = 'a-token-for-the-operators';
  const headers = { Authorization: `Bearer ${key}` };
  await Site.run(
    'lmdb',
    async (site) => {
      const url = `http://127.0.0.1:${site.targets[0]?.port}`;
      const pay = async (id: string) => {
        const body = JSON.stringify({ correlationId: id, amount: 1 });
        assert.is((await exchangeKept('POST', `${url}/payments`, { body })).status, 202);
      };
      const [first, second] = [randomUUID(), randomUUID()];
      // The payment is posted once the beginning of the stream has come, which is a few bytes.
      const heard = await read(`${url}/events`, headers, 1, () => pay(first));
      assert.equal(heard.ids, [first]);
      await pay(second);
      const resumed = await read(`${url}/events`, { ...headers, 'Last-Event-ID': heard.cursor }, 1);
      assert.equal(resumed.ids, [second], 'what came meanwhile');
      const change = (more: Record<string, string>) =>
        exchangeKept('PATCH', `${url}/processors/default`, {
          headers: { ...headers, ...more },
          body: '{"paused":true}',
        });
      assert.is((await change({ 'If-Match': '"99"' })).status, 412);
      assert.is((await change({ Origin: 'https://other.example' })).status, 403);
      const payments = Array.from({ length: 90 }, () => ({ correlationId: randomUUID(), attempts: 1 }));
      const body = JSON.stringify({ what: 'send-again', payments, why: 'a test' });
      const acted = await exchangeKept('POST', `${url}/actions`, { headers, body });
      assert.is(acted.status, 200);
      assert.is((await exchangeKept('GET', `${url}/webhooks`, { headers })).status, 200);
      const session = { headers: { Origin: url }, body: `token=${key}` };
      const signedIn = await exchangeKept('POST', `${url}/dashboard/session`, session);
      assert.is(signedIn.status, 303);
      const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? '';
      const page = await exchangeKept('GET', `${url}/dashboard/api/payments`, {
        headers: { Cookie: cookie },
      });
      assert.is(page.status, 200);
      const viewers = await open(site.targets[0]?.port ?? 0, 1);
      for (const { socket } of viewers) socket.write(upgrade(url, cookie));
      assert.equal(await statuses(viewers), [101]);
      await until('figures come', ANSWER_MS, () =>
        viewers.every(({ text }) => text.includes('"kind":"hello"')),
      );
      close(viewers);
    },
    { EVENTS: 'true', ADMIN_TOKEN: key, DASHBOARD_ACCESS: 'token' },
  );
});

test('idle connections and slow requests use no more memory than the container limit assumes', async () => {
  await Site.run('lmdb', async (site) => {
    const port = site.targets[0]?.port ?? 0;
    const beforeBytes = nginxMemory(site);
    const silent = await open(port, 2_000);
    // The answer to a later connection shows that nginx has accepted those before it.
    const honest = await open(port, 1);
    for (const { socket } of honest) socket.write(post('1.1'));
    assert.equal(await statuses(honest), [202]);
    const silentBytes = nginxMemory(site) - beforeBytes;
    assert.ok(silentBytes < 2_000 * 1024, `${silentBytes} bytes for 2,000 idle connections`);

    for (const { socket } of silent.slice(0, 1_000)) socket.write('P');
    const later = await open(port, 1);
    for (const { socket } of later) socket.write(post('1.1'));
    assert.equal(await statuses(later), [202]);
    const slowBytes = nginxMemory(site) - beforeBytes - silentBytes;
    assert.ok(slowBytes < 1_000 * 6 * 1024, `${slowBytes} bytes for 1,000 slow requests`);
    close([...silent, ...honest, ...later]);
  });
});

test('beyond what the instances take at once, nginx answers 503 at once, and goes on when they answer', async () => {
  const held: ServerResponse[] = [];
  const each = 3;
  await behindNginx(
    (_request, response) => held.push(response),
    async (url) => {
      await until('nginx listens', ANSWER_MS, async () => {
        const { status } = await exchange('GET', `${url}/audit`);
        return status === 404;
      });
      const body = '{}';
      const waiting = Array.from({ length: 2 * each }, () => exchange('POST', `${url}/payments`, { body }));
      await until('all are passed on', ANSWER_MS, () => held.length === waiting.length);
      const refused = await exchange('POST', `${url}/payments`, { body });
      assert.is(refused.status, 503);
      assert.is(refused.headers.get('retry-after'), '1');
      assert.match(refused.body, '"title":"No gateway"');
      for (const response of held.splice(0)) response.writeHead(202).end();
      for (const { status } of await Promise.all(waiting)) assert.is(status, 202);
      const later = exchange('POST', `${url}/payments`, { body });
      await until('it is passed on', ANSWER_MS, () => held.length === 1);
      held[0]?.writeHead(202).end();
      assert.is((await later).status, 202);
    },
    (settings) => settings.replaceAll('max_conns=512', `max_conns=${each}`),
  );
});

test.run();
