import {
  ACTIONS_KEPT,
  type Action,
  CANCEL_REPLIES,
  type Cancellation,
  type CancelReply,
  HOLD_REPLIES,
  type HoldReply,
  type LoggedAction,
  latestActions,
  type NamedPayment,
  RELEASE_REPLIES,
  REOPEN_REPLIES,
  type ReleaseReply,
  type Reopening,
  type ReopenReply,
} from '../actions.ts';
import { cancelReason } from '../cancel.ts';
import { ok, type Reply, refused } from '../ledger.ts';
import type { RedisBooks } from './books.ts';
import type { BookKeys, Key } from './keys.ts';
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
const UNDECLARED = 255;
/** Owners change while their payments are looked at only when one has died, or a payment is claimed. */
const OWNERS_ATTEMPTS_MAX = 4;

/** What operators do to payments, and the log of these actions. */
export class RedisActions {
  readonly #books: RedisBooks;
  readonly #outbox: RedisOutbox;

  constructor(books: RedisBooks, outbox: RedisOutbox) {
    this.#books = books;
    this.#outbox = outbox;
  }

  async reopen(owner: number, action: Action, payments: readonly Reopening[]): Promise<Reply<ReopenReply[]>> {
    const ids = idsOf(payments);
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

  async cancel(action: Action, payments: readonly Cancellation[]): Promise<Reply<CancelReply[]>> {
    const reply = await this.#writeToWaiting(
      'cancel',
      action,
      payments,
      (keys) => [...keys.rejected([{ status: 'rejected' }]), ...this.#outbox.keys(keys)],
      [cancelReason(action), Buffer.concat(payments.map(cancellationBytes)), ...this.#outbox.args],
    );
    if (reply.kind === 'unavailable') return reply;
    return ok(Array.from(reply.value, (code) => CANCEL_REPLIES[code] as CancelReply));
  }

  async hold(action: Action, payments: readonly NamedPayment[]): Promise<Reply<HoldReply[]>> {
    const reply = await this.#writeToWaiting('hold', action, payments, () => [], [idsOf(payments)]);
    if (reply.kind === 'unavailable') return reply;
    return ok(Array.from(reply.value, (code) => HOLD_REPLIES[code] as HoldReply));
  }

  async release(
    owner: number,
    action: Action,
    payments: readonly NamedPayment[],
  ): Promise<Reply<ReleaseReply[]>> {
    const ids = idsOf(payments);
    const reply = await this.#books.write(
      'release',
      (keys) => [keys.owner(owner), keys.actions, keys.held, ...keys.entries(ids, idsPositions(ids))],
      ownerBytes(owner),
      JSON.stringify(action),
      String(ACTIONS_KEPT),
      ids,
    );
    if (reply.kind === 'unavailable') return reply;
    return ok(Array.from(bytesOf(reply.value), (code) => RELEASE_REPLIES[code] as ReleaseReply));
  }

  /**
   * Calls a function that takes payments from their owners. Which these are, only the books know: they name those whose
   * sets are not among the keys.
   */
  async #writeToWaiting(
    name: 'cancel' | 'hold',
    action: Action,
    payments: readonly NamedPayment[],
    moreKeys: (keys: BookKeys) => Key[],
    moreArgs: readonly (Buffer | string)[],
  ): Promise<Reply<Buffer>> {
    const ids = idsOf(payments);
    const owners = new Set<number>();
    for (let attempt = 1; attempt <= OWNERS_ATTEMPTS_MAX; attempt++) {
      const reply = await this.#books.write(
        name,
        (keys) => [
          keys.actions,
          ...[...owners].map((owner) => keys.owner(owner)),
          keys.held,
          ...keys.entries(ids, idsPositions(ids)),
          ...moreKeys(keys),
        ],
        Buffer.concat([...owners].map(ownerBytes)),
        JSON.stringify(action),
        String(ACTIONS_KEPT),
        ownerBytes(action.atMs),
        ...moreArgs,
      );
      if (reply.kind === 'unavailable') return reply;
      const bytes = bytesOf(reply.value);
      if (bytes[0] !== UNDECLARED) return ok(bytes);
      for (const owner of readOwnerNumbers(bytes, 1)) owners.add(owner);
    }
    return refused('too many owners have these payments');
  }

  async list(): Promise<Reply<LoggedAction[]>> {
    const reply = await this.#books.call('actions');
    return reply.kind === 'ok'
      ? ok(latestActions([pairsOf(reply.value).map(([, row]) => readRow(row))]))
      : reply;
  }
}

function idsOf(payments: readonly NamedPayment[]): Buffer {
  return Buffer.concat(payments.map(({ correlationId }) => scatteredId(correlationId)));
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
