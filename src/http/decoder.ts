import assert from 'node:assert';
import { isUtf8 } from 'node:buffer';
import type { AmountRange } from '../config/amount-ranges.ts';
import { centsToDecimal, parseDecimal } from '../core/money.ts';
import { isUuid, readUuid, UUID_BYTES, UUID_CHARACTERS, UUID_DIGITS_AT, writeUuid } from '../core/uuid.ts';
import {
  isDigit,
  literalEnd,
  malformedAt,
  malformedPosition,
  spaceEnd,
  stringEnd,
  valueEnd,
} from './json.ts';

/**
 * Why a body is not a valid payment. Each is the slug of a problem in `src/http/problem.ts`. A body with several errors
 * gets the first in this order.
 */
export type DecodeProblem =
  | 'idempotency-key-not-a-uuid'
  | 'malformed-json'
  | 'not-an-object'
  | 'correlation-id-repeated'
  | 'amount-repeated'
  | 'correlation-id-missing'
  | 'correlation-id-not-a-string'
  | 'correlation-id-not-a-uuid'
  | 'idempotency-key-differs'
  | 'amount-missing'
  | 'amount-not-a-number'
  | 'amount-not-positive'
  | 'amount-too-precise'
  | 'amount-too-large'
  | 'amount-not-taken'
  | 'ledger-unavailable';

/** The amounts that processors take. */
interface TakenAmounts {
  /** Ascending. */
  readonly ranges: readonly AmountRange[];
  /** False: there may be others. */
  readonly isKnown: boolean;
}

const LIMITS_NOT_KNOWN =
  'This gateway has just started, and has not read from its ledger yet which amounts processors take. Post the payment again.';

/** How deep objects and arrays may nest, so that no body can exhaust the stack. */
const MAX_DEPTH = 64;

/** The fast path gives up: negative, as in `src/http/json.ts`. */
const OTHER = -1;

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DASH = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const SPACE = 0x20;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const BACKQUOTE = 0x60;
const DELETE = 0x7f;

const ID_NAME = Buffer.from('"correlationId":');
const AMOUNT_NAME = Buffer.from('"amount":');

/** Maps each hexadecimal digit to its value, and every other byte to `NOT_HEX`, which no digit has set. */
const NOT_HEX = 0x10;
const NIBBLES = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(value) ? NOT_HEX : value;
});

