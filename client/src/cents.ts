import { AMOUNT_MEMBERS } from './api.ts';

/** A member that is an amount. In JSON, these quotes cannot be inside of a string: there they are escaped. */
const AMOUNT = new RegExp(`"(${AMOUNT_MEMBERS.join('|')})"\\s*:\\s*([^\\s,{}]+)`, 'g');
const DECIMAL = /^(\d+)(?:\.(\d{1,2}))?$/;

/**
 * JSON of the gateway, parsed, with each amount in whole cents. The cents are taken from the text, because a sum may have
 * more digits than a parsed number keeps.
 */
export function parseInCents(text: string): unknown {
  return JSON.parse(
    text.replace(AMOUNT, (_, name: string, decimal: string) => `"${name}Cents":${cents(decimal)}`),
  );
}

function cents(decimal: string): number {
  const [, whole = '', fraction = ''] = DECIMAL.exec(decimal) ?? [];
  const value = Number(whole + fraction.padEnd(2, '0'));
  if (whole === '' || !Number.isSafeInteger(value)) throw new SyntaxError(`${decimal} is not an amount`);
  return value;
}

/** Cents as the decimal that the gateway expects. */
export function toDecimal(amountCents: number): string {
  if (!Number.isSafeInteger(amountCents) || amountCents <= 0) {
    throw new RangeError(`amountCents must be a whole number of cents above 0, not ${amountCents}`);
  }
  const digits = String(amountCents).padStart(3, '0');
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
