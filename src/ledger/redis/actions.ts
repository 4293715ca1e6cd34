import {
  ACTIONS_KEPT,
  type Action,
  CANCEL_REPLIES,
  type Cancellation,
  type CancelReply,
  type LoggedAction,
  latestActions,
  REOPEN_REPLIES,
  type Reopening,
  type ReopenReply,
} from '../actions.ts';
import { cancelReason } from '../cancel.ts';
import { ok, type Reply, unavailable } from '../ledger.ts';
import type { RedisBooks } from './books.ts';
import type { RedisOutbox } from './outbox.ts';
import {
  idsPositions,
  ownerBytes,
  readOwnerNumbers,
  readScatteredId,
  scatteredId,
  writeCents,
} from './records.ts';
import { bytesOf, pairsOf } from './replies.ts';

const ID_BYTES = 16;
const ATTEMPTS_MAX = 65_535;
/** The first byte of a reply that only names owners, as in cancel.lua. */
const HELD = 255;
/** Owners change while their payments are looked at only when one has died, or a payment is claimed. */
const HOLDERS_ATTEMPTS_MAX = 4;

/** What operators do to payments, and the log of it. */
export class RedisActions {
  readonly #books: RedisBooks;
  readonly #outbox: RedisOutbox;

  constructor(books: RedisBooks, outbox: RedisOutbox) {
    this.#books = books;
    this.#outbox = outbox;
  }

  async reopen(owner: number, action: Action, payments: readonly Reopening[]): Promise<Reply<ReopenReply[]>> {
    const ids = Buffer.concat(payments.map(({ correlationId }) => scatteredId(correlationId)));
    const reply = await this.#books.write(
      'reopen',
      (keys) => [
        keys.owner(owner),
        keys.actions,
        ...keys.rejected([{ status: 'rejected' }]),
        ...keys.entries(ids, idsPositions(ids)),
      ],
      ownerBytes(owner),
      JSON.stringify(action),
      String(ACTIONS_KEPT),
      Buffer.concat(payments.map(reopeningBytes)),
    );
    if (reply.kind === 'unavailable') return reply;
    return ok(Array.from(bytesOf(reply.value), (code) => REOPEN_REPLIES[code] as ReopenReply));
  }

  /** Which owners hold the payments, only the books know: they name those whose sets are not among the keys. */
  async cancel(action: Action, payments: readonly Cancellation[]): Promise<Reply<CancelReply[]>> {
    const ids = Buffer.concat(payments.map(({ correlationId }) => scatteredId(correlationId)));
    const holders = new Set<number>();
    for (let attempt = 1; attempt <= HOLDERS_ATTEMPTS_MAX; attempt++) {
      const reply = await this.#books.write(
        'cancel',
        (keys) => [
          keys.actions,
          ...[...holders].map((holder) => keys.owner(holder)),
          ...keys.rejected([{ status: 'rejected' }]),
          ...keys.entries(ids, idsPositions(ids)),
          ...this.#outbox.keys(keys),
        ],
        Buffer.concat([...holders].map(ownerBytes)),
        JSON.stringify(action),
        String(ACTIONS_KEPT),
        ownerBytes(action.atMs),
        cancelReason(action),
        Buffer.concat(payments.map(cancellationBytes)),
        ...this.#outbox.args,
      );
      if (reply.kind === 'unavailable') return reply;
      const bytes = bytesOf(reply.value);
      if (bytes[0] !== HELD) return ok(Array.from(bytes, (code) => CANCEL_REPLIES[code] as CancelReply));
      for (const holder of readOwnerNumbers(bytes, 1)) holders.add(holder);
    }
    return unavailable('too many owners hold these payments');
  }

  async list(): Promise<Reply<LoggedAction[]>> {
    const reply = await this.#books.call('actions');
    return reply.kind === 'ok'
      ? ok(latestActions([pairsOf(reply.value).map(([, row]) => readRow(row))]))
      : reply;
  }
}

function reopeningBytes({ correlationId, attempts }: Reopening): Buffer {
  const bytes = Buffer.alloc(ID_BYTES + 2);
  scatteredId(correlationId).copy(bytes);
  bytes.writeUInt16BE(Math.min(attempts, ATTEMPTS_MAX), ID_BYTES);
  return bytes;
}

function cancellationBytes({ correlationId, amountCents }: Cancellation): Buffer {
  const bytes = Buffer.alloc(ID_BYTES + 7);
  scatteredId(correlationId).copy(bytes);
  writeCents(bytes, ID_BYTES, amountCents ?? 0);
  return bytes;
}

function readRow(row: Buffer): LoggedAction {
  const idsAt = 4 + row.readUInt32BE(0);
  const action = JSON.parse(row.toString('utf8', 4, idsAt)) as Action;
  const ids = row.subarray(idsAt);
  const payments = idsPositions(ids).map((at) => readScatteredId(ids.subarray(at, at + ID_BYTES)));
  return { ...action, payments };
}
