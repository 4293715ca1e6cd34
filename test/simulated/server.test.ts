import { connect } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/core/clock.ts';
import { SimulatedProcessor } from '../../src/simulated/processor.ts';
import { serve } from '../../src/simulated/server.ts';
import { converse } from '../http/converse.ts';
import { serveSimulated } from './serve-simulated.ts';

const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3';
const BODY = `{"correlationId":"${ID}","amount":19.9,"requestedAt":"2025-07-15T12:34:56.120Z"}`;
const JSON_TYPE = { 'content-type': 'application/json' };
const ADMIN = { ...JSON_TYPE, 'x-rinha-token': '123' };

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Headers;
}

type Call = (
  method: string,
  path: string,
  body?: string,
  headers?: Record<string, string>,
) => Promise<Answer>;

/** Runs `run` with a new processor. */
async function withServer(run: (call: Call, port: number) => Promise<void>): Promise<void> {
  const { port, close } = await serveSimulated();
  const call: Call = async (method, path, body, headers = ADMIN) => {
    const url = `http://127.0.0.1:${port}${path}`;
    const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) });
    return { status: response.status, body: await response.text(), headers: response.headers };
  };
  try {
    await run(call, port);
  } finally {
    close();
  }
}

function rawPayment(): string {
  return (
    'POST /payments HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n' +
    `Content-Length: ${BODY.length}\r\n\r\n${BODY}`
  );
}

test('accepts a payment, returns it, and refuses it the second time', () =>
  withServer(async (call) => {
    const paid = await call('POST', '/payments', BODY);
    assert.is(paid.status, 200);
    assert.is(paid.body, '{"message":"payment processed successfully"}');
    assert.is(paid.headers.get('content-type'), 'application/json; charset=utf-8');
    const shown = await call('GET', `/payments/${ID.toUpperCase()}`);
    assert.is(shown.status, 200);
    assert.is(shown.body, `{"correlationId":"${ID}","amount":19.90,"requestedAt":"2025-07-15T12:34:56.12"}`);
    const again = await call('POST', '/payments', BODY);
    assert.is(again.status, 422);
    assert.match(JSON.parse(again.body).message, /already exists/);
  }));

test('refuses invalid requests like the official processor', () =>
  withServer(async (call) => {
    assert.is((await call('POST', '/payments', '{')).status, 400);
    assert.is((await call('POST', '/payments', '')).status, 400);
    assert.is((await call('POST', '/payments', BODY, { 'content-type': 'text/plain' })).status, 415);
    assert.is(
      (await call('POST', '/payments', BODY, { 'content-type': 'application/x+json;a=b' })).status,
      200,
    );
    assert.is((await call('POST', '/payments', 'x'.repeat(100_000))).status, 413);
    assert.is((await call('GET', '/payments/no-uuid')).status, 400);
    assert.is((await call('GET', `/payments/${ID.replace('4', '5')}`)).status, 404);
    assert.is((await call('GET', '/nowhere')).status, 404);
    const wrongMethod = await call('DELETE', '/payments');
    assert.is(wrongMethod.status, 405);
    assert.is(wrongMethod.headers.get('allow'), 'POST');
  }));

test('answers the second health call with 429', () =>
  withServer(async (call) => {
    const first = await call('GET', '/payments/service-health');
    assert.equal(JSON.parse(first.body), { failing: false, minResponseTime: 0 });
    const second = await call('GET', '/payments/service-health');
    assert.is(second.status, 429);
    assert.is(second.headers.get('retry-after'), '5');
    const calls = JSON.parse((await call('GET', '/admin/health-calls')).body);
    assert.equal(
      calls.map(({ limited }: { limited: boolean }) => limited),
      [false, true],
    );
  }));

test('sums inclusive windows', () =>
  withServer(async (call) => {
    await call('POST', '/payments', BODY);
    const count = async (query: string) =>
      JSON.parse((await call('GET', `/admin/payments-summary${query}`)).body).totalRequests;
    assert.is(await count(''), 1);
    assert.is(await count('?from=2025-07-15T12:34:56.120Z&to=2025-07-15T12:34:56.120Z'), 1);
    assert.is(await count('?from=2025-07-15T12:34:56.1200001Z&to=2026-07-15T12:34:56Z'), 0);
    assert.is(await count('?from=2025-07-15T12:34:56.121Z&to=2026-07-15T12:34:56Z'), 0);
    assert.is(await count('?from=2026-07-15T12:34:56Z'), 1);
    assert.is(await count('?from=&to=2020-07-15T12:34:56Z'), 1);
    assert.is((await call('GET', '/admin/payments-summary?from=yesterday')).status, 400);
    assert.is((await call('GET', '/admin/payments-summary?to=yesterday')).status, 400);
    const whole = JSON.parse((await call('GET', '/admin/payments-summary')).body);
    assert.equal(whole, { totalAmount: 19.9, totalRequests: 1, totalFee: 0.995, feePerTransaction: 0.05 });
  }));

