import { LAST_MS } from '../commit.ts';
import { ok, type Reply } from '../ledger.ts';
import { MINUTES_KEPT_MS } from '../retention.ts';
import type { RedisBooks } from './books.ts';
import type { FoldingPosition } from './keys.ts';
import type { RedisOutbox } from './outbox.ts';
import { bytesOf, listOf } from './replies.ts';

/** Before the first step: the row that is expected in books that have never been folded. */
const NO_ROW = Buffer.alloc(0);

/** Does upkeep step by step. Redis keeps the position; this knows the one of the last reply, to name the keys. */
export class RedisUpkeep {
  readonly #books: RedisBooks;
  readonly #outbox: RedisOutbox;
  #row: Buffer = NO_ROW;

  constructor(books: RedisBooks, outbox: RedisOutbox) {
    this.#books = books;
    this.#outbox = outbox;
  }

  /** True: there is more to do. */
  async step(nowMs: number, retentionMs: number): Promise<Reply<boolean>> {
    const row = this.#row;
    const keptMs = Math.min(retentionMs, LAST_MS);
    const reply = await this.#books.write(
      'upkeep',
      (keys) => [...keys.upkeep(readPosition(row)), ...this.#outbox.keys(keys)],
      String(nowMs),
      String(keptMs),
      String(Math.max(keptMs, MINUTES_KEPT_MS)),
      row,
      ...this.#outbox.upkeepArgs,
    );
    if (reply.kind === 'unavailable') return reply;
    const [newRow, isMore, places] = listOf(reply.value);
    this.#row = bytesOf(newRow);
    this.#books.moved(String(places));
    return ok(isMore === 1);
  }
}

function readPosition(row: Buffer): FoldingPosition {
  if (row.length === 0) return { hash: 0, second: 0, hour: 0 };
  return { hash: row.readUInt32BE(18), second: row.readUIntBE(22, 6), hour: row.readUInt32BE(28) };
}
