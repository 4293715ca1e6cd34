import assert from 'node:assert';
import type { Action, Cancellation, NamedPayment, Reopening } from '../../src/ledger/actions.ts';
import type { BooksStatus } from '../../src/ledger/books-status.ts';
import { assertCommit } from '../../src/ledger/commit.ts';
import {
  type Bookmark,
  type BooksSize,
  type Claim,
  type ClaimReply,
  type CommitReply,
  type FeeTotals,
  type HealthReport,
  type IndexedState,
  type Ledger,
  type LedgerEntry,
  type LedgerEvent,
  type LedgerPage,
  type OwnerRecord,
  ok,
  type Reply,
  type RestoredEntry,
  type RestoreReply,
  type Settlement,
  type SettleReply,
  type Shard,
  type UnitTotals,
  type WorkerId,
} from '../../src/ledger/ledger.ts';
import type { ProcessorEvent } from '../../src/ledger/outbox.ts';
import type { ProcessorControls } from '../../src/ledger/processor-controls.ts';
import { assertRestored } from '../../src/ledger/restored-entry.ts';
import type { Folded } from '../../src/ledger/retention.ts';

/** The owners of all connections to one set of books: by the number in shard 0, the number in each shard. */
export type Owners = Map<number, readonly number[]>;

/**
 * A ledger with several shards as if it were one: a worker that has an owner number in each shard, and does at all shards
 * what it is asked to do. It shows the number in shard 0.
 */
export class EveryShard implements Shard {
  readonly shards: readonly Shard[] = [this];
  readonly #ledger: Ledger;
  #processorCount: number;
  readonly #owners: Owners;

  constructor(ledger: Ledger, processorCount: number, owners: Owners) {
    this.#ledger = ledger;
    this.#processorCount = processorCount;
    this.#owners = owners;
  }

  shardOf(): number {
    return 0;
  }

  registerProcessor(name: string): Promise<Reply<void>> {
    return this.#ledger.registerProcessor(name);
  }

  addProcessor(name: string): void {
    this.#ledger.addProcessor(name);
    this.#processorCount++;
  }

  async acquireLease(worker: WorkerId, leaseUntilMs: number): Promise<Reply<number>> {
    const numbers = await this.#all((shard) => shard.acquireLease(worker, leaseUntilMs));
    if (numbers.kind === 'unavailable') return numbers;
    const first = numbers.value[0] as number;
    this.#owners.set(first, numbers.value);
    return ok(first);
  }

  async renewLease(owner: number, leaseUntilMs: number): Promise<Reply<boolean>> {
    const renewed = await this.#all((shard, at) => shard.renewLease(this.#in(at, owner), leaseUntilMs));
    return renewed.kind === 'ok' ? ok(renewed.value.every(Boolean)) : renewed;
  }

  async releaseLease(owner: number): Promise<Reply<void>> {
    const released = await this.#all((shard, at) => shard.releaseLease(this.#in(at, owner)));
    return released.kind === 'ok' ? ok(undefined) : released;
  }

  /** An owner is listed while some shard lists it, with the lease that ends first. */
  async owners(): Promise<Reply<OwnerRecord[]>> {
    const all = await this.#all((shard) => shard.owners());
    if (all.kind === 'unavailable') return all;
    const listed = new Map<number, OwnerRecord>();
    for (const [at, records] of all.value.entries()) {
      for (const record of records) {
        const owner = this.#shown(at, record.owner);
        const leaseUntilMs = Math.min(record.leaseUntilMs, listed.get(owner)?.leaseUntilMs ?? Infinity);
        listed.set(owner, { ...record, owner, leaseUntilMs });
      }
    }
    return ok([...listed.values()].sort((one, other) => one.owner - other.owner));
  }

