import { once } from 'node:events';
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Address } from '../../src/core/address.ts';
import { Exchange } from '../../src/http/exchange.ts';
import { createApp, type Listener, limitConnections, listen, type WebApp } from '../../src/http/uws.ts';
import { until } from '../system/until.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { converse } from './converse.ts';

const LOOPBACK: Address = { kind: 'tcp', host: '127.0.0.1', port: 0 };
const LIMIT_BYTES = 16;

async function mustListen(app: WebApp, address: Address = LOOPBACK, options = {}): Promise<Listener> {
  const listened = await listen(app, address, options);
  if (listened.kind === 'failed') throw new Error(listened.reason);
  return listened.listener;
}

function portOf(listener: Listener): number {
  return listener.address.kind === 'tcp' ? listener.address.port : 0;
}

function post(path: string, body: string, headers = 'Connection: close\r\n'): string {
  return `POST ${path} HTTP/1.1\r\nHost: a\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** Echoes bodies on /echo; answers 413 above `LIMIT_BYTES`. */
function echoApp(): WebApp {
  const app = createApp();
  app.post('/echo', (response) => {
    const exchange = new Exchange(response);
    exchange.readBody(LIMIT_BYTES, (body) => {
      if (body === null) return exchange.end('413 Content Too Large', [], 'too large', true);
      exchange.end('200 OK', [['x-size', String(body.byteLength)]], body);
    });
  });
  return app;
}

test('reports its port, and responds there with status, headers and body', async () => {
  const app = echoApp();
  const listener = await mustListen(app);
  const response = await fetch(`http://127.0.0.1:${portOf(listener)}/echo`, {
    method: 'POST',
    body: 'hello',
  });
  assert.is(response.status, 200);
  assert.is(response.headers.get('x-size'), '5');
  assert.is(await response.text(), 'hello');
  listener.close();
  app.close();
});

test('reads bodies in one piece, in several, chunked, empty and at the limit', async () => {
  const app = echoApp();
  const listener = await mustListen(app);
  const to = { host: '127.0.0.1', port: portOf(listener) };
  const head = 'POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n';
  assert.match(await converse(to, [post('/echo', 'abc')]), /\r\n\r\nabc$/);
  assert.match(await converse(to, [`${head}Content-Length: 6\r\n\r\n`, 'abc', 'def']), /\r\n\r\nabcdef$/);
  assert.match(
    await converse(to, [`${head}Transfer-Encoding: chunked\r\n\r\n`, '3\r\nabc\r\n2\r\nde\r\n', '0\r\n\r\n']),
    /\r\n\r\nabcde$/,
  );
  assert.match(await converse(to, [post('/echo', '')]), /x-size: 0/);
  assert.match(await converse(to, [post('/echo', 'x'.repeat(LIMIT_BYTES))]), /x-size: 16/);
  assert.match(
    await converse(to, [`${head}Content-Length: 16\r\n\r\n${'x'.repeat(15)}`, 'y']),
    new RegExp(`\\r\\n\\r\\n${'x'.repeat(15)}y$`),
  );
  listener.close();
  app.close();
});

test('answers 413 to a body over the limit, however it is sent, and closes the connection', async () => {
  const app = echoApp();
  const listener = await mustListen(app);
  const to = { host: '127.0.0.1', port: portOf(listener) };
  const refused = /^HTTP\/1.1 413 .*Connection: close.*too large$/s;
  assert.match(await converse(to, [post('/echo', 'x'.repeat(LIMIT_BYTES + 1), '')]), refused);
  assert.match(await converse(to, [post('/echo', 'x'.repeat(900_000), '')]), refused);
  const chunked = 'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
  assert.match(
    await converse(to, [chunked, 'a\r\n0123456789\r\n', 'a\r\n0123456789\r\n', '0\r\n\r\n']),
    refused,
  );
  listener.close();
  app.close();
});

test('stops reading an endless body', async () => {
  const app = echoApp();
  const listener = await mustListen(app);
  const head = 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n';
  await converse({ host: '127.0.0.1', port: portOf(listener) }, [
    head,
    ...Array.from({ length: 40 }, () => 'x'.repeat(1 << 16)),
  ]);
  listener.close();
  app.close();
});

