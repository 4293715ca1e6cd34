import assert from 'node:assert/strict';
import { storyCode } from '../../core/attempt.ts';
import { type BooksStatus, booksStatusText, frozenReason, readBooksStatus } from '../books-status.ts';
import { keptReason } from '../commit.ts';
import { ok, type Reply, type RestoredEntry, type RestoreReply, refused } from '../ledger.ts';
import { keptStory } from '../restored-entry.ts';
import type { RedisBooks } from './books.ts';
import type { RedisOutbox } from './outbox.ts';
import {
  earlierBytes,
  HAS_EARLIER,
  idsPositions,
  ownerBytes,
  type ProcessorNumbers,
  readOwnerNumbers,
  STATES,
  scatteredId,
  writeCents,
} from './records.ts';
import { bytesOf } from './replies.ts';

/*
 * What `restore` gets, big-endian: owner (6), number of entries (4), then for each entry
 *
 * | offset | bytes | field                                                                    |
 * |--------|-------|--------------------------------------------------------------------------|
 * | 0      | 16    | id, scattered                                                            |
 * | 16     | 24    | the entry up to how, as in functions/includes/entries.lua                |
 * | 40     | 7     | the other amount, 0 for none                                             |
 * | 47     | 7     | chargedCents, 0 for null                                                 |
 * | 54     | 2     | bytes of the earlier attempts and the reason, which follow               |
 */
const HEAD_BYTES = 10;
const ENTRY_BYTES = 56;
const ATTEMPTS_MAX = 65_535;

const RESTORE_REPLIES: readonly (RestoreReply | 'held')[] = [
  'restored',
  'known',
  'different',
  'held',
  'uncounted',
  'forgotten',
];
/** Each attempt names every owner that the one before has met. */
const HOLDERS_ATTEMPTS_MAX = 4;

/** Writes entries of other books, and the status of these books. */
export class RedisRestore {
  readonly #books: RedisBooks;
  readonly #outbox: RedisOutbox;

  constructor(books: RedisBooks, outbox: RedisOutbox) {
    this.#books = books;
    this.#outbox = outbox;
  }

  async status(): Promise<Reply<BooksStatus>> {
    const reply = await this.#books.call('booksStatus');
    return reply.kind === 'ok' ? ok(readBooksStatus(String(reply.value))) : reply;
  }

  async setStatus(status: BooksStatus): Promise<Reply<void>> {
    const frozen = frozenReason(status) ?? '';
    const reply = await this.#books.call('setBooksStatus', booksStatusText(status), frozen);
    return reply.kind === 'ok' ? ok(undefined) : reply;
  }

  async restore(owner: number, entries: readonly RestoredEntry[]): Promise<Reply<RestoreReply[]>> {
    const replies: (RestoreReply | 'held')[] = entries.map(() => 'held');
    const holders = new Set<number>();
    for (let attempt = 1; ; attempt++) {
      const places = [...replies.keys()].filter((place) => replies[place] === 'held');
      if (places.length === 0) return ok(replies as RestoreReply[]);
      if (attempt > HOLDERS_ATTEMPTS_MAX) return refused('too many owners hold these payments');
      const open = places.map((place) => entries[place] as RestoredEntry);
      const reply = await this.#write(owner, open, [...holders]);
      if (reply.kind === 'unavailable') return reply;
      const bytes = bytesOf(reply.value);
      assert(bytes.length >= open.length, 'a restore has one reply for each entry');
      for (const [index, place] of places.entries()) {
        replies[place] = RESTORE_REPLIES[bytes[index] as number] as RestoreReply | 'held';
      }
      for (const holder of readOwnerNumbers(bytes, open.length)) holders.add(holder);
    }
  }

  #write(
    owner: number,
    entries: readonly RestoredEntry[],
    holders: readonly number[],
  ): Promise<Reply<unknown>> {
    const ids = Buffer.concat(entries.map(({ correlationId }) => scatteredId(correlationId)));
    return this.#books.write(
      'restore',
      (keys) => [
        keys.owner(owner),
        ...holders.map((holder) => keys.owner(holder)),
        ...keys.timeIndex(entries),
        ...keys.rejected(entries),
        keys.held,
        ...keys.entries(ids, idsPositions(ids)),
        ...this.#outbox.keys(keys),
      ],
      restoreBytes(owner, entries, this.#books.processors),
      Buffer.concat(holders.map(ownerBytes)),
      ...this.#outbox.args,
    );
  }
}

function restoreBytes(
  owner: number,
  entries: readonly RestoredEntry[],
  processors: ProcessorNumbers,
): Buffer {
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head.writeUIntBE(owner, 0, 6);
  head.writeUInt32BE(entries.length, 6);
  return Buffer.concat([head, ...entries.flatMap((entry) => entryParts(entry, processors))]);
}

function entryParts(entry: RestoredEntry, processors: ProcessorNumbers): Buffer[] {
  const { processor, status } = entry;
  const story = keptStory(entry);
  const earlier = earlierBytes(story.earlier, processors);
  const reason = Buffer.from(status === 'rejected' ? keptReason(entry.reason) : '');
  const bytes = Buffer.allocUnsafe(ENTRY_BYTES);
  scatteredId(entry.correlationId).copy(bytes);
  bytes[16] = STATES.indexOf(status) + 1;
  bytes[17] = processor === null ? 0 : (processors.numbers[processor] as number);
  bytes.writeUInt16BE(Math.min(entry.attempts, ATTEMPTS_MAX), 18);
  bytes.writeUIntBE(entry.requestedAtMs, 20, 6);
  bytes.writeUIntBE(entry.acceptedAtMs, 26, 6);
  writeCents(bytes, 32, entry.amountCents);
  const how = storyCode(story.why, story.outcome);
  bytes[39] = earlier.length > 0 ? how + HAS_EARLIER : how;
  writeCents(bytes, 40, entry.conflictingAmountCents ?? 0);
  writeCents(bytes, 47, status === 'settled' ? (entry.chargedCents ?? 0) : 0);
  bytes.writeUInt16BE(earlier.length + reason.length, 54);
  return [bytes, earlier, reason];
}
