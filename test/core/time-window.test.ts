import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseWindow } from '../../src/core/time-window.ts';

const NOON_MS = Date.UTC(2025, 6, 15, 12, 34, 56);

function fromMs(text: string): number | string {
  const window = parseWindow(`from=${text}`);
  return window.kind === 'ok' ? window.fromMs : window.kind;
}

function toMs(text: string): number | string {
  const window = parseWindow(`to=${text}`);
  return window.kind === 'ok' ? window.toMs : window.kind;
}

test('each bound is optional on its own, and an empty one is open', () => {
  const from = '2025-07-15T12:34:56.000Z';
  const cases: [string, number, number][] = [
    ['', -Infinity, Infinity],
    ['from=&to=', -Infinity, Infinity],
    ['from', -Infinity, Infinity],
    [`from=${from}`, NOON_MS, Infinity],
    [`to=${from}`, -Infinity, NOON_MS],
    [`from=&to=${from}`, -Infinity, NOON_MS],
    [`to=2025-07-15T12:34:57.001Z&from=${from}`, NOON_MS, NOON_MS + 1001],
    [`from=${from}&to=${from}`, NOON_MS, NOON_MS],
    [`other=%zz&from=${from}&from2=x`, NOON_MS, Infinity],
  ];
  for (const [query, from, to] of cases) {
    assert.equal(parseWindow(query), { kind: 'ok', fromMs: from, toMs: to }, query);
  }
});

test('the notations of one timestamp', () => {
  const spellings = [
    '2025-07-15T12:34:56.000Z',
    '2025-07-15T12:34:56Z',
    '2025-07-15T12:34:56',
    '2025-07-15t12:34:56z',
    '2025-07-15T12:34:56.0Z',
    '2025-07-15T12:34:56.000000000Z',
    '2025-07-15T12:34:56%2B00:00',
    '2025-07-15T12:34:56+00:00',
    '2025-07-15T12:34:56%2000:00',
    '2025-07-15T12:34:56-00:00',
    '2025-07-15T12%3A34%3A56.000Z',
    '2025-07-15T09:34:56-03:00',
    '2025-07-15T09:34:56-0300',
    '2025-07-15T09:34:56-03',
    '2025-07-15T18:04:56%2B05:30',
    '2025-07-16T02:34:56+14:00',
    '%32025-07-15T12:34:56Z',
  ];
  for (const spelling of spellings) assert.is(fromMs(spelling), NOON_MS, spelling);
  assert.is(fromMs('2025-07-15'), Date.UTC(2025, 6, 15));
  assert.is(fromMs('2025-07-15T12:34Z'), NOON_MS - 56_000);
});

test('bounds between two milliseconds are rounded towards the inside', () => {
  assert.is(fromMs('2025-07-15T12:34:56.0001Z'), NOON_MS + 1);
  assert.is(toMs('2025-07-15T12:34:56.0009Z'), NOON_MS);
  assert.is(fromMs('2025-07-15T12:34:56.999000001Z'), NOON_MS + 1000);
  assert.is(toMs('2025-07-15T12:34:56.999999999Z'), NOON_MS + 999);
  assert.is(fromMs('2025-12-31T23:59:59.9999Z'), Date.UTC(2026, 0, 1));
  assert.is(fromMs('1969-12-31T23:59:59.9991Z'), 0);
  assert.is(toMs('1969-12-31T23:59:59.9991Z'), -1);
  assert.is(fromMs('2025-07-15T12:34:56.5Z'), NOON_MS + 500);
});

test('bounds within one millisecond are in order, and their window is empty', () => {
  assert.equal(parseWindow('from=2025-07-15T12:34:56.0004Z&to=2025-07-15T12:34:56.0006Z'), {
    kind: 'ok',
    fromMs: NOON_MS + 1,
    toMs: NOON_MS,
  });
});

test('years from 0000 to 9999 are valid', () => {
  assert.is(fromMs('0000-01-01T00:00:00Z'), Date.parse('0000-01-01T00:00:00Z'));
  assert.is(fromMs('0000-02-29'), Date.parse('0000-02-29T00:00:00Z'));
  assert.is(fromMs('0099-12-31T23:59:59Z'), Date.parse('0099-12-31T23:59:59Z'));
  assert.is(toMs('9999-12-31T23:59:59.999Z'), Date.parse('9999-12-31T23:59:59.999Z'));
  assert.is(fromMs('2024-02-29'), Date.UTC(2024, 1, 29));
  assert.is(fromMs('2000-02-29'), Date.UTC(2000, 1, 29));
});

