import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import * as fc from 'fast-check';
import { suite, type Test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../../src/core/clock.ts';
import { isUuid } from '../../../src/core/uuid.ts';
import { healthOf, lookUpOutcomeOf, payOutcomeOf, totalsOf } from '../../../src/processor/answer.ts';
import { HttpProcessor } from '../../../src/processor/client.ts';
import type { Contract, ContractPayment, ContractRequest } from '../../../src/processor/contract.ts';
import type { Response } from '../../../src/processor/http1/call.ts';
import type { Dispatch, LookUpOutcome, PayOutcome } from '../../../src/processor/processor.ts';
import { propagationOnlyTracer } from '../../../src/tracing/open.ts';
import { type Behaviour, FaultyServer, httpResponse } from '../faulty-server.ts';

/** A contract under test, and its twin. */
export interface Subject {
  readonly name: string;
  /** A new instance each time. */
  open(authorization: string): Contract;
  serve(): Promise<ServedTwin>;
  /** Statuses of 500 and above by which it promises more than HTTP does. */
  readonly promisedStatuses?: readonly number[];
  /** It promises that every 404 to a look-up is its own. */
  readonly believesAny404?: boolean;
}

export interface ServedTwin {
  readonly url: string;
  /** Null: nothing was charged for this id. */
  chargedCents(correlationId: string): number | null;
  close(): unknown;
}

const TIMEOUT_MS = 20_000;
const NOW_MS = Date.UTC(2025, 6, 15, 12, 34, 56, 789);
const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3';
const PAYMENT: ContractPayment = { correlationId: ID, amountCents: 1990, requestedAtMs: NOW_MS };

const PAY_KINDS = 'committed pending duplicate refused failed unknown unfit rejected'.split(' ');
const LOOK_UP_KINDS = 'held absent pending rejected unknown'.split(' ');
const HTML = '<!DOCTYPE html><html><body><h1>Not Found</h1></body></html>';
const HTML_TYPE = ['Content-Type: text/html'];
const JSON_TYPE = ['Content-Type: application/json'];

const payments = fc.record({
  correlationId: fc.uuid(),
  amountCents: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  requestedAtMs: fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) }),
});

/** Bodies that no contract can rely on: bytes, JSON, and JSON with the payment's own id. */
const bodies = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString()),
  fc.json(),
  fc
    .dictionary(fc.constantFrom('correlationId', 'id', 'amount', 'status', 'requestedAt'), fc.anything())
    .map((members) =>
      JSON.stringify({ correlationId: ID, ...members }, (_, value) =>
        typeof value === 'bigint' ? String(value) : value,
      ),
    ),
  // As in XML and in forms.
  fc.constantFrom('correlationId', 'id', 'reference').map((name) => `<charge ${name}="${ID}"/>`),
);

const responses: fc.Arbitrary<Response> = fc
  .record({
    status: fc.integer({ min: 200, max: 999 }),
    retryAfter: fc.constantFrom('', '1', 'soon'),
    cut: fc.constantFrom('', 'closed'),
    contentType: fc.constantFrom('', 'application/json', 'text/html', 'text/xml', '\u00ff'),
    body: bodies,
  })
  .map(({ contentType, body, ...rest }) => ({
    ...rest,
    sent: true,
    isExhausted: false,
    header: (name) => (name === 'content-type' ? contentType : ''),
    text: () => body,
  }));

/** The tests that every contract must pass. */
export function contractSuite(subject: Subject): void {
  const test = suite(`contract ${subject.name}`);
  againstTwin(test, subject);
  againstOddAnswers(test, subject);
  withoutSockets(test, subject);
  test.run();
}

