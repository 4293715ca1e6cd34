/**
 * The shard in which a payment lives, of `shardCount`. Each character of the id is mixed in by multiplication, so that
 * payments spread evenly whether ids are random, time-ordered or sequential, and those of one shard still spread evenly
 * over what a shard divides its entries by (a plain fold of the id in Redis).
 *
 * The books depend on it: a change would lose sight of every payment in them.
 */
export function shardOf(correlationId: string, shardCount: number): number {
  if (shardCount === 1) return 0;
  let hash = 0;
  for (let index = 0; index < correlationId.length; index++) {
    // Letters in lower case; digits and dashes stay what they are.
    hash = Math.imul(hash ^ (correlationId.charCodeAt(index) | 0x20), FACTOR);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % shardCount;
}

/** Odd, and with bits set throughout, so that each character changes all higher bits. */
const FACTOR = 0x9e3779b1;
