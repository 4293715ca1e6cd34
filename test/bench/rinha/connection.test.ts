import { createServer, type Server, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Connection, parseResponse } from '../../../bench/rinha/connection.ts';
import { listenLocally } from '../../listen-locally.ts';

test('a response is read by its length once it is complete', () => {
  const text = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
  assert.equal(parseResponse(text), { status: 200, body: 'hello', closes: false });
  for (let length = 0; length < text.length; length++) {
    assert.is(parseResponse(text.slice(0, length)), undefined, `${length} bytes`);
  }
});

test('a response without a length has no body', () => {
  const response = parseResponse('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n');
  assert.equal(response, { status: 204, body: '', closes: true });
});

test('a chunked response is read to its last chunk', () => {
  const text =
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\nA\r\n0123456789\r\n0\r\n\r\n';
  assert.is(parseResponse(text)?.body, 'abcd0123456789');
  for (let length = 0; length < text.length; length++) {
    assert.is(parseResponse(text.slice(0, length)), undefined, `${length} bytes`);
  }
});

const opened: { close(): void }[] = [];

test.after.each(() => {
  for (const one of opened.splice(0)) one.close();
});

/** A server that answers each request with `answer`. */
async function serving(answer: (socket: Socket) => void): Promise<{ server: Server; url: URL }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => answer(socket));
  });
  opened.push(server);
  return { server, url: new URL(`http://127.0.0.1:${await listenLocally(server)}`) };
}

function connectTo(url: URL): Connection {
  const connection = new Connection(url);
  opened.push(connection);
  return connection;
}

test('one connection carries several requests', async () => {
  let connections = 0;
  const { server, url } = await serving((socket) =>
    socket.write('HTTP/1.1 202 A\r\ncontent-length: 0\r\n\r\n'),
  );
  server.on('connection', () => {
    connections += 1;
  });
  const connection = connectTo(url);
  for (let index = 0; index < 3; index++) {
    const { status, durationMs } = await connection.exchange('GET / HTTP/1.1\r\n\r\n', 5_000);
    assert.is(status, 202);
    assert.ok(durationMs >= 0);
  }
  assert.is(connections, 1);
});

test('an unanswered request has status 0, and the next one uses a new connection', async () => {
  const answers = [
    (socket: Socket) => socket.destroy(),
    () => undefined,
    (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'),
    (socket: Socket) => socket.write('HTTP/1.1 200 OK\r\n\r\n'),
  ];
  const { url } = await serving((socket) => answers.shift()?.(socket));
  const connection = connectTo(url);
  const statuses: number[] = [];
  while (answers.length > 0) statuses.push((await connection.exchange('GET / HTTP/1.1\r\n\r\n', 50)).status);
  assert.equal(statuses, [0, 0, 200, 200]);
});

test('a refused connection is no answer', async () => {
  const { server, url } = await serving(() => undefined);
  await new Promise((resolve) => server.close(resolve));
  const connection = connectTo(url);
  assert.is((await connection.exchange('GET / HTTP/1.1\r\n\r\n', 5_000)).status, 0);
});

test.run();
