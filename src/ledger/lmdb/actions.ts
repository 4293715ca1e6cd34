import {
  ACTIONS_KEPT,
  type Action,
  type LoggedAction,
  latestActions,
  type Reopening,
  type ReopenReply,
  rejectedAttempt,
  reopenProblem,
} from '../actions.ts';
import { withAttempt } from '../story.ts';
import type { LmdbEntries } from './entries.ts';
import { ACTION_NUMBER_AT, actionKey, entryKey } from './records.ts';
import type { LmdbStore } from './store.ts';

const LAST_NUMBER = 2 ** 32 - 1;

/** What operators do to payments, and the log of it; each in a transaction of the caller. */
export class LmdbActions {
  readonly #store: LmdbStore;
  readonly #entries: LmdbEntries;

  constructor(store: LmdbStore, entries: LmdbEntries) {
    this.#store = store;
    this.#entries = entries;
  }

  reopen(owner: number, action: Action, payments: readonly Reopening[]): ReopenReply[] {
    const replies = payments.map((payment) => this.#reopen(owner, payment));
    const reopened = payments.filter((_, index) => replies[index] === 'reopened');
    if (reopened.length > 0)
      this.#log({ ...action, payments: reopened.map(({ correlationId }) => correlationId) });
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

  #log(action: LoggedAction): void {
    const { records } = this.#store;
    const range = { start: actionKey(LAST_NUMBER), end: actionKey(0), reverse: true, limit: 1 };
    const [last] = [...records.getKeys(range)];
    const number = last === undefined ? 1 : last.readUInt32BE(ACTION_NUMBER_AT) + 1;
    records.putSync(actionKey(number), Buffer.from(JSON.stringify(action)));
    if (number > ACTIONS_KEPT) records.removeSync(actionKey(number - ACTIONS_KEPT));
  }
}
