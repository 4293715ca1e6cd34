import type {
  Action,
  Cancellation,
  CancelReply,
  HoldReply,
  LoggedAction,
  NamedPayment,
  ReleaseReply,
  Reopening,
  ReopenReply,
} from '../../src/ledger/actions.ts';
import type { BooksStatus } from '../../src/ledger/books-status.ts';
import {
  type Bookmark,
  type BooksSize,
  type Claim,
  type CommitReply,
  type FeeTotals,
  type FoldedTime,
  type HealthReport,
  type IndexedState,
  type LedgerEntry,
  type LedgerEvent,
  type LedgerPage,
  type OutboxPage,
  type OwnerRecord,
  ok,
  type ProcessorPayments,
  type ProcessorTotals,
  type Reply,
  type RestoredEntry,
  type RestoreReply,
  type Settlement,
  type Shard,
  type Turn,
  type UnitTotals,
  unavailable,
  type WorkerId,
} from '../../src/ledger/ledger.ts';
import type { ProcessorEvent } from '../../src/ledger/outbox.ts';
import type { ProcessorControls } from '../../src/ledger/processor-controls.ts';
import type { Folded } from '../../src/ledger/retention.ts';
import type { Audit } from './audit.ts';
import type { Random } from './random.ts';
import { Channel, type Scope } from './scope.ts';
import type { Timeline } from './timeline.ts';
import type { Weather } from './weather.ts';

export interface SimLedgerParts {
  readonly inner: Promise<Shard>;
  /** The position of the shard. */
  readonly shard: number;
  readonly instance: number;
  readonly scope: Scope;
  readonly timeline: Timeline;
  readonly weather: Weather;
  readonly random: Random;
  readonly audit: Audit;
}

/** How long a caller waits for a ledger that does not reply. */
const SILENCE_MS = 2000;

/**
 * A thread's connection to a shard of the ledger, over an unreliable network. A call answered `unavailable` took effect before the
 * answer or never will: an abandoned connection delivers nothing later.
 */
export class SimLedger implements Shard {
  readonly shards: readonly Shard[] = [this];
  readonly #parts: SimLedgerParts;
  readonly #requests: Channel;
  readonly #replies: Channel;
  /** Known once a processor was registered. */
  #inner: Shard | null = null;
  /** Takeovers whose reply was lost, by former owner: a repetition returns the same entries, as the ledgers promise. */
  readonly #lostTakeOvers = new Map<number, { record: OwnerRecord; entries: LedgerEntry[] }>();

  constructor(parts: SimLedgerParts) {
    this.#parts = parts;
    this.#requests = new Channel(parts.timeline);
    this.#replies = new Channel(parts.timeline);
    parts.scope.onKilled(() => void this.close());
  }

  shardOf(): number {
    return 0;
  }

