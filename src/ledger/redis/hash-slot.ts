/** How many slots a Redis Cluster has. */
export const SLOTS = 16_384;

const TAG = /^[^{]*\{([^}]+)\}/;

/** CRC-16/XMODEM, by the byte. */
const CRC16 = Uint16Array.from({ length: 256 }, (_, byte) => {
  let sum = byte << 8;
  for (let bit = 0; bit < 8; bit++) sum = (sum << 1) ^ (sum & 0x8000 ? 0x1021 : 0);
  return sum;
});

/** The slot of a key: it is chosen by its hash tag, the first part in braces, if it has one. */
export function slotOf(key: string): number {
  const hashed = TAG.exec(key)?.[1] ?? key;
  let sum = 0;
  for (const byte of Buffer.from(hashed)) sum = ((sum << 8) & 0xffff) ^ (CRC16[(sum >> 8) ^ byte] as number);
  return sum % SLOTS;
}
