import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readUuid } from '../../src/core/uuid.ts';
import { type DecodeProblem, PaymentDecoder } from '../../src/http/decoder.ts';
import { problem } from '../../src/http/problem.ts';

const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3';
const MAX_CENTS = 1_000_000_000;

type Outcome = DecodeProblem | { id: string; amountCents: number };

/** Some processor takes every amount. */
function decoderOf(maxCents: number): PaymentDecoder {
  return new PaymentDecoder(maxCents, { isKnown: true, ranges: [{ minCents: 1, maxCents }] });
}

function decode(body: string | Uint8Array, decoder = decoderOf(MAX_CENTS)): Outcome {
  const decodeProblem = decoder.decode(typeof body === 'string' ? Buffer.from(body) : body);
  return decodeProblem ?? { id: readUuid(decoder.id, 0), amountCents: decoder.amountCents };
}

/** A body with the given tokens for id and amount. */
function body(id: string, amount: string): string {
  return `{"correlationId":${id},"amount":${amount}}`;
}

test('every JSON notation of a payment decodes to the same payment', () => {
  const escaped = [...ID].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
  const spellings = [
    `{"correlationId":"${ID}","amount":19.9}`,
    `{"correlationId":"${ID}","amount":19.90}`,
    `{"correlationId": "${ID}", "amount": 19.9}`,
    `{"amount":19.9,"correlationId":"${ID}"}`,
    `{"amount": 19.90, "correlationId": "${ID}"}`,
    `{"correlationId":"${ID.toUpperCase()}","amount":19.9}`,
    ` \t\r\n{ "correlationId" :\n"${ID}" , "amount"\t:\r19.9 } \n`,
    `{"correlationId":"${escaped}","amount":19.9}`,
    `{"correlationId":"\\u0034${ID.slice(1)}","amount":19.9}`,
    `{"\\u0063orrelation\\u0049d":"${ID}","\\u0061mount":19.9}`,
    `{"correlationId":"${ID}","amount":1.99e1}`,
    `{"correlationId":"${ID}","amount":1.99E+1}`,
    `{"correlationId":"${ID}","amount":1990e-2}`,
    `{"correlationId":"${ID}","amount":19.9000000000000000000000000000000}`,
    `{"correlationId":"${ID}","amount":0.00000000000000000000199e22}`,
    `{"correlationId":"${ID}","amount":19.9,"extra":null}`,
    `{"extra":{"amount":[1,{"correlationId":"x"}],"":"\\"}{"},"correlationId":"${ID}","amount":19.9}`,
    `{"x":[],"y":{},"z":[true,false,null,-0.5e-7,"é€😀\\ud800"],"correlationId":"${ID}","a":1,"amount":19.9}`,
    `{"Amount":1,"correlationid":2,"correlationId":"${ID}","amount":19.9,"amount ":3}`,
    `{"x":${'['.repeat(63)}${']'.repeat(63)},"correlationId":"${ID}","amount":19.9}`,
  ];
  for (const spelling of spellings) {
    assert.equal(decode(spelling), { id: ID, amountCents: 1990 }, spelling);
  }
});

test('amounts are exact cents', () => {
  const cases: [string, number][] = [
    ['0.01', 1],
    ['0.1', 10],
    ['1', 100],
    ['10', 1000],
    ['1.10', 110],
    ['9999.99', 999_999],
    ['1e-2', 1],
    ['10000000', MAX_CENTS],
    ['10000000.00', MAX_CENTS],
    ['9999999.99', MAX_CENTS - 1],
  ];
  for (const [token, amountCents] of cases) {
    assert.equal(decode(body(`"${ID}"`, token)), { id: ID, amountCents }, token);
  }
});

test('the limit may be as large as 2^53 - 1 cents', () => {
  const decoder = decoderOf(Number.MAX_SAFE_INTEGER);
  const most = decode(body(`"${ID}"`, '90071992547409.91'), decoder);
  assert.equal(most, { id: ID, amountCents: Number.MAX_SAFE_INTEGER });
  assert.is(decode(body(`"${ID}"`, '90071992547409.92'), decoder), 'amount-too-large');
  assert.equal(decode(body(`"${ID}"`, '9007199254740.99'), decoder), {
    id: ID,
    amountCents: 900_719_925_474_099,
  });
  assert.is(decode(body(`"${ID}"`, '900719925474099.1'), decoder), 'amount-too-large');
});

