import assert from 'node:assert/strict';
import { isOpen } from '../../core/payment.ts';
import {
  ACTIONS_KEPT,
  type Action,
  assertActionPayments,
  type Cancellation,
  type CancelReply,
  type HoldReply,
  type LoggedAction,
  latestActions,
  type NamedPayment,
  type ReleaseReply,
  type Reopening,
  type ReopenReply,
} from '../actions.ts';
import { type BooksStatus, frozenReason } from '../books-status.ts';
import { assertCancellations } from '../cancel.ts';
import { assertCommit, assertNewProcessor, LAST_MS } from '../commit.ts';
import { feeKey, sortedFees } from '../fees.ts';
import { daysOf, sortedUnits } from '../folded-totals.ts';
import {
  type Bookmark,
  type BooksSize,
  type Claim,
  type CommitReply,
  type FeeTotals,
  type FoldedTime,
  frozen,
  type HealthReport,
  type IndexedState,
  type LedgerEntry,
  type LedgerEvent,
  type LedgerPage,
  mayHaveBeenSent,
  type OutboxPage,
  type OwnerRecord,
  ok,
  type ProcessorPayments,
  type Reply,
  type RestoredEntry,
  type RestoreReply,
  refused,
  type Settlement,
  type Shard,
  type SummaryReply,
  summed,
  type Turn,
  type UnitTotals,
  unavailable,
  type WorkerId,
} from '../ledger.ts';
import { cursorText, FIRST_POSITION, type ProcessorEvent, readCursor, shardPage } from '../outbox.ts';
import type { ProcessorControls } from '../processor-controls.ts';
import { assertRestored, RESTORING_OWNER_GONE } from '../restored-entry.ts';
import {
  type Folded,
  finestUnit,
  foldable,
  isForgotten,
  laterOf,
  NOTHING_FOLDED,
  tooFine,
} from '../retention.ts';
import { unitStartMs } from '../time-index.ts';
import { MemoryEntries, type MemoryOutboxOptions } from './entries.ts';
import { type MemoryEntry, MemoryStore } from './store.ts';

/**
 * The simplest implementation of the ledger: the oracle for the others, and the books of a simulated deployment. Several
 * connections may share one store. Every call is synchronous and therefore atomic; a commit that fails an assertion has
 * written nothing.
 */
export class MemoryLedger implements Shard {
  readonly shards: readonly Shard[] = [this];
  readonly #names: string[];
  readonly #store: MemoryStore;
  readonly #outbox: MemoryOutboxOptions | null;
  readonly #entries: MemoryEntries;
  readonly #watchers = new Set<(changed: string | null) => void>();
  #closed = false;

  constructor(
    processorNames: readonly string[],
    store: MemoryStore = new MemoryStore(),
    outbox: MemoryOutboxOptions | null = null,
  ) {
    assert(new Set(processorNames).size === processorNames.length, 'processor names must be unique');
    this.#names = [...processorNames];
    this.#store = store;
    this.#outbox = outbox;
    this.#entries = new MemoryEntries(store, this.#names, outbox);
    const { seenProcessors } = store;
    seenProcessors.push(...processorNames.filter((name) => !seenProcessors.includes(name)));
  }

  shardOf(): number {
    return 0;
  }

