import assert from 'node:assert';

/**
 * Money as text and as whole cents, never as a float in between.
 *
 * A decimal here is a JSON number literal (RFC 8259 section 6). Its value matters, not its notation: `19.9`, `19.900` and
 * `1.99e1` are all 1990 cents.
 */
const LITERAL = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

const ZERO = 0x30;

/** A float in units of which `perOne` are one; undefined: it is no number, is negative, or has too many places. */
export function wholeOf(value: unknown, perOne: number): number | undefined {
  if (typeof value !== 'number' || !(value >= 0)) return undefined;
  const whole = Math.round(value * perOne);
  // The float nearest to a decimal with few places is that of the quotient.
  return Number.isSafeInteger(whole) && whole / perOne === value ? whole : undefined;
}

/** 2^53 - 1 has 16 digits, so longer numbers can't be exact. */
const MAX_SAFE_DIGITS = 16;

/**
 * | kind      | meaning                                        |
 * |-----------|------------------------------------------------|
 * | exact     | a number of whole cents                        |
 * | inexact   | a number with more than two decimals           |
 * | huge      | a number beyond ±(2^53 - 1) cents              |
 * | malformed | not a JSON number                              |
 */
type Decimal =
  | { readonly kind: 'exact'; readonly cents: number }
  | { readonly kind: 'inexact' }
  | { readonly kind: 'huge' }
  | { readonly kind: 'malformed' };

/** The value of a JSON number literal in cents, or why it has no exact value. */
export function parseDecimal(literal: string): Decimal {
  const [, sign, whole, fraction = '', exponent = '0'] = LITERAL.exec(literal) ?? [];
  if (whole === undefined) return { kind: 'malformed' };
  const digits = trimZeros(whole + fraction);
  if (digits.significant === '') return { kind: 'exact', cents: 0 };
  // The value is `significant` × 10^scale cents. An exponent that is too large becomes ±Infinity, which still compares
  // correctly.
  const scale = Number(exponent) - fraction.length + digits.trailing + 2;
  if (scale < 0) return { kind: 'inexact' };
  if (digits.significant.length + scale > MAX_SAFE_DIGITS) return { kind: 'huge' };
  const cents = Number(digits.significant + '0'.repeat(scale));
  if (!Number.isSafeInteger(cents)) return { kind: 'huge' };
  return { kind: 'exact', cents: sign === '-' ? -cents : cents };
}

/** The whole cents of a JSON number literal; null if it is not one or has no exact whole cents. */
export function decimalToCents(literal: string): number | null {
  const decimal = parseDecimal(literal);
  return decimal.kind === 'exact' ? decimal.cents : null;
}

/**
 * The whole cents of a number in a top-level member of a JSON object; null if the text is not JSON, or if the member is
 * missing, not a number, or not in exact whole cents. If the member is repeated, the last one counts.
 */
export function readAmountCents(json: string, member: string): number | null {
  const literals = new Map<unknown, string>();
  let root: unknown;
  try {
    root = JSON.parse(json, function (this: unknown, name, value: unknown, context?: { source?: string }) {
      if (name === member && typeof value === 'number' && context?.source !== undefined) {
        literals.set(this, context.source);
      }
      return value;
    });
  } catch {
    return null;
  }
  const literal = literals.get(root);
  return literal === undefined ? null : decimalToCents(literal);
}

/** Formats cents as a JSON number with two decimals: 1990 → `19.90`, 5 → `0.05`. */
export function centsToDecimal(amountCents: number): string {
  assert(Number.isSafeInteger(amountCents));
  assert(amountCents >= 0);
  const cents = amountCents % 100;
  return `${(amountCents - cents) / 100}.${cents < 10 ? '0' : ''}${cents}`;
}

/** The digits without leading and trailing zeros, and the number of trailing zeros. */
function trimZeros(digits: string): { significant: string; trailing: number } {
  let start = 0;
  let end = digits.length;
  while (end > start && digits.charCodeAt(end - 1) === ZERO) end--;
  while (start < end && digits.charCodeAt(start) === ZERO) start++;
  return { significant: digits.slice(start, end), trailing: digits.length - end };
}
