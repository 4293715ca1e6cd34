/**
 * Finds where the tokens of a JSON text (RFC 8259, strict) end, without allocating.
 *
 * Every function takes the position of a token's first byte and returns the position after its last one, or where the
 * text breaks the grammar, as `malformedAt`. That is negative, and reading a byte at a negative position, or past the
 * end, gives undefined, so a failure propagates through the comparisons that follow without branches. Strings may
 * contain any byte from 0x80 up: check UTF-8 first.
 */
export function malformedAt(position: number): number {
  return position < 0 ? position : -1 - position;
}

/** The position of which `malformedAt` is the result. */
export function malformedPosition(end: number): number {
  return -1 - end;
}

const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const FIRST_PRINTABLE = 0x20;
const LOWER_CASE_BIT = 0x20;
const LETTER_A = 0x61;
const LETTER_E = 0x65;
const LETTER_F = 0x66;
const LETTER_U = 0x75;

const ESCAPES = Buffer.from('"\\/bfnrt');
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

/** The end of the white space at `at`, if any. */
export function spaceEnd(bytes: Uint8Array, at: number): number {
  let end = at;
  while (bytes[end] === 0x20 || bytes[end] === 0x0a || bytes[end] === 0x0d || bytes[end] === 0x09) end++;
  return end;
}

/** The end of a value of any type. Objects and arrays nested deeper than `depthLeft` are malformed. */
export function valueEnd(bytes: Uint8Array, at: number, depthLeft: number): number {
  switch (bytes[at]) {
    case QUOTE:
      return stringEnd(bytes, at);
    case OPEN_BRACE:
      return objectEnd(bytes, at, depthLeft);
    case OPEN_BRACKET:
      return arrayEnd(bytes, at, depthLeft);
    case TRUE[0]:
      return literalEnd(bytes, at, TRUE);
    case FALSE[0]:
      return literalEnd(bytes, at, FALSE);
    case NULL[0]:
      return literalEnd(bytes, at, NULL);
    default:
      return numberEnd(bytes, at);
  }
}

export function stringEnd(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== QUOTE) return malformedAt(at);
  for (let end = at + 1; end < bytes.length; end++) {
    const byte = bytes[end] as number;
    if (byte === QUOTE) return end + 1;
    if (byte < FIRST_PRINTABLE) return malformedAt(end);
    if (byte !== BACKSLASH) continue;
    end++;
    if (bytes[end] === LETTER_U) {
      for (const last = end + 4; end < last; end++)
        if (!isHexDigit(bytes[end + 1])) return malformedAt(end + 1);
    } else if (!ESCAPES.includes(bytes[end] ?? 0)) return malformedAt(end);
  }
  return malformedAt(bytes.length);
}

/** The end of `literal`, if it is at `at`. */
export function literalEnd(bytes: Uint8Array, at: number, literal: Uint8Array): number {
  for (let index = 0; index < literal.length; index++) {
    if (bytes[at + index] !== literal[index]) return at < 0 ? at : malformedAt(at + index);
  }
  return at + literal.length;
}

function objectEnd(bytes: Uint8Array, at: number, depthLeft: number): number {
  if (depthLeft === 0) return malformedAt(at);
  let end = spaceEnd(bytes, at + 1);
  if (bytes[end] === CLOSE_BRACE) return end + 1;
  for (;;) {
    end = spaceEnd(bytes, stringEnd(bytes, end));
    if (bytes[end] !== COLON) return malformedAt(end);
    end = spaceEnd(bytes, valueEnd(bytes, spaceEnd(bytes, end + 1), depthLeft - 1));
    if (bytes[end] === CLOSE_BRACE) return end + 1;
    if (bytes[end] !== COMMA) return malformedAt(end);
    end = spaceEnd(bytes, end + 1);
  }
}

function arrayEnd(bytes: Uint8Array, at: number, depthLeft: number): number {
  if (depthLeft === 0) return malformedAt(at);
  let end = spaceEnd(bytes, at + 1);
  if (bytes[end] === CLOSE_BRACKET) return end + 1;
  for (;;) {
    end = spaceEnd(bytes, valueEnd(bytes, end, depthLeft - 1));
    if (bytes[end] === CLOSE_BRACKET) return end + 1;
    if (bytes[end] !== COMMA) return malformedAt(end);
    end = spaceEnd(bytes, end + 1);
  }
}

function numberEnd(bytes: Uint8Array, at: number): number {
  let end = bytes[at] === MINUS ? at + 1 : at;
  end = bytes[end] === ZERO ? end + 1 : digitsEnd(bytes, end);
  if (bytes[end] === DOT) end = digitsEnd(bytes, end + 1);
  if (lowerCase(bytes[end]) === LETTER_E) {
    const signed = bytes[end + 1] === PLUS || bytes[end + 1] === MINUS;
    end = digitsEnd(bytes, end + (signed ? 2 : 1));
  }
  return end;
}

/** The end of one or more digits. */
function digitsEnd(bytes: Uint8Array, at: number): number {
  let end = at;
  while (isDigit(bytes[end])) end++;
  return end === at ? malformedAt(at) : end;
}

export function isDigit(byte: number | undefined): byte is number {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}

function isHexDigit(byte: number | undefined): boolean {
  const lower = lowerCase(byte);
  return isDigit(byte) || (lower >= LETTER_A && lower <= LETTER_F);
}

/** An ASCII letter in lower case. Other bytes may change, but never into a letter. 0 if there is no byte. */
function lowerCase(byte: number | undefined): number {
  return byte === undefined ? 0 : byte | LOWER_CASE_BIT;
}
