import {
  ACTIONS_KEPT,
  type Action,
  type LoggedAction,
  latestActions,
  REOPEN_REPLIES,
  type Reopening,
  type ReopenReply,
} from '../actions.ts';
import { ok, type Reply } from '../ledger.ts';
import type { RedisBooks } from './books.ts';
import { idsPositions, ownerBytes, readScatteredId, scatteredId } from './records.ts';
import { bytesOf, pairsOf } from './replies.ts';

const ID_BYTES = 16;
const ATTEMPTS_MAX = 65_535;

/** What operators do to payments, and the log of it. */
export class RedisActions {
  readonly #books: RedisBooks;

  constructor(books: RedisBooks) {
    this.#books = books;
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

function readRow(row: Buffer): LoggedAction {
  const idsAt = 4 + row.readUInt32BE(0);
  const action = JSON.parse(row.toString('utf8', 4, idsAt)) as Action;
  const ids = row.subarray(idsAt);
  const payments = idsPositions(ids).map((at) => readScatteredId(ids.subarray(at, at + ID_BYTES)));
  return { ...action, payments };
}