  registerProcessor(name: string): Promise<Reply<void>> {
    return this.#ask(async (inner) => {
      const reply = await inner.registerProcessor(name);
      this.#inner = inner;
      return reply;
    });
  }

  addProcessor(name: string): void {
    this.#inner?.addProcessor(name);
  }

  acquireLease(worker: WorkerId, leaseUntilMs: number): Promise<Reply<number>> {
    return this.#ask((inner) => inner.acquireLease(worker, leaseUntilMs));
  }

  renewLease(owner: number, leaseUntilMs: number): Promise<Reply<boolean>> {
    return this.#ask((inner) => inner.renewLease(owner, leaseUntilMs));
  }

  releaseLease(owner: number): Promise<Reply<void>> {
    return this.#ask((inner) => inner.releaseLease(owner));
  }

  owners(): Promise<Reply<OwnerRecord[]>> {
    return this.#ask(async (inner) => {
      const reply = await inner.owners();
      if (reply.kind === 'unavailable') return reply;
      const records = new Map(reply.value.map((record) => [record.owner, record]));
      for (const [owner, { record }] of this.#lostTakeOvers) records.set(owner, record);
      return ok([...records.values()].sort((one, other) => one.owner - other.owner));
    });
  }

  takeOver(from: number, to: number, limit: number, ifNotRenewedMs?: number): Promise<Reply<LedgerEntry[]>> {
    return this.#ask(
      async (inner) => {
        const lost = this.#lostTakeOvers.get(from);
        if (lost !== undefined) {
          const again = lost.entries.splice(0, limit);
          if (again.length > 0) return ok(await this.#parts.audit.ownedBy(again, to));
          this.#lostTakeOvers.delete(from);
        }
        return inner.takeOver(from, to, limit, ifNotRenewedMs);
      },
      (entries) => {
        if (entries.length === 0) return;
        const worker = { instanceId: 'lost', name: 'lost', owner: from, leaseUntilMs: 0 };
        const lost = this.#lostTakeOvers.get(from);
        this.#lostTakeOvers.set(from, { record: worker, entries: [...(lost?.entries ?? []), ...entries] });
      },
    );
  }

  commit(
    owner: number,
    settlements: readonly Settlement[],
    claims: readonly Claim[],
  ): Promise<Reply<CommitReply>> {
    const { audit, instance, scope } = this.#parts;
    audit.manners.claiming(scope, claims);
    return this.#ask(async (inner) => {
      const reply = await inner.commit(owner, settlements, claims);
      if (reply.kind === 'ok') audit.committed(instance, owner, settlements, claims, reply.value);
      return reply;
    });
  }

  /** Simulated clients ask for everything, which is never too fine, and never too large. */
  summary(fromMs: number, toMs: number): Promise<Reply<ProcessorTotals[]>> {
    return this.#ask(async (inner) => {
      const reply = await inner.summary(fromMs, toMs);
      return reply.kind === 'ok' || reply.kind === 'unavailable' ? reply : unavailable(reply.kind);
    });
  }

  stranded(nowMs: number): Promise<Reply<ProcessorPayments[]>> {
    return this.#ask((inner) => inner.stranded(nowMs));
  }

  fees(): Promise<Reply<FeeTotals[]>> {
    return this.#ask((inner) => inner.fees());
  }

  restoreFees(totals: readonly FeeTotals[]): Promise<Reply<void>> {
    return this.#ask((inner) => inner.restoreFees(totals));
  }

  foldedTime(): Promise<Reply<FoldedTime>> {
    return this.#ask((inner) => inner.foldedTime());
  }

  foldedTotals(dayMs: number, folded: Folded): Promise<Reply<UnitTotals[]>> {
    return this.#ask((inner) => inner.foldedTotals(dayMs, folded));
  }

  restoreFolded(folded: Folded, totals: readonly UnitTotals[]): Promise<Reply<void>> {
    return this.#ask((inner) => inner.restoreFolded(folded, totals));
  }

  openPayments(): Promise<Reply<ProcessorPayments[]>> {
    return this.#ask((inner) => inner.openPayments());
  }

  find(correlationId: string): Promise<Reply<LedgerEntry | undefined>> {
    return this.#ask((inner) => inner.find(correlationId));
  }

  page(fromMs: number, toMs: number, after: string, limit: number): Promise<Reply<LedgerPage>> {
    return this.#ask((inner) => inner.page(fromMs, toMs, after, limit));
  }

  pageOf(state: IndexedState, after: string, limit: number): Promise<Reply<LedgerPage>> {
    return this.#ask((inner) => inner.pageOf(state, after, limit));
  }

  reopen(owner: number, action: Action, payments: readonly Reopening[]): Promise<Reply<ReopenReply[]>> {
    return this.#ask((inner) => inner.reopen(owner, action, payments));
  }

  cancel(action: Action, payments: readonly Cancellation[]): Promise<Reply<CancelReply[]>> {
    return this.#ask((inner) => inner.cancel(action, payments));
  }

  hold(action: Action, payments: readonly NamedPayment[]): Promise<Reply<HoldReply[]>> {
    return this.#ask((inner) => inner.hold(action, payments));
  }

  release(owner: number, action: Action, payments: readonly NamedPayment[]): Promise<Reply<ReleaseReply[]>> {
    return this.#ask((inner) => inner.release(owner, action, payments));
  }

  actions(): Promise<Reply<LoggedAction[]>> {
    return this.#ask((inner) => inner.actions());
  }

  purge(purgedAtMs: number): Promise<Reply<void>> {
    return this.#ask((inner) => inner.purge(purgedAtMs));
  }

  booksStatus(): Promise<Reply<BooksStatus>> {
    return this.#ask((inner) => inner.booksStatus());
  }

  setBooksStatus(status: BooksStatus): Promise<Reply<void>> {
    return this.#ask((inner) => inner.setBooksStatus(status));
  }

  processorControls(): Promise<Reply<ProcessorControls>> {
    return this.#ask((inner) => inner.processorControls());
  }

  setProcessorControls(
    controls: ProcessorControls,
    events?: readonly ProcessorEvent[],
  ): Promise<Reply<boolean>> {
    return this.#ask((inner) => inner.setProcessorControls(controls, events));
  }

  outbox(cursor: string, limit: number): Promise<Reply<OutboxPage>> {
    return this.#ask((inner) => inner.outbox(cursor, limit));
  }

  outboxEnd(): Promise<Reply<string>> {
    return this.#ask((inner) => inner.outboxEnd());
  }

  restoreEntries(owner: number, entries: readonly RestoredEntry[]): Promise<Reply<RestoreReply[]>> {
    return this.#ask((inner) => inner.restoreEntries(owner, entries));
  }

  upkeep(nowMs: number, retentionMs: number): Promise<Reply<boolean>> {
    return this.#ask((inner) => inner.upkeep(nowMs, retentionMs));
  }

  size(): Promise<Reply<BooksSize>> {
    return this.#ask((inner) => inner.size());
  }

  takeUpkeepTurn(lastTurn: number): Promise<Reply<Turn>> {
    return this.#ask((inner) => inner.takeUpkeepTurn(lastTurn));
  }

  bookmark(name: string): Promise<Reply<Bookmark>> {
    return this.#ask((inner) => inner.bookmark(name));
  }

  setBookmark(name: string, bookmark: Bookmark, events?: readonly ProcessorEvent[]): Promise<Reply<boolean>> {
    return this.#ask((inner) => inner.setBookmark(name, bookmark, events));
  }

  takeHealthTurn(processor: number, lastTurn: number): Promise<Reply<Turn>> {
    return this.#ask((inner) => inner.takeHealthTurn(processor, lastTurn));
  }

  publishHealth(report: HealthReport): Promise<Reply<void>> {
    return this.#ask((inner) => inner.publishHealth(report));
  }

  subscribe(listener: (event: LedgerEvent) => void): Promise<Reply<() => void>> {
    const hear = (event: LedgerEvent) => this.#reply(() => listener(event));
    return this.#ask((inner) => inner.subscribe(hear));
  }

  ping(): Promise<Reply<void>> {
    return this.#ask((inner) => inner.ping());
  }

  close(): Promise<void> {
    const { inner, timeline } = this.#parts;
    return timeline.during(inner.then((ledger) => ledger.close()));
  }

  #ask<T>(
    act: (inner: Shard) => Promise<Reply<T>>,
    onLost: (value: T) => void = () => {},
  ): Promise<Reply<T>> {
    const { scope, weather, instance, shard } = this.#parts;
    return new Promise((resolve) => {
      if (!scope.touch()) return;
      if (weather.ledger(instance, shard) === 'refuses') {
        this.#reply(() => resolve(unavailable('refused')));
        return;
      }
      this.#requests.send(this.#delayMs(), () => void this.#arrive(act, onLost, resolve));
    });
  }

  async #arrive<T>(
    act: (inner: Shard) => Promise<Reply<T>>,
    onLost: (value: T) => void,
    resolve: (reply: Reply<T>) => void,
  ): Promise<void> {
    const { weather, instance, shard, random, inner, timeline } = this.#parts;
    const how = weather.ledger(instance, shard);
    const isFlaky = how === 'flaky';
    if (how === 'refuses' || how === 'silent' || (isFlaky && random.chance(0.3))) {
      this.#fail(how === 'silent', resolve);
      return;
    }
    const reply = await timeline.during(inner.then(act));
    if (isFlaky && random.chance(0.4)) {
      if (reply.kind === 'ok') onLost(reply.value);
      this.#fail(random.chance(0.5), resolve);
    } else {
      this.#reply(() => resolve(reply));
    }
  }

  #fail<T>(silent: boolean, resolve: (reply: Reply<T>) => void): void {
    const { scope } = this.#parts;
    scope.after(silent ? SILENCE_MS : 1, () => resolve(unavailable(silent ? 'no answer' : 'lost')));
  }

  #reply(run: () => void): void {
    this.#replies.send(this.#delayMs(), () => this.#parts.scope.deliver(run));
  }

  #delayMs(): number {
    const { weather, instance, shard, random } = this.#parts;
    return weather.ledger(instance, shard) === 'slow' ? random.int(0, SILENCE_MS / 2 - 1) : random.int(0, 2);
  }
}