test('does nothing once the client has left', async () => {
  const app = createApp();
  let gone: () => void = () => {};
  const left = new Promise<void>((resolve) => {
    gone = resolve;
  });
  let bodies = 0;
  let exchange: Exchange | undefined;
  app.post('/', (response) => {
    exchange = new Exchange(response);
    exchange.onGone(gone);
    exchange.readBody(LIMIT_BYTES, () => bodies++);
    client.destroy();
  });
  const listener = await mustListen(app);
  const client = connect(portOf(listener), '127.0.0.1');
  client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc');
  await left;
  assert.is(exchange?.open, false);
  exchange?.end('200 OK', [], 'late');
  exchange?.endBroken('200 OK', [], 'late');
  exchange?.drop();
  assert.is(bodies, 0);
  listener.close();
  app.close();
});

test('can respond later, drop the connection, break off, and omit the length', async () => {
  const app = createApp();
  app.get('/later', (response) => {
    const exchange = new Exchange(response);
    setImmediate(() => exchange.end('200 OK', [], 'later', true));
  });
  app.get('/drop', (response) => new Exchange(response).drop());
  app.get('/broken', (response) => new Exchange(response).endBroken('200 OK', [['x-a', 'b']], '{"mess'));
  app.get('/none', (response) => new Exchange(response).end('204 No Content', [], null));
  const listener = await mustListen(app);
  const ask = (path: string, headers = '') =>
    converse({ host: '127.0.0.1', port: portOf(listener) }, [
      `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`,
    ]);
  assert.match(await ask('/later'), /^HTTP\/1.1 200 OK.*Content-Length: 5\r\n\r\nlater$/s);
  assert.is(await ask('/drop'), '');
  assert.match(await ask('/broken'), /^HTTP\/1.1 200 OK.*x-a: b.*\{"mess$/s);
  const none = await ask('/none', 'Connection: close\r\n');
  assert.match(none, /^HTTP\/1.1 204 No Content/);
  assert.not.match(none, /content-length/i);
  listener.close();
  app.close();
});

test('answers pipelined requests in order if the handler responds at once', async () => {
  const app = echoApp();
  const listener = await mustListen(app);
  const answers = await converse({ host: '127.0.0.1', port: portOf(listener) }, [
    post('/echo', 'one', '') + post('/echo', 'two', '') + post('/echo', 'three'),
  ]);
  assert.match(answers, /one.*two.*three$/s);
  listener.close();
  app.close();
});

test('reports a port in use, by itself or by another server', async () => {
  const first = createApp();
  const listener = await mustListen(first);
  const second = createApp();
  const again = await listen(second, listener.address);
  assert.is(
    again.kind === 'failed' && /already in use by process \d+ \(.+\) \(EADDRINUSE\)$/.test(again.reason),
    true,
  );
  const shared = await listen(second, listener.address, { shared: true });
  assert.is(shared.kind, 'failed');
  listener.close();
  first.close();
  second.close();
});

test('reports other problems with an address', async () => {
  const app = createApp();
  const reasons: string[] = [];
  for (const address of [
    { kind: 'tcp', host: '203.0.113.7', port: 0 },
    { kind: 'unix', path: '/nonexistent/a.sock' },
  ] as const) {
    const listened = await listen(app, address);
    reasons.push(listened.kind === 'failed' ? listened.reason : '');
  }
  assert.match(
    reasons[0] ?? '',
    /^cannot listen on 203\.0\.113\.7:0: no interface of this machine has that address \(EADDRNOTAVAIL\)$/,
  );
  assert.match(reasons[1] ?? '', /^cannot listen on unix:\/nonexistent\/a\.sock: E/);
  app.close();
});

test('listens on the IPv4 address of a name, and on no other if that is in use', async () => {
  const app = createApp();
  const listener = await mustListen(app, { kind: 'tcp', host: 'localhost', port: 0 });
  const port = portOf(listener);
  assert.equal(listener.address, { kind: 'tcp', host: '127.0.0.1', port });
  const second = createApp();
  const refused = await listen(second, { kind: 'tcp', host: 'localhost', port });
  const inUse = new RegExp(
    `^cannot listen on localhost:${port}: already in use by process ${process.pid} \\(`,
  );
  assert.match(refused.kind === 'failed' ? refused.reason : '', inUse);
  const unknown = await listen(second, { kind: 'tcp', host: 'no-such-host.invalid', port });
  assert.match(unknown.kind === 'failed' ? unknown.reason : '', /the host name cannot be resolved: .+/);
  listener.close();
  app.close();
  second.close();
});

test('shares a port among listeners that all ask for it', async () => {
  const first = createApp();
  const second = createApp();
  const reserved = await mustListen(first);
  reserved.close();
  const listener = await mustListen(first, reserved.address, { shared: true });
  const sharer = await mustListen(second, listener.address, { shared: true });
  assert.equal(sharer.address, listener.address);
  assert.is((await listen(second, listener.address)).kind, 'failed');
  for (const closing of [listener, sharer]) closing.close();
  for (const app of [first, second]) app.close();
});

test('listens on a unix socket that other users may open, and removes its file', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'a.sock');
  const app = echoApp();
  const listener = await mustListen(app, { kind: 'unix', path });
  assert.is(statSync(path).mode & 0o777, 0o666);
  assert.match(await converse({ path }, [post('/echo', 'abc')]), /abc$/);
  listener.close();
  listener.close();
  assert.is(existsSync(path), false);
  const narrow = await mustListen(app, { kind: 'unix', path }, { mode: 0o600 });
  assert.is(statSync(path).mode & 0o777, 0o600);
  narrow.close();
  app.close();
});

