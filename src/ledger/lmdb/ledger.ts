import assert from 'node:assert/strict';
import type { OutboxLimits } from '../../config/parsers.ts';
import type { Clock } from '../../core/clock.ts';
import { isUuid, readUuid } from '../../core/uuid.ts';
import {
  type Action,
  assertActionPayments,
  type Cancellation,
  type CancelReply,
  type HoldReply,
  type LoggedAction,
  type NamedPayment,
  type ReleaseReply,
  type Reopening,
  type ReopenReply,
} from '../actions.ts';
import { type BooksStatus, frozenReason } from '../books-status.ts';
import { assertCancellations } from '../cancel.ts';
import { assertCommit, LAST_MS } from '../commit.ts';
import { sortedFees } from '../fees.ts';
import { sortedUnits } from '../folded-totals.ts';
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
  type WorkerId,
} from '../ledger.ts';
import { FIRST_POSITION, type ProcessorEvent, readCursor } from '../outbox.ts';
import { controlsText, type ProcessorControls, readControls } from '../processor-controls.ts';
import { assertRestored, RESTORING_OWNER_GONE } from '../restored-entry.ts';
import { type Folded, foldable, tooFine } from '../retention.ts';
import { rangesOf } from '../time-index.ts';
import { LmdbActions } from './actions.ts';
import { LmdbCommit, type LmdbCommitParts } from './commit.ts';
import { LmdbEntries } from './entries.ts';
import { LmdbEvents } from './events.ts';
import { LmdbFees } from './fees.ts';
import { LmdbFolding } from './folding.ts';
import { recogniseCopy } from './home.ts';
import { LmdbOutbox } from './outbox.ts';
import { LmdbOwners } from './owners.ts';
import { LmdbProcessors, nameIn } from './processors.ts';
import { BEFORE_ALL, bookmarkKey, CONTROLS_KEY, doubleBytes, entryKey, UPKEEP_TURN_KEY } from './records.ts';
import { LmdbBooksStatus, LmdbRestore } from './restore.ts';
import { sentBy } from './sent.ts';
import { LmdbStore } from './store.ts';
import { LmdbTimeIndex } from './time-index.ts';

export interface LmdbOptions {
  readonly processorNames: readonly string[];
  readonly clock: Clock;
  /** How often a subscription looks for events. */
  readonly pollMs?: number;
  /** Absent: it writes no events. */
  readonly outbox?: OutboxLimits | undefined;
}

/**
 * The ledger in a directory on one machine, which any number of threads and processes may open at once.
 *
 * A commit blocks its thread until it is on the disk, so only threads that commit batches should write. A thread must
 * not be terminated during a write, or its process would keep the lock. Killing the whole process leaves no lock behind.
 */
export class LmdbLedger implements Shard {
  readonly shards: readonly Shard[] = [this];
  readonly #store: LmdbStore;
  readonly #processors: LmdbProcessors;
  readonly #entries: LmdbEntries;
  readonly #owners: LmdbOwners;
  readonly #actions: LmdbActions;
  readonly #timeIndex: LmdbTimeIndex;
  readonly #fees: LmdbFees;
  readonly #events: LmdbEvents;
  readonly #folding: LmdbFolding;
  readonly #outbox: LmdbOutbox;
  readonly #commitParts: LmdbCommitParts;
  readonly #status: LmdbBooksStatus;

