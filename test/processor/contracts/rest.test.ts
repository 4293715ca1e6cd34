import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { rest } from '../../../src/processor/contracts/rest.ts';
import { answer, found, ID, PAYMENT, paid } from './answers.ts';

const open = (options: Record<string, unknown> = {}) => rest({ options, authorization: '' });
const CONTRACT = open();
const HTML = '<html><body>Not Found</body></html>';
const BY_CLASS = ['unknown', 'unknown', 'duplicate', 'unknown'];

/** The outcome of every status, by the statuses that differ from the rest of their class. */
function assertMeanings(contract: ReturnType<typeof open>, kinds: Record<string, readonly number[]>): void {
  const named = new Map(
    Object.entries(kinds).flatMap(([kind, statuses]) => statuses.map((status) => [status, kind])),
  );
  for (let status = 200; status < 600; status++) {
    const expected = named.get(status) ?? BY_CLASS[Math.floor(status / 100) - 2];
    assert.is(paid(contract, answer(status)).kind, expected, String(status));
  }
  assert.is(paid(contract, answer(999)).kind, 'unknown');
}

const CAREFUL = {
  committed: [200, 201, 204],
  unfit: [301, 307, 308, 401, 403, 404, 405, 406, 407, 410, 411, 413, 414, 415, 421, 426, 428, 431, 451],
  unknown: [408, 409, 423, 425, 429],
};

test('without promises, every status has its careful meaning', () => assertMeanings(CONTRACT, CAREFUL));

test('`Retry-After` gives the processor a rest, and the payment no certainty', () => {
  for (const status of [429, 503]) {
    const outcome = paid(CONTRACT, answer(status, '', { retryAfter: '7' }));
    assert.is(outcome.kind, 'unknown', String(status));
    assert.is(outcome.retryAfterMs, 7000, String(status));
  }
});

test('what the options promise counts, and everything else keeps its meaning', () => {
  const statuses = {
    rejected: [400, 422],
    refused: [429, 503],
    committed: [202],
    failed: [500],
    unfit: [302],
  };
  assertMeanings(open({ statuses }), {
    ...statuses,
    committed: [200, 201, 202, 204],
    unfit: [...CAREFUL.unfit, 302],
    unknown: [408, 409, 423, 425],
  });
  assert.is(paid(open({ statuses: { unknown: [200] } }), answer(200)).kind, 'unknown');
});

test("a payment is committed only by the processor's own whole answer about it", () => {
  const outcomes: readonly (readonly [kind: string, ...Parameters<typeof answer>])[] = [
    ['committed', 201, '', { type: '' }],
    ['committed', 201, { id: 'ours' }],
    ['committed', 201, { correlationId: ID.toUpperCase(), amount: 19.9 }],
    ['committed', 200, 'not JSON at all'],
    ['unknown', 200, HTML, { type: 'text/html' }],
    ['unknown', 200, HTML, { type: '' }],
    ['unknown', 200, 'OK', { type: 'text/plain' }],
    ['unknown', 200, {}, { cut: 'closed' }],
    ['unknown', 201, { correlationId: ID.replace('4', '5') }],
    ['unknown', 201, { correlationId: 7 }],
    ['unknown', 201, { amount: 19.91 }],
    ['unknown', 201, { correlationId: ID, amount: '19.90' }],
  ];
  for (const [kind, ...parts] of outcomes)
    assert.is(paid(CONTRACT, answer(...parts)).kind, kind, String(parts[1]));
});

test('a refusal in HTML, or cut off, is not about the payment', () => {
  const contract = open({ statuses: { rejected: [422] } });
  assert.is(paid(contract, answer(422)).kind, 'rejected');
  for (const status of [400, 422]) {
    assert.is(paid(contract, answer(status, HTML, { type: 'text/html' })).kind, 'unknown', String(status));
    assert.is(paid(contract, answer(status, {}, { cut: 'closed' })).kind, 'unknown', String(status));
  }
  assert.is(paid(contract, answer(403, HTML, { type: 'text/html' })).kind, 'unfit');
});

test('a payment is absent only if the processor itself says so', () => {
  assert.equal(found(CONTRACT, answer(404, { code: 'payment_not_found' })), { kind: 'absent' });
  assert.is(
    found(CONTRACT, answer(404, {}, { type: 'application/problem+json; charset=utf-8' })).kind,
    'absent',
  );
  const unclear = [
    answer(404, HTML, { type: 'text/html' }),
    answer(404, '', { type: '' }),
    answer(404, '', { type: 'application/json' }),
    answer(404, '404 page not found', { type: 'text/plain' }),
    answer(404, {}, { cut: 'closed' }),
    answer(410),
    answer(403),
    answer(200, []),
  ];
  for (const one of unclear) assert.is(found(CONTRACT, one).kind, 'unknown', one.text());

  const stated = open({ absentBody: { code: 'payment_not_found' }, absentStatuses: [404, 410] });
  assert.is(found(stated, answer(410, { code: 'payment_not_found', more: 1 })).kind, 'absent');
  assert.is(found(stated, answer(404, { message: 'no Route matched with those values' })).kind, 'unknown');

  const plain = open({ answers: 'any' });
  assert.is(found(plain, answer(404, '', { type: '' })).kind, 'absent');
  assert.is(found(plain, answer(404, 'none', { type: 'text/plain' })).kind, 'absent');
  assert.is(found(plain, answer(404, HTML, { type: 'text/html' })).kind, 'unknown');
  assert.is(found(plain, answer(404, HTML, { type: '' })).kind, 'unknown');
  assert.is(paid(plain, answer(200, 'OK', { type: 'text/plain' })).kind, 'committed');
});