test('the limit must be a positive number of whole cents', () => {
  for (const limit of [0, -1, 0.5, 2 ** 53, Number.NaN]) assert.throws(() => decoderOf(limit));
});

test('any 8-4-4-4-12 hexadecimal digits are a UUID', () => {
  for (const id of [
    '00000000-0000-0000-0000-000000000000',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    '01234567-89ab-cdef-0123-456789abcdef',
  ]) {
    assert.equal(decode(body(`"${id}"`, '1')), { id, amountCents: 100 });
    assert.equal(decode(body(`"${id.toUpperCase()}"`, '1')), { id, amountCents: 100 });
  }
});

test('invalid JSON is malformed', () => {
  const good = body(`"${ID}"`, '19.9');
  const bodies = [
    '',
    ' ',
    '{',
    good.slice(0, -1),
    `${good}}`,
    `${good},`,
    `${good}\0`,
    `\ufeff${good}`,
    `${good.slice(0, -1)},}`,
    `{,${good.slice(1)}`,
    good.replace(':', ''),
    good.replace(',', ' '),
    good.replace(/"/g, "'"),
    good.replace('"amount"', 'amount'),
    good.replace('19.9', '19.9 1'),
    good.replace('{', '{/* */'),
    `{"x":"\t",${good.slice(1)}`,
    `{"x":"\\x",${good.slice(1)}`,
    `{"x":"\\u00g0",${good.slice(1)}`,
    `{"x":"\\u00`,
    `{"x":"\\`,
    `{"x":tru,${good.slice(1)}`,
    `{"x":True,${good.slice(1)}`,
    `{"x":nul`,
    `{"x":[1,],${good.slice(1)}`,
    `{"x":[1 2],${good.slice(1)}`,
    `{"x":[1},${good.slice(1)}`,
    `{"x":{"y"},${good.slice(1)}`,
    `{"x":${'['.repeat(64)}${']'.repeat(64)},${good.slice(1)}`,
    '['.repeat(100_000),
    '{"x":'.repeat(100_000),
    'undefined',
    '\u00a0{}',
    ...['01', '-01', '00', '1.', '.5', '+1', '-', '1e', '1e+', '1.e1', '1.5.5', '0x1f', '1_0', '١'].map(
      (token) => body(`"${ID}"`, token),
    ),
    ...['NaN', 'Infinity', '-Infinity', '19,9', '', '1n', '--1', '1e1.5', '1e400e'].map((token) =>
      body(`"${ID}"`, token),
    ),
  ];
  for (const text of bodies) assert.is(decode(text), 'malformed-json', text.slice(0, 200));
});

/** The problem of a body, and what the decoder says about it. */
function explain(text: string | Uint8Array): [DecodeProblem | null, string | undefined] {
  const decoder = decoderOf(MAX_CENTS);
  const bytes = Buffer.from(text);
  const decodeProblem = decoder.decode(bytes);
  return [decodeProblem, decodeProblem === null ? undefined : decoder.detailOf(decodeProblem, bytes)?.detail];
}

test('a malformed body is explained with the position of the first byte that cannot be right', () => {
  const unexpected: [text: string, found: string, position: number][] = [
    ['[1,]', '`]`', 3],
    ['{"a":1,}', '`}`', 7],
    ['{"a" 1}', '`1`', 5],
    ["{'a':1}", "`'`", 1],
    ['{"a":01}', '`1`', 6],
    ['{"a":1.}', '`}`', 7],
    ['{"a":-}', '`}`', 6],
    ['{"a":1e+x}', '`x`', 8],
    ['{"a":nulL}', '`L`', 8],
    ['{"a":NaN}', '`N`', 5],
    ['{"a":"\\x"}', '`x`', 7],
    ['{"a":"\\u00g0"}', '`g`', 10],
    ['{"a":"\t"}', 'character', 6],
    ['{"é":[1 2]}', '`2`', 9],
    ['{} \u00a0', 'character', 3],
    ['{}x', '`x`', 2],
    [`${'['.repeat(64)}x`, '`x`', 64],
    ['\ufeff{}', 'character', 0],
  ];
  for (const [text, found, position] of unexpected) {
    const detail = `The body is not valid JSON (RFC 8259): unexpected ${found} at byte ${position} (counted from 0).`;
    assert.equal(explain(text), ['malformed-json', detail], text);
  }
  for (const depth of [65, 1000]) {
    const detail = 'The body nests more than 64 levels deep, from byte 64 on (counted from 0).';
    assert.equal(explain('['.repeat(depth)), ['malformed-json', detail]);
  }
  assert.equal(explain(Buffer.of(0x22, 0xff, 0x22)), ['malformed-json', 'The body is not valid UTF-8.']);
  const whole = ` {"a": [true, null, -1.5e-7, "\\u00e9\\n"], ${body(`"${ID}"`, '19.90').slice(1)}`;
  for (let end = 0; end < whole.length; end++) {
    const detail = `The body is not valid JSON (RFC 8259): it is incomplete, and ends after ${end} bytes.`;
    assert.equal(explain(whole.slice(0, end)), ['malformed-json', detail]);
  }
});

test('an amount that is too large is explained with the limit', () => {
  const detail = '`amount` exceeds the limit of this gateway, 10000000.00 (MAX_AMOUNT).';
  for (const amount of ['10000000.01', '1e300']) {
    assert.equal(explain(body(`"${ID}"`, amount)), ['amount-too-large', detail]);
  }
  assert.equal(explain(body(`"${ID}"`, '0')), ['amount-not-positive', undefined]);
});

test('invalid UTF-8 is malformed anywhere in the body', () => {
  const good = Buffer.from(`{"note":"?",${body(`"${ID}"`, '19.9').slice(1)}`);
  const at = good.indexOf('?');
  for (const byte of [0x80, 0xc0, 0xe9, 0xff]) {
    const spoiled = Buffer.from(good);
    spoiled[at] = byte;
    assert.is(decode(spoiled), 'malformed-json');
  }
  const surrogate = Buffer.concat([good.subarray(0, at), Buffer.of(0xed, 0xa0, 0x80), good.subarray(at + 1)]);
  assert.is(decode(surrogate), 'malformed-json');
});

test('JSON that is not a valid payment gets the reason', () => {
  const id = `"${ID}"`;
  const cases: [string, DecodeProblem][] = [
    ['[]', 'not-an-object'],
    ['null', 'not-an-object'],
    ['"x"', 'not-an-object'],
    [' 19.9 ', 'not-an-object'],
    [`[${body(id, '1')}]`, 'not-an-object'],
    ['{}', 'correlation-id-missing'],
    ['{ }', 'correlation-id-missing'],
    ['{"amount":19.9}', 'correlation-id-missing'],
    ['{"CorrelationId":"x","amount":19.9}', 'correlation-id-missing'],
    [`{"nested":${body(id, '1')}}`, 'correlation-id-missing'],
    [body('null', '1'), 'correlation-id-not-a-string'],
    [body('7', '1'), 'correlation-id-not-a-string'],
    [body(`[${id}]`, '1'), 'correlation-id-not-a-string'],
    [body('""', '1'), 'correlation-id-not-a-uuid'],
    [body(`"${ID} "`, '1'), 'correlation-id-not-a-uuid'],
    [body(`"${ID}\\n"`, '1'), 'correlation-id-not-a-uuid'],
    [body(`"${ID.slice(1)}"`, '1'), 'correlation-id-not-a-uuid'],
    [body(`"{${ID}}"`, '1'), 'correlation-id-not-a-uuid'],
    [body(`"${ID.replaceAll('-', '')}"`, '1'), 'correlation-id-not-a-uuid'],
    [body(`"${ID.replace('a', 'g')}"`, '1'), 'correlation-id-not-a-uuid'],
    [body(`"${ID.replace('a', '\u0430')}"`, '1'), 'correlation-id-not-a-uuid'],
    [body(`"${ID.replace('-', '0')}"`, '1'), 'correlation-id-not-a-uuid'],
    [`{"correlationId":${id}}`, 'amount-missing'],
    [`{"correlationId":${id},"Amount":1}`, 'amount-missing'],
    [body(id, '"19.90"'), 'amount-not-a-number'],
    [body(id, 'null'), 'amount-not-a-number'],
    [body(id, 'true'), 'amount-not-a-number'],
    [body(id, '[1]'), 'amount-not-a-number'],
    [body(id, '0'), 'amount-not-positive'],
    [body(id, '0.00'), 'amount-not-positive'],
    [body(id, '-0'), 'amount-not-positive'],
    [body(id, '0e5'), 'amount-not-positive'],
    [body(id, '-19.9'), 'amount-not-positive'],
    [body(id, '-0.001'), 'amount-not-positive'],
    [body(id, '19.901'), 'amount-too-precise'],
    [body(id, '0.001'), 'amount-too-precise'],
    [body(id, '1e-3'), 'amount-too-precise'],
    [body(id, '1e-400'), 'amount-too-precise'],
    [body(id, '99999999999999999999.999'), 'amount-too-precise'],
    [body(id, '10000000.01'), 'amount-too-large'],
    [body(id, '1e400'), 'amount-too-large'],
    [body(id, '123456789012345678901234567890'), 'amount-too-large'],
  ];
  for (const [text, expected] of cases) {
    const outcome = decode(text);
    assert.is(outcome, expected, text);
    assert.match(problem(expected).status, /^422 /);
  }
});

test('a repeated member is refused, even if escaped or with the same value', () => {
  const id = `"correlationId":"${ID}"`;
  const cases: [string, DecodeProblem][] = [
    [`{${id},${id},"amount":1}`, 'correlation-id-repeated'],
    [`{${id},"amount":1,"amount":1}`, 'amount-repeated'],
    [`{"amount":1,${id},"\\u0061mount":2}`, 'amount-repeated'],
    [`{"amount":1,"amount":2,"amount":3}`, 'amount-repeated'],
    [`{"amount":null,"amount":2,"correlationId":null,"correlationId":1}`, 'correlation-id-repeated'],
  ];
  for (const [text, expected] of cases) {
    assert.is(decode(text), expected, text);
    assert.match(problem(expected).status, /^400 /);
  }
  assert.equal(decode(`{"x":1,"x":2,${id},"amount":1}`), { id: ID, amountCents: 100 });
});

test('a view into a larger buffer is read only within its bounds', () => {
  const text = body(`"${ID}"`, '19.9');
  const around = Buffer.from(`9${text}9`);
  assert.equal(decode(around.subarray(1, -1)), { id: ID, amountCents: 1990 });
  assert.is(decode(around.subarray(1, -2)), 'malformed-json');
  assert.is(decode(around.subarray(1)), 'malformed-json');
  const plain = new Uint8Array(around.buffer, around.byteOffset + 1, text.length);
  assert.equal(decode(plain), { id: ID, amountCents: 1990 });
  const spaced = Buffer.from(`9 ${text} 9`);
  assert.equal(decode(spaced.subarray(1, -1)), { id: ID, amountCents: 1990 });
});

test('no prefix of a body is a payment', () => {
  for (const text of [body(`"${ID}"`, '19.90'), `{"amount":19.90,"correlationId":"${ID}"}`]) {
    for (let end = 0; end < text.length; end++) assert.is(decode(text.slice(0, end)), 'malformed-json');
  }
});

/**
 * The reference, slow and short: JSON.parse for the syntax, a tokenizer for repeated members, and big integers for the
 * amount.
 */
function decodePlainly(bytes: Uint8Array): Outcome {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch {
    return 'malformed-json';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'not-an-object';
  const members = membersOf(text);
  const ids = members.filter(([name]) => name === 'correlationId');
  const amounts = members.filter(([name]) => name === 'amount');
  if (ids.length > 1) return 'correlation-id-repeated';
  if (amounts.length > 1) return 'amount-repeated';
  if (ids.length === 0) return 'correlation-id-missing';
  const { correlationId: id, amount } = value as { correlationId: unknown; amount: unknown };
  if (typeof id !== 'string') return 'correlation-id-not-a-string';
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id.toLowerCase()) || /[^ -~]/.test(id)) {
    return 'correlation-id-not-a-uuid';
  }
  if (amounts.length === 0) return 'amount-missing';
  if (typeof amount !== 'number') return 'amount-not-a-number';
  const cents = centsPlainly((amounts[0] as [string, string])[1]);
  return typeof cents === 'number' ? { id: id.toLowerCase(), amountCents: cents } : cents;
}

