import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { centsToDecimal } from '../../../src/core/money.ts';
import { healthOf, lookUpOutcomeOf, payOutcomeOf } from '../../../src/processor/answer.ts';
import { rinha } from '../../../src/processor/contracts/rinha.ts';
import type { Response } from '../../../src/processor/http1/call.ts';
import { answer, ID, NOW_MS, PAYMENT } from './answers.ts';

const CONTRACT = rinha('');

const payOutcome = (one: Response) => payOutcomeOf(CONTRACT, one, PAYMENT, NOW_MS);
const lookUpOutcome = (one: Response) => lookUpOutcomeOf(CONTRACT, one, ID, NOW_MS);
const healthAnswer = (one: Response) => healthOf(CONTRACT, one, NOW_MS);

const response = (status: number, body = '', rest: Partial<Response> = {}): Response =>
  answer(status, body, rest);

const heldBody = (members: Record<string, unknown>): string =>
  JSON.stringify({ correlationId: ID, amount: 19.9, requestedAt: '2025-07-15T12:34:56.789Z', ...members });

test('an unsent call is refused, whatever else is known', () => {
  const cut = 'ECONNREFUSED connect';
  assert.equal(payOutcome(response(0, '', { sent: false, cut })), {
    kind: 'refused',
    reason: 'not sent: ECONNREFUSED connect',
  });
});

test('an unsent call is exhausted if this machine lacks something', () => {
  assert.equal(payOutcome(response(0, '', { sent: false, cut: 'EMFILE connect', isExhausted: true })), {
    kind: 'exhausted',
    reason: 'not sent: EMFILE connect',
  });
});

test('every status has one meaning', () => {
  const kinds: Record<string, readonly number[]> = {
    duplicate: [422],
    refused: [429],
    failed: [500],
    unfit: [401, 403, 404, 405, 406, 407, 410, 411, 415, 421, 426, 451],
    unknown: [408, 409, 423, 425],
  };
  const named = new Map(
    Object.entries(kinds).flatMap(([kind, statuses]) => statuses.map((status) => [status, kind])),
  );
  for (let status = 200; status < 600; status++) {
    const byClass = ['committed', 'unknown', 'rejected', 'unknown'][Math.floor(status / 100) - 2];
    assert.is(payOutcome(response(status)).kind, named.get(status) ?? byClass, String(status));
  }
  assert.is(payOutcome(response(0, '', { cut: 'closed' })).kind, 'unknown');
  assert.is(payOutcome(response(999)).kind, 'unknown');
});

test('a processor gets the rest that it asks for, in seconds or as a date; invalid ones are ignored', () => {
  const cases: readonly (readonly [header: string, retryAfterMs: number | null])[] = [
    ['0', 0],
    ['7', 7000],
    ['999999999', 86_400_000],
    ['Tue, 15 Jul 2025 12:00:30 GMT', 30_000],
    ['Tue, 15 Jul 2025 11:00:00 GMT', 0],
    ['Tue, 15 Jul 2099 11:00:00 GMT', 86_400_000],
    ['Tue, 99 Jul 2025 11:00:00 GMT', null],
    ['', null],
    ['soon', null],
    ['-5', null],
    ['1.5', null],
  ];
  for (const [retryAfter, retryAfterMs] of cases) {
    const rest = retryAfterMs === null ? {} : { retryAfterMs };
    const busy = response(429, '', { retryAfter });
    assert.equal(payOutcome(busy), { kind: 'refused', reason: 'HTTP 429', ...rest }, retryAfter);
    assert.equal(lookUpOutcome(busy), { kind: 'unknown', reason: 'HTTP 429', ...rest }, retryAfter);
    const kind = retryAfterMs === null ? 'unknown' : 'refused';
    assert.is(payOutcome(response(503, '', { retryAfter })).kind, kind, retryAfter);
  }
  assert.equal(payOutcome(response(200, '', { retryAfter: '7' })), { kind: 'committed' });
});

