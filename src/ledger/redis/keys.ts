import type { Settlement } from '../ledger.ts';
import { UNIT_SPANS_MS } from '../time-index.ts';
import type { FoldingPosition } from './upkeep.ts';

export type Key = string | Buffer;

const [, SECOND_MS, MINUTE_MS, , DAY_MS] = UNIT_SPANS_MS as [number, number, number, number, number];

const HASHES = 65_536;
/** What a step of folding does at most, as in `functions/upkeep.lua`. */
const [HASHES_A_STEP, SECONDS_A_STEP, HOURS_A_STEP] = [64, 600, 6];

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

  /** What a step of folding may touch. A walk that has ended may begin anew with this step. */
  folding({ hash, second, hour }: FoldingPosition): Key[] {
    const keys: Key[] = [];
    const firstHash = hash < HASHES ? hash : 0;
    const numbers = Buffer.alloc(2 * Math.min(HASHES_A_STEP, HASHES - firstHash));
    for (let at = 0; at < numbers.length; at += 2) numbers.writeUInt16BE(firstHash + at / 2, at);
    keys.push(
      ...this.entries(
        numbers,
        Array.from({ length: numbers.length / 2 }, (_, index) => 2 * index),
      ),
    );
    for (let at = second; at < second + SECONDS_A_STEP; at++) keys.push(`${this.#prefix}l:${at}`);
    for (let at = second / 60; at < (second + SECONDS_A_STEP) / 60; at++) keys.push(`${this.#prefix}s:${at}`);
    const lastDay = Math.floor((hour + HOURS_A_STEP - 1) / 24);
    for (let day = Math.floor(hour / 24); day <= lastDay; day++) keys.push(`${this.#prefix}c:${day}`);
    return keys;
  }

  /** What the time index changes when these are settled. */
  timeIndex(settlements: readonly Settlement[]): Key[] {
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
