import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/core/clock.ts';
import { HttpProcessor } from '../../src/processor/client.ts';
import { rinha } from '../../src/processor/contracts/rinha.ts';
import type { Dispatch, PayOutcome } from '../../src/processor/processor.ts';
import { propagationOnlyTracer } from '../../src/tracing/open.ts';
import { type Behaviour, FaultyServer, httpResponse } from './faulty-server.ts';

const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3';
const PARTS = { name: 'default', contract: rinha(''), clock: systemClock, tracer: propagationOnlyTracer };
const DISPATCH: Dispatch = {
  correlationId: ID,
  amountCents: 1990,
  acceptedAtMs: 0,
  requestedAtMs: Date.UTC(2025, 6, 15, 12, 34, 56),
  trace: null,
};
/** Long enough never to be reached; tests of timeouts pass a short one. */
const TIMEOUT_MS = 20_000;

const serve =
  (text: string): Behaviour =>
  (socket) =>
    socket.write(text);
const serveAndClose =
  (text: string): Behaviour =>
  (socket) =>
    socket.end(text);

function fail(): never {
  throw new Error('an undefined entry in the tables of this test');
}

/** Runs `use` with a client of a server with this behaviour, and closes both. */
async function within<T>(
  behaviour: Behaviour,
  use: (processor: HttpProcessor, server: FaultyServer) => Promise<T>,
  connectionCount = 4,
): Promise<T> {
  const server = await FaultyServer.start(behaviour);
  const processor = new HttpProcessor({ ...PARTS, url: server.url, connectionCount });
  try {
    return await use(processor, server);
  } finally {
    await processor.close();
    await server.close();
  }
}

const payOnce = (behaviour: Behaviour, timeoutMs = TIMEOUT_MS): Promise<PayOutcome> =>
  within(behaviour, (processor) => processor.pay(DISPATCH, timeoutMs));

const kindOf = async (behaviour: Behaviour, timeoutMs = TIMEOUT_MS): Promise<string> =>
  (await payOnce(behaviour, timeoutMs)).kind;

test('pay sends the exact payment once, as JSON', () =>
  within(serve(httpResponse(200)), async (processor, server) => {
    assert.equal(await processor.pay({ ...DISPATCH, amountCents: 9_007_199_254_740_991 }, TIMEOUT_MS), {
      kind: 'committed',
    });
    assert.equal(server.received.length, 1);
    const [request] = server.received;
    assert.is(request?.method, 'POST');
    assert.is(request?.path, '/payments');
    assert.match(request?.headers ?? '', /content-type: application\/json/i);
    assert.is(
      request?.body,
      `{"correlationId":"${ID}","amount":90071992547409.91,"requestedAt":"2025-07-15T12:34:56.000Z"}`,
    );
  }));

test('supports a path prefix in the URL, and credentials', async () => {
  const server = await FaultyServer.start(serve(httpResponse(200)));
  const url = `${server.url}/v1`;
  const authorization = 'Basic dXNlcjpwQHNz';
  const processor = new HttpProcessor({ ...PARTS, url, contract: rinha(authorization), connectionCount: 1 });
  await processor.pay(DISPATCH, TIMEOUT_MS);
  await processor.find(ID, TIMEOUT_MS);
  await processor.close();
  await server.close();
  assert.equal(
    server.received.map((request) => request.path),
    ['/v1/payments', `/v1/payments/${ID}`],
  );
  for (const request of server.received)
    assert.ok(request.headers.includes(`authorization: ${authorization}`));
});