/** The name and the first value token of each member of an object in valid JSON. */
function membersOf(text: string): [string, string][] {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g) ?? [];
  const members: [string, string][] = [];
  let depth = 0;
  tokens.forEach((token, index) => {
    if (token === '{' || token === '[') depth++;
    if (token === '}' || token === ']') depth--;
    if (token !== ':' || depth !== 1) return;
    members.push([JSON.parse(tokens[index - 1] ?? ''), tokens[index + 1] ?? '']);
  });
  return members;
}

function centsPlainly(literal: string): number | DecodeProblem {
  const [mantissa = '', exponentText = '0'] = literal.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = BigInt(whole + fraction);
  if (literal.startsWith('-') || digits === 0n) return 'amount-not-positive';
  // Beyond this, no test body has enough digits to bring the value back into range.
  const exponent = Math.max(-5000, Math.min(5000, Number(exponentText))) - fraction.length + 2;
  const divisor = 10n ** BigInt(Math.max(0, -exponent));
  if (digits % divisor !== 0n) return 'amount-too-precise';
  const cents = (digits * 10n ** BigInt(Math.max(0, exponent))) / divisor;
  return cents > BigInt(MAX_CENTS) ? 'amount-too-large' : Number(cents);
}

const hex = fc.constantFrom(...'0123456789abcdefABCDEF');
const uuid = fc
  .array(hex, { minLength: 32, maxLength: 32 })
  .map((digits) => digits.join('').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'));

/** A string token whose characters may be escaped. */
function stringToken(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(text, fc.infiniteStream(fc.nat(9))).map(([plain, dice]) => {
    const characters = plain.split('').map((char) => {
      if (dice.next().value !== 0) return JSON.stringify(char).slice(1, -1);
      return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
    });
    return `"${characters.join('')}"`;
  });
}

const amountToken = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: MAX_CENTS }).map((cents) => String(cents / 100)) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 1e12 }).map((cents) => (cents / 100).toFixed(2)) },
  fc
    .tuple(fc.nat(99_999), fc.nat(99_999), fc.integer({ min: -12, max: 12 }))
    .map(([whole, fraction, exponent]) => `${whole}.${fraction}e${exponent}`),
  fc.double().map((double) => String(double)),
  fc.constantFrom('0', '-0', '-1.5', '"19.90"', 'null', '[1]', '1E+2', '1e-2', '1e400', '1e-400', '0.010'),
);