test('replaces a stale socket, but not one in use or another file', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'a.sock');
  const living = createServer();
  await new Promise<void>((resolve) => living.listen(path, resolve));
  const app = createApp();
  const refused = await listen(app, { kind: 'unix', path });
  assert.is(refused.kind === 'failed' && /in use/.test(refused.reason), true);
  await new Promise((resolve) => living.close(resolve));

  const file = join(directory, 'file');
  writeFileSync(file, 'precious');
  assert.is((await listen(app, { kind: 'unix', path: file })).kind, 'failed');
  assert.is(statSync(file).size, 8);

  // A killed process leaves its socket file behind.
  const dying = new Worker(
    `const net = require('node:net'); const fs = require('node:fs');
     const server = net.createServer().listen(${JSON.stringify(`${path}.first`)}, () => {
       fs.renameSync(${JSON.stringify(`${path}.first`)}, ${JSON.stringify(path)}); server.close();
     });`,
    { eval: true },
  );
  await new Promise((resolve) => dying.once('exit', resolve));
  assert.is(existsSync(path), true);
  const listener = await mustListen(app, { kind: 'unix', path });
  listener.close();
  app.close();
});

test('leaves the file of a successor in place', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'a.sock');
  const app = createApp();
  const listener = await mustListen(app, { kind: 'unix', path });
  rmSync(path);
  writeFileSync(path, 'the successor');
  listener.close();
  assert.is(existsSync(path), true);
  app.close();
});

