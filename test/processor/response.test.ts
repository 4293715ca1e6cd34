import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { centsToDecimal } from '../../src/core/money.ts';
import {
  type Response,
  readHealth,
  readLookUpOutcome,
  readPayOutcome,
} from '../../src/processor/response.ts';

const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3';
const NOW_MS = Date.UTC(2025, 6, 15, 12, 0, 0);

function response(status: number, body = '', rest: Partial<Response> = {}): Response {
  return { sent: true, status, retryAfter: '', cut: '', isOwnLack: false, text: () => body, ...rest };
}

const heldBody = (members: Record<string, unknown>): string =>
  JSON.stringify({ correlationId: ID, amount: 19.9, requestedAt: '2025-07-15T12:34:56.789Z', ...members });

test('an unsent call is refused, whatever else is known', () => {
  const cut = 'ECONNREFUSED connect';
  assert.equal(readPayOutcome(response(0, '', { sent: false, cut }), NOW_MS), {
    kind: 'refused',
    reason: 'not sent: ECONNREFUSED connect',
    retryAfterMs: null,
  });
});

test('an unsent call is exhausted if this machine lacks something', () => {
  assert.equal(
    readPayOutcome(response(0, '', { sent: false, cut: 'EMFILE connect', isOwnLack: true }), NOW_MS),
    {
      kind: 'exhausted',
      reason: 'not sent: EMFILE connect',
    },
  );
});

test('every status has one meaning', () => {
  const named: Record<number, string> = { 422: 'duplicate', 429: 'refused', 500: 'failed' };
  for (let status = 200; status < 600; status++) {
    const byClass = ['committed', 'unknown', 'rejected', 'unknown'][Math.floor(status / 100) - 2];
    assert.is(readPayOutcome(response(status), NOW_MS).kind, named[status] ?? byClass, String(status));
  }
  assert.is(readPayOutcome(response(0, '', { cut: 'closed' }), NOW_MS).kind, 'unknown');
  assert.is(readPayOutcome(response(999), NOW_MS).kind, 'unknown');
});

test('reads Retry-After in seconds or as a date, and ignores invalid ones', () => {
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
    const answer = readPayOutcome(response(429, '', { retryAfter }), NOW_MS);
    assert.equal(answer, { kind: 'refused', reason: 'HTTP 429', retryAfterMs }, retryAfter);
    const kind = retryAfterMs === null ? 'unknown' : 'refused';
    assert.is(readPayOutcome(response(503, '', { retryAfter }), NOW_MS).kind, kind, retryAfter);
  }
});

test('a reason is one line of at most 200 characters', () => {
  const answer = readPayOutcome(response(400, `\u0000 bad\r\n\tpayment\u2028${'x'.repeat(1000)}`), NOW_MS);
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
      readLookUpOutcome(response(200, heldBody({ requestedAt })), ID),
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
      assert.equal(readLookUpOutcome(response(200, body), ID), { kind: 'held', amountCents, requestedAtMs });
    }),
  );
});

test('find reports absent only for a complete 404, and unknown for anything ambiguous', () => {
  assert.equal(readLookUpOutcome(response(404), ID), { kind: 'absent' });
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
  for (const one of unclear) assert.is(readLookUpOutcome(one, ID).kind, 'unknown', one.text());
});

test('health is reported, limited or unknown', () => {
  const report = (body: unknown, rest?: Partial<Response>) =>
    readHealth(response(200, JSON.stringify(body), rest));
  assert.equal(report({ failing: false, minResponseTime: 100 }), {
    kind: 'reported',
    failing: false,
    minResponseTimeMs: 100,
  });
  assert.equal(readHealth(response(429, 'Calm down')), { kind: 'limited' });
  const unclear = [
    report({ failing: false, minResponseTime: 100 }, { cut: 'closed' }),
    report({ failing: 'no', minResponseTime: 100 }),
    report({ failing: true }),
    report({ failing: true, minResponseTime: -1 }),
    report(null),
    readHealth(response(200, 'moo')),
    readHealth(response(500, '{"failing":true,"minResponseTime":1}')),
    readHealth(response(0, '', { cut: 'timeout' })),
  ];
  for (const health of unclear) assert.is(health.kind, 'unknown');
});

test.run();