const space = fc.constantFrom('', '', '', '', ' ', '\n', '\t\r ');
const member = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(stringToken(fc.constant('correlationId')), stringToken(uuid)) },
  { weight: 6, arbitrary: fc.tuple(stringToken(fc.constant('amount')), amountToken) },
  fc.tuple(
    stringToken(fc.constantFrom('correlationId', 'amount', '', 'x', '__proto__', 'amount\0')),
    fc.json(),
  ),
  fc.tuple(stringToken(fc.string({ unit: 'binary' })), fc.json()),
);

/** Objects with any members in any order, most of them payments. */
const object = fc
  .tuple(
    fc.uniqueArray(member, { maxLength: 5, selector: ([name, value]) => name.slice(0, 9) + value.length }),
    fc.infiniteStream(space),
  )
  .map(([members, gaps]) => {
    const gap = () => gaps.next().value as string;
    const texts = members.map(([name, value]) => `${gap()}${name}${gap()}:${gap()}${value}${gap()}`);
    return `${gap()}{${texts.join(',')}${members.length === 0 ? gap() : ''}}${gap()}`;
  });

/** The usual shape, which takes the fast path. */
const plain = fc.tuple(uuid, amountToken, fc.boolean(), fc.boolean()).map(([id, amount, spaced, idFirst]) => {
  const gap = spaced ? ' ' : '';
  const members = [`"correlationId":${gap}"${id}"`, `"amount":${gap}${amount}`];
  return `{${(idFirst ? members : members.reverse()).join(`,${gap}`)}}`;
});

