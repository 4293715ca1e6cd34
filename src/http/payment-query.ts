import { decimalToCents } from '../core/money.ts';
import { parseWindow } from '../core/time-window.ts';
import { type PaymentFilter, SEARCHED_STATUSES, type SearchedPart, searchedPart } from '../ledger/search.ts';
import { type Problem, problem } from './problem.ts';
import { unknownParameter } from './query.ts';

/** A page of a search: what is searched, where it continues, and how many payments it has at most. */
export interface PaymentQuery {
  readonly filter: PaymentFilter;
  /** The ledger's own name for the place; empty: the first page. */
  readonly after: string;
  readonly limit: number;
}

export type PaymentQueryReading =
  | { readonly kind: 'ok'; readonly query: PaymentQuery }
  | { readonly kind: 'bad'; readonly problem: Problem };

const PARAMETERS = [
  'status',
  'processor',
  'time',
  'from',
  'to',
  'minAmount',
  'maxAmount',
  'reason',
  'limit',
  'after',
];
const TIMES = ['accepted', 'requested'] as const;
const LIMIT_DEFAULT = 100;
/** An answer of about 150 KB, and a few milliseconds of the ledger. */
const LIMIT_MAX = 500;
const TEXT_MAX = 200;

/** What a cursor may hold: the part that is searched, then a place as the ledgers name it, in one of several shards. */
const CURSOR =
  /^(open|held|rejected|all)\|((?:\d{1,4}:)?(?:[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}|\d{1,10})?)$/;

/** Reads the query string of `GET /payments`. */
export function readPaymentQuery(query: string): PaymentQueryReading {
  const unknown = unknownParameter(query, PARAMETERS);
  if (unknown !== null) return { kind: 'bad', problem: unknown };
  const parameters = new URLSearchParams(query);
  const repeated = PARAMETERS.find((name) => parameters.getAll(name).length > 1);
  if (repeated !== undefined) return bad(repeated, 'is given more than once.');
  const window = parseWindow(query);
  if (window.kind === 'bad')
    return {
      kind: 'bad',
      problem: problem('bad-window', { field: window.field, detail: window.detail }),
    };
  const given = (name: string) => parameters.get(name);
  const text = (name: string) => given(name) ?? '';
  const status = oneOf(given('status'), SEARCHED_STATUSES);
  if (status === undefined) return bad('status', `must be one of ${SEARCHED_STATUSES.join(', ')}.`);
  const time = oneOf(given('time'), TIMES);
  if (time === undefined) return bad('time', `must be ${TIMES.join(' or ')}.`);
  const minCents = cents(given('minAmount'), 0);
  if (minCents === null) return bad('minAmount', NOT_AN_AMOUNT);
  const maxCents = cents(given('maxAmount'), Infinity);
  if (maxCents === null) return bad('maxAmount', NOT_AN_AMOUNT);
  if (minCents > maxCents) return bad('minAmount', 'is above `maxAmount`.');
  for (const name of ['processor', 'reason'])
    if (text(name).length > TEXT_MAX) return bad(name, `is longer than ${TEXT_MAX} characters.`);
  const limit = whole(given('limit'), LIMIT_DEFAULT);
  if (limit < 1 || limit > LIMIT_MAX) return bad('limit', `must be a whole number from 1 to ${LIMIT_MAX}.`);
  const filter: PaymentFilter = {
    status,
    processor: text('processor'),
    time: time ?? 'accepted',
    fromMs: window.fromMs,
    toMs: window.toMs,
    minCents,
    maxCents,
    reason: text('reason'),
  };
  const after = readCursor(text('after'), searchedPart(filter));
  if (after === null) return bad('after', 'is not the `next` of an earlier page of this search.');
  return { kind: 'ok', query: { filter, after, limit } };
}

const NOT_AN_AMOUNT = 'must be an amount in whole cents, such as 19.90.';

/** The text by which a client asks for the next page of this search. */
export function cursorOf(filter: PaymentFilter, next: string): string {
  return Buffer.from(`${searchedPart(filter)}|${next}`).toString('base64url');
}

function readCursor(text: string, part: SearchedPart): string | null {
  if (text === '') return '';
  const [, ownPart, after] = CURSOR.exec(Buffer.from(text, 'base64url').toString('latin1')) ?? [];
  return ownPart === part && after !== undefined ? after : null;
}

/** Null: not given. Undefined: none of these. */
function oneOf<T extends string>(text: string | null, values: readonly T[]): T | null | undefined {
  return text === null ? null : values.find((value) => value === text);
}

/** Null: not an amount. */
function cents(text: string | null, otherwise: number): number | null {
  if (text === null) return otherwise;
  const value = decimalToCents(text);
  return value !== null && value >= 0 ? value : null;
}

/** 0: not a whole number. */
function whole(text: string | null, otherwise: number): number {
  if (text === null) return otherwise;
  return /^\d{1,6}$/.test(text) ? Number(text) : 0;
}

function bad(field: string, expected: string): PaymentQueryReading {
  return { kind: 'bad', problem: problem('bad-search', { field, detail: `\`${field}\` ${expected}` }) };
}