test('hands connections to the applications of other threads', async () => {
  const app = createApp();
  const listener = await mustListen(app);
  const homes = ['uws.ts', 'exchange.ts'].map(
    (name) => new URL(`../../src/http/${name}`, import.meta.url).href,
  );
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     Promise.all(${JSON.stringify(homes)}.map((home) => import(home))).then(([{ createApp }, { Exchange }]) => {
       const app = createApp();
       app.get('/', (response) => new Exchange(response).end('200 OK', [], 'worker', true));
       parentPort.once('message', () => { app.close(); parentPort.close(); });
       parentPort.postMessage(app.getDescriptor());
     });`,
    { eval: true },
  );
  const descriptor = await new Promise<number>((resolve) => worker.once('message', resolve));
  app.addChildAppDescriptor(descriptor);
  const ask = () =>
    converse({ host: '127.0.0.1', port: portOf(listener) }, ['GET / HTTP/1.1\r\nHost: a\r\n\r\n']);
  for (let turn = 0; turn < 3; turn++) assert.match(await ask(), /worker$/);
  app.removeChildAppDescriptor(descriptor);
  listener.close();
  worker.postMessage('close');
  await new Promise((resolve) => worker.once('exit', resolve));
  app.close();
});

test('supports `Connection: close`, `Expect`, chunks in any notation and headers in any case', async () => {
  const app = echoApp();
  const listener = await mustListen(app);
  const to = { host: '127.0.0.1', port: portOf(listener) };
  const head = 'POST /echo HTTP/1.1\r\nhOsT: a\r\nCONNECTION: Close\r\n';
  assert.match(await converse(to, [`${head}cOnTeNt-LeNgTh:3\r\n\r\nabc`]), /^HTTP\/1\.1 200 .*\r\n\r\nabc$/s);
  assert.match(
    await converse(to, [`${head}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`, 'abc']),
    /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 .*\r\n\r\nabc$/s,
  );
  const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n`;
  assert.match(await converse(to, [chunked, 'A\r\n0123456789\r\n0\r\n\r\n']), /\r\n\r\n0123456789$/);
  assert.match(await converse(to, [chunked, '00', '3\r\nabc\r', '\n0\r\n', '\r\n']), /\r\n\r\nabc$/);
  listener.close();
  app.close();
});

test('refuses what docs/operations.md lists', async () => {
  const app = echoApp();
  const listener = await mustListen(app);
  const ask = (...pieces: readonly string[]) =>
    converse({ host: '127.0.0.1', port: portOf(listener) }, pieces);
  const statusOf = async (...pieces: readonly string[]) =>
    (await ask(...pieces)).replace(/^HTTP\/1\.1 (\d{3}) .*<h1>.*$/s, '$1');
  const host = 'Host: a\r\n';
  assert.is(await statusOf(`GET / HTTP/1.0\r\n${host}\r\n`), '505');
  assert.is(await statusOf(`GET http://a/ HTTP/1.1\r\n${host}\r\n`), '505');
  assert.is(await statusOf(`OPTIONS * HTTP/1.1\r\n${host}\r\n`), '505');
  assert.is(await statusOf('GET / HTTP/1.1\nHost: a\n\n'), '505');
  assert.is(await statusOf(`PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\nGET / HTTP/1.1\r\n${host}\r\n`), '505');
  assert.is(await statusOf(`GET / HTTP/1.1\r\n${host}X: ${'x'.repeat(5000)}\r\n\r\n`), '431');
  assert.is(await statusOf(`POST /echo HTTP/1.1\r\n${host}Content-Length: +3\r\n\r\nabc`), '400');
  const chunked = `POST /echo HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n`;
  assert.is(await statusOf(`${chunked}Content-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n`), '400');
  assert.is(await statusOf(`${chunked}\r\n3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n`), '505');
  listener.close();
  app.close();
});

test('connections beyond the limit are closed at once, others are served, and the end of the shortage is reported', async () => {
  const app = echoApp();
  let refusedCount = 0;
  let hasRoom = false;
  limitConnections(app, 4, {
    onRefused: () => {
      refusedCount++;
      hasRoom = false;
    },
    onRoom: () => {
      hasRoom = true;
    },
  });
  const listener = await mustListen(app);
  const port = portOf(listener);
  const sockets = Array.from({ length: 4 }, () => connect(port, '127.0.0.1'));
  try {
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    assert.is(await converse({ port, host: '127.0.0.1' }, [post('/echo', 'hi')]), '');
    assert.equal([refusedCount, hasRoom], [1, false]);
    const [served] = sockets;
    assert.ok(served);
    served.write(post('/echo', 'hi', ''));
    assert.match(String((await once(served, 'data'))[0]), /^HTTP\/1\.1 200 OK/);
    for (const socket of sockets.splice(0, 2)) socket.destroy();
    await until('there is room', 10_000, () => hasRoom);
    assert.match(await converse({ port, host: '127.0.0.1' }, [post('/echo', 'hi')]), /^HTTP\/1\.1 200 OK/);
    assert.is(refusedCount, 1);
  } finally {
    for (const socket of sockets) socket.destroy();
    listener.close();
    app.close();
  }
});

test.run();