const anyBody = fc.oneof(plain, object);

interface Mutation {
  readonly kind: 'replace' | 'insert' | 'remove' | 'swap' | 'repeat';
  readonly at: number;
  readonly length: number;
  readonly byte: number;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('replace', 'insert', 'remove', 'swap', 'repeat'),
  at: fc.nat(),
  length: fc.integer({ min: 1, max: 60 }),
  byte: fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('{}[]:,"\\0123456789.eE+-au \n'))),
});

function mutate(bytes: Buffer, { kind, at, length, byte }: Mutation): Buffer {
  const start = at % (bytes.length + 1);
  const end = Math.min(bytes.length, start + length);
  const head = bytes.subarray(0, start);
  const part = bytes.subarray(start, end);
  const tail = bytes.subarray(end);
  switch (kind) {
    case 'replace':
      return Buffer.concat([head, Buffer.of(byte), bytes.subarray(start + 1)]);
    case 'insert':
      return Buffer.concat([head, Buffer.of(byte), part, tail]);
    case 'remove':
      return Buffer.concat([head, tail]);
    case 'swap':
      return Buffer.concat([head, tail.subarray(0, length), part, tail.subarray(length)]);
    case 'repeat':
      return Buffer.concat([head, part, part, tail]);
  }
}

const decoder = decoderOf(MAX_CENTS);

