import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Behaviour, FaultyServer, httpResponse } from '../processor/faulty-server.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { attributesOf, type TakenSpan, TestCollector } from '../tracing/collector.ts';
import { Gateway } from './deployment.ts';
import { exchange } from './exchange.ts';
import { behindNginx } from './load-balancer.ts';
import { freePort } from './port.ts';
import { until } from './until.ts';

const WITHIN_MS = 20_000;
const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3';
const BODY = `{"correlationId":"${ID}","amount":19.90}`;
const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN_ID = '00f067aa0ba902b7';
const SAMPLED = { traceparent: `00-${TRACE_ID}-${SPAN_ID}-01` };

interface Scene {
  readonly gateway: Gateway;
  readonly processor: FaultyServer;
  readonly collector: TestCollector;
}

/** A gateway with a scripted processor and a collector. */
async function within(
  answers: Behaviour,
  settings: Readonly<Record<string, string>>,
  use: (scene: Scene) => Promise<void>,
): Promise<void> {
  const directory = temporaryDirectory();
  const processor = await FaultyServer.start((socket, request, turn) => {
    if (request.path === '/payments/service-health') socket.write(httpResponse(429));
    else answers(socket, request, turn);
  });
  const collector = await TestCollector.start();
  const listen = `127.0.0.1:${await freePort()}`;
  const gateway = new Gateway('dist/gateway.js', `http://${listen}`, {
    LISTEN: listen,
    LEDGER_URL: `lmdb:${join(directory, 'ledger')}`,
    INSTANCE_ID: 'gateway-1',
    JOURNAL_DIR: join(directory, 'journal'),
    PAYMENT_PROCESSOR_URL_DEFAULT: processor.url,
    WARM_UP_PAYMENTS: '0',
    LEASE_MS: '1000',
    OTLP_INTERVAL_MS: '10',
    ...settings,
    ...(settings['OTLP_URL'] === 'here' ? { OTLP_URL: collector.url } : {}),
  });
  try {
    await gateway.start();
    await use({ gateway, processor, collector });
  } catch (error) {
    console.error(gateway.output);
    throw error;
  } finally {
    await gateway.end();
    await processor.close();
    await collector.close();
  }
}

async function post(
  gateway: Gateway,
  headers: Readonly<Record<string, string>>,
  body = BODY,
): Promise<number> {
  return (await exchange('POST', `${gateway.url}/payments`, { body, headers })).status;
}

/** The trace contexts of the calls to the processor, in order; empty for a call without one. */
function carried({ received }: FaultyServer): string[] {
  return received
    .filter(({ path }) => path !== '/payments/service-health')
    .map(({ headers }) => /^traceparent: (.*?)\r?$/im.exec(headers)?.[1] ?? '');
}

const settled = (gateway: Gateway) =>
  until('it is settled', WITHIN_MS, async () => {
    const { body } = await exchange('GET', `${gateway.url}/payments/${ID}`);
    return body.includes('"status":"settled"');
  });

const PART = new RegExp(`^00-${TRACE_ID}-(?!${SPAN_ID})([0-9a-f]{16})-01$`);

/** The first call fails, the look-up gets 404, and the second call succeeds. */
const failingOnce: Behaviour = (socket, { method }, turn) => {
  if (method === 'GET') socket.write(httpResponse(404));
  else socket.write(httpResponse(turn < 2 ? 500 : 200));
};

test('a trace continues from the post to every call to the processor, each with a span id of its own', () =>
  within(failingOnce, {}, async ({ gateway, processor, collector }) => {
    assert.is(await post(gateway, SAMPLED), 202);
    await settled(gateway);
    const contexts = carried(processor);
    assert.is(contexts.length, 3, 'a call, a look-up, a call');
    for (const context of contexts) assert.match(context, PART);
    assert.is(new Set(contexts).size, 3);
    assert.equal(collector.requests, [], 'nothing is exported');
  }));

for (const how of ['refused', 'unanswered']) {
  test(`the journal keeps a trace through a kill -9, after a call that was ${how}`, () => {
    let well = false;
    const behaviour: Behaviour = (socket, { method }) => {
      if (well && method === 'GET') socket.write(httpResponse(404));
      else if (well) socket.write(httpResponse(200));
      else if (how === 'refused') socket.write(httpResponse(429));
    };
    const inDoubt = { PROCESSOR_TIMEOUT_MS: '500', IN_DOUBT_HOLD_MS: '1500' };
    return within(behaviour, inDoubt, async ({ gateway, processor }) => {
      assert.is(await post(gateway, SAMPLED), 202);
      await until('it is called', WITHIN_MS, () => carried(processor).length > 0);
      await gateway.kill();
      const callCount = carried(processor).length;
      well = true;
      await gateway.start();
      await settled(gateway);
      const afterwards = carried(processor).slice(callCount);
      assert.ok(afterwards.length > 0);
      for (const context of afterwards) assert.match(context, PART);
    });
  });
}