test('a reason is one line of at most 200 characters', () => {
  const answer = payOutcome(response(400, `\u0000 bad\r\n\tpayment\u2028${'x'.repeat(1000)}`));
  const reason = 'reason' in answer ? answer.reason : '';
  assert.ok(reason.startsWith('HTTP 400: bad payment xxx'));
  assert.is(reason.length, 200);
});

test('find reads timestamps of any precision, with a zone or in UTC', () => {
  const baseMs = Date.UTC(2025, 6, 15, 12, 34, 56);
  const cases: readonly (readonly [requestedAt: string, offsetMs: number])[] = [
    ['2025-07-15T12:34:56Z', 0],
    ['2025-07-15T12:34:56', 0],
    ['2025-07-15T12:34:56.1', 100],
    ['2025-07-15T12:34:56.12Z', 120],
    ['2025-07-15T12:34:56.123+00:00', 123],
    ['2025-07-15T12:34:56.1239999Z', 123],
    ['2025-07-15T12:34:56.123999999Z', 123],
    ['2025-07-15T09:34:56.5-03:00', 500],
  ];
  for (const [requestedAt, offsetMs] of cases) {
    assert.equal(
      lookUpOutcome(response(200, heldBody({ requestedAt }))),
      { kind: 'held', amountCents: 1990, requestedAtMs: baseMs + offsetMs },
      requestedAt,
    );
  }
});

test('find reads back what pay writes, to the cent and the millisecond', () => {
  const amounts = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
  const instants = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) });
  void fc.assert(
    fc.property(amounts, instants, (amountCents, requestedAtMs) => {
      const requestedAt = new Date(requestedAtMs).toISOString();
      const body = `{"correlationId":"${ID.toUpperCase()}","amount":${centsToDecimal(amountCents)},"requestedAt":"${requestedAt}"}`;
      assert.equal(lookUpOutcome(response(200, body)), { kind: 'held', amountCents, requestedAtMs });
    }),
  );
});

test('find reports absent only for a complete 404, and unknown for anything ambiguous', () => {
  assert.equal(lookUpOutcome(response(404)), { kind: 'absent' });
  const unclear: readonly Response[] = [
    response(404, '', { cut: 'closed' }),
    response(0, '', { sent: false, cut: 'ECONNREFUSED' }),
    response(200, heldBody({}), { cut: 'closed' }),
    response(201, heldBody({})),
    response(429),
    response(500),
    response(200),
    response(200, 'null'),
    response(200, '[]'),
    response(200, heldBody({}).slice(0, -1)),
    response(200, heldBody({ correlationId: undefined })),
    response(200, heldBody({ correlationId: ID.replace('4', '5') })),
    response(200, heldBody({ amount: '19.90' })),
    response(200, heldBody({ amount: 19.901 })),
    response(200, heldBody({ amount: undefined })),
    response(200, heldBody({ requestedAt: undefined })),
    response(200, heldBody({ requestedAt: 1_752_582_896_000 })),
    response(200, heldBody({ requestedAt: '2025-07-15' })),
    response(200, heldBody({ requestedAt: '2025-13-15T12:34:56Z' })),
  ];
  for (const one of unclear) assert.is(lookUpOutcome(one).kind, 'unknown', one.text());
});

test('health is reported, limited or unknown', () => {
  const report = (body: unknown, rest?: Partial<Response>) =>
    healthAnswer(response(200, JSON.stringify(body), rest));
  assert.equal(report({ failing: false, minResponseTime: 100 }), {
    kind: 'reported',
    failing: false,
    minResponseTimeMs: 100,
  });
  assert.equal(healthAnswer(response(429, 'Calm down')), { kind: 'limited' });
  const unclear = [
    report({ failing: false, minResponseTime: 100 }, { cut: 'closed' }),
    report({ failing: 'no', minResponseTime: 100 }),
    report({ failing: true }),
    report({ failing: true, minResponseTime: -1 }),
    report(null),
    healthAnswer(response(200, 'moo')),
    healthAnswer(response(500, '{"failing":true,"minResponseTime":1}')),
    healthAnswer(response(0, '', { cut: 'timeout' })),
  ];
  for (const health of unclear) assert.is(health.kind, 'unknown');
});

test.run();