const BY_STATUS: readonly (readonly [status: number, headers: readonly string[], answer: PayOutcome])[] = [
  [200, [], { kind: 'committed' }],
  [201, [], { kind: 'committed' }],
  [422, [], { kind: 'duplicate', reason: 'HTTP 422: said so' }],
  [429, [], { kind: 'refused', reason: 'HTTP 429: said so' }],
  [429, ['Retry-After: 5'], { kind: 'refused', reason: 'HTTP 429: said so', retryAfterMs: 5000 }],
  [503, ['Retry-After: 2'], { kind: 'refused', reason: 'HTTP 503: said so', retryAfterMs: 2000 }],
  [503, [], { kind: 'unknown', reason: 'HTTP 503: said so' }],
  [500, [], { kind: 'failed', reason: 'HTTP 500: said so' }],
  [502, [], { kind: 'unknown', reason: 'HTTP 502: said so' }],
  [302, ['Location: /elsewhere'], { kind: 'unknown', reason: 'HTTP 302: said so' }],
  [400, [], { kind: 'rejected', reason: 'HTTP 400: said so' }],
  [404, [], { kind: 'unfit', reason: 'HTTP 404: said so' }],
  [401, [], { kind: 'unfit', reason: 'HTTP 401: said so' }],
  [409, [], { kind: 'unknown', reason: 'HTTP 409: said so' }],
  [500, ['Retry-After: 9'], { kind: 'failed', reason: 'HTTP 500: said so', retryAfterMs: 9000 }],
];
for (const [status, headers, answer] of BY_STATUS) {
  test(`pay, answered ${status} ${headers.join()}`, async () => {
    assert.equal(await payOnce(serve(httpResponse(status, 'said so', headers))), answer);
  });
}

test('204 without a body is committed, and interim responses do not count', async () => {
  assert.is(await kindOf(serve('HTTP/1.1 204 No Content\r\n\r\n')), 'committed');
  for (const interim of ['100 Continue', '102 Processing', '103 Early Hints']) {
    assert.is(await kindOf(serve(`HTTP/1.1 ${interim}\r\n\r\n${httpResponse(500)}`)), 'failed', interim);
  }
  assert.is(await kindOf(serveAndClose('HTTP/1.1 103 Early Hints\r\n\r\n')), 'unknown');
});

test('an ambiguous answer is unknown', async () => {
  assert.is(await kindOf((socket) => socket.resetAndDestroy()), 'unknown', 'reset before the headers');
  assert.is(await kindOf((socket) => socket.end()), 'unknown', 'closed before the headers');
  assert.is(await kindOf(serveAndClose('HTTP/1.1 20')), 'unknown', 'closed in the status line');
  assert.is(await kindOf(serve('MOO moo moo\r\n\r\n')), 'unknown', 'garbage');
  assert.is(await kindOf(serve('HTTP/1.1 101 Switching\r\nUpgrade: moo\r\n\r\n')), 'unknown', 'upgrade');
  assert.is(await kindOf(serveAndClose('HTTP/1.1 100 Continue\r\n\r\n')), 'unknown', 'continue');
  const long = `X-Long: ${'x'.repeat(20_000)}`;
  assert.is(await kindOf(serve(httpResponse(200, '', [long]))), 'unknown', 'headers over the limit');
});

test('a status line counts even if the rest is cut off', async () => {
  const half = (status: number): string => `HTTP/1.1 ${status} Word\r\nContent-Length: 100\r\n\r\nhalf`;
  assert.is(await kindOf(serveAndClose(half(200))), 'committed', 'closed in the body');
  assert.is(await kindOf(serveAndClose(half(422))), 'duplicate');
  const resetAfterHeaders: Behaviour = (socket) =>
    socket.write(half(200), () => setImmediate(() => socket.resetAndDestroy()));
  assert.is(await kindOf(resetAfterHeaders), 'committed', 'reset in the body');
  assert.is(await kindOf(serve(half(200)), 50), 'committed', 'the body never ends');
  assert.equal(await payOnce(serve(half(500)), 50), {
    kind: 'failed',
    reason: 'HTTP 500: no answer within 50 ms: half',
  });
  const huge = 'x'.repeat(1_000_000);
  assert.is(await kindOf(serve(httpResponse(200, huge))), 'committed', 'body over the limit');
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n';
  assert.is(await kindOf(serve(chunked)), 'committed', 'an invalid chunk');
});

test('a timeout is unknown, also while headers trickle in', async () => {
  assert.equal(await payOnce(() => {}, 50), { kind: 'unknown', reason: 'no answer within 50 ms' });
  const drip: Behaviour = (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n'.slice(0, 9));
    const timer = setInterval(() => socket.write('0'), 5);
    socket.on('close', () => clearInterval(timer));
  };
  assert.is(await kindOf(drip, 60), 'unknown');
});