  registerProcessor(name: string): Promise<Reply<void>> {
    return this.#answer(() => {
      const { seenProcessors } = this.#store;
      if (!seenProcessors.includes(name)) seenProcessors.push(name);
    });
  }

  addProcessor(name: string): void {
    assertNewProcessor(this.#names, name, this.#store.seenProcessors.includes(name));
    this.#names.push(name);
  }

  acquireLease(worker: WorkerId, leaseUntilMs: number): Promise<Reply<number>> {
    return this.#answer(() => {
      const owner = ++this.#store.ownersEver;
      this.#store.owners.set(owner, {
        instanceId: worker.instanceId,
        name: worker.name,
        leaseUntilMs,
        fenced: false,
      });
      return owner;
    });
  }

  renewLease(owner: number, leaseUntilMs: number): Promise<Reply<boolean>> {
    return this.#answer(() => {
      const record = this.#store.owners.get(owner);
      if (record === undefined || record.fenced) return false;
      record.leaseUntilMs = leaseUntilMs;
      return true;
    });
  }

  releaseLease(owner: number): Promise<Reply<void>> {
    return this.#answer(() => {
      const record = this.#store.owners.get(owner);
      if (record === undefined) return;
      if (this.#held(owner).length === 0) this.#store.owners.delete(owner);
      else record.leaseUntilMs = 0;
    });
  }

  owners(): Promise<Reply<OwnerRecord[]>> {
    return this.#answer(() =>
      [...this.#store.owners].map(([owner, { instanceId, name, leaseUntilMs }]) => ({
        owner,
        instanceId,
        name,
        leaseUntilMs,
      })),
    );
  }

  takeOver(
    from: number,
    to: number,
    limit: number,
    ifNotRenewedMs = Infinity,
  ): Promise<Reply<LedgerEntry[]>> {
    assert(from !== to, 'an owner cannot take over from itself');
    assert(limit > 0, 'the limit must be positive');
    return this.#answer(() => {
      if (frozenReason(this.#store.status) !== null || !this.#entries.isAlive(to)) return [];
      const record = this.#store.owners.get(from);
      if (record === undefined || record.leaseUntilMs > ifNotRenewedMs) return [];
      record.fenced = true;
      record.leaseUntilMs = 0;
      const held = this.#held(from);
      const taken = held.filter(([, { processor }]) => !this.#entries.isForeign(processor)).slice(0, limit);
      for (const [, entry] of taken) entry.owner = to;
      if (taken.length === held.length) this.#store.owners.delete(from);
      return taken.map(([correlationId, entry]) => this.#entries.shown(correlationId, entry));
    });
  }

  commit(
    owner: number,
    settlements: readonly Settlement[],
    claims: readonly Claim[],
  ): Promise<Reply<CommitReply>> {
    assertCommit(this.#names.length, settlements, claims);
    return this.#change(() => ({
      settled: settlements.map((settlement) => this.#entries.settle(owner, settlement)),
      claimed: claims.map((claim) => this.#entries.claim(owner, claim)),
    }));
  }

  async summary(fromMs: number, toMs: number): Promise<SummaryReply> {
    const fault = tooFine(Math.max(0, fromMs), Math.min(LAST_MS, toMs), this.#store.folded);
    if (fault !== null && !this.#closed) return fault;
    const reply = await this.#answer(() => {
      const charges = this.#store.charges.filter(
        ({ requestedAtMs }) => requestedAtMs >= fromMs && requestedAtMs <= toMs,
      );
      const charged = this.#store.seenProcessors.filter((name) =>
        charges.some(({ processor }) => processor === name),
      );
      return [...new Set([...this.#names, ...charged])].map((name) => {
        const own = charges.filter(({ processor }) => processor === name);
        const count = own.reduce((sum, charge) => sum + charge.count, 0);
        const amountCents = own.reduce((sumCents, charge) => sumCents + charge.amountCents, 0);
        return { name, count, amountCents };
      });
    });
    return reply.kind === 'ok' ? summed(reply.value) : reply;
  }

  async fees(): Promise<Reply<FeeTotals[]>> {
    const reply = await this.#answer(() => [...this.#store.fees.values()]);
    return reply.kind === 'ok' ? sortedFees(reply.value) : reply;
  }

  restoreFees(totals: readonly FeeTotals[]): Promise<Reply<void>> {
    return this.#answer(() => {
      this.#store.fees.clear();
      for (const each of totals) this.#store.fees.set(feeKey(each), each);
    });
  }

  foldedTime(): Promise<Reply<FoldedTime>> {
    return this.#answer(() => {
      const { folded, charges } = this.#store;
      return { folded, daysMs: daysOf(charges.map(({ requestedAtMs }) => requestedAtMs)) };
    });
  }

  async foldedTotals(dayMs: number, folded: Folded): Promise<Reply<UnitTotals[]>> {
    const reply = await this.#answer(() =>
      this.#store.charges.flatMap(({ processor, count, amountCents, requestedAtMs }) => {
        const unit = finestUnit(requestedAtMs, folded);
        if (unit === 0 || daysOf([requestedAtMs])[0] !== dayMs) return [];
        return [{ unit, startMs: unitStartMs(unit, requestedAtMs), name: processor, count, amountCents }];
      }),
    );
    return reply.kind === 'ok' ? sortedUnits(reply.value) : reply;
  }

  restoreFolded(folded: Folded, totals: readonly UnitTotals[]): Promise<Reply<void>> {
    return this.#answer(() => {
      const { charges } = this.#store;
      for (const { unit, startMs, name, count, amountCents } of totals) {
        const others = charges.filter(
          ({ processor, requestedAtMs }) =>
            processor !== name || unitStartMs(unit, requestedAtMs) !== startMs,
        );
        charges.splice(0, charges.length, ...others);
        if (count > 0) charges.push({ processor: name, count, amountCents, requestedAtMs: startMs });
      }
      this.#store.folded = laterOf(this.#store.folded, folded);
    });
  }

  stranded(nowMs: number): Promise<Reply<ProcessorPayments[]>> {
    return this.#answer(() => this.#sentBy(nowMs, (processor) => this.#entries.isForeign(processor)));
  }

  openPayments(): Promise<Reply<ProcessorPayments[]>> {
    return this.#answer(() => this.#sentBy(Infinity, () => true));
  }

  find(correlationId: string): Promise<Reply<LedgerEntry | undefined>> {
    return this.#answer(() => {
      const entry = this.#store.entries.get(correlationId);
      return entry && this.#entries.shown(correlationId, entry);
    });
  }

  page(fromMs: number, toMs: number, after: string, limit: number): Promise<Reply<LedgerPage>> {
    assert(limit > 0, 'the limit must be positive');
    return this.#answer(() => {
      const first = Number(after);
      const looked = [...this.#store.entries].slice(first, first + limit);
      const entries = looked
        .map(([correlationId, entry]) => this.#entries.shown(correlationId, entry))
        .filter((entry) => mayHaveBeenSent(entry, fromMs, toMs));
      return { entries, next: looked.length < limit ? null : String(first + limit) };
    });
  }

  pageOf(state: IndexedState, after: string, limit: number): Promise<Reply<LedgerPage>> {
    assert(limit > 0, 'the limit must be positive');
    return this.#answer(() => {
      const isIn = (entry: MemoryEntry) => (state === 'open' ? isOpen(entry) : entry.status === state);
      const ids = [...this.#store.entries].flatMap(([id, entry]) => (isIn(entry) && id > after ? [id] : []));
      const entries = ids
        .sort()
        .slice(0, limit)
        .map((id) => this.#entries.shown(id, this.#store.entries.get(id) as MemoryEntry));
      return { entries, next: entries.length < limit ? null : (entries.at(-1)?.correlationId ?? null) };
    });
  }

  purge(purgedAtMs: number): Promise<Reply<void>> {
    return this.#change(() => {
      this.#store.entries.clear();
      this.#store.charges.length = 0;
      this.#store.fees.clear();
      this.#store.purgedAtMs = Math.max(this.#store.purgedAtMs, purgedAtMs);
      this.#store.folded = NOTHING_FOLDED;
      this.#store.forgottenBeforeMs = 0;
      this.#notify(null);
    });
  }

  booksStatus(): Promise<Reply<BooksStatus>> {
    return this.#answer(() => this.#store.status);
  }

  setBooksStatus(status: BooksStatus): Promise<Reply<void>> {
    return this.#answer(() => {
      this.#store.status = status;
    });
  }

  processorControls(): Promise<Reply<ProcessorControls>> {
    return this.#answer(() => this.#store.controls);
  }

  setProcessorControls(
    controls: ProcessorControls,
    events: readonly ProcessorEvent[] = [],
  ): Promise<Reply<boolean>> {
    return this.#answer(() => {
      if (this.#store.controls.version >= controls.version) return false;
      this.#store.controls = controls;
      for (const event of events) this.#entries.report(event);
      return true;
    });
  }

  outbox(cursor: string, limit: number): Promise<Reply<OutboxPage>> {
    assert(limit > 0, 'the limit must be positive');
    const [after = FIRST_POSITION] = readCursor(cursor, 1) ?? [];
    return this.#answer(() => {
      const events = this.#store.outbox.after(after, limit).map((event) => {
        if (!('entry' in event)) return event;
        const { correlationId, entry, ...rest } = event;
        return { ...rest, payment: this.#entries.shown(correlationId, entry) };
      });
      return shardPage(events, after, limit);
    });
  }

  outboxEnd(): Promise<Reply<string>> {
    return this.#answer(() => cursorText([this.#store.outbox.end]));
  }

  restoreEntries(owner: number, entries: readonly RestoredEntry[]): Promise<Reply<RestoreReply[]>> {
    assertRestored(this.#names.length, entries);
    if (!this.#entries.isAlive(owner)) return Promise.resolve(refused(RESTORING_OWNER_GONE));
    return this.#answer(() => entries.map((entry) => this.#entries.restore(owner, entry)));
  }

  /** The charges stay as they are, because a summary for which they would be too fine is refused. */
  upkeep(nowMs: number, retentionMs: number): Promise<Reply<boolean>> {
    return this.#answer(() => {
      const { entries, folded } = this.#store;
      const isFrozen = frozenReason(this.#store.status) !== null;
      if (this.#outbox !== null && !isFrozen)
        this.#store.outbox.trim(nowMs - this.#outbox.keptMs, this.#outbox.keptCount);
      this.#store.folded = laterOf(folded, foldable(nowMs, isFrozen ? Infinity : retentionMs));
      const { secondsMs } = this.#store.folded;
      if (this.#store.forgottenBeforeMs === secondsMs) return false;
      for (const [correlationId, entry] of entries) {
        const { processor } = entry;
        if (!isOpen(entry) && isForgotten(entry, processor === null, secondsMs))
          entries.delete(correlationId);
      }
      this.#store.forgottenBeforeMs = secondsMs;
      return false;
    });
  }

  reopen(owner: number, action: Action, payments: readonly Reopening[]): Promise<Reply<ReopenReply[]>> {
    assertActionPayments(payments);
    if (!this.#entries.isAlive(owner)) return Promise.resolve(refused(RESTORING_OWNER_GONE));
    return this.#act(action, payments, (payment) => this.#entries.reopen(owner, payment), ['reopened']);
  }

  cancel(action: Action, payments: readonly Cancellation[]): Promise<Reply<CancelReply[]>> {
    assertCancellations(action, payments);
    return this.#act(action, payments, (payment) => this.#entries.cancel(action, payment), ['cancelled']);
  }

  hold(action: Action, payments: readonly NamedPayment[]): Promise<Reply<HoldReply[]>> {
    assertActionPayments(payments);
    const hold = ({ correlationId }: NamedPayment) => this.#entries.hold(action, correlationId);
    return this.#act(action, payments, hold, ['held', 'awaited']);
  }

  release(owner: number, action: Action, payments: readonly NamedPayment[]): Promise<Reply<ReleaseReply[]>> {
    assertActionPayments(payments);
    if (!this.#entries.isAlive(owner)) return Promise.resolve(refused(RESTORING_OWNER_GONE));
    const release = ({ correlationId }: NamedPayment) => this.#entries.release(owner, correlationId);
    return this.#act(action, payments, release, ['released']);
  }

  actions(): Promise<Reply<LoggedAction[]>> {
    return this.#answer(() => latestActions([this.#store.actions]));
  }

  size(): Promise<Reply<BooksSize>> {
    return this.#answer(() => ({
      payments: this.#store.entries.size,
      held: [...this.#store.entries.values()].filter(({ status }) => status === 'held').length,
      usedBytes: 0,
      limitBytes: Number.POSITIVE_INFINITY,
    }));
  }

  takeUpkeepTurn(lastTurn: number): Promise<Reply<Turn>> {
    return this.#answer(() => {
      const turn = this.#store.upkeepTurn;
      if (turn > lastTurn) return { turn, isTaken: false };
      this.#store.upkeepTurn = lastTurn + 1;
      return { turn: lastTurn + 1, isTaken: true };
    });
  }

  bookmark(name: string): Promise<Reply<Bookmark>> {
    return this.#answer(() => this.#store.bookmarks.get(name) ?? { version: 0, text: '' });
  }

  setBookmark(
    name: string,
    bookmark: Bookmark,
    events: readonly ProcessorEvent[] = [],
  ): Promise<Reply<boolean>> {
    return this.#answer(() => {
      if ((this.#store.bookmarks.get(name)?.version ?? 0) >= bookmark.version) return false;
      this.#store.bookmarks.set(name, bookmark);
      for (const event of events) this.#entries.report(event);
      return true;
    });
  }

  takeHealthTurn(processor: number, lastTurn: number): Promise<Reply<Turn>> {
    const name = this.#entries.name(processor);
    return this.#answer(() => {
      const turn = this.#store.healthTurns.get(name) ?? 0;
      if (turn > lastTurn) return { turn, isTaken: false };
      this.#store.healthTurns.set(name, lastTurn + 1);
      return { turn: lastTurn + 1, isTaken: true };
    });
  }

  publishHealth(report: HealthReport): Promise<Reply<void>> {
    const name = this.#entries.name(report.processor);
    return this.#answer(() => {
      this.#store.health.set(name, { ...report, processor: name });
      this.#notify(name);
    });
  }

  subscribe(listener: (event: LedgerEvent) => void): Promise<Reply<() => void>> {
    return this.#answer(() => {
      const watcher = (changed: string | null) => {
        const event = changed === null ? this.#purgeEvent() : this.#healthEvent(changed);
        if (event !== undefined) listener(event);
      };
      for (const name of this.#names) watcher(name);
      watcher(null);
      this.#watchers.add(watcher);
      this.#store.watchers.add(watcher);
      return () => this.#unwatch(watcher);
    });
  }

  ping(): Promise<Reply<void>> {
    return this.#answer(() => undefined);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const watcher of this.#watchers) this.#unwatch(watcher);
  }

  async #answer<T>(work: () => T): Promise<Reply<T>> {
    return this.#closed ? unavailable('the ledger is closed') : ok(work());
  }

  /** As `#answer`, unless the books are frozen. */
  async #change<T>(work: () => T): Promise<Reply<T>> {
    const why = frozenReason(this.#store.status);
    return why === null ? this.#answer(work) : frozen(why);
  }

  /** Does the same to each payment, and logs those to which it was `done`. */
  #act<P extends NamedPayment, R>(
    action: Action,
    payments: readonly P[],
    one: (payment: P) => R,
    done: readonly R[],
  ): Promise<Reply<R[]>> {
    return this.#change(() => {
      const replies = payments.map(one);
      const ids = payments.flatMap(({ correlationId }, index) =>
        done.includes(replies[index] as R) ? [correlationId] : [],
      );
      const { actions } = this.#store;
      if (ids.length > 0) actions.push({ ...action, payments: ids });
      if (actions.length > ACTIONS_KEPT) actions.shift();
      return replies;
    });
  }

  #held(owner: number): [string, MemoryEntry][] {
    return [...this.#store.entries].filter(([, entry]) => entry.owner === owner);
  }

  /** Open entries that were sent to wanted processors, by owners whose leases have expired by `nowMs`. */
  #sentBy(nowMs: number, isWanted: (processor: string) => boolean): ProcessorPayments[] {
    const counts = new Map<string, number>();
    for (const [owner, { leaseUntilMs }] of this.#store.owners) {
      if (leaseUntilMs > nowMs) continue;
      for (const [, { processor }] of this.#held(owner)) {
        if (processor !== null && isWanted(processor))
          counts.set(processor, (counts.get(processor) ?? 0) + 1);
      }
    }
    const seen = this.#store.seenProcessors.filter((name) => counts.has(name));
    return seen.map((name) => ({ name, count: counts.get(name) ?? 0 }));
  }

  #notify(changed: string | null): void {
    for (const watcher of this.#store.watchers) watcher(changed);
  }

  #unwatch(watcher: (changed: string | null) => void): void {
    this.#watchers.delete(watcher);
    this.#store.watchers.delete(watcher);
  }

  #healthEvent(name: string): LedgerEvent | undefined {
    const health = this.#store.health.get(name);
    const processor = this.#names.indexOf(name);
    if (health === undefined || processor === -1) return undefined;
    return { kind: 'health', report: { ...health, processor } };
  }

  #purgeEvent(): LedgerEvent | undefined {
    const { purgedAtMs } = this.#store;
    return purgedAtMs === 0 ? undefined : { kind: 'purged', purgedAtMs };
  }
}
