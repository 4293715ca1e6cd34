/** The size of a UUID in memory layouts and in ledgers (RFC 9562, network order). */
export const UUID_BYTES = 16;

/** The length of its canonical text. */
export const UUID_CHARACTERS = 36;
/** For each byte, the position of its first digit in the text. */
export const UUID_DIGITS_AT = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34);
const DIGITS = Buffer.from('0123456789abcdef');
/** Overwritten by each `readUuid`. */
const TEXT = Buffer.from('00000000-0000-0000-0000-000000000000');

/** Writes the 16 bytes of a canonical UUID (36 characters, either case) at `offset`. */
export function writeUuid(uuid: string, into: Uint8Array, offset: number): void {
  for (let index = 0; index < UUID_BYTES; index++) {
    const at = UUID_DIGITS_AT[index] as number;
    into[offset + index] = (nibbleOf(uuid.charCodeAt(at)) << 4) | nibbleOf(uuid.charCodeAt(at + 1));
  }
}

export function uuidBytes(uuid: string): Buffer {
  const bytes = Buffer.allocUnsafe(UUID_BYTES);
  writeUuid(uuid, bytes, 0);
  return bytes;
}

/** In ASCII, digits start at 0x30 and letters at 0x41 and 0x61. */
function nibbleOf(code: number): number {
  return code < 0x40 ? code & 0xf : (code & 0xf) + 9;
}

/** Reads the 16 bytes at `offset` as a canonical, lower-case UUID. */
export function readUuid(from: Uint8Array, offset: number): string {
  for (let index = 0; index < UUID_BYTES; index++) {
    const byte = from[offset + index] as number;
    const at = UUID_DIGITS_AT[index] as number;
    TEXT[at] = DIGITS[byte >>> 4] as number;
    TEXT[at + 1] = DIGITS[byte & 0xf] as number;
  }
  return TEXT.toString('latin1', 0, UUID_CHARACTERS);
}

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return UUID_PATTERN.test(text);
}
