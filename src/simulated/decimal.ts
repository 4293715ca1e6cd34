/**
 * Exact decimals for the simulated processor, independent of the gateway's own code, which it helps to check.
 */
const LITERAL = /^(-?)(\d{1,40})(?:\.(\d{1,60}))?(?:[eE]([+-]?\d{1,2}))?$/;

export interface Decimal {
  /** The value is `units` / 10^`scale`. */
  readonly units: bigint;
  readonly scale: number;
}

/** The value of a decimal literal; null: it is not one. */
export function parseDecimal(literal: string): Decimal | null {
  const match = LITERAL.exec(literal);
  if (match === null) return null;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const digits = BigInt(whole + fraction);
  const units = sign === '-' ? -digits : digits;
  const scale = fraction.length - Number(exponent);
  return scale >= 0 ? { units, scale } : { units: units * 10n ** BigInt(-scale), scale: 0 };
}

/** Rounds to whole cents, half to even; null beyond ±(2^53 - 1). */
export function roundToCents({ units, scale }: Decimal): number | null {
  const cents =
    scale <= 2 ? units * 10n ** BigInt(2 - scale) : divideHalfEven(units, 10n ** BigInt(scale - 2));
  const number = Number(cents);
  return Number.isSafeInteger(number) ? number : null;
}

function divideHalfEven(dividend: bigint, divisor: bigint): bigint {
  const magnitude = dividend < 0n ? -dividend : dividend;
  const quotient = magnitude / divisor;
  const twiceRemainder = (magnitude % divisor) * 2n;
  const up = twiceRemainder > divisor || (twiceRemainder === divisor && quotient % 2n === 1n);
  const rounded = up ? quotient + 1n : quotient;
  return dividend < 0n ? -rounded : rounded;
}

/** A JSON number with `scale` decimals. */
export function formatDecimal({ units, scale }: Decimal): string {
  const sign = units < 0n ? '-' : '';
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0');
  if (scale === 0) return sign + digits;
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