test('a failed connection attempt is refused', async () => {
  const server = await FaultyServer.start(() => {});
  const { url } = server;
  await server.close();
  for (const target of [url, `http://${'x'.repeat(64)}.invalid:1`]) {
    const processor = new HttpProcessor({ ...PARTS, url: target, connectionCount: 2 });
    const answers = await Promise.all(Array.from({ length: 8 }, () => processor.pay(DISPATCH, TIMEOUT_MS)));
    for (const answer of answers) {
      assert.is(answer.kind, 'refused');
      assert.match('reason' in answer ? answer.reason : '', /^not sent: (ECONNREFUSED|ENOTFOUND|EAI_AGAIN)/);
    }
    await processor.close();
  }
});

test('a failed TLS handshake is refused: no byte of the payment was sent', () =>
  within(
    () => {},
    async (_processor, server) => {
      const url = server.url.replace('http:', 'https:');
      const processor = new HttpProcessor({ ...PARTS, url, connectionCount: 1 });
      assert.is((await processor.pay(DISPATCH, 50)).kind, 'refused');
      await processor.close();
      assert.equal(server.received, []);
    },
  ));

test('an idle connection that the server closed is replaced, and nothing is sent twice', () =>
  within(
    (socket) => socket.write(httpResponse(200), () => setTimeout(() => socket.end(), 5)),
    async (processor, server) => {
      for (let index = 0; index < 3; index++) {
        assert.is((await processor.pay(DISPATCH, TIMEOUT_MS)).kind, 'committed');
        while (server.openConnectionCount > 0) await wait(2);
      }
      assert.is(server.received.length, 3);
      assert.is(server.connectionCount, 3);
    },
  ));

test('a kept-alive connection reset under the second payment makes it unknown, not sent again', () =>
  within(
    (socket, _request, turn) => (turn === 1 ? socket.resetAndDestroy() : socket.write(httpResponse(200))),
    async (processor, server) => {
      const kinds: string[] = [];
      for (let index = 0; index < 3; index++) kinds.push((await processor.pay(DISPATCH, TIMEOUT_MS)).kind);
      assert.equal(kinds, ['committed', 'unknown', 'committed']);
      await wait(20);
      assert.is(server.received.length, 3);
    },
  ));

test('calls beyond the number of connections wait, and connections are reused', () =>
  within(
    (socket) => setImmediate(() => socket.write(httpResponse(200, '{"message":"done"}'))),
    async (processor, server) => {
      const answers = await Promise.all(
        Array.from({ length: 300 }, () => processor.pay(DISPATCH, TIMEOUT_MS)),
      );
      assert.ok(answers.every((answer) => answer.kind === 'committed'));
      assert.is(server.received.length, 300);
      assert.is(server.connectionCount, 4);
    },
  ));

test('a call that waits too long for a connection is refused, and never sent', async () => {
  let held: Socket | undefined;
  const behaviour: Behaviour = (socket, _request, turn) => {
    if (turn === 0) held = socket;
    else socket.write(httpResponse(200));
  };
  await within(
    behaviour,
    async (processor, server) => {
      const first = processor.pay(DISPATCH, TIMEOUT_MS);
      const tired = await Promise.all([processor.pay(DISPATCH, 20), processor.pay(DISPATCH, 30)]);
      assert.equal(
        tired.map((answer) => answer.kind),
        ['refused', 'refused'],
      );
      held?.write(httpResponse(200));
      assert.is((await first).kind, 'committed');
      assert.is((await processor.pay(DISPATCH, TIMEOUT_MS)).kind, 'committed');
      assert.is(server.received.length, 2);
      assert.is(server.connectionCount, 1, 'dropping it does not cost the connection');
    },
    1,
  );
});

test('after a timeout the next payment gets a new connection', () =>
  within(
    (socket, _request, turn) => turn > 0 && socket.write(httpResponse(200)),
    async (processor, server) => {
      assert.is((await processor.pay(DISPATCH, 30)).kind, 'unknown');
      assert.is((await processor.pay(DISPATCH, TIMEOUT_MS)).kind, 'committed');
      assert.is(server.connectionCount, 2);
    },
    1,
  ));

