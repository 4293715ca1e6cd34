import type { LedgerEntry } from '../ledger.ts';
import { UNIT_SPANS_MS } from '../time-index.ts';

/** A text: the driver sends a run of texts as one piece, and each Buffer as a piece of its own. */
export type Key = string;

const [, SECOND_MS, MINUTE_MS, , DAY_MS] = UNIT_SPANS_MS as [number, number, number, number, number];

/** Where a step of folding continues (`functions/includes/folding.lua`). */
export interface FoldingPosition {
  readonly hash: number;
  readonly second: number;
  readonly hour: number;
}

/** What a step of upkeep does at most, as in `functions/upkeep.lua`. */
const [HASHES_A_STEP, SPLITS_A_STEP, SECONDS_A_STEP, HOURS_A_STEP] = [64, 8, 600, 6];

/** The keys of the books in one generation and with one number of hashes, laid out in `functions/includes/books.lua`. */
export class BookKeys {
  readonly generation: number;
  readonly #hashes: number;
  readonly #prefix: string;
  readonly #actions: Key;
  readonly #outbox: Key;

  /** `places` as the functions name them: the generation and the number of hashes. */
  constructor(root: string, places: string) {
    const [generation, hashes] = places.split(':').map(Number) as [number, number];
    this.generation = generation;
    this.#hashes = hashes;
    this.#prefix = `${root}${generation}:`;
    this.#actions = `${root}actions`;
    this.#outbox = `${root}outbox`;
  }

  get places(): string {
    return `${this.generation}:${this.#hashes}`;
  }

  /** Whether these are the places of a later time: hashes only become more in one generation. */
  isAfter(other: BookKeys): boolean {
    if (this.generation !== other.generation) return this.generation > other.generation;
    return this.#hashes > other.#hashes;
  }

  /** The log of actions, which stays when the books are purged. */
  get actions(): Key {
    return this.#actions;
  }

  /** The events, which stay, too. */
  get outbox(): Key {
    return this.#outbox;
  }

  /** The set of an owner's unfinished entries. */
  owner(owner: number): Key {
    return `${this.#prefix}o:${owner}`;
  }

  /** The set of held entries. */
  get held(): Key {
    return `${this.#prefix}h`;
  }

  /** The totals by processor and fee. */
  get fees(): Key {
    return `${this.#prefix}f`;
  }

  /** The hashes of the entries whose scattered ids begin at these positions. */
  entries(bytes: Buffer, positions: readonly number[]): Key[] {
    const level = levelOf(this.#hashes);
    return this.#hashKeys(
      positions.map((position) => {
        const hash = bytes.readUInt32BE(position) % (2 * level);
        return hash < this.#hashes ? hash : hash - level;
      }),
    );
  }

  /** The set of rejected entries, if any of these may join it. */
  rejected(entries: readonly Pick<LedgerEntry, 'status'>[]): Key[] {
    return entries.some(({ status }) => status === 'rejected') ? [this.#rejected] : [];
  }

  /** What a step of upkeep may touch. A walk that has ended may begin anew with this step. */
  upkeep({ hash, second, hour }: FoldingPosition): Key[] {
    const firstHash = hash < this.#hashes ? hash : 0;
    const walked = Math.min(HASHES_A_STEP, this.#hashes - firstHash);
    const hashes = Array.from({ length: walked }, (_, index) => firstHash + index);
    for (let added = this.#hashes; added < this.#hashes + SPLITS_A_STEP; added++) {
      hashes.push(added - levelOf(added), added);
    }
    const keys: Key[] = [`${this.#prefix}d`, this.#rejected, ...this.#hashKeys(hashes)];
    for (let at = second; at < second + SECONDS_A_STEP; at++) keys.push(`${this.#prefix}l:${at}`);
    for (let at = second / 60; at < (second + SECONDS_A_STEP) / 60; at++) keys.push(`${this.#prefix}s:${at}`);
    const lastDay = Math.floor((hour + HOURS_A_STEP - 1) / 24);
    for (let day = Math.floor(hour / 24); day <= lastDay; day++) keys.push(`${this.#prefix}c:${day}`);
    return keys;
  }

  /** The totals of the days of these times. */
  days(timesMs: readonly number[]): Key[] {
    const days = new Set(timesMs.map((ms) => Math.floor(ms / DAY_MS)));
    return [`${this.#prefix}d`, ...Array.from(days, (day) => `${this.#prefix}c:${day}`)];
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
    const keys: Key[] = [`${this.#prefix}d`, this.fees];
    for (const second of seconds) keys.push(`${this.#prefix}l:${second}`);
    for (const minute of minutes) keys.push(`${this.#prefix}s:${minute}`);
    for (const day of days) keys.push(`${this.#prefix}c:${day}`);
    return keys;
  }

  get #rejected(): Key {
    return `${this.#prefix}r`;
  }

  #hashKeys(hashes: readonly number[]): Key[] {
    return hashes.map((hash) => `${this.#prefix}e:${hash}`);
  }
}

/** The largest power of two that is not above the number of hashes, as in `functions/includes/hashes.lua`. */
function levelOf(hashes: number): number {
  return 2 ** Math.floor(Math.log2(hashes));
}