  async takeOver(from: number, to: number, limit: number, ifNotRenewedMs?: number) {
    const taken: LedgerEntry[] = [];
    for (const [at, shard] of this.#ledger.shards.entries()) {
      while (taken.length < limit) {
        const [dead, successor] = [this.#in(at, from), this.#in(at, to)];
        const reply = await shard.takeOver(dead, successor, limit - taken.length, ifNotRenewedMs);
        if (reply.kind === 'unavailable') return reply;
        if (reply.value.length === 0) break;
        taken.push(...reply.value.map((entry) => this.#shownEntry(at, entry)));
      }
    }
    return ok(taken);
  }

  async commit(
    owner: number,
    settlements: readonly Settlement[],
    claims: readonly Claim[],
  ): Promise<Reply<CommitReply>> {
    assertCommit(this.#processorCount, settlements, claims);
    const settled: SettleReply[] = [];
    const claimed: ClaimReply[] = [];
    const all = await this.#all(async (shard, at) => {
      const [ownSettlements, ownClaims] = [this.#of(at, settlements), this.#of(at, claims)];
      const reply = await shard.commit(
        this.#in(at, owner),
        ownSettlements.map(([, settlement]) => settlement),
        ownClaims.map(([, claim]) => claim),
      );
      if (reply.kind === 'unavailable') return reply;
      for (const [index, [place]] of ownSettlements.entries())
        settled[place] = reply.value.settled[index] as SettleReply;
      for (const [index, [place]] of ownClaims.entries())
        claimed[place] = reply.value.claimed[index] as ClaimReply;
      return reply;
    });
    return all.kind === 'ok' ? ok({ settled, claimed }) : all;
  }

  summary(fromMs: number, toMs: number) {
    return this.#ledger.summary(fromMs, toMs);
  }

  stranded(nowMs: number) {
    return this.#ledger.stranded(nowMs);
  }

  fees() {
    return this.#ledger.fees();
  }

  restoreFees(totals: readonly FeeTotals[]) {
    return this.#ledger.restoreFees(totals);
  }

  foldedTime() {
    return this.#ledger.foldedTime();
  }

  foldedTotals(dayMs: number, folded: Folded) {
    return this.#ledger.foldedTotals(dayMs, folded);
  }

  restoreFolded(folded: Folded, totals: readonly UnitTotals[]) {
    return this.#ledger.restoreFolded(folded, totals);
  }

  openPayments() {
    return this.#ledger.openPayments();
  }

  async find(correlationId: string): Promise<Reply<LedgerEntry | undefined>> {
    const reply = await this.#ledger.find(correlationId);
    if (reply.kind === 'unavailable' || reply.value === undefined) return reply;
    return ok(this.#shownEntry(this.#ledger.shardOf(correlationId), reply.value));
  }

  async page(fromMs: number, toMs: number, after: string, limit: number) {
    return this.#shownPage(await this.#ledger.page(fromMs, toMs, after, limit));
  }

  async pageOf(state: IndexedState, after: string, limit: number) {
    return this.#shownPage(await this.#ledger.pageOf(state, after, limit));
  }

  #shownPage(reply: Reply<LedgerPage>): Reply<LedgerPage> {
    if (reply.kind === 'unavailable') return reply;
    const { entries, next } = reply.value;
    const shown = entries.map((entry) => this.#shownEntry(this.#ledger.shardOf(entry.correlationId), entry));
    return ok({ entries: shown, next });
  }

  purge(purgedAtMs: number) {
    return this.#ledger.purge(purgedAtMs);
  }

  booksStatus() {
    return this.#ledger.booksStatus();
  }

  setBooksStatus(status: BooksStatus) {
    return this.#ledger.setBooksStatus(status);
  }

  processorControls() {
    return this.#ledger.processorControls();
  }

  setProcessorControls(controls: ProcessorControls, events?: readonly ProcessorEvent[]) {
    return this.#ledger.setProcessorControls(controls, events);
  }

  outbox(cursor: string, limit: number) {
    return this.#ledger.outbox(cursor, limit);
  }

  outboxEnd() {
    return this.#ledger.outboxEnd();
  }

  reopen(owner: number, action: Action, payments: readonly Reopening[]) {
    return this.#byShard(payments, (shard, at, own) => shard.reopen(this.#in(at, owner), action, own));
  }

  cancel(action: Action, payments: readonly Cancellation[]) {
    return this.#byShard(payments, (shard, _, own) => shard.cancel(action, own));
  }

  hold(action: Action, payments: readonly NamedPayment[]) {
    return this.#byShard(payments, (shard, _, own) => shard.hold(action, own));
  }

  release(owner: number, action: Action, payments: readonly NamedPayment[]) {
    return this.#byShard(payments, (shard, at, own) => shard.release(this.#in(at, owner), action, own));
  }

  /** The answers are in the order of the payments. */
  async #byShard<Payment extends NamedPayment, Answer>(
    payments: readonly Payment[],
    ask: (shard: Shard, at: number, own: readonly Payment[]) => Promise<Reply<Answer[]>>,
  ): Promise<Reply<Answer[]>> {
    const answers: Answer[] = [];
    const all = await this.#all(async (shard, at) => {
      const own = this.#of(at, payments);
      const reply = await ask(
        shard,
        at,
        own.map(([, payment]) => payment),
      );
      if (reply.kind === 'unavailable') return reply;
      for (const [index, [place]] of own.entries()) answers[place] = reply.value[index] as Answer;
      return reply;
    });
    return all.kind === 'ok' ? ok(answers) : all;
  }

  actions() {
    return this.#ledger.actions();
  }

  async restoreEntries(owner: number, entries: readonly RestoredEntry[]): Promise<Reply<RestoreReply[]>> {
    assertRestored(this.#processorCount, entries);
    const replies: RestoreReply[] = [];
    const all = await this.#all(async (shard, at) => {
      const own = this.#of(at, entries);
      if (own.length === 0) return ok([]);
      const reply = await shard.restoreEntries(
        this.#in(at, owner),
        own.map(([, entry]) => entry),
      );
      if (reply.kind === 'unavailable') return reply;
      for (const [index, [place]] of own.entries()) replies[place] = reply.value[index] as RestoreReply;
      return reply;
    });
    return all.kind === 'ok' ? ok(replies) : all;
  }