function againstTwin(test: Test, subject: Subject): void {
  test('a payment is charged once, to the cent, and looked up with the same values', () =>
    withTwin(subject, async (processor, twin) => {
      for (const payment of fc.sample(payments, 20)) {
        const { correlationId, amountCents, requestedAtMs } = payment;
        const paid = await processor.pay(dispatchOf(payment), TIMEOUT_MS);
        assert.ok(paid.kind === 'committed' || paid.kind === 'pending', JSON.stringify(paid));
        if (paid.kind === 'committed') assert.is(twin.chargedCents(correlationId), amountCents);
        const found = await untilFinal(processor, correlationId);
        assert.is(twin.chargedCents(correlationId), amountCents);
        if (found.kind !== 'held') throw new Error(JSON.stringify(found));
        assert.is(found.amountCents ?? amountCents, amountCents);
        assert.is(found.requestedAtMs ?? requestedAtMs, requestedAtMs);
      }
    }));

  test('a payment that is sent again is not charged again, and never taken for refused', () =>
    withTwin(subject, async (processor, twin) => {
      const payment = dispatchOf({ ...PAYMENT, correlationId: randomUUID() });
      const kinds = 'committed pending duplicate'.split(' ');
      for (let time = 0; time < 3; time++) {
        const paid = await processor.pay(payment, TIMEOUT_MS);
        assert.ok(kinds.includes(paid.kind), JSON.stringify(paid));
        await untilFinal(processor, payment.correlationId);
        assert.is(twin.chargedCents(payment.correlationId), payment.amountCents);
      }
      const other = await processor.pay({ ...payment, amountCents: 5 }, TIMEOUT_MS);
      assert.is.not(other.kind, 'committed', 'another amount');
      assert.is(twin.chargedCents(payment.correlationId), payment.amountCents);
    }));

  test('a payment that was never sent is absent', () =>
    withTwin(subject, async (processor) => {
      assert.equal(await processor.find(randomUUID(), TIMEOUT_MS), { kind: 'absent' });
    }));

  test('health is reported, if there is a health route', () =>
    withTwin(subject, async (processor) => {
      const health = await processor.health(TIMEOUT_MS);
      if (!processor.reportsHealth) assert.is(health.kind, 'unknown');
      else assert.ok(health.kind === 'reported' && !health.failing, JSON.stringify(health));
    }));

  test('every request carries the credentials', () =>
    withServer(
      subject,
      (socket) => socket.write(httpResponse(500)),
      async (processor, server) => {
        await processor.pay(dispatchOf(PAYMENT), TIMEOUT_MS);
        await processor.find(ID, TIMEOUT_MS);
        await processor.health(TIMEOUT_MS);
        for (const { headers } of server.received)
          assert.match(headers, /\r\nauthorization: Bearer moo(\r\n|$)/i);
        assert.is(server.received.length, processor.reportsHealth ? 3 : 2);
      },
    ));
}

