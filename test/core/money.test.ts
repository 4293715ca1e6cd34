import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { centsToDecimal, decimalToCents, parseDecimal, readAmountCents } from '../../src/core/money.ts';

test('decimalToCents reads any notation of a number by its value', () => {
  const cases: [string, number | null][] = [
    ['0', 0],
    ['-0', 0],
    ['0.00e9', 0],
    ['19.9', 1990],
    ['19.90', 1990],
    ['19.900', 1990],
    ['1.99e1', 1990],
    ['1.99E+1', 1990],
    ['1990e-2', 1990],
    ['199000e-4', 1990],
    ['1e2', 10_000],
    ['1e-2', 1],
    ['0.01', 1],
    ['0.010', 1],
    ['5012.530000', 501_253],
    ['-19.9', -1990],
    ['90071992547409.91', Number.MAX_SAFE_INTEGER],
    ['-90071992547409.91', -Number.MAX_SAFE_INTEGER],
    ['90071992547409.92', null],
    ['99999999999999.99', null],
    ['1e400', null],
    ['1e99999999999999999999', null],
    ['0e99999999999999999999', 0],
    ['0.001', null],
    ['1e-3', null],
    ['1e-400', null],
    ['19.901', null],
    ['', null],
    ['-', null],
    ['+1', null],
    ['.5', null],
    ['5.', null],
    ['01', null],
    ['1e', null],
    ['0x10', null],
    ['NaN', null],
    ['Infinity', null],
    [' 1', null],
    ['1\n', null],
    ['1_000', null],
  ];
  for (const [literal, cents] of cases) assert.is(decimalToCents(literal), cents, literal);
});

test('decimalToCents never returns a negative zero', () => {
  assert.ok(Object.is(decimalToCents('-0.00'), 0));
});

test('parseDecimal explains why a literal has no whole cents', () => {
  assert.is(parseDecimal('0.001').kind, 'inexact');
  assert.is(parseDecimal('1e20').kind, 'huge');
  assert.is(parseDecimal('1e').kind, 'malformed');
});

test('centsToDecimal writes two decimals', () => {
  assert.is(centsToDecimal(0), '0.00');
  assert.is(centsToDecimal(5), '0.05');
  assert.is(centsToDecimal(50), '0.50');
  assert.is(centsToDecimal(1990), '19.90');
  assert.is(centsToDecimal(Number.MAX_SAFE_INTEGER), '90071992547409.91');
});

test('centsToDecimal throws unless given whole cents', () => {
  assert.throws(() => centsToDecimal(0.5));
  assert.throws(() => centsToDecimal(-1));
  assert.throws(() => centsToDecimal(2 ** 53));
  assert.throws(() => centsToDecimal(Number.NaN));
});

test('decimalToCents reads what centsToDecimal writes, in any notation', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.nat(30), fc.integer({ min: -40, max: 40 }), (cents, zeros, shift) => {
      assert.is(decimalToCents(centsToDecimal(cents)), cents);
      assert.is(decimalToCents(centsToDecimal(cents) + '0'.repeat(zeros)), cents);
      assert.is(decimalToCents(`${BigInt(cents) * 10n ** BigInt(zeros)}e-${zeros + 2}`), cents);
      const mantissa =
        shift < 0 ? `0.${String(cents).padStart(-shift, '0')}` : `${cents}${'0'.repeat(shift)}`;
      const exponent = shift < 0 ? Math.max(-shift, String(cents).length) - 2 : -shift - 2;
      assert.is(decimalToCents(cents === 0 ? '0' : `${mantissa}e${exponent}`), cents);
    }),
    { seed: 1, numRuns: 1000 },
  );
});

test('readAmountCents reads only the top-level member', () => {
  const cases: [string, number | null][] = [
    ['{"correlationId":"x","amount":19.9,"requestedAt":"2025-07-15T12:34:56.000Z"}', 1990],
    ['{"amount":5012.530000}', 501_253],
    ['{"amount":90071992547409.91}', Number.MAX_SAFE_INTEGER],
    ['{"amount":1e2}', 10_000],
    ['{"amount":1,"amount":2}', 200],
    ['{"amount":1,"nested":{"amount":2}}', 100],
    ['{"nested":{"amount":2},"amount":1}', 100],
    ['{"nested":{"amount":2}}', null],
    ['{"amount":"19.9"}', null],
    ['{"amount":null}', null],
    ['{"amount":0.001}', null],
    ['{}', null],
    ['[1]', null],
    ['7', null],
    ['null', null],
    ['{"amount":19.9', null],
    ['', null],
  ];
  for (const [json, cents] of cases) assert.is(readAmountCents(json, 'amount'), cents, json);
});

test.run();