  /** More to do at one shard is more to do. */
  async upkeep(nowMs: number, retentionMs: number): Promise<Reply<boolean>> {
    const more = await this.#all((shard) => shard.upkeep(nowMs, retentionMs));
    return more.kind === 'ok' ? ok(more.value.some(Boolean)) : more;
  }

  takeUpkeepTurn(lastTurn: number) {
    return (this.#ledger.shards[0] as Shard).takeUpkeepTurn(lastTurn);
  }

  async size() {
    const all = await this.#all((shard) => shard.size());
    if (all.kind === 'unavailable') return all;
    const sum = (of: (size: BooksSize) => number) => all.value.reduce((total, size) => total + of(size), 0);
    return ok({
      payments: sum(({ payments }) => payments),
      held: sum(({ held }) => held),
      usedBytes: sum(({ usedBytes }) => usedBytes),
      limitBytes: sum(({ limitBytes }) => limitBytes),
    });
  }

  bookmark(name: string) {
    return this.#ledger.bookmark(name);
  }

  setBookmark(name: string, bookmark: Bookmark, events?: readonly ProcessorEvent[]) {
    return this.#ledger.setBookmark(name, bookmark, events);
  }

  takeHealthTurn(processor: number, lastTurn: number) {
    return this.#ledger.takeHealthTurn(processor, lastTurn);
  }

  publishHealth(report: HealthReport) {
    return this.#ledger.publishHealth(report);
  }

  subscribe(listener: (event: LedgerEvent) => void) {
    return this.#ledger.subscribe(listener);
  }

  ping() {
    return this.#ledger.ping();
  }

  close() {
    return this.#ledger.close();
  }

  async #all<T>(ask: (shard: Shard, at: number) => Promise<Reply<T>>): Promise<Reply<T[]>> {
    const replies = await Promise.all(this.#ledger.shards.map(ask));
    const values: T[] = [];
    for (const reply of replies) {
      if (reply.kind === 'unavailable') return reply;
      values.push(reply.value);
    }
    return ok(values);
  }

  /** The items that live in a shard, with their places in the list. */
  #of<T extends { readonly correlationId: string }>(at: number, items: readonly T[]): [number, T][] {
    return [...items.entries()].filter(([, { correlationId }]) => this.#ledger.shardOf(correlationId) === at);
  }

  /** A number that was never given out is unknown in every shard. */
  #in(at: number, owner: number): number {
    return this.#owners.get(owner)?.[at] ?? owner;
  }

  #shown(at: number, number: number): number {
    for (const [owner, numbers] of this.#owners) if (numbers[at] === number) return owner;
    assert.equal(number, 0, 'no owner was acquired elsewhere');
    return 0;
  }

  #shownEntry(at: number, entry: LedgerEntry): LedgerEntry {
    return { ...entry, owner: this.#shown(at, entry.owner) };
  }
}
