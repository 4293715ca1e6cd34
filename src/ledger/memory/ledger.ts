import assert from 'node:assert/strict';
import type { OutboxLimits } from '../../config/parsers.ts';
import { type Attempt, NO_STORY } from '../../core/attempt.ts';
import type { Clock } from '../../core/clock.ts';
import { isOpen } from '../../core/payment.ts';
import {
  ACTIONS_KEPT,
  type Action,
  assertActionPayments,
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
import { type BooksStatus, frozenReason } from '../books-status.ts';
import { assertCancellations, cancelReason } from '../cancel.ts';
import {
  assertCommit,
  assertNewProcessor,
  assertProcessor,
  isPurged,
  keptReason,
  LAST_MS,
} from '../commit.ts';
import { feeKey, sortedFees } from '../fees.ts';
import { daysOf, sortedUnits } from '../folded-totals.ts';
import {
  type Bookmark,
  type BooksSize,
  type Claim,
  type ClaimReply,
  type CommitReply,
  type FeeTotals,
  type FoldedTime,
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
  type Settlement,
  type SettleReply,
  type Shard,
  type SummaryReply,
  summed,
  type Turn,
  type UnitTotals,
  unavailable,
  type WorkerId,
} from '../ledger.ts';
import {
  cursorText,
  FIRST_POSITION,
  type ProcessorEvent,
  paymentEventType,
  readCursor,
  shardPage,
} from '../outbox.ts';
import type { ProcessorControls } from '../processor-controls.ts';
import {
  assertRestored,
  keptStory,
  RESTORING_OWNER_GONE,
  restoreDecision,
  unknownDecision,
} from '../restored-entry.ts';
import {
  type Folded,
  finestUnit,
  foldable,
  isCountedAlready,
  isForgotten,
  laterOf,
  NOTHING_FOLDED,
  tooFine,
} from '../retention.ts';
import { endedOutcome, nextStory, withAttempt } from '../story.ts';
import { unitStartMs } from '../time-index.ts';
import { type MemoryEntry, type MemoryEvent, MemoryStore } from './store.ts';

export interface MemoryOutboxOptions extends OutboxLimits {
  /** Gives events their times. */
  readonly clock: Pick<Clock, 'nowMs'>;
}

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
      if (frozenReason(this.#store.status) !== null || !this.#isAlive(to)) return [];
      const record = this.#store.owners.get(from);
      if (record === undefined || record.leaseUntilMs > ifNotRenewedMs) return [];
      record.fenced = true;
      record.leaseUntilMs = 0;
      const held = this.#held(from);
      const taken = held.filter(([, { processor }]) => !this.#isForeign(processor)).slice(0, limit);
      for (const [, entry] of taken) entry.owner = to;
      if (taken.length === held.length) this.#store.owners.delete(from);
      return taken.map(([correlationId, entry]) => this.#shown(correlationId, entry));
    });
  }

  commit(
    owner: number,
    settlements: readonly Settlement[],
    claims: readonly Claim[],
  ): Promise<Reply<CommitReply>> {
    assertCommit(this.#names.length, settlements, claims);
    return this.#change(() => ({
      settled: settlements.map((settlement) => this.#settle(owner, settlement)),
      claimed: claims.map((claim) => this.#claim(owner, claim)),
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
    return this.#answer(() => this.#sentBy(nowMs, (processor) => this.#isForeign(processor)));
  }

  openPayments(): Promise<Reply<ProcessorPayments[]>> {
    return this.#answer(() => this.#sentBy(Infinity, () => true));
  }

  find(correlationId: string): Promise<Reply<LedgerEntry | undefined>> {
    return this.#answer(() => {
      const entry = this.#store.entries.get(correlationId);
      return entry && this.#shown(correlationId, entry);
    });
  }

  page(fromMs: number, toMs: number, after: string, limit: number): Promise<Reply<LedgerPage>> {
    assert(limit > 0, 'the limit must be positive');
    return this.#answer(() => {
      const first = Number(after);
      const looked = [...this.#store.entries].slice(first, first + limit);
      const entries = looked
        .map(([correlationId, entry]) => this.#shown(correlationId, entry))
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
        .map((id) => this.#shown(id, this.#store.entries.get(id) as MemoryEntry));
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
      for (const event of events) this.#report(event);
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
        return { ...rest, payment: this.#shown(correlationId, entry) };
      });
      return shardPage(events, after, limit);
    });
  }

  outboxEnd(): Promise<Reply<string>> {
    return this.#answer(() => cursorText([this.#store.outbox.end]));
  }

  restoreEntries(owner: number, entries: readonly RestoredEntry[]): Promise<Reply<RestoreReply[]>> {
    assertRestored(this.#names.length, entries);
    if (!this.#isAlive(owner)) return Promise.resolve(unavailable(RESTORING_OWNER_GONE));
    return this.#answer(() => entries.map((entry) => this.#restore(owner, entry)));
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
    if (!this.#isAlive(owner)) return Promise.resolve(unavailable(RESTORING_OWNER_GONE));
    return this.#change(() => {
      const replies = payments.map((payment) => this.#reopen(owner, payment));
      this.#log(
        action,
        payments.filter((_, index) => replies[index] === 'reopened'),
      );
      return replies;
    });
  }

  cancel(action: Action, payments: readonly Cancellation[]): Promise<Reply<CancelReply[]>> {
    assertCancellations(action, payments);
    return this.#change(() => {
      const replies = payments.map((payment) => this.#cancel(action, payment));
      this.#log(
        action,
        payments.filter((_, index) => replies[index] === 'cancelled'),
      );
      return replies;
    });
  }

  hold(action: Action, payments: readonly NamedPayment[]): Promise<Reply<HoldReply[]>> {
    assertActionPayments(payments);
    return this.#change(() => {
      const replies = payments.map(({ correlationId }) => this.#hold(action, correlationId));
      this.#log(
        action,
        payments.filter((_, index) => replies[index] === 'held' || replies[index] === 'awaited'),
      );
      return replies;
    });
  }

  release(owner: number, action: Action, payments: readonly NamedPayment[]): Promise<Reply<ReleaseReply[]>> {
    assertActionPayments(payments);
    if (!this.#isAlive(owner)) return Promise.resolve(unavailable(RESTORING_OWNER_GONE));
    return this.#change(() => {
      const replies = payments.map(({ correlationId }) => this.#release(owner, correlationId));
      this.#log(
        action,
        payments.filter((_, index) => replies[index] === 'released'),
      );
      return replies;
    });
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
      for (const event of events) this.#report(event);
      return true;
    });
  }

  takeHealthTurn(processor: number, lastTurn: number): Promise<Reply<Turn>> {
    const name = this.#name(processor);
    return this.#answer(() => {
      const turn = this.#store.healthTurns.get(name) ?? 0;
      if (turn > lastTurn) return { turn, isTaken: false };
      this.#store.healthTurns.set(name, lastTurn + 1);
      return { turn: lastTurn + 1, isTaken: true };
    });
  }

  publishHealth(report: HealthReport): Promise<Reply<void>> {
    const name = this.#name(report.processor);
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
    const frozen = frozenReason(this.#store.status);
    return frozen === null ? this.#answer(work) : unavailable(frozen);
  }

  #restore(owner: number, { correlationId, chargedCents, ...given }: RestoredEntry): RestoreReply {
    const { entries, charges, folded, status: booksStatus } = this.#store;
    const known = entries.get(correlationId);
    const processor = given.processor === null ? null : this.#name(given.processor);
    const reply = known === undefined ? unknownDecision(given, folded, booksStatus) : 'restored';
    if (reply === 'forgotten') return reply;
    if (known !== undefined) {
      const isSameProcessor = known.processor === processor;
      const isFrozen = frozenReason(booksStatus) !== null;
      const decision = restoreDecision(known, given, isSameProcessor, isFrozen);
      if (decision === 'known' || decision === 'different') return decision;
      if (decision === 'note') {
        known.conflictingAmountCents = given.conflictingAmountCents;
        return 'restored';
      }
    }
    const isOwned = given.status === 'accepted' || given.status === 'dispatched';
    const conflictingAmountCents = known?.conflictingAmountCents ?? given.conflictingAmountCents;
    const reason = given.status === 'rejected' ? keptReason(given.reason) : '';
    entries.set(correlationId, {
      ...given,
      story: keptStory(given),
      owner: isOwned ? owner : 0,
      processor,
      reason,
      conflictingAmountCents,
    });
    const { status, requestedAtMs } = given;
    const isCounted = reply === 'restored' && chargedCents !== null;
    if (status === 'settled' && processor !== null && isCounted)
      charges.push({ processor, count: 1, amountCents: chargedCents, requestedAtMs });
    this.#reportFinished(correlationId, chargedCents ?? given.amountCents);
    return reply;
  }

  #settle(owner: number, settlement: Settlement): SettleReply {
    const entry = this.#store.entries.get(settlement.correlationId);
    const processor = this.#name(settlement.processor);
    const { status, requestedAtMs } = settlement;
    if (entry === undefined) return 'fenced';
    if (!isOpen(entry)) {
      const isSame =
        entry.status === status && entry.processor === processor && entry.requestedAtMs === requestedAtMs;
      return isSame ? 'recorded' : 'fenced';
    }
    if (entry.status !== 'dispatched' || entry.owner !== owner) return 'fenced';
    const isCounted = isCountedAlready(entry, requestedAtMs, this.#store.folded);
    const story = { ...entry.story, outcome: settlement.outcome ?? 'unknown' };
    Object.assign(entry, { status, owner: 0, processor, requestedAtMs, story });
    if (status === 'rejected') entry.reason = keptReason(settlement.reason);
    else if (!isCounted) this.#charge(processor, settlement);
    this.#reportFinished(settlement.correlationId, settlement.amountCents);
    return 'recorded';
  }

  /** If the payment has been settled or rejected. */
  #reportFinished(correlationId: string, chargedCents: number): void {
    const entry = this.#store.entries.get(correlationId);
    if (entry?.status !== 'settled' && entry?.status !== 'rejected') return;
    const type = paymentEventType(entry.status);
    this.#report({ type, correlationId, entry: { ...entry }, chargedCents });
  }

  #report(event: MemoryEvent): void {
    if (this.#outbox !== null) this.#store.outbox.append(event, this.#outbox.clock.nowMs());
  }

  #charge(processor: string, { amountCents, requestedAtMs, fee }: Settlement): void {
    this.#store.charges.push({ processor, count: 1, amountCents, requestedAtMs });
    if (fee === undefined) return;
    const at = { name: processor, feePpm: fee.feePpm, feeFixedCents: fee.feeFixedCents };
    const before = this.#store.fees.get(feeKey(at)) ?? { count: 0, amountCents: 0 };
    const sums = { count: before.count + 1, amountCents: before.amountCents + amountCents };
    this.#store.fees.set(feeKey(at), { ...at, ...sums });
  }

  #reopen(owner: number, payment: Reopening): ReopenReply {
    const entry = this.#store.entries.get(payment.correlationId);
    const shown = entry && this.#shown(payment.correlationId, entry);
    const problem = reopenProblem(shown, payment);
    if (entry === undefined || shown === undefined || problem !== null) return problem ?? 'unknown';
    const attempt = rejectedAttempt(shown);
    const story = { ...NO_STORY, earlier: withAttempt(entry.story.earlier, attempt) };
    Object.assign(entry, { status: 'accepted', owner, processor: null, requestedAtMs: 0, reason: '', story });
    return 'reopened';
  }

  #cancel(action: Action, payment: Cancellation): CancelReply {
    const { correlationId, amountCents } = payment;
    const entry = this.#store.entries.get(correlationId);
    const problem = cancelProblem(entry && this.#shown(correlationId, entry), payment);
    if (problem !== null) return problem;
    const { atMs: requestedAtMs } = action;
    const rejected = { status: 'rejected', owner: 0, requestedAtMs, reason: cancelReason(action) } as const;
    if (isKnown(entry)) Object.assign(entry, rejected);
    else if (amountCents !== null)
      this.#store.entries.set(correlationId, {
        ...neverSent({ amountCents, acceptedAtMs: requestedAtMs }),
        ...rejected,
      });
    this.#reportFinished(correlationId, 0);
    return 'cancelled';
  }

  #hold({ atMs }: Action, correlationId: string): HoldReply {
    const { entries } = this.#store;
    const entry = entries.get(correlationId);
    const problem = holdProblem(entry);
    if (problem !== null) return problem;
    if (entry !== undefined) {
      Object.assign(entry, { status: 'held', owner: 0 });
      return 'held';
    }
    const awaited = neverSent({ amountCents: 0, acceptedAtMs: atMs });
    entries.set(correlationId, { ...awaited, status: 'held' });
    return 'awaited';
  }

  #release(owner: number, correlationId: string): ReleaseReply {
    const { entries } = this.#store;
    const entry = entries.get(correlationId);
    if (entry?.status !== 'held') return 'not-held';
    if (isAwaited(entry)) entries.delete(correlationId);
    else Object.assign(entry, { status: 'accepted', owner });
    return 'released';
  }

  #log(action: Action, payments: readonly { readonly correlationId: string }[]): void {
    if (payments.length === 0) return;
    const { actions } = this.#store;
    actions.push({ ...action, payments: payments.map(({ correlationId }) => correlationId) });
    if (actions.length > ACTIONS_KEPT) actions.shift();
  }

  #claim(owner: number, claim: Claim): ClaimReply {
    if (!this.#isAlive(owner)) return 'fenced';
    const entry = this.#store.entries.get(claim.correlationId);
    if (entry === undefined) return this.#claimUnknown(owner, claim);
    if (isAwaited(entry)) return this.#holdAwaited(entry, claim);
    if (entry.amountCents !== claim.amountCents) {
      entry.conflictingAmountCents ??= claim.amountCents;
      return 'conflict';
    }
    if (!isOpen(entry)) return 'known';
    const mayDispatch = entry.status === 'accepted' && claim.processor !== null;
    if (entry.owner !== owner && !mayDispatch) return 'known';
    if (claim.processor !== null) dispatch(entry, owner, this.#name(claim.processor), claim);
    return 'claimed';
  }

  #claimUnknown(owner: number, claim: Claim): ClaimReply {
    if (isPurged(claim, this.#store.purgedAtMs)) return 'purged';
    const entry: MemoryEntry = { ...neverSent(claim), owner };
    if (claim.processor !== null) dispatch(entry, owner, this.#name(claim.processor), claim);
    this.#store.entries.set(claim.correlationId, entry);
    return 'claimed';
  }

  #holdAwaited(entry: MemoryEntry, claim: Claim): ClaimReply {
    if (isPurged(claim, this.#store.purgedAtMs)) return 'purged';
    entry.amountCents = claim.amountCents;
    entry.acceptedAtMs = claim.acceptedAtMs;
    return 'known';
  }

  #isAlive(owner: number): boolean {
    return this.#store.owners.get(owner)?.fenced === false;
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

  #shown(correlationId: string, entry: MemoryEntry): LedgerEntry {
    const { processor: processorName } = entry;
    const position = processorName === null ? -1 : this.#names.indexOf(processorName);
    return { correlationId, ...entry, processor: position === -1 ? null : position, processorName };
  }

  /** Whether the processor is one that this connection was not opened with. */
  #isForeign(processor: string | null): processor is string {
    return processor !== null && !this.#names.includes(processor);
  }

  #name(processor: number): string {
    assertProcessor(this.#names.length, processor);
    return this.#names[processor] as string;
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

function neverSent({ amountCents, acceptedAtMs }: Pick<Claim, 'amountCents' | 'acceptedAtMs'>): MemoryEntry {
  return {
    amountCents,
    acceptedAtMs,
    status: 'accepted',
    owner: 0,
    processor: null,
    requestedAtMs: 0,
    attempts: 0,
    story: NO_STORY,
    reason: '',
    conflictingAmountCents: null,
  };
}

/** The same processor and stamp mean a repeated commit, which is not another attempt. */
function dispatch(entry: MemoryEntry, owner: number, processor: string, claim: Claim): void {
  const { requestedAtMs } = claim;
  const isRepeated =
    entry.status === 'dispatched' && entry.processor === processor && entry.requestedAtMs === requestedAtMs;
  if (!isRepeated) {
    entry.attempts++;
    entry.story = nextStory(entry.story, claim, endedAttempt(entry, claim));
  }
  Object.assign(entry, { status: 'dispatched', owner, processor, requestedAtMs });
}

function endedAttempt({ processor, requestedAtMs, story }: MemoryEntry, claim: Claim): Attempt | null {
  if (processor === null) return null;
  const outcome = endedOutcome(claim, requestedAtMs);
  return { processorName: processor, requestedAtMs, why: story.why, outcome };
}