  private constructor(path: string, options: LmdbOptions, readOnly: boolean) {
    const { processorNames, clock, pollMs, outbox: limits = null } = options;
    const store = new LmdbStore(path, readOnly);
    const processors = new LmdbProcessors(store, processorNames, readOnly);
    this.#store = store;
    this.#processors = processors;
    this.#entries = new LmdbEntries(store, processors);
    this.#owners = new LmdbOwners(store);
    this.#timeIndex = new LmdbTimeIndex(store, processors);
    this.#fees = new LmdbFees(store, processors);
    this.#events = new LmdbEvents({ store, processors, clock, pollMs });
    const status = new LmdbBooksStatus(store);
    this.#status = status;
    if (!readOnly) store.transaction(() => recogniseCopy({ store, status, path, nowMs: clock.nowMs() }));
    this.#folding = new LmdbFolding({ store, entries: this.#entries, timeIndex: this.#timeIndex });
    this.#outbox = new LmdbOutbox({ store, entries: this.#entries, clock, limits });
    this.#actions = new LmdbActions(store, this.#entries, this.#outbox);
    this.#commitParts = {
      entries: this.#entries,
      owners: this.#owners,
      processors,
      timeIndex: this.#timeIndex,
      fees: this.#fees,
      outbox: this.#outbox,
    };
  }

  /** Opens or creates the ledger in directory `path`. Rejects if the directory cannot be used. */
  static async open(path: string, options: LmdbOptions): Promise<LmdbLedger> {
    return new LmdbLedger(path, options, false);
  }

  /**
   * Opens a ledger, read-only and without waiting for a lock, that another thread of this process has opened with the
   * same processors.
   */
  static openToRead(path: string, options: LmdbOptions): LmdbLedger {
    return new LmdbLedger(path, options, true);
  }

  shardOf(): number {
    return 0;
  }

  registerProcessor(name: string): Promise<Reply<void>> {
    return this.#store.write(() => {
      this.#processors.numberFor(name);
    });
  }

  addProcessor(name: string): void {
    this.#processors.add(name);
  }

  acquireLease(worker: WorkerId, leaseUntilMs: number): Promise<Reply<number>> {
    return this.#store.write(() => {
      const owner = this.#owners.nextNumber();
      this.#owners.put(owner, { ...worker, leaseUntilMs, fenced: false });
      return owner;
    });
  }

  renewLease(owner: number, leaseUntilMs: number): Promise<Reply<boolean>> {
    return this.#store.write(() => {
      const record = this.#owners.get(owner);
      if (record === undefined || record.fenced) return false;
      this.#owners.put(owner, { ...record, leaseUntilMs });
      return true;
    });
  }

  releaseLease(owner: number): Promise<Reply<void>> {
    return this.#store.write(() => {
      const record = this.#owners.get(owner);
      if (record === undefined) return;
      if (this.#entries.heldBy(owner, 1).length === 0) this.#owners.remove(owner);
      else this.#owners.put(owner, { ...record, leaseUntilMs: 0 });
    });
  }

  owners(): Promise<Reply<OwnerRecord[]>> {
    return this.#store.read(() =>
      this.#owners.all().map(([owner, { instanceId, name, leaseUntilMs }]) => {
        return { owner, instanceId, name, leaseUntilMs };
      }),
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
    return this.#store.write(() => {
      if (frozenReason(this.#status.get()) !== null || !this.#owners.isAlive(to)) return [];
      const record = this.#owners.get(from);
      if (record === undefined || record.leaseUntilMs > ifNotRenewedMs) return [];
      const taken = this.#entries
        .heldBy(from, limit, (entry) => !this.#entries.isForeign(entry))
        .map((id) => this.#entries.handOver(id, to));
      const isEmpty = this.#entries.heldBy(from, 1).length === 0;
      if (isEmpty) this.#owners.remove(from);
      else if (!record.fenced) this.#owners.put(from, { ...record, leaseUntilMs: 0, fenced: true });
      return taken;
    });
  }

  commit(
    owner: number,
    settlements: readonly Settlement[],
    claims: readonly Claim[],
  ): Promise<Reply<CommitReply>> {
    assertCommit(this.#processors.numbers.length, settlements, claims);
    return this.#change(() => {
      const rules = { purgedAtMs: this.#events.purgedAtMs, folded: this.#folding.folded };
      const commit = new LmdbCommit(owner, rules, this.#commitParts);
      return commit.run(settlements, claims);
    });
  }

  async summary(fromMs: number, toMs: number): Promise<SummaryReply> {
    const [firstMs, lastMs] = [Math.max(fromMs, 0), Math.min(toMs, LAST_MS)];
    const reply = await this.#store.read(() => {
      const fault = tooFine(firstMs, lastMs, this.#folding.folded);
      if (fault !== null) return fault;
      const ranges = rangesOf(firstMs, lastMs);
      const names = this.#processors.namesByNumber();
      const totalsOf = (number: number) => ({
        name: nameIn(names, number),
        ...this.#timeIndex.sum(number, ranges),
      });
      const others = [...names.keys()].filter((number) => this.#processors.indexOf(number) === null);
      return [
        ...this.#processors.numbers.map(totalsOf),
        ...others.map(totalsOf).filter(({ count }) => count > 0),
      ];
    });
    if (reply.kind === 'unavailable') return reply;
    return 'kind' in reply.value ? reply.value : summed(reply.value);
  }

  async fees(): Promise<Reply<FeeTotals[]>> {
    const reply = await this.#store.read(() => this.#fees.all());
    return reply.kind === 'ok' ? sortedFees(reply.value) : reply;
  }

  restoreFees(totals: readonly FeeTotals[]): Promise<Reply<void>> {
    return this.#store.write(() => this.#fees.restore(totals));
  }

  foldedTime(): Promise<Reply<FoldedTime>> {
    return this.#store.read(() => ({ folded: this.#folding.folded, daysMs: this.#timeIndex.days() }));
  }

  async foldedTotals(dayMs: number, folded: Folded): Promise<Reply<UnitTotals[]>> {
    const reply = await this.#store.read(() => this.#timeIndex.ofDay(dayMs, folded));
    return reply.kind === 'ok' ? sortedUnits(reply.value) : reply;
  }

  restoreFolded(folded: Folded, totals: readonly UnitTotals[]): Promise<Reply<void>> {
    return this.#store.write(() => {
      for (const each of totals) this.#timeIndex.set(each);
      this.#folding.raise(folded);
    });
  }

  stranded(nowMs: number): Promise<Reply<ProcessorPayments[]>> {
    return this.#store.read(() =>
      sentBy(nowMs, (entry) => this.#entries.isForeign(entry), this.#commitParts),
    );
  }

  openPayments(): Promise<Reply<ProcessorPayments[]>> {
    return this.#store.read(() =>
      sentBy(Infinity, ({ processorNumber }) => processorNumber !== 0, this.#commitParts),
    );
  }

  find(correlationId: string): Promise<Reply<LedgerEntry | undefined>> {
    return this.#store.read(() => {
      const entry = this.#entries.get(entryKey(correlationId));
      return entry && this.#entries.shown(correlationId, entry);
    });
  }

  page(fromMs: number, toMs: number, after: string, limit: number): Promise<Reply<LedgerPage>> {
    assert(limit > 0, 'the limit must be positive');
    const key = keyAfter(after);
    return this.#store.read(() => {
      const looked = this.#entries
        .after(key, limit, false)
        .map(([id, entry]) => [readUuid(id, 0), entry] as const);
      const inWindow = looked.filter(([, entry]) => mayHaveBeenSent(entry, fromMs, toMs));
      const entries = inWindow.map(([correlationId, entry]) => this.#entries.shown(correlationId, entry));
      return { entries, next: looked.length < limit ? null : (looked.at(-1)?.[0] ?? null) };
    });
  }

  pageOf(state: IndexedState, after: string, limit: number): Promise<Reply<LedgerPage>> {
    assert(limit > 0, 'the limit must be positive');
    return this.#store.read(() => {
      const entries = this.#entries
        .inState(state, keyAfter(after), limit)
        .map(([id, entry]) => this.#entries.shown(readUuid(id, 0), entry));
      return { entries, next: entries.length < limit ? null : (entries.at(-1)?.correlationId ?? null) };
    });
  }

  purge(purgedAtMs: number): Promise<Reply<void>> {
    return this.#change(() => {
      this.#store.clear();
      this.#folding.clear();
      this.#events.recordPurge(purgedAtMs);
    });
  }

  booksStatus(): Promise<Reply<BooksStatus>> {
    return this.#store.read(() => this.#status.get());
  }

  setBooksStatus(status: BooksStatus): Promise<Reply<void>> {
    return this.#store.write(() => this.#status.set(status));
  }

  processorControls(): Promise<Reply<ProcessorControls>> {
    return this.#store.read(() => this.#controls());
  }

  setProcessorControls(
    controls: ProcessorControls,
    events: readonly ProcessorEvent[] = [],
  ): Promise<Reply<boolean>> {
    return this.#store.write(() => {
      if (this.#controls().version >= controls.version) return false;
      this.#store.records.putSync(CONTROLS_KEY, Buffer.from(controlsText(controls)));
      this.#outbox.addProcessors(events);
      return true;
    });
  }

  outbox(cursor: string, limit: number): Promise<Reply<OutboxPage>> {
    assert(limit > 0, 'the limit must be positive');
    const [after = FIRST_POSITION] = readCursor(cursor, 1) ?? [];
    return this.#store.read(() => this.#outbox.after(after, limit));
  }

  outboxEnd(): Promise<Reply<string>> {
    return this.#store.read(() => this.#outbox.end);
  }

  restoreEntries(owner: number, entries: readonly RestoredEntry[]): Promise<Reply<RestoreReply[]>> {
    assertRestored(this.#processors.numbers.length, entries);
    return this.#tried(() => {
      if (!this.#owners.isAlive(owner)) return refused(RESTORING_OWNER_GONE);
      return ok(
        new LmdbRestore(owner, this.#status.get(), this.#folding.folded, this.#commitParts).run(entries),
      );
    });
  }

  upkeep(nowMs: number, retentionMs: number): Promise<Reply<boolean>> {
    return this.#store.write(() => {
      const isFrozen = frozenReason(this.#status.get()) !== null;
      const hasMoreToFold = this.#folding.step(foldable(nowMs, isFrozen ? Infinity : retentionMs));
      const hasMoreToTrim = !isFrozen && this.#outbox.trim(nowMs);
      return hasMoreToFold || hasMoreToTrim;
    });
  }

  reopen(owner: number, action: Action, payments: readonly Reopening[]): Promise<Reply<ReopenReply[]>> {
    assertActionPayments(payments);
    return this.#byOwner(owner, () => this.#actions.reopen(owner, action, payments));
  }

  cancel(action: Action, payments: readonly Cancellation[]): Promise<Reply<CancelReply[]>> {
    assertCancellations(action, payments);
    return this.#change(() => this.#actions.cancel(action, payments));
  }

  hold(action: Action, payments: readonly NamedPayment[]): Promise<Reply<HoldReply[]>> {
    assertActionPayments(payments);
    return this.#change(() => this.#actions.hold(action, payments));
  }

  release(owner: number, action: Action, payments: readonly NamedPayment[]): Promise<Reply<ReleaseReply[]>> {
    assertActionPayments(payments);
    return this.#byOwner(owner, () => this.#actions.release(owner, action, payments));
  }

  actions(): Promise<Reply<LoggedAction[]>> {
    return this.#store.read(() => this.#actions.list());
  }

  size(): Promise<Reply<BooksSize>> {
    return this.#store.read(() => this.#store.size());
  }

  bookmark(name: string): Promise<Reply<Bookmark>> {
    return this.#store.read(() => this.#bookmark(name));
  }

  setBookmark(
    name: string,
    { version, text }: Bookmark,
    events: readonly ProcessorEvent[] = [],
  ): Promise<Reply<boolean>> {
    return this.#store.write(() => {
      if (this.#bookmark(name).version >= version) return false;
      const bytes = Buffer.concat([doubleBytes(version), Buffer.from(text)]);
      this.#store.records.putSync(bookmarkKey(name), bytes);
      this.#outbox.addProcessors(events);
      return true;
    });
  }

  takeUpkeepTurn(lastTurn: number): Promise<Reply<Turn>> {
    return this.#events.takeTurn(UPKEEP_TURN_KEY, lastTurn);
  }

  takeHealthTurn(processor: number, lastTurn: number): Promise<Reply<Turn>> {
    return this.#events.takeHealthTurn(processor, lastTurn);
  }

  publishHealth(report: HealthReport): Promise<Reply<void>> {
    return this.#events.publishHealth(report);
  }

  subscribe(listener: (event: LedgerEvent) => void): Promise<Reply<() => void>> {
    return this.#events.subscribe(listener);
  }

  /** An empty transaction waits for the write lock, as a commit does. */
  ping(): Promise<Reply<void>> {
    return this.#store.write(() => undefined);
  }

  async close(): Promise<void> {
    this.#events.unsubscribeAll();
    await this.#store.close();
  }

  #bookmark(name: string): Bookmark {
    const bytes = this.#store.records.get(bookmarkKey(name));
    return bytes === undefined
      ? { version: 0, text: '' }
      : { version: bytes.readDoubleBE(0), text: bytes.toString('utf8', 8) };
  }

  #controls(): ProcessorControls {
    return readControls(this.#store.records.get(CONTROLS_KEY)?.toString());
  }

  /** A transaction that changes nothing while the books are frozen. */
  #change<T>(work: () => T): Promise<Reply<T>> {
    return this.#tried(() => {
      const why = frozenReason(this.#status.get());
      return why === null ? ok(work()) : frozen(why);
    });
  }

  /** The same, and only while the owner lives that will have the payments. */
  #byOwner<T>(owner: number, work: () => T): Promise<Reply<T>> {
    return this.#tried(() => {
      const why = frozenReason(this.#status.get());
      if (why !== null) return frozen(why);
      return this.#owners.isAlive(owner) ? ok(work()) : refused(RESTORING_OWNER_GONE);
    });
  }

  /** A transaction that may find out that it cannot do its work. */
  async #tried<T>(work: () => Reply<T>): Promise<Reply<T>> {
    const reply = await this.#store.write(work);
    return reply.kind === 'ok' ? reply.value : reply;
  }
}

/** The key that a page continues after. A text that is no cursor of this ledger begins anew. */
function keyAfter(after: string): Buffer {
  return isUuid(after) ? entryKey(after) : BEFORE_ALL;
}
