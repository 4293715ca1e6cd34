import { type LedgerEntry, ok, type Reply } from '../ledger.ts';
import type { RedisBooks } from './books.ts';
import { doubleBytes, idsPositions, ownerBytes, readEntry, readScatteredId } from './records.ts';
import { bytesOf, pairsOf } from './replies.ts';

const NO_IDS = Buffer.alloc(0);

export interface Takeover {
  readonly from: number;
  readonly to: number;
  readonly limit: number;
  readonly ifNotRenewedMs: number;
}

/** Entries that a takeover without a reply may have moved. */
interface LostTakeover {
  readonly to: number;
  readonly ids: Buffer;
}

/** Null: nothing may be taken over, because the former owner lives or the successor does not. */
type Moved = readonly LedgerEntry[] | null;

/**
 * Takes entries over in two calls, because a function that writes must declare all keys that it may touch: one reads what the
 * former owner holds, the other moves it. What others take in between is made up for by reading again.
 */
export class Takeovers {
  readonly #books: RedisBooks;
  /** By the former owner. */
  readonly #lost = new Map<number, LostTakeover>();

  constructor(books: RedisBooks) {
    this.#books = books;
  }

  async take(takeover: Takeover): Promise<Reply<LedgerEntry[]>> {
    const { from, to } = takeover;
    const lost = this.#lost.get(from);
    if (lost?.to === to) {
      const found = await this.#move(takeover, NO_IDS, lost.ids);
      if (found.kind === 'unavailable') return found;
      this.#lost.delete(from);
      if (found.value !== null && found.value.length > 0) return ok([...found.value]);
    }
    return this.#takeNew(takeover);
  }

  async #takeNew(takeover: Takeover): Promise<Reply<LedgerEntry[]>> {
    const { from, to, limit } = takeover;
    const taken: LedgerEntry[] = [];
    let asked = NO_IDS;
    const failed = <T>(reply: T): T => {
      if (asked.length > 0) this.#lost.set(from, { to, ids: asked });
      return reply;
    };
    do {
      const held = await this.#held(from, limit - taken.length);
      if (held.kind === 'unavailable') return failed(held);
      // Without entries the former owner is still fenced, or removed.
      if (held.value.length === 0 && asked.length > 0) break;
      asked = Buffer.concat([asked, held.value]);
      const moved = await this.#move(takeover, held.value, NO_IDS);
      if (moved.kind === 'unavailable') return failed(moved);
      if (moved.value === null || held.value.length === 0) break;
      taken.push(...moved.value);
    } while (taken.length < limit);
    return ok(taken);
  }

  /** The scattered ids of up to `limit` entries that can be taken over. */
  async #held(from: number, limit: number): Promise<Reply<Buffer>> {
    const { knownNumbers } = this.#books;
    const reply = await this.#books.call('held', ownerBytes(from), String(limit), knownNumbers);
    return reply.kind === 'ok' ? ok(bytesOf(reply.value)) : reply;
  }

  async #move({ from, to, ifNotRenewedMs }: Takeover, ids: Buffer, lostIds: Buffer): Promise<Reply<Moved>> {
    const { session, processors } = this.#books;
    const all = Buffer.concat([ids, lostIds]);
    const reply = await this.#books.write(
      'takeOver',
      (keys) => [keys.owner(from), keys.owner(to), ...keys.entries(all, idsPositions(all))],
      session,
      ownerBytes(from),
      ownerBytes(to),
      doubleBytes(ifNotRenewedMs),
      ids,
      lostIds,
    );
    if (reply.kind === 'unavailable') return reply;
    if (reply.value === null) return ok(null);
    return ok(pairsOf(reply.value).map(([id, entry]) => readEntry(readScatteredId(id), entry, processors)));
  }
}
