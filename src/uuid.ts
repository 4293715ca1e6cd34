/** Bytes of a UUID wherever it is laid out in memory or in a store (RFC 9562, network order). */
export const UUID_BYTES = 16;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Writes the 16 bytes of a canonical UUID (36 characters, either case) at `offset`. */
export function writeUuid(uuid: string, into: Buffer, offset: number): void {
  const hex = uuid.slice(0, 8) + uuid.slice(9, 13) + uuid.slice(14, 18) + uuid.slice(19, 23) + uuid.slice(24);
  into.write(hex, offset, UUID_BYTES, 'hex');
}

/** The canonical, lower-case UUID of the 16 bytes at `offset`. */
export function readUuid(from: Uint8Array, offset: number): string {
  let text = '';
  for (let index = 0; index < UUID_BYTES; index++) {
    if (index === 4 || index === 6 || index === 8 || index === 10) text += '-';
    text += HEX[from[offset + index] as number];
  }
  return text;
}

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return UUID_PATTERN.test(text);
}