test('under all faults at once: sent at most once, and no outcome claims more than is true', async () => {
  const paid = httpResponse(200, '{"message":"payment processed successfully"}');
  const faults: readonly (readonly [allowed: readonly string[], behaviour: (socket: Socket) => void])[] = [
    [['committed'], (socket) => socket.write(paid)],
    [['committed'], (socket) => setImmediate(() => socket.end(paid))],
    [['committed', 'unknown'], (socket) => socket.write(paid, () => socket.resetAndDestroy())],
    [['committed'], (socket) => socket.write(paid, () => socket.end())],
    [['committed'], (socket) => socket.end(paid.slice(0, -4))],
    [['unknown'], (socket) => socket.end(paid.slice(0, 12))],
    [['unknown'], (socket) => socket.resetAndDestroy()],
    [['unknown'], () => {}],
    [['refused'], (socket) => socket.write(httpResponse(429))],
    [['failed'], (socket) => socket.write(httpResponse(500))],
    [['unknown'], (socket) => socket.write(`moo\r\n\r\n${paid}`)],
    [['committed', 'unknown'], (socket) => socket.write(paid + paid)],
  ];
  const idOf = (index: number): string => ID.slice(0, -4) + index.toString().padStart(4, '0');
  const indexOf = (body: string): number => Number(/([0-9]{4})","amount"/.exec(body)?.[1]);
  const faultOf = (index: number) => faults[(index * 7919) % faults.length] ?? fail();
  await within(
    (socket, request) => faultOf(indexOf(request.body))[1](socket),
    async (processor, server) => {
      const indices = Array.from({ length: 480 }, (_, index) => index);
      const answers = await Promise.all(
        indices.map((index) => processor.pay({ ...DISPATCH, correlationId: idOf(index) }, 1000)),
      );
      const receivedCount = indices.map(() => 0);
      for (const request of server.received) {
        const index = indexOf(request.body);
        receivedCount[index] = (receivedCount[index] ?? fail()) + 1;
      }
      answers.forEach((answer, index) => {
        const [allowed] = faultOf(index);
        const count = receivedCount[index] ?? fail();
        assert.ok(count <= 1, `payment ${index} was sent ${count} times`);
        // On a stalled machine, any answer may come too late.
        const truths = count === 1 ? [...allowed, 'unknown'] : ['refused', 'unknown'];
        assert.ok(truths.includes(answer.kind), `payment ${index} is ${answer.kind}`);
      });
      assert.is(new Set(answers.map((answer) => answer.kind)).size, 4);
    },
    64,
  );
});

test('close ends all calls, sent or not, and later ones at once', async () => {
  const server = await FaultyServer.start(() => {});
  const processor = new HttpProcessor({ ...PARTS, url: server.url, connectionCount: 1 });
  const calls = [processor.pay(DISPATCH, TIMEOUT_MS), processor.pay(DISPATCH, TIMEOUT_MS)];
  while (server.received.length === 0) await wait(2);
  await processor.close();
  calls.push(processor.pay(DISPATCH, TIMEOUT_MS));
  const answers = await Promise.all(calls);
  await server.close();
  assert.equal(
    answers.map((answer) => answer.kind),
    ['unknown', 'refused', 'refused'],
  );
});

test('find reads what the processor holds', async () => {
  const find = (text: string, timeoutMs = TIMEOUT_MS) =>
    within(serve(text), (processor) => processor.find(ID, timeoutMs));
  const held = JSON.stringify({ correlationId: ID, amount: 19.9, requestedAt: '2025-07-15T12:34:56Z' });
  assert.equal(await find(httpResponse(200, held)), {
    kind: 'held',
    amountCents: 1990,
    requestedAtMs: DISPATCH.requestedAtMs,
  });
  assert.equal(await find(httpResponse(404)), { kind: 'absent' });
  assert.is((await find(httpResponse(500))).kind, 'unknown');
  assert.is((await find('', 30)).kind, 'unknown');
});

test('health has its own connection', () =>
  within(
    (socket, request) => {
      const report = '{"failing":true,"minResponseTime":12}';
      if (request.path === '/payments/service-health') socket.write(httpResponse(200, report));
    },
    async (processor) => {
      const stuck = processor.pay(DISPATCH, TIMEOUT_MS);
      assert.equal(await processor.health(TIMEOUT_MS), {
        kind: 'reported',
        failing: true,
        minResponseTimeMs: 12,
      });
      await processor.close();
      assert.is((await stuck).kind, 'unknown');
    },
    1,
  ));

test.run();
