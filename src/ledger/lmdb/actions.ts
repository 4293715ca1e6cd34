import {
  ACTIONS_KEPT,
  type Action,
  type Cancellation,
  type CancelReply,
  cancelProblem,
  type HoldReply,
  holdProblem,
  isAwaited,
  isKnown,
  type LoggedAction,
  latestActions,
  type NamedPayment,
  type ReleaseReply,
  type Reopening,
  type ReopenReply,
  rejectedAttempt,
  reopenProblem,
} from '../actions.ts';
import { cancelReason } from '../cancel.ts';
import { withAttempt } from '../story.ts';
import type { LmdbEntries } from './entries.ts';
import type { Finished, LmdbOutbox } from './outbox.ts';
import { ACTION_NUMBER_AT, actionKey, entryKey, NO_OWNER } from './records.ts';
import type { LmdbStore } from './store.ts';
import type { StoredEntry } from './stored-entry.ts';

const LAST_NUMBER = 2 ** 32 - 1;

/** What operators do to payments, and the log of these actions; each in a transaction of the caller. */
export class LmdbActions {
  readonly #store: LmdbStore;
  readonly #entries: LmdbEntries;
  readonly #outbox: LmdbOutbox;

  constructor(store: LmdbStore, entries: LmdbEntries, outbox: LmdbOutbox) {
    this.#store = store;
    this.#entries = entries;
    this.#outbox = outbox;
  }

  reopen(owner: number, action: Action, payments: readonly Reopening[]): ReopenReply[] {
    const replies = payments.map((payment) => this.#reopen(owner, payment));
    this.#log(
      action,
      payments.filter((_, index) => replies[index] === 'reopened'),
    );
    return replies;
  }

  cancel(action: Action, payments: readonly Cancellation[]): CancelReply[] {
    const cancelled: Finished[] = [];
    const replies = payments.map((payment) => this.#cancel(action, payment, cancelled));
    this.#outbox.addPayments(cancelled);
    this.#log(
      action,
      payments.filter((_, index) => replies[index] === 'cancelled'),
    );
    return replies;
  }

  hold(action: Action, payments: readonly NamedPayment[]): HoldReply[] {
    const replies = payments.map(({ correlationId }) => this.#hold(action, correlationId));
    this.#log(
      action,
      payments.filter((_, index) => replies[index] === 'held' || replies[index] === 'awaited'),
    );
    return replies;
  }

  release(owner: number, action: Action, payments: readonly NamedPayment[]): ReleaseReply[] {
    const replies = payments.map(({ correlationId }) => this.#release(owner, correlationId));
    this.#log(
      action,
      payments.filter((_, index) => replies[index] === 'released'),
    );
    return replies;
  }

  list(): LoggedAction[] {
    const range = { start: actionKey(0), end: actionKey(LAST_NUMBER) };
    const rows = Array.from(this.#store.records.getRange(range), ({ value }) => value.toString());
    return latestActions([rows.map((row) => JSON.parse(row) as LoggedAction)]);
  }

  #reopen(owner: number, payment: Reopening): ReopenReply {
    const id = entryKey(payment.correlationId);
    const entry = this.#entries.get(id);
    const shown = entry && this.#entries.shown(payment.correlationId, entry);
    const problem = reopenProblem(shown, payment);
    if (entry === undefined || shown === undefined || problem !== null) return problem ?? 'unknown';
    const { why, outcome, requestedAtMs } = rejectedAttempt(shown);
    const attempt = { processorNumber: entry.processorNumber, why, outcome, requestedAtMs };
    this.#store.rejected.removeSync(id);
    this.#entries.put(id, {
      ...entry,
      status: 'accepted',
      owner,
      processorNumber: 0,
      requestedAtMs: 0,
      why: 'unknown',
      outcome: 'unknown',
      earlier: withAttempt(entry.earlier, attempt),
      reason: '',
    });
    this.#entries.hold(id, owner);
    return 'reopened';
  }

  #cancel(action: Action, payment: Cancellation, cancelled: Finished[]): CancelReply {
    const id = entryKey(payment.correlationId);
    const entry = this.#entries.get(id);
    const problem = cancelProblem(entry && this.#entries.shown(payment.correlationId, entry), payment);
    if (problem !== null) return problem;
    if (entry !== undefined) this.#entries.release(id, entry.owner);
    const { amountCents } = payment;
    const before = isKnown(entry) ? entry : unknownEntry(amountCents ?? 0, action.atMs);
    const after: StoredEntry = {
      ...before,
      status: 'rejected',
      owner: NO_OWNER,
      requestedAtMs: action.atMs,
      reason: cancelReason(action),
    };
    this.#entries.put(id, after);
    cancelled.push({ id, entry: after, chargedCents: 0 });
    return 'cancelled';
  }

  #hold({ atMs }: Action, correlationId: string): HoldReply {
    const id = entryKey(correlationId);
    const entry = this.#entries.get(id);
    const problem = holdProblem(entry);
    if (problem !== null) return problem;
    if (entry !== undefined) this.#entries.release(id, entry.owner);
    const before = entry ?? unknownEntry(0, atMs);
    this.#entries.put(id, { ...before, status: 'held', owner: NO_OWNER });
    this.#entries.hold(id, NO_OWNER);
    return entry === undefined ? 'awaited' : 'held';
  }

  #release(owner: number, correlationId: string): ReleaseReply {
    const id = entryKey(correlationId);
    const entry = this.#entries.get(id);
    if (entry?.status !== 'held') return 'not-held';
    if (isAwaited(entry)) {
      this.#entries.removeAwaited(id);
      return 'released';
    }
    this.#entries.put(id, { ...entry, status: 'accepted', owner });
    this.#entries.moveHolding(id, NO_OWNER, owner);
    return 'released';
  }

  #log(action: Action, payments: readonly { readonly correlationId: string }[]): void {
    if (payments.length === 0) return;
    const row: LoggedAction = { ...action, payments: payments.map(({ correlationId }) => correlationId) };
    const { records } = this.#store;
    const range = { start: actionKey(LAST_NUMBER), end: actionKey(0), reverse: true, limit: 1 };
    const [last] = [...records.getKeys(range)];
    const number = last === undefined ? 1 : last.readUInt32BE(ACTION_NUMBER_AT) + 1;
    records.putSync(actionKey(number), Buffer.from(JSON.stringify(row)));
    if (number > ACTIONS_KEPT) records.removeSync(actionKey(number - ACTIONS_KEPT));
  }
}

/** A payment that the books do not have. */
function unknownEntry(amountCents: number, acceptedAtMs: number): StoredEntry {
  return {
    status: 'accepted',
    processorNumber: 0,
    owner: NO_OWNER,
    attempts: 0,
    why: 'unknown',
    outcome: 'unknown',
    earlier: [],
    acceptedAtMs,
    requestedAtMs: 0,
    amountCents,
    conflictingAmountCents: 0,
    reason: '',
  };
}