test('agrees with the reference on objects in any notation', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(anyBody, (text) => {
      const bytes = Buffer.from(text);
      const outcome = decode(bytes, decoder);
      assert.equal(outcome, decodePlainly(bytes), text);
      seen.add(typeof outcome === 'string' ? outcome : 'payment');
    }),
    { seed: 1, numRuns: 4000 },
  );
  assert.ok(seen.has('payment'));
  assert.ok(seen.size >= 10, [...seen].join());
});

test('agrees with the reference on damaged bodies', () => {
  fc.assert(
    fc.property(anyBody, fc.array(mutation, { minLength: 1, maxLength: 3 }), (text, mutations) => {
      const bytes = mutations.reduce(mutate, Buffer.from(text));
      assert.equal(decode(bytes, decoder), decodePlainly(bytes), bytes.toString());
    }),
    { seed: 1, numRuns: 6000 },
  );
});

test('agrees with the reference when any byte of a payment is changed to any other', () => {
  const good = Buffer.from(body(`"${ID}"`, '1.05'));
  for (let at = 0; at < good.length; at++) {
    for (let byte = 0; byte < 256; byte++) {
      const bytes = Buffer.from(good);
      bytes[at] = byte;
      assert.equal(decode(bytes, decoder), decodePlainly(bytes), bytes.toString());
    }
  }
});

test('a reused decoder keeps nothing of the previous body', () => {
  const [first, second] = [randomUUID(), randomUUID()];
  assert.equal(decode(body(`"${first}"`, '1.5'), decoder), { id: first, amountCents: 150 });
  assert.is(decode(body(`"${first}"`, '"2"'), decoder), 'amount-not-a-number');
  assert.is(decode(body('"x"', '2'), decoder), 'correlation-id-not-a-uuid');
  assert.equal(decode(body(`"${second}"`, '2'), decoder), { id: second, amountCents: 200 });
});

test('Idempotency-Key is the id: alone, or the same as correlationId', () => {
  const decoder = decoderOf(1_000_000);
  const [id, other] = ['4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3', '00000000-0000-4000-8000-000000000000'];
  const both = `{"correlationId":"${id}","amount":1.5}`;
  const decoded = (body: string, key: string) => decoder.decode(Buffer.from(body), key);
  for (const key of [id, id.toUpperCase(), `"${id}"`]) {
    for (const body of [both, '{"amount":1.5}', both.replace(id, id.toUpperCase()), ` ${both} `]) {
      assert.is(decoded(body, key), null, `${key} ${body}`);
      assert.equal([readUuid(decoder.id, 0), decoder.amountCents], [id, 150]);
    }
  }
  assert.is(decoded(both, other), 'idempotency-key-differs');
  assert.is(decoded(` ${both}`, other), 'idempotency-key-differs');
  for (const key of [
    'x',
    `"${id}`,
    `${id}"`,
    `""${id}""`,
    `${id}, ${id}`,
    id.slice(1),
    `${id}0`,
    '-'.repeat(36),
    '""',
  ])
    assert.is(decoded(both, key), 'idempotency-key-not-a-uuid', key);
  assert.is(decoded('{"amount":0}', id), 'amount-not-positive');
  assert.is(decoded('{"correlationId":"x","amount":1}', id), 'correlation-id-not-a-uuid');
  assert.is(decoded('{"amount":1.5}', ''), 'correlation-id-missing');
});

test.run();
