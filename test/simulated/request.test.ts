import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseMoment, readInt32, readObject, readPayment } from '../../src/simulated/request.ts';

const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3';
const AT = '2025-07-15T12:34:56.789Z';
const AT_MS = Date.UTC(2025, 6, 15, 12, 34, 56, 789);

function read(text: string) {
  return readPayment(Buffer.from(text));
}

function amountOf(literal: string): number | undefined {
  return read(`{"correlationId":"${ID}","amount":${literal},"requestedAt":"${AT}"}`)?.amountCents;
}

test('reads a payment with members in any order and case', () => {
  const expected = { correlationId: ID, amountCents: 1990, requestedAtMs: AT_MS };
  assert.equal(read(`{"correlationId":"${ID}","amount":19.90,"requestedAt":"${AT}"}`), expected);
  assert.equal(
    read(`{"REQUESTEDAT":"${AT}","x":{"amount":1},"Amount":"19.9","correlationid":"${ID.toUpperCase()}"}`),
    expected,
  );
});

test('reads amounts exactly, with any number of digits', () => {
  assert.is(amountOf('0.01'), 1);
  assert.is(amountOf('9999.99'), 999_999);
  assert.is(amountOf('0.615'), 62);
  assert.is(amountOf('0.625'), 62);
  assert.is(amountOf('1e3'), 100_000);
  assert.is(amountOf('77.8299999999999982946974341757595539093017578125'), 7783);
  assert.is(amountOf('90071992547409.91'), Number.MAX_SAFE_INTEGER);
  assert.is(amountOf('"90071992547409.91"'), Number.MAX_SAFE_INTEGER);
  assert.is(amountOf('12345678901.23'), 1_234_567_890_123);
  assert.is(amountOf('90071992547409.92'), undefined);
  assert.is(amountOf('"ten"'), undefined);
  assert.is(amountOf('null'), undefined);
});

test('uses zero values for missing members', () => {
  assert.equal(read('{}'), {
    correlationId: '00000000-0000-0000-0000-000000000000',
    amountCents: 0,
    requestedAtMs: Date.parse('0001-01-01T00:00:00Z'),
  });
});

test('refuses invalid payments', () => {
  const wrong = [
    '',
    '{',
    '[]',
    'null',
    '"a"',
    `{"correlationId":"${ID}x"}`,
    `{"correlationId":null}`,
    `{"correlationId":1}`,
    `{"requestedAt":"yesterday"}`,
    `{"requestedAt":null}`,
    `{"requestedAt":1}`,
    `{"requestedAt":"2025-13-15T12:34:56Z"}`,
    `{"amount":{}}`,
  ];
  for (const text of wrong) assert.is(read(text), null, text);
});

test('reads times with and without zone and fraction, rounded either way', () => {
  const at = (iso: string) => Date.parse(iso);
  assert.is(parseMoment('2025-07-15T12:34:56.789', 'down'), AT_MS);
  assert.is(parseMoment('2025-07-15T14:34:56.789+02:00', 'down'), AT_MS);
  assert.is(parseMoment('2025-07-15', 'down'), at('2025-07-15T00:00:00Z'));
  assert.is(parseMoment('2025-07-15T12:34', 'down'), at('2025-07-15T12:34:00Z'));
  assert.is(parseMoment('2025-07-15T12:34:56.7890001Z', 'down'), AT_MS);
  assert.is(parseMoment('2025-07-15T12:34:56.7890001Z', 'up'), AT_MS + 1);
  assert.is(parseMoment('2025-07-15T12:34:56.7890000Z', 'up'), AT_MS);
  assert.is(parseMoment('2025-07-15T12:34:56.7Z', 'up'), at('2025-07-15T12:34:56.700Z'));
  for (const text of ['', '2025', '2025-07-15 12:34:56', '2025-02-30T25:00:00Z']) {
    assert.is(parseMoment(text, 'down'), null, text);
  }
});

test('reads 32-bit integers', () => {
  assert.is(readInt32(undefined), 0);
  assert.is(readInt32(-1), -1);
  assert.is(readInt32('100'), 100);
  for (const value of [1.5, 2 ** 31, '1.5', '', null, true]) assert.is(readInt32(value), null, String(value));
});

test('reads only objects', () => {
  assert.equal(readObject(Buffer.from('{"a":1}')), { a: 1 });
  for (const text of ['[]', '1', '{']) assert.is(readObject(Buffer.from(text)), null, text);
});

test.run();