test('is configured over HTTP, including its token', () =>
  withServer(async (call) => {
    const delayed = await call('PUT', '/admin/configurations/delay', '{"delay":1}');
    assert.equal(JSON.parse(delayed.body), { config: 'delay', was: 0, is: 1 });
    const failing = await call('PUT', '/admin/configurations/failure', '{"failure":true}');
    assert.equal(JSON.parse(failing.body), { config: 'failure', was: false, is: true });
    assert.is((await call('POST', '/payments', BODY)).status, 500);
    await call('PUT', '/admin/configurations/failure', '{}');
    assert.is((await call('POST', '/payments', BODY)).status, 200);
    const purged = await call('POST', '/admin/purge-payments');
    assert.is(purged.body, '{"message":"All payments purged."}');
    assert.is((await call('GET', `/payments/${ID}`)).status, 404);

    const renamed = await call('PUT', '/admin/configurations/token', '{"token":"other"}');
    assert.is(renamed.status, 204);
    assert.is((await call('POST', '/admin/purge-payments')).status, 401);
    assert.is(
      (await call('POST', '/admin/purge-payments', undefined, { 'x-rinha-token': 'other' })).status,
      200,
    );
  }));

test('requires the token everywhere under /admin, after reading the body', () =>
  withServer(async (call) => {
    const paths: [string, string, string?][] = [
      ['GET', '/admin/payments-summary'],
      ['GET', '/admin/payments-summary?from=yesterday'],
      ['PUT', '/admin/configurations/token', '{"token":"x"}'],
      ['PUT', '/admin/configurations/delay', '{"delay":1}'],
      ['PUT', '/admin/configurations/failure', '{"failure":true}'],
      ['POST', '/admin/purge-payments'],
      ['PUT', '/admin/faults', '{"kind":"none"}'],
      ['GET', '/admin/payments'],
      ['GET', '/admin/health-calls'],
    ];
    for (const [method, path, body] of paths) {
      assert.is((await call(method, path, body, JSON_TYPE)).status, 401, path);
      const wrong = { ...JSON_TYPE, 'x-rinha-token': '1234' };
      assert.is((await call(method, path, body, wrong)).status, 401, path);
    }
    const put = (setting: string, body: string, headers = ADMIN) =>
      call('PUT', `/admin/configurations/${setting}`, body, headers);
    assert.is((await put('delay', '{"delay":1.5}')).status, 400);
    assert.is((await put('failure', '{"failure":null}')).status, 400);
    assert.is((await put('failure', '{"failure":1}')).status, 400);
    assert.is((await put('token', '{"token":1}')).status, 400);
    assert.is((await put('delay', '[1]', { ...ADMIN, 'x-rinha-token': '' })).status, 400);
    assert.is((await put('delay', '{"delay":1}', { ...ADMIN, 'content-type': 'text/plain' })).status, 415);
    assert.is((await put('delay', ' '.repeat(100_000))).status, 413);
    assert.is((await call('PUT', '/admin/faults', '{"kind":"flood"}')).status, 400);
  }));

test('shows faults on the wire', () =>
  withServer(async (call, port) => {
    const strike = async (kind: string) => {
      await call('PUT', '/admin/faults', JSON.stringify({ kind, count: 1 }));
      return converse({ port, host: '127.0.0.1' }, [rawPayment()]);
    };
    assert.is(await strike('drop-before-commit'), '');
    assert.is((await call('GET', `/payments/${ID}`)).status, 404);
    assert.is(await strike('drop-after-commit'), '');
    assert.is((await call('GET', `/payments/${ID}`)).status, 200);
    assert.match(await strike('503'), /^HTTP\/1.1 503 .*Retry-After: 1\r\n/s);
    assert.not.match(await strike('garbage'), /^HTTP\/1.1 \d/);
    assert.match(await strike('half-response'), /^HTTP\/1.1 200 .*"payment pro$/s);
    assert.match(await strike('none'), /^HTTP\/1.1 422 /);
  }));

test('commits even if the client has disconnected', () =>
  withServer(async (call, port) => {
    await call('PUT', '/admin/configurations/delay', '{"delay":30}');
    const socket = connect(port, '127.0.0.1');
    await new Promise<void>((resolve) => socket.write(rawPayment(), () => resolve()));
    // The next call is read after the bytes above, so the payment is in its delay when the client leaves.
    await call('GET', '/admin/health-calls');
    socket.destroy();
    let status = 404;
    for (let turn = 0; turn < 1000 && status === 404; turn++) {
      status = (await call('GET', `/payments/${ID}`)).status;
    }
    assert.is(status, 200);
  }));

test('lists payments page by page', () =>
  withServer(async (call) => {
    const ids = ['1', '2', '3'].map((digit) => ID.replace(/.$/, digit));
    for (const id of ids) await call('POST', '/payments', BODY.replace(ID, id));
    const list = async (query: string) => JSON.parse((await call('GET', `/admin/payments${query}`)).body);
    const whole = await list('');
    assert.is(whole.total, 3);
    assert.equal(whole.payments[0], {
      correlationId: ids[0],
      amountCents: 1990,
      requestedAtMs: Date.UTC(2025, 6, 15, 12, 34, 56, 120),
    });
    const { payments } = await list('?offset=1&limit=1');
    assert.equal(
      payments.map(({ correlationId }: { correlationId: string }) => correlationId),
      [ids[1]],
    );
    for (const query of ['?offset=-1', '?offset=x', '?limit=1000000', '?limit=1.5']) {
      assert.is((await call('GET', `/admin/payments${query}`)).status, 400, query);
    }
  }));

test('reports the address on which it could not listen', async () => {
  const fee = { units: 5n, scale: 2 };
  const processor = new SimulatedProcessor({ clock: systemClock, random: () => 0, fee, token: '123' });
  const served = await serve(processor, { kind: 'unix', path: '/nonexistent/a.sock' });
  assert.is(served.kind, 'failed');
});

test.run();
