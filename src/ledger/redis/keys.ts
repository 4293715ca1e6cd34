import type { LedgerEntry } from '../ledger.ts';
import { UNIT_SPANS_MS } from '../time-index.ts';

export type Key = string | Buffer;

const [, SECOND_MS, MINUTE_MS, , DAY_MS] = UNIT_SPANS_MS as [number, number, number, number, number];

/** The keys of the books in one generation, laid out in `functions/includes/books.lua`. */
export class BookKeys {
  readonly generation: number;
  readonly #prefix: string;
  readonly #hash: Buffer;

  constructor(root: string, generation: number) {
    this.generation = generation;
    this.#prefix = `${root}${generation}:`;
    this.#hash = Buffer.from(`${this.#prefix}e:`);
  }

  /** The set of an owner's unfinished entries. */
  owner(owner: number): Key {
    return `${this.#prefix}o:${owner}`;
  }

  /** The hashes of the entries whose scattered ids begin at these positions. */
  entries(bytes: Buffer, positions: readonly number[]): Key[] {
    const { length } = this.#hash;
    const all = Buffer.allocUnsafe(positions.length * (length + 2));
    return positions.map((position, index) => {
      const at = index * (length + 2);
      this.#hash.copy(all, at);
      all[at + length] = bytes[position] as number;
      all[at + length + 1] = bytes[position + 1] as number;
      return all.subarray(at, at + length + 2);
    });
  }

  /** What the time index changes when these are settled. */
  timeIndex(settlements: readonly Pick<LedgerEntry, 'status' | 'requestedAtMs'>[]): Key[] {
    const [seconds, minutes, days] = [new Set<number>(), new Set<number>(), new Set<number>()];
    for (const { status, requestedAtMs } of settlements) {
      if (status !== 'settled') continue;
      seconds.add(Math.floor(requestedAtMs / SECOND_MS));
      minutes.add(Math.floor(requestedAtMs / MINUTE_MS));
      days.add(Math.floor(requestedAtMs / DAY_MS));
    }
    if (seconds.size === 0) return [];
    const keys: Key[] = [`${this.#prefix}d`];
    for (const second of seconds) keys.push(`${this.#prefix}l:${second}`);
    for (const minute of minutes) keys.push(`${this.#prefix}s:${minute}`);
    for (const day of days) keys.push(`${this.#prefix}c:${day}`);
    return keys;
  }
}
