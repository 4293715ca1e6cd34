import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatDecimal, parseDecimal, roundToCents } from '../../src/simulated/decimal.ts';

function cents(literal: string): number | null {
  const decimal = parseDecimal(literal);
  return decimal === null ? null : roundToCents(decimal);
}

test('rounds to cents, half to even', () => {
  const cases: [string, number][] = [
    ['19.90', 1990],
    ['0', 0],
    ['0.005', 0],
    ['0.015', 2],
    ['0.0151', 2],
    ['0.0251', 3],
    ['0.025', 2],
    ['1e2', 10000],
    ['12345e-4', 123],
    ['-0.015', -2],
    ['-1.25', -125],
    ['77.8299999999999982946974341757595539093017578125', 7783],
    ['90071992547409.91', Number.MAX_SAFE_INTEGER],
  ];
  for (const [literal, expected] of cases) assert.is(cents(literal), expected, literal);
});

test('returns no cents for invalid or too large decimals', () => {
  for (const literal of ['', '.5', '5.', '1e', '0x1', ' 1', '1,5', 'NaN', '1e100', '90071992547409.92']) {
    assert.is(cents(literal), null, literal);
  }
});

test('writes back every decimal with two places', () => {
  void fc.assert(
    fc.property(fc.maxSafeInteger(), (amountCents) => {
      const text = formatDecimal({ units: BigInt(amountCents), scale: 2 });
      return /^-?\d+\.\d\d$/.test(text) && cents(text) === amountCents;
    }),
    { seed: 2025 },
  );
  assert.is(formatDecimal({ units: 5n, scale: 0 }), '5');
  assert.is(formatDecimal({ units: -5n, scale: 3 }), '-0.005');
});

test.run();