/** A UUID as it is, or as a string of a structured field (RFC 9651), as the draft of the header has it. */
const UUID_KEY = /^(?=[^"]*$|"[^"]*"$)"?([0-9a-f-]{36})"?$/i;

/** Digits before the decimal point on the fast path: with two decimals they stay far below 2^53. */
const FAST_DIGITS = 12;

/**
 * Decodes the body of `POST /payments` from its bytes into a 16-byte id and whole cents. The next `decode` overwrites
 * the result, so copy what must live longer.
 *
 * The fast path reads what clients usually send, with or without a space after `:` and `,`, with the members in either
 * order, and allocates nothing. Everything else goes to the full path, which reads any valid JSON and decides which
 * error to report.
 *
 * A repeated member is refused, although JSON.parse would use the last: parsers differ here (RFC 8259 section 4), and
 * an ambiguous payment must not be sent.
 */
export class PaymentDecoder {
  readonly id: Buffer = Buffer.alloc(UUID_BYTES);
  amountCents = 0;
  readonly #takenAmounts: TakenAmounts;
  readonly #maxAmountCents: number;

  constructor(maxAmountCents: number, takenAmounts: TakenAmounts) {
    assert(Number.isSafeInteger(maxAmountCents));
    assert(maxAmountCents > 0);
    this.#maxAmountCents = maxAmountCents;
    this.#takenAmounts = takenAmounts;
  }

  /**
   * Null if `id` and `amountCents` hold the payment; otherwise their contents are undefined. The header `Idempotency-Key`,
   * if it is not empty, is the id as well, so that the body may leave it out. If both are there, they must be the same.
   */
  decode(body: Uint8Array, idempotencyKey = ''): DecodeProblem | null {
    if (idempotencyKey === '') return this.#decodeFast(body) ? null : this.#decodeFully(body);
    const key = UUID_KEY.exec(idempotencyKey)?.[1]?.toLowerCase();
    if (key === undefined || !isUuid(key)) return 'idempotency-key-not-a-uuid';
    const decodeProblem = this.#decodeFast(body) ? null : this.#decodeFully(body, `"${key}"`);
    return decodeProblem ?? (readUuid(this.id, 0) === key ? null : 'idempotency-key-differs');
  }

  /** What is wrong with a refused body, if there is more to say than the usual detail of the problem. */
  detailOf(decodeProblem: DecodeProblem, body: Uint8Array): { readonly detail: string } | undefined {
    switch (decodeProblem) {
      case 'malformed-json':
        return { detail: malformedDetail(body) };
      case 'amount-too-large': {
        const limit = centsToDecimal(this.#maxAmountCents);
        return { detail: `\`amount\` exceeds the limit of this gateway, ${limit} (MAX_AMOUNT).` };
      }
      case 'amount-not-taken':
        return { detail: limitsDetail(this.#takenAmounts.ranges) };
      case 'ledger-unavailable':
        return { detail: LIMITS_NOT_KNOWN };
      default:
        return undefined;
    }
  }

  #decodeFast(body: Uint8Array): boolean {
    if (body[0] !== OPEN_BRACE) return false;
    const idFirst = body[2] === ID_NAME[1];
    let at = idFirst ? this.#fastId(body, 1) : this.#fastAmount(body, 1);
    if (body[at] !== COMMA) return false;
    at = body[at + 1] === SPACE ? at + 2 : at + 1;
    at = idFirst ? this.#fastAmount(body, at) : this.#fastId(body, at);
    return body[at] === CLOSE_BRACE && at + 1 === body.length;
  }

  /** Reads the member `correlationId` at `at`; returns where it ends. */
  #fastId(body: Uint8Array, at: number): number {
    const quoteAt = fastValueStart(body, at, ID_NAME);
    const start = quoteAt + 1;
    const end = start + UUID_CHARACTERS;
    if (body[quoteAt] !== QUOTE || body[end] !== QUOTE) return OTHER;
    if (body[start + 8] !== DASH || body[start + 13] !== DASH) return OTHER;
    if (body[start + 18] !== DASH || body[start + 23] !== DASH) return OTHER;
    let seen = 0;
    for (let index = 0; index < UUID_BYTES; index++) {
      const pairAt = start + (UUID_DIGITS_AT[index] as number);
      const high = NIBBLES[body[pairAt] as number] as number;
      const low = NIBBLES[body[pairAt + 1] as number] as number;
      seen |= high | low;
      this.id[index] = (high << 4) | low;
    }
    return seen < NOT_HEX ? end + 1 : OTHER;
  }

  /** Reads the member `amount` at `at`, with at most two decimals; returns where it ends. */
  #fastAmount(body: Uint8Array, at: number): number {
    const start = fastValueStart(body, at, AMOUNT_NAME);
    let end = start;
    let cents = 0;
    for (let digit = body[end]; isDigit(digit); digit = body[++end]) cents = cents * 10 + digit - ZERO;
    const digits = end - start;
    if (digits === 0 || digits > FAST_DIGITS) return OTHER;
    if (digits > 1 && body[start] === ZERO) return OTHER;
    cents *= 100;
    if (body[end] === DOT) {
      const tenths = body[++end];
      if (!isDigit(tenths)) return OTHER;
      cents += (tenths - ZERO) * 10;
      const hundredths = body[++end];
      if (isDigit(hundredths)) {
        cents += hundredths - ZERO;
        end++;
      }
    }
    this.amountCents = cents;
    return cents > 0 && cents <= this.#maxAmountCents && this.#isTaken(cents) ? end : OTHER;
  }

  /** `defaultId` is the token of the id if the body has none. */
  #decodeFully(body: Uint8Array, defaultId: string | null = null): DecodeProblem | null {
    if (!isUtf8(body) || textEnd(body, MAX_DEPTH) < 0) return 'malformed-json';
    const start = spaceEnd(body, 0);
    if (body[start] !== OPEN_BRACE) return 'not-an-object';
    return this.#decodeMembers(Buffer.from(body.buffer, body.byteOffset, body.length), start, defaultId);
  }

  /** `body` is known to be valid JSON with an object at `start`, so this does not check the syntax again. */
  #decodeMembers(body: Buffer, start: number, defaultId: string | null): DecodeProblem | null {
    let idToken: string | null = null;
    let amountToken: string | null = null;
    let idRepeated = false;
    let amountRepeated = false;
    let at = spaceEnd(body, start + 1);
    while (body[at] !== CLOSE_BRACE) {
      const nameEnd = stringEnd(body, at);
      const valueAt = spaceEnd(body, spaceEnd(body, nameEnd) + 1);
      const end = valueEnd(body, valueAt, MAX_DEPTH);
      const name = unquote(body.toString('utf8', at, nameEnd));
      if (name === 'correlationId') {
        idRepeated = idToken !== null;
        idToken = body.toString('utf8', valueAt, end);
      } else if (name === 'amount') {
        amountRepeated = amountToken !== null;
        amountToken = body.toString('utf8', valueAt, end);
      }
      at = spaceEnd(body, end);
      if (body[at] === COMMA) at = spaceEnd(body, at + 1);
    }
    if (idRepeated) return 'correlation-id-repeated';
    if (amountRepeated) return 'amount-repeated';
    return this.#setId(idToken ?? defaultId) ?? this.#setAmount(amountToken);
  }

  #setId(token: string | null): DecodeProblem | null {
    if (token === null) return 'correlation-id-missing';
    if (token.charCodeAt(0) !== QUOTE) return 'correlation-id-not-a-string';
    const id = unquote(token);
    if (!isUuid(id)) return 'correlation-id-not-a-uuid';
    writeUuid(id, this.id, 0);
    return null;
  }

  #setAmount(token: string | null): DecodeProblem | null {
    if (token === null) return 'amount-missing';
    const first = token.charCodeAt(0);
    if (first === MINUS) return 'amount-not-positive';
    if (!isDigit(first)) return 'amount-not-a-number';
    const decimal = parseDecimal(token);
    if (decimal.kind === 'inexact') return 'amount-too-precise';
    if (decimal.kind === 'huge') return 'amount-too-large';
    assert(decimal.kind === 'exact');
    if (decimal.cents === 0) return 'amount-not-positive';
    if (decimal.cents > this.#maxAmountCents) return 'amount-too-large';
    if (!this.#isTaken(decimal.cents))
      return this.#takenAmounts.isKnown ? 'amount-not-taken' : 'ledger-unavailable';
    this.amountCents = decimal.cents;
    return null;
  }

  #isTaken(cents: number): boolean {
    for (const { minCents, maxCents } of this.#takenAmounts.ranges) {
      if (cents >= minCents && cents <= maxCents) return true;
    }
    return false;
  }
}

