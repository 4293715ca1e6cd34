import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  Client,
  type ClientProblem,
  NoAnswerError,
  ProblemError,
  StillOpenError,
} from '../../client/src/index.ts';
import { listenLocally } from '../listen-locally.ts';
import { Deployment, type Gateway } from '../system/deployment.ts';
import { pause } from '../system/until.ts';

const ADMIN_TOKEN = 'a-token-of-the-operator';

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function taken<T>(count: number, items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) {
    found.push(item);
    if (found.length === count) break;
  }
  return found;
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it succeeded');
}

async function problemOf(promise: Promise<unknown>): Promise<ClientProblem> {
  const error = await failureOf(promise);
  if (error instanceof ProblemError) return error.problem;
  throw error;
}

/** Stands in for what a gateway does not do, such as a proxy. */
async function withServer(listener: RequestListener, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  try {
    await use(`http://127.0.0.1:${await listenLocally(server)}/`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

test('posts, waits, finds and sums up at a gateway, to the cent', () =>
  Deployment.run(
    { ledger: 'lmdb', gatewayCount: 1, settings: { ADMIN_TOKEN, EVENTS: 'true' } },
    async ({ urls: [url = ''], processors: [cheap] }) => {
      const client = new Client({ url });
      const from = new Date(Date.now() - 60_000);
      const correlationId = randomUUID();
      assert.is(await client.find(correlationId), undefined);
      await client.post({ correlationId, amountCents: 99_999_999_999 });
      const [again] = await client.postAll([{ correlationId, amountCents: 99_999_999_999 }]);
      assert.equal(again, { correlationId, status: 202 });
      await client.post({ correlationId, amountCents: 99_999_999_999 });
      const settled = await client.waitFor(correlationId);
      const { status, amountCents, processor, attempts } = settled;
      assert.equal([status, amountCents, processor, attempts], ['settled', 99_999_999_999, 'default', 1]);
      assert.equal(await client.find(correlationId.toUpperCase()), settled);

      await cheap.setFault({ kind: '400', rate: 1, count: 1 });
      const rejected = { correlationId: randomUUID(), amountCents: 1 };
      await client.post(rejected);
      const outcome = await client.waitFor(rejected.correlationId);
      assert.is(outcome.status, 'rejected');
      assert.match(outcome.status === 'rejected' ? outcome.reason : '', 'HTTP 400');
      assert.is((await problemOf(client.post(rejected))).type, '/errors#payment-rejected');

      const operator = new Client({ url, apiKey: ADMIN_TOKEN });
      assert.equal(await all(operator.list({ status: 'rejected', reason: 'HTTP 400' })), [outcome]);
      assert.equal(await all(operator.list({ minAmountCents: 2, from })), [settled]);
      const [first, second] = await taken(2, operator.events({ after: from }));
      assert.equal(
        [first?.type, first?.data],
        ['payment.settled', { payment: settled, chargedAmountCents: settled.amountCents }],
      );
      assert.equal([second?.type, second?.data], ['payment.rejected', { payment: outcome }]);
      assert.equal(await taken(1, operator.events({ after: first?.cursor ?? '' })), [second]);
      assert.is((await problemOf(taken(1, client.events()))).type, '/errors#token-required');
      assert.is((await operator.find(correlationId))?.history?.[0]?.outcome, 'charged');
      assert.is((await problemOf(client.list().next())).type, '/errors#token-required');

      const totals = { totalRequests: 1, totalAmountCents: 99_999_999_999 };
      const nothing = { totalRequests: 0, totalAmountCents: 0 };
      assert.equal(await client.summary(), { default: totals, fallback: nothing });
      assert.equal(await client.summary({ from, to: '2999-01-01' }), { default: totals, fallback: nothing });
      assert.equal(await client.summary({ to: from }), { default: nothing, fallback: nothing });
    },
  ));

test('a refusal is thrown at once, with the problem document', () =>
  Deployment.run({ ledger: 'lmdb', gatewayCount: 1 }, async ({ urls: [url = ''] }) => {
    const client = new Client({ url });
    const correlationId = randomUUID();
    await client.post({ correlationId, amountCents: 1990 });
    const conflict = await problemOf(client.post({ correlationId, amountCents: 1991 }));
    assert.equal(
      [conflict.type, conflict.status, conflict.field],
      ['/errors#amount-conflict', 409, 'amount'],
    );
    const tooLarge = client.post({ correlationId: randomUUID(), amountCents: 100_000_000_001 });
    assert.is((await problemOf(tooLarge)).type, '/errors#amount-too-large');
    const noUuid = await problemOf(client.post({ correlationId: '"quoted"', amountCents: 1 }));
    assert.is(noUuid.type, '/errors#correlation-id-not-a-uuid');
    assert.is(await client.find('../livez'), undefined);
    assert.is((await problemOf(client.summary({ from: 'yesterday' }))).type, '/errors#bad-window');
    const elsewhere = await failureOf(new Client({ url: `${url}/elsewhere` }).summary());
    assert.match(String(elsewhere), 'ProblemError: No such route (HTTP 404)');
  }));

test('posts many at once with an API key, repeats what could not be taken, and says what has become of each', async () => {
  const line = (correlationId: string, amount: number) =>
    `{"correlationId":"${correlationId}","amount":${amount}}`;
  const [one, two, three] = [randomUUID(), randomUUID(), randomUUID()] as const;
  const bodies: string[] = [];
  const answers = [
    `{"correlationId":"${one}","status":202}\n{"type":"/errors#amount-too-large","title":"t","status":422,"detail":"d"}\n{"correlationId":"${three}","type":"/errors#queue-full","title":"t","status":503,"detail":"d"}\n`,
    `{"correlationId":"${three}","status":202}\n`,
  ];
  await withServer(
    async (request, response) => {
      assert.is(request.headers.authorization, 'Bearer a-key');
      let body = '';
      for await (const part of request.setEncoding('utf8')) body += part;
      bodies.push(`${request.url} ${body}`);
      response.writeHead(200, { 'Content-Type': 'application/x-ndjson' }).end(answers[bodies.length - 1]);
    },
    async (url) => {
      const payments = [one, two, three].map((correlationId) => ({ correlationId, amountCents: 100 }));
      const outcomes = await new Client({ url, apiKey: 'a-key' }).postAll(payments);
      assert.equal(
        outcomes.map(({ status, type }) => type ?? status),
        [202, '/errors#amount-too-large', 202],
      );
      assert.equal(bodies, [
        `/payments-batch ${[line(one, 1), line(two, 1), line(three, 1)].join('\n')}`.replaceAll(
          ':1}',
          ':1.00}',
        ),
        `/payments-batch ${line(three, 1)}`.replace(':1}', ':1.00}'),
      ]);
      assert.equal(await new Client({ url, apiKey: 'a-key' }).postAll([]), []);
    },
  );
});

test('a payment posted while the gateway is down is accepted when it is back, and charged once', () =>
  Deployment.run({ ledger: 'lmdb', gatewayCount: 1 }, async ({ gateways, processors: [cheap] }) => {
    const [gateway] = gateways as readonly [Gateway];
    const client = new Client({ url: gateway.url });
    await gateway.kill();
    const payment = { correlationId: randomUUID(), amountCents: 1990 };
    const early = await failureOf(client.post(payment, { timeoutMs: 300 }));
    assert.instance(early, NoAnswerError);
    const posted = client.post(payment, { timeoutMs: 60_000 });
    await gateway.start();
    await posted;
    assert.is((await client.waitFor(payment.correlationId)).status, 'settled');
    assert.equal(await cheap.summary(), { count: 1, amountCents: 1990 });
  }));

test('waiting has an end, and can be ended', () =>
  Deployment.run({ ledger: 'lmdb', gatewayCount: 1 }, async ({ urls: [url = ''], processors }) => {
    const client = new Client({ url });
    for (const processor of processors) await processor.setFailing(true);
    const correlationId = randomUUID();
    await client.post({ correlationId, amountCents: 1 });
    const open = await failureOf(client.waitFor(correlationId, { timeoutMs: 500 }));
    assert.instance(open, StillOpenError);
    assert.is((open as StillOpenError).payment?.correlationId, correlationId);
    const unknown = await failureOf(client.waitFor(randomUUID(), { timeoutMs: 200 }));
    assert.match(String(unknown), 'is not known to the gateway after 200 ms');

    const controller = new AbortController();
    const waiting = failureOf(client.waitFor(correlationId, { signal: controller.signal }));
    await pause(200);
    controller.abort(new Error('enough'));
    assert.match(String(await waiting), 'enough');
    const late = failureOf(client.find(correlationId, { signal: controller.signal }));
    assert.match(String(await late), 'enough');
  }));

test('503 is repeated no sooner than Retry-After says, and not beyond the time limit', async () => {
  const receivedAtMs: number[] = [];
  await withServer(
    (_, response) => {
      receivedAtMs.push(performance.now());
      if (receivedAtMs.length === 2) return response.writeHead(202).end();
      const body = { type: '/errors#queue-full', title: 'Queue full', status: 503, detail: 'Full.' };
      response.writeHead(503, { 'Content-Type': 'application/problem+json', 'Retry-After': '1' });
      return response.end(JSON.stringify(body));
    },
    async (url) => {
      const client = new Client({ url });
      const payment = { correlationId: randomUUID(), amountCents: 1 };
      await client.post(payment);
      const [first = 0, second = 0] = receivedAtMs;
      assert.ok(second - first >= 990, String(second - first));
      const problem = await problemOf(client.post(payment, { timeoutMs: 500 }));
      assert.is(problem.type, '/errors#queue-full');
      assert.is(receivedAtMs.length, 3);
    },
  );
});

test('an answer that no gateway gives is named', () =>
  withServer(
    (_, response) => response.writeHead(401).end('<h1>Who are you?</h1>'),
    async (url) => {
      const error = await failureOf(new Client({ url }).summary());
      assert.instance(error, NoAnswerError);
      assert.match(String(error), 'HTTP 401 is not an answer of a gateway: <h1>Who are you?</h1>');
    },
  ));

test('a request without an answer is given up, and sent again', async () => {
  let count = 0;
  await withServer(
    (_, response) => {
      count++;
      if (count > 1) response.end('{}');
    },
    async (url) => {
      assert.equal(await new Client({ url, requestTimeoutMs: 200 }).summary(), {});
      assert.is(count, 2);
    },
  );
});

test('a limit that cannot be kept is refused', async () => {
  assert.throws(() => new Client({ url: 'gateway' }), /Invalid URL/);
  assert.throws(
    () => new Client({ url: 'http://127.0.0.1', requestTimeoutMs: 0 }),
    /requestTimeoutMs must be above 0/,
  );
  const client = new Client({ url: 'http://127.0.0.1:1' });
  for (const timeoutMs of [0, -1, Number.NaN, 2 ** 31]) {
    assert.match(String(await failureOf(client.summary({}, { timeoutMs }))), 'timeoutMs must be above 0');
  }
});

test.run();