test('malformed timestamps, and times that do not exist', () => {
  const texts = [
    'yesterday',
    '1752582896000',
    '2025',
    '2025-07',
    '2025-7-15',
    '25-07-15',
    '+002025-07-15',
    '2025-07-15T',
    '2025-07-15T12Z',
    '2025-07-15Z',
    '2025-07-15T12:34:56.Z',
    '2025-07-15T12:34:56,5Z',
    '2025-07-15T12:34:56.0000000000Z',
    '2025-07-15T12:34:56ZZ',
    '2025-07-15T12:34:56Z%20',
    '%202025-07-15T12:34:56Z',
    '2025-07-15T12:34:56Z%0A',
    '2025-07-15T12:34:56%',
    '2025-07-15T12:34:56%zz',
    '2025-07-15T12:34:56%E2%88%9200:00',
    '2025-02-29',
    '2025-02-30T00:00:00Z',
    '2025-04-31',
    '1900-02-29',
    '2025-00-10',
    '2025-13-10',
    '2025-07-00',
    '2025-07-32',
    '2025-07-15T24:00:00Z',
    '2025-07-15T12:60:00Z',
    '2016-12-31T23:59:60Z',
    '2025-07-15T12:34:56+24:00',
    '2025-07-15T12:34:56+00:60',
    '%FF',
  ];
  for (const text of texts) {
    assert.is(fromMs(text), 'bad', text);
    assert.is(toMs(text), 'bad', text);
  }
});

test('the first bad bound is named', () => {
  for (const [query, field] of [
    ['from=x', 'from'],
    ['to=x', 'to'],
    ['to=x&from=x', 'from'],
    ['from=2025-07-15&from=2025-07-15', 'from'],
    ['from=&from=', 'from'],
    ['to=2025-07-15&to=', 'to'],
    ['to=2025-07-15&%74o=2025-07-15', 'to'],
    ['from=2025-07-15T12:34:56.001Z&to=2025-07-15T12:34:56.000Z', 'from'],
    ['to=2025-07-14&from=2025-07-15', 'from'],
  ]) {
    const window = parseWindow(query as string);
    assert.is(window.kind, 'bad', query);
    if (window.kind === 'bad') {
      assert.is(window.field, field, query);
      assert.ok(window.detail.includes(`\`${field}\``), query);
    }
  }
});

test('parses what Date writes', () => {
  const range = { min: Date.parse('0000-01-01T00:00:00Z'), max: Date.parse('9999-12-31T23:59:59.999Z') };
  fc.assert(
    fc.property(fc.integer(range), fc.integer(range), fc.boolean(), (from, to, encoded) => {
      const write = (ms: number) => {
        const text = new Date(ms).toISOString();
        return encoded ? encodeURIComponent(text) : text;
      };
      const window = parseWindow(`from=${write(from)}&to=${write(to)}`);
      if (from > to) assert.is(window.kind, 'bad');
      else assert.equal(window, { kind: 'ok', fromMs: from, toMs: to });
    }),
    { seed: 1, numRuns: 1000 },
  );
});

test('agrees with Date on which days exist, on offsets and on fractions', () => {
  const two = (value: number) => String(value).padStart(2, '0');
  const parts = fc.tuple(
    fc.integer({ min: 0, max: 9999 }),
    fc.integer({ min: 0, max: 14 }),
    fc.integer({ min: 0, max: 33 }),
    fc.integer({ min: 0, max: 25 }),
    fc.integer({ min: 0, max: 61 }),
    fc.integer({ min: -1439, max: 1439 }),
    fc.integer({ min: 0, max: 999_999_999 }),
  );
  fc.assert(
    fc.property(parts, ([year, month, day, hour, minute, offsetMinutes, nanoseconds]) => {
      const date = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
      const whole = `${date}T${two(hour)}:${two(minute)}:07`;
      const offset = `${offsetMinutes < 0 ? '-' : '+'}${two(Math.trunc(Math.abs(offsetMinutes) / 60))}:${two(Math.abs(offsetMinutes) % 60)}`;
      const text = `${whole}.${String(nanoseconds).padStart(9, '0')}${offset}`;
      const wholeMs = Date.parse(`${whole}Z`);
      const exists = !Number.isNaN(wholeMs) && new Date(wholeMs).toISOString().startsWith(whole);
      const expectedMs = wholeMs - offsetMinutes * 60_000;
      assert.is(fromMs(text), exists ? expectedMs + Math.ceil(nanoseconds / 1e6) : 'bad', text);
      assert.is(toMs(text), exists ? expectedMs + Math.floor(nanoseconds / 1e6) : 'bad', text);
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test.run();