/** Where the value of the member at `at` starts, if the member has this name. */
function fastValueStart(body: Uint8Array, at: number, name: Uint8Array): number {
  const end = literalEnd(body, at, name);
  return body[end] === SPACE ? end + 1 : end;
}

/** The string that a string token of valid JSON stands for. */
function unquote(token: string): string {
  return token.includes('\\') ? JSON.parse(token) : token.slice(1, -1);
}

/** The end of a JSON text, white space included, or where it breaks the grammar (`malformedAt`). */
function textEnd(body: Uint8Array, maxDepth: number): number {
  const end = spaceEnd(body, valueEnd(body, spaceEnd(body, 0), maxDepth));
  return end < 0 || end === body.length ? end : malformedAt(end);
}

function malformedDetail(body: Uint8Array): string {
  if (!isUtf8(body)) return 'The body is not valid UTF-8.';
  const end = textEnd(body, MAX_DEPTH);
  const position = malformedPosition(end);
  if (textEnd(body, MAX_DEPTH + 1) !== end) {
    return `The body nests more than ${MAX_DEPTH} levels deep, from byte ${position} on (counted from 0).`;
  }
  if (position === body.length) {
    return `The body is not valid JSON (RFC 8259): it is incomplete, and ends after ${position} bytes.`;
  }
  const byte = body[position] as number;
  const isShown = byte > SPACE && byte < DELETE && byte !== BACKQUOTE;
  const found = isShown ? `\`${String.fromCharCode(byte)}\`` : 'character';
  return `The body is not valid JSON (RFC 8259): unexpected ${found} at byte ${position} (counted from 0).`;
}

/** Such as `must be from 0.50 to 10.00 or from 20.00 to 500.00`. */
function limitsDetail(taken: readonly AmountRange[]): string {
  const ranges = taken.map(
    ({ minCents, maxCents }) => `from ${centsToDecimal(minCents)} to ${centsToDecimal(maxCents)}`,
  );
  return `No processor takes this amount: \`amount\` must be ${ranges.join(' or ')}.`;
}