function againstOddAnswers(test: Test, subject: Subject): void {
  const payTo = (text: string, timeoutMs = TIMEOUT_MS): Promise<PayOutcome> =>
    withServer(subject, ending(text), (processor) => processor.pay(dispatchOf(PAYMENT), timeoutMs));
  const findAt = (text: string, timeoutMs = TIMEOUT_MS): Promise<LookUpOutcome> =>
    withServer(subject, ending(text), (processor) => processor.find(ID, timeoutMs));

  test('a server that fails says nothing about the payment, whatever it asks for', async () => {
    for (const status of [500, 502, 503, 504, 520, 599]) {
      if (subject.promisedStatuses?.includes(status)) continue;
      for (const headers of [[], ['Retry-After: 1'], [...JSON_TYPE, 'Retry-After: 3600']]) {
        const paid = await payTo(httpResponse(status, '{}', headers));
        assert.is(paid.kind, 'unknown', `${status} ${headers.join()}`);
        const found = await findAt(httpResponse(status, '{}', headers));
        assert.is(found.kind, 'unknown', `${status} ${headers.join()}`);
      }
    }
  });

  test('what asks for another try is in doubt', async () => {
    for (const status of [408, 409, 423, 425]) {
      assert.is((await payTo(httpResponse(status, '{}', JSON_TYPE))).kind, 'unknown', String(status));
    }
  });

  test('what refuses every request makes the processor unfit, and rejects no payment', async () => {
    for (const status of [401, 403, 404, 405]) {
      for (const [body, headers] of [
        ['{}', JSON_TYPE],
        [HTML, HTML_TYPE],
      ] as const) {
        assert.is((await payTo(httpResponse(status, body, headers))).kind, 'unfit', String(status));
        if (status === 404) continue;
        assert.is((await findAt(httpResponse(status, body, headers))).kind, 'unknown', String(status));
      }
    }
  });

  test('an HTML page proves nothing about a payment that is looked up', async () => {
    for (const status of [200, 302, 403, 404, 410, 500]) {
      if (status === 404 && subject.believesAny404) continue;
      const found = await findAt(httpResponse(status, HTML, HTML_TYPE));
      assert.is(found.kind, 'unknown', String(status));
    }
  });

  test('half an answer to a look-up proves nothing', async () => {
    for (const status of [200, 404]) {
      const whole = httpResponse(status, `{"correlationId":"${ID}","amount":19.90}`, JSON_TYPE);
      for (let end = whole.indexOf('\r\n\r\n') + 4; end < whole.length; end += 7) {
        assert.is((await findAt(whole.slice(0, end))).kind, 'unknown', whole.slice(0, end));
      }
    }
  });

  test('a wrong length or no answer at all is in doubt', async () => {
    const longer = httpResponse(200, '{}', JSON_TYPE).replace('Length: 2', 'Length: 200');
    assert.is((await findAt(longer)).kind, 'unknown');
    for (const text of ['', 'MOO moo\r\n\r\n', 'HTTP/1.1 ', 'HTTP/1.1 101 Switching\r\n\r\n']) {
      assert.is((await payTo(text)).kind, 'unknown', text);
      assert.is((await findAt(text)).kind, 'unknown', text);
    }
  });

  test('interim answers change nothing', async () => {
    for (const status of [200, 201, 202, 400, 404, 422, 429, 500]) {
      const last = httpResponse(status, '{}', JSON_TYPE);
      for (const interim of [
        'HTTP/1.1 100 Continue\r\n\r\n',
        'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n',
      ]) {
        assert.equal(await payTo(`${interim}${last}`), await payTo(last), String(status));
        assert.equal(await findAt(`${interim}${last}`), await findAt(last), String(status));
      }
    }
  });

  test('a redirect is not followed, and commits nothing', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      const text = httpResponse(status, '', ['Location: /elsewhere']);
      const { kind } = await payTo(text);
      assert.ok(kind === 'unknown' || kind === 'unfit', `${status}: ${kind}`);
      assert.is((await findAt(text)).kind, 'unknown', String(status));
    }
  });
}

function withoutSockets(test: Test, subject: Subject): void {
  test('reads whatever it is answered without an error, and the same answer the same way', () => {
    const [one, other] = [subject.open(''), subject.open('')];
    const readAll = (contract: Contract, response: Response) => ({
      paid: payOutcomeOf(contract, response, PAYMENT, NOW_MS),
      found: lookUpOutcomeOf(contract, response, ID, NOW_MS),
      health: healthOf(contract, response, NOW_MS),
      totals: totalsOf(contract, response, NOW_MS),
    });
    void fc.assert(
      fc.property(responses, responses, (response, between) => {
        const first = readAll(one, response);
        readAll(one, between);
        assert.equal(readAll(one, response), first);
        assert.equal(readAll(other, response), first);
        assert.not.match(JSON.stringify(first), 'the contract failed');
        assertSound(first.paid, first.found);
      }),
    );
  });

  test('writes requests that can be sent, the same payment the same way', () => {
    const [one, other] = [subject.open(''), subject.open('')];
    void fc.assert(
      fc.property(payments, payments, (payment, between) => {
        const { correlationId } = payment;
        const first = [one.pay(payment), one.find(correlationId)];
        one.pay(between);
        assert.equal([one.pay(payment), one.find(correlationId)], first);
        assert.equal([other.pay(payment), other.find(correlationId)], first);
        for (const request of first) assertSendable(request, correlationId);
      }),
    );
    const { health } = one;
    if (health !== undefined) assertSendable(health.request, '');
  });

  test('a callback names a payment, or nothing', () => {
    const { readCallback } = subject.open('');
    if (readCallback === undefined) return;
    let namedCount = 0;
    void fc.assert(
      fc.property(bodies, (body) => {
        const id = readCallback(body);
        if (id === null) return;
        namedCount++;
        assert.ok(isUuid(id) && id === id.toLowerCase(), id);
      }),
    );
    assert.ok(namedCount > 0, 'no body names a payment');
  });

  test('says what it takes as proof', () => {
    const { proofs } = subject.open('');
    for (const means of ['committed', 'not committed']) {
      assert.ok(
        proofs.some((proof) => proof.means === means),
        means,
      );
    }
    for (const { seen, why } of proofs)
      assert.ok(seen !== '' && why !== '' && !/[|\n]/.test(seen + why), seen);
  });
}