const named = (spans: readonly TakenSpan[], name: string): TakenSpan[] =>
  spans.filter((span) => span.name === name);

test('the collector gets spans of the post, every call and the settlement', () =>
  within(failingOnce, { OTLP_URL: 'here' }, async ({ gateway, processor, collector }) => {
    assert.is(await post(gateway, SAMPLED), 202);
    await until('all spans are exported', WITHIN_MS, () => collector.spans.length === 5);
    const { spans } = collector;
    for (const { traceId, startTimeUnixNano, endTimeUnixNano } of spans) {
      assert.is(traceId, TRACE_ID);
      assert.ok(BigInt(startTimeUnixNano) <= BigInt(endTimeUnixNano));
    }
    const [accept] = named(spans, 'POST /payments').filter(({ kind }) => kind === 2);
    assert.is(accept?.parentSpanId, SPAN_ID);
    assert.equal(attributesOf(accept?.attributes ?? []), {
      'dinossauro.correlation_id': ID,
      'http.request.method': 'POST',
      'http.route': '/payments',
      'http.response.status_code': '202',
    });
    const below = spans.filter((span) => span !== accept);
    assert.ok(below.every(({ parentSpanId }) => parentSpanId === accept?.spanId));
    const calls = below.filter(({ kind }) => kind === 3);
    assert.equal(
      calls.map(({ spanId }) => `00-${TRACE_ID}-${spanId}-01`),
      carried(processor),
      'the exported ids are those sent to the processor',
    );
    assert.equal(
      calls.map(({ name, attributes, status }) => {
        return [name, attributesOf(attributes)['http.response.status_code'], status.message];
      }),
      [
        ['pay', '500', 'HTTP 500'],
        ['look up', '404', 'HTTP 404'],
        ['pay', '200', undefined],
      ],
    );
    const [settle] = named(spans, 'settle');
    assert.is(attributesOf(settle?.attributes ?? [])['dinossauro.status'], 'settled');
    assert.equal(settle?.status, {});
  }));

test('the collector gets spans of all threads, of new traces and of refused posts', () => {
  const settings = { OTLP_URL: 'here', TRACE_RATIO: '1', HTTP_THREADS: '2', POOL_THREADS: '2' };
  return within(
    (socket) => socket.write(httpResponse(200)),
    settings,
    async ({ gateway, processor, collector }) => {
      assert.is(await post(gateway, {}), 202);
      assert.is(await post(gateway, {}, '{}'), 422);
      await until('all spans are exported', WITHIN_MS, () => collector.spans.length === 4);
      const accepts = collector.spans.filter(({ kind }) => kind === 2);
      assert.equal(
        accepts.map(({ parentSpanId, status }) => [parentSpanId, status]),
        [
          [undefined, {}],
          [undefined, {}],
        ],
      );
      const traceIds = new Set(collector.spans.map(({ traceId }) => traceId));
      assert.is(traceIds.size, 2);
      assert.match(carried(processor)[0] ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    },
  );
});

test('payments are settled while the collector is down, which is logged once per thread', () =>
  within(
    (socket) => socket.write(httpResponse(200)),
    { OTLP_URL: 'http://127.0.0.1:1' },
    async ({ gateway }) => {
      assert.is(await post(gateway, SAMPLED), 202);
      await settled(gateway);
      // Once by each of the two threads that have something to tell.
      await until(
        'it is said',
        WITHIN_MS,
        () => gateway.output.split('spans cannot be exported').length === 3,
      );
      assert.is((await gateway.stop()).code, 0);
    },
  ));

test('nginx passes on a trace and a token, and adds no header if there is none', async () => {
  const seen: IncomingHttpHeaders[] = [];
  await behindNginx(
    (request, response) => {
      seen.push(request.headers);
      response.statusCode = 202;
      response.end();
    },
    async (url) => {
      const answered = (headers = {}) =>
        until('it answers', WITHIN_MS, async () => {
          const { status } = await exchange('POST', `${url}/payments`, { body: BODY, headers });
          return status === 202;
        });
      await answered({ 'X-Other': 'x' });
      await answered({ ...SAMPLED, Authorization: 'Bearer token' });
    },
  );
  assert.equal(
    seen.map((headers) => Object.keys(headers).sort()),
    [
      ['content-length', 'host'],
      ['authorization', 'content-length', 'host', 'traceparent'],
    ],
  );
  assert.is(seen[1]?.['traceparent'], SAMPLED.traceparent);
});

test.run();
