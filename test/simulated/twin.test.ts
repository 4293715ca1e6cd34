import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  serveTwin,
  TWIN_NAMES,
  type Twin,
  type TwinName,
  type TwinOptions,
} from '../../src/simulated/twin.ts';
import { listenLocally } from '../listen-locally.ts';

const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3';
const TYPE = { 'content-type': 'application/json' };
const ADMIN = { ...TYPE, 'x-rinha-token': '123' };

async function withTwin(
  name: TwinName,
  run: (twin: Twin) => Promise<void>,
  options: TwinOptions = {},
): Promise<void> {
  const twin = await serveTwin(name, options);
  if (twin.kind === 'failed') throw new Error(twin.reason);
  try {
    await run(twin);
  } finally {
    twin.close();
  }
}

async function pay({ url }: Twin, amount = 19.9): Promise<{ status: number; body: string }> {
  const body = `{"correlationId":"${ID}","amount":${amount},"requestedAt":"2025-07-15T12:34:56.120Z"}`;
  const response = await fetch(`${url}/payments`, { method: 'POST', headers: TYPE, body });
  return { status: response.status, body: await response.text() };
}

async function find({ url }: Twin): Promise<{ status: number; body: string }> {
  const response = await fetch(`${url}/payments/${ID}`);
  return { status: response.status, body: await response.text() };
}

async function put({ url }: Twin, path: string, body: object): Promise<number> {
  return (await fetch(`${url}${path}`, { method: 'PUT', headers: ADMIN, body: JSON.stringify(body) })).status;
}

const SHOWN = `{"correlationId":"${ID}","amount":19.90,"requestedAt":"2025-07-15T12:34:56.120Z"`;

test('rest answers 201 with the payment, the same to a repeated request, and 422 to another amount', () =>
  withTwin('rest', async (twin) => {
    assert.equal(await find(twin), { status: 404, body: '{"code":"payment_not_found"}' });
    for (let time = 0; time < 2; time++) assert.equal(await pay(twin), { status: 201, body: `${SHOWN}}` });
    assert.equal(await pay(twin, 5), { status: 422, body: '{"code":"idempotency_key_reused"}' });
    assert.equal(await find(twin), { status: 200, body: `${SHOWN}}` });
    assert.is(twin.books.count, 1);
    assert.is((await fetch(`${twin.url}/health`)).status, 200);
  }));

test('rest-async accepts first, charges after its delay, and answers with the state meanwhile', () =>
  withTwin('rest-async', async (twin) => {
    assert.is(await put(twin, '/admin/charging', { delayMs: 300 }), 200);
    for (let time = 0; time < 2; time++) {
      assert.equal(await pay(twin), { status: 202, body: `${SHOWN},"status":"pending"}` });
    }
    assert.is((await pay(twin, 5)).status, 422);
    assert.equal(await find(twin), { status: 200, body: `${SHOWN},"status":"pending"}` });
    assert.is(twin.books.count, 0);
    while ((await find(twin)).body.includes('pending')) await wait(10);
    assert.equal(await find(twin), { status: 200, body: `${SHOWN},"status":"succeeded"}` });
    assert.equal(await pay(twin), { status: 200, body: `${SHOWN},"status":"succeeded"}` });
    assert.is(twin.books.find(ID)?.amountCents, 1990);
  }));

test('rest-async declines if it is told to, and forgets what a purge finds pending', () =>
  withTwin('rest-async', async (twin) => {
    twin.processor.configureCharging({ delayMs: 0, declines: true });
    await pay(twin);
    while ((await find(twin)).body.includes('pending')) await wait(5);
    assert.equal(await find(twin), {
      status: 200,
      body: `${SHOWN},"status":"failed","reason":"card declined"}`,
    });
    assert.is(twin.books.count, 0);

    twin.processor.purge();
    twin.processor.configureCharging({ delayMs: 50, declines: false });
    await pay(twin);
    twin.processor.purge();
    await wait(100);
    assert.is((await find(twin)).status, 404);
    assert.is(twin.books.count, 0);
  }));

test('rest-async posts the outcome to its callback URL once', async () => {
  const received: string[] = [];
  const server = createServer(async (request, response) => {
    received.push(`${request.method} ${request.url} ${await text(request)}`);
    response.end();
  });
  const callbackUrl = `http://127.0.0.1:${await listenLocally(server)}/callbacks/moo`;
  try {
    await withTwin(
      'rest-async',
      async (twin) => {
        twin.processor.configureCharging({ delayMs: 0, declines: false });
        await pay(twin);
        while (received.length === 0) await wait(5);
        await wait(50);
      },
      { callbackUrl },
    );
  } finally {
    server.close();
  }
  assert.equal(received, [`POST /callbacks/moo ${SHOWN},"status":"succeeded"}`]);
});

test('a callback that nobody takes does no harm', () =>
  withTwin(
    'rest-async',
    async (twin) => {
      twin.processor.configureCharging({ delayMs: 0, declines: false });
      await pay(twin);
      await wait(50);
      assert.match((await find(twin)).body, 'succeeded');
    },
    { callbackUrl: 'http://127.0.0.1:9/' },
  ));

test('the faults are the same for every contract', async () => {
  for (const name of TWIN_NAMES) {
    await withTwin(name, async (twin) => {
      twin.processor.configureCharging({ delayMs: 0, declines: false });
      for (const [kind, status] of [
        ['503', 503],
        ['429', 429],
        ['400', 400],
      ] as const) {
        assert.is(await put(twin, '/admin/faults', { kind, count: 1 }), 200);
        assert.is((await pay(twin)).status, status, `${name} ${kind}`);
        assert.is((await find(twin)).status, 404, `${name} ${kind}`);
      }
      await put(twin, '/admin/faults', { kind: 'drop-before-commit', count: 1 });
      assert.is(await pay(twin).catch(() => 'dropped'), 'dropped', name);
      assert.is((await find(twin)).status, 404, name);
      await put(twin, '/admin/faults', { kind: '500-after-commit', count: 1 });
      assert.is((await pay(twin)).status, 500, name);
      while ((await find(twin)).body.includes('pending')) await wait(5);
      assert.is(twin.books.count, 1, name);
    });
  }
});

test('charging takes a delay and whether to decline, and nothing else', () =>
  withTwin('rest-async', async (twin) => {
    for (const body of [
      {},
      { delayMs: -1 },
      { delayMs: '5' },
      { delayMs: 5, declines: 1 },
      { delayMs: 6e5 + 1 },
    ]) {
      assert.is(await put(twin, '/admin/charging', body), 400, JSON.stringify(body));
    }
  }));

test.run();