test('a payment is held if the answer names it; amount and time are read if they are there', () => {
  const held = (members: object) => found(CONTRACT, answer(200, { correlationId: ID, ...members }));
  assert.equal(held({}), { kind: 'held', amountCents: null, requestedAtMs: null });
  assert.equal(held({ amount: 19.9, requestedAt: '2025-07-15T12:00:00.5Z' }), {
    kind: 'held',
    amountCents: 1990,
    requestedAtMs: Date.UTC(2025, 6, 15, 12, 0, 0, 500),
  });
  for (const members of [
    { amount: 19.999 },
    { amount: '19.90' },
    { amount: 0 },
    { amount: -1 },
    { amount: null },
    { requestedAt: 'now' },
  ]) {
    assert.is(held(members).kind, 'unknown', JSON.stringify(members));
  }
  assert.is(found(CONTRACT, answer(200, { correlationId: ID.replace('4', '5') })).kind, 'unknown');
  assert.is(found(CONTRACT, answer(202, { correlationId: ID })).kind, 'unknown');
});

test('writes paths, names, formats, constant members and headers as the options say', () => {
  const contract = rest({
    authorization: 'Bearer moo',
    options: {
      payMethod: 'PUT',
      payPath: '/v1/charges/{id}',
      findPath: '/v1/charges?reference={id}&x={id}',
      idField: 'reference',
      amountField: 'value',
      amountFormat: 'cents',
      timestampField: '',
      body: { currency: 'BRL', capture: true },
      headers: { 'X-Version': '2' },
      idempotencyHeader: 'X-Request-Id',
    },
  });
  const common = { accept: 'application/json', authorization: 'Bearer moo', 'X-Version': '2' };
  assert.equal(contract.pay(PAYMENT), {
    method: 'PUT',
    path: `/v1/charges/${ID}`,
    headers: { ...common, 'content-type': 'application/json', 'X-Request-Id': ID },
    body: `{"currency":"BRL","capture":true,"reference":"${ID}","value":1990}`,
  });
  assert.equal(contract.find(ID), {
    method: 'GET',
    path: `/v1/charges?reference=${ID}&x=${ID}`,
    headers: common,
  });
  assert.is(found(contract, answer(200, { reference: ID, value: 1990 })).kind, 'held');
  assert.is(found(contract, answer(200, { reference: ID, value: 19.9 })).kind, 'unknown');
  assert.is(contract.health, undefined);
});

test('reads each format of an amount back to the cent', () => {
  for (const [amountFormat, written] of [
    ['decimal', '90071992547409.91'],
    ['string', '"90071992547409.91"'],
    ['cents', '9007199254740991'],
  ]) {
    const contract = open({ amountFormat });
    const { body = '' } = contract.pay({ ...PAYMENT, amountCents: Number.MAX_SAFE_INTEGER });
    assert.ok(body.includes(`"amount":${written}`), body);
    assert.is(JSON.stringify(found(contract, answer(200, body))).includes('9007199254740991'), true, body);
  }
});

test('health is a status, and without a path there is none', () => {
  const { health } = open({ healthPath: '/up' });
  assert.is(health?.request.path, '/up');
  const read = (status: number) =>
    health?.read({
      status,
      isComplete: true,
      retryAfterMs: null,
      reason: 'moo',
      header: () => '',
      text: () => '',
    });
  assert.equal(read(204), { kind: 'reported', failing: false, minResponseTimeMs: 0 });
  assert.equal(read(503), { kind: 'reported', failing: true, minResponseTimeMs: 0 });
  assert.equal(read(429), { kind: 'limited' });
  for (const status of [302, 401, 404]) assert.is(read(status)?.kind, 'unknown', String(status));
});

test('an invalid option is refused in one line that names it', () => {
  const wrong: readonly (readonly [name: string, value: unknown])[] = [
    ['payMethod', 'GET'],
    ['payPath', 'payments'],
    ['payPath', '//elsewhere'],
    ['payPath', '/a b'],
    ['findPath', '/payments'],
    ['findPath', 7],
    ['healthPath', 'http://elsewhere'],
    ['idField', ''],
    ['idField', 'a\nb'],
    ['amountField', 'correlationId'],
    ['amountFormat', 'pounds'],
    ['timestampField', 'amount'],
    ['body', []],
    ['body', { a: {} }],
    ['body', { amount: 1 }],
    ['headers', { 'X-A': 'a\r\nX-B: b' }],
    ['headers', { Authorization: 'Bearer moo' }],
    ['headers', { 'a b': 'c' }],
    ['headers', 'X-A: b'],
    ['idempotencyHeader', 'a:b'],
    ['idempotencyHeader', 'Host'],
    ['answers', 'xml'],
    ['statuses', { rejected: [199] }],
    ['statuses', { rejected: [422], refused: [422] }],
    ['statuses', { committed: [500] }],
    ['statuses', { exhausted: [429] }],
    ['statuses', { rejected: '422' }],
    ['absentStatuses', '404'],
    ['absentBody', 'payment_not_found'],
  ];
  for (const [name, value] of wrong) {
    const isNamed = (error: Error) => {
      assert.is(error.name, 'SetupError');
      assert.match(error.message, new RegExp(`^option ${name} of the contract rest is .*; expected .+`));
      assert.not.match(error.message, '\n');
      return true;
    };
    assert.throws(() => open({ [name]: value }), isNamed, `${name} ${JSON.stringify(value)}`);
  }
  assert.throws(
    () => open({ payPaths: '/' }),
    /^the contract rest has no option payPaths; did you mean payPath\?$/,
  );
  assert.throws(() => open({ url: '/' }), /no option url; expected one of payMethod, /);
});

test.run();