function assertSound(paid: PayOutcome, found: LookUpOutcome): void {
  assert.ok(PAY_KINDS.includes(paid.kind), paid.kind);
  assert.ok(LOOK_UP_KINDS.includes(found.kind), found.kind);
  for (const outcome of [paid, found]) {
    if (!('reason' in outcome)) continue;
    assert.ok(outcome.reason.length <= 200 && !/[\r\n]/.test(outcome.reason), outcome.reason);
  }
  if (found.kind !== 'held') return;
  const { amountCents, requestedAtMs } = found;
  assert.ok(amountCents === null || Number.isSafeInteger(amountCents));
  assert.ok(requestedAtMs === null || Number.isSafeInteger(requestedAtMs));
}

function assertSendable(
  { method, path, headers = {}, body = '' }: ContractRequest,
  correlationId: string,
): void {
  assert.ok(['GET', 'POST', 'PUT'].includes(method));
  assert.match(path, /^\/[!-~]*$/);
  for (const [name, value] of Object.entries(headers)) {
    assert.match(name, /^[\w!#$%&'*+.^`|~-]+$/);
    assert.match(value, /^[\t -~]*$/);
    assert.not.match(name, /^(host|content-length|traceparent|transfer-encoding|connection)$/i);
  }
  const all = [path, body, ...Object.values(headers)].join('\n');
  assert.ok(all.includes(correlationId), 'the id is not part of the request');
}

async function untilFinal(processor: HttpProcessor, correlationId: string): Promise<LookUpOutcome> {
  const endMs = systemClock.monotonicMs() + TIMEOUT_MS;
  for (;;) {
    const found = await processor.find(correlationId, TIMEOUT_MS);
    if (found.kind !== 'pending' || systemClock.monotonicMs() > endMs) return found;
    await wait(5);
  }
}

function dispatchOf(payment: ContractPayment): Dispatch {
  return { ...payment, acceptedAtMs: NOW_MS, trace: null };
}

function ending(text: string): Behaviour {
  return (socket) => socket.end(text);
}

async function withTwin(
  subject: Subject,
  use: (processor: HttpProcessor, twin: ServedTwin) => Promise<void>,
): Promise<void> {
  const twin = await subject.serve();
  const processor = clientOf(subject.open(''), twin.url);
  try {
    await use(processor, twin);
  } finally {
    await processor.close();
    await twin.close();
  }
}

async function withServer<T>(
  subject: Subject,
  behaviour: Behaviour,
  use: (processor: HttpProcessor, server: FaultyServer) => Promise<T>,
): Promise<T> {
  const server = await FaultyServer.start(behaviour);
  const processor = clientOf(subject.open('Bearer moo'), server.url);
  try {
    return await use(processor, server);
  } finally {
    await processor.close();
    await server.close();
  }
}

function clientOf(contract: Contract, url: string): HttpProcessor {
  return new HttpProcessor({
    name: contract.name,
    url,
    contract,
    connectionCount: 2,
    clock: systemClock,
    tracer: propagationOnlyTracer,
  });
}
