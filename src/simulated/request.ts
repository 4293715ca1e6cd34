import { parseJsonObject } from '../core/json-object.ts';
import { isUuid } from '../core/uuid.ts';
import type { Row } from './books.ts';
import { parseDecimal, roundToCents } from './decimal.ts';

/**
 * Reads request bodies and bounds as the official processor does: member names in any case, zero values for missing
 * members, numbers also in strings, times without a zone as UTC.
 */
type Members = Readonly<Record<string, unknown>>;

/** Defaults of missing members: the zero UUID and date of the official processor's language. */
const ZERO_UUID = '00000000-0000-0000-0000-000000000000';
const ZERO_TIME = '0001-01-01T00:00:00Z';

/** Below this, a double represents every amount in cents, and its product with 100 is off by far less than one. */
const PLAIN_AMOUNT_LIMIT = 1e9;

const MOMENT = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,16})?)?(Z|[+-]\d\d:\d\d)?)?$/;
const BELOW_MILLISECOND = /\.\d{3}\d*[1-9]/;

/** The members of a JSON object; null: it is not one. */
export function readObject(body: Uint8Array): Members | null {
  return parseJsonObject(textOf(body));
}

function textOf(body: Uint8Array): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
}

/** The member called `name`, or else one whose name differs only in case. */
export function member(members: Members, name: string): unknown {
  if (Object.hasOwn(members, name)) return members[name];
  const lower = name.toLowerCase();
  return members[Object.keys(members).findLast((key) => key.toLowerCase() === lower) ?? name];
}

/** A 32-bit integer, also as a string; 0 if missing, null if invalid. */
export function readInt32(value: unknown): number | null {
  if (value === undefined) return 0;
  const number = typeof value === 'string' && /^-?\d{1,10}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isInteger(number) && (number | 0) === number ? number : null;
}

/** The body of `POST /payments`; null: the official processor would answer 400. */
export function readPayment(body: Uint8Array): Row | null {
  const text = textOf(body);
  const members = parseJsonObject(text);
  if (members === null) return null;
  const correlationId = member(members, 'correlationId') ?? ZERO_UUID;
  const requestedAt = member(members, 'requestedAt') ?? ZERO_TIME;
  if (member(members, 'correlationId') === null || member(members, 'requestedAt') === null) return null;
  if (typeof correlationId !== 'string' || !isUuid(correlationId)) return null;
  if (typeof requestedAt !== 'string') return null;
  const amountCents = readCents(member(members, 'amount'), text);
  const requestedAtMs = parseMoment(requestedAt, 'down');
  if (amountCents === null || requestedAtMs === null) return null;
  return { correlationId: correlationId.toLowerCase(), amountCents, requestedAtMs };
}

function readCents(amount: unknown, text: string): number | null {
  if (amount === undefined) return 0;
  if (typeof amount === 'string') return literalToCents(amount);
  if (typeof amount !== 'number') return null;
  const cents = Math.round(amount * 100);
  const isPlain = Math.abs(amount) < PLAIN_AMOUNT_LIMIT && cents / 100 === amount;
  return isPlain ? cents : literalToCents(amountLiteral(text));
}

function literalToCents(literal: string): number | null {
  const decimal = parseDecimal(literal);
  return decimal === null ? null : roundToCents(decimal);
}

/** The amount as written, since a double may have lost digits. */
function amountLiteral(text: string): string {
  const literals = new Map<unknown, string>();
  const root: unknown = JSON.parse(
    text,
    function (this: unknown, name, value, context?: { source?: string }) {
      if (name.toLowerCase() === 'amount') literals.set(this, context?.source ?? '');
      return value;
    },
  );
  return literals.get(root) ?? '';
}

/** An ISO 8601 time in milliseconds since the epoch, rounded `down` or `up`; null: invalid. */
export function parseMoment(text: string, rounding: 'down' | 'up'): number | null {
  const match = MOMENT.exec(text);
  if (match === null) return null;
  const hasZone = match[1] !== undefined || !text.includes('T');
  const ms = Date.parse(hasZone ? text : `${text}Z`);
  if (Number.isNaN(ms)) return null;
  return rounding === 'up' && BELOW_MILLISECOND.test(text) ? ms + 1 : ms;
}
