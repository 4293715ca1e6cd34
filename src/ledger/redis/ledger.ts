import assert from 'node:assert/strict';
import type { OutboxLimits } from '../../config/parsers.ts';
import type { Clock } from '../../core/clock.ts';
import { placeOf } from '../../core/redis-url.ts';
import type { Tls } from '../../core/tls.ts';
import { isUuid, readUuid, UUID_BYTES, uuidBytes } from '../../core/uuid.ts';
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
import type { BooksStatus } from '../books-status.ts';
import { assertCancellations } from '../cancel.ts';
import { assertCommit, assertProcessor, LAST_MS } from '../commit.ts';
import type { Confirmation } from '../confirmation.ts';
import { sortedFees } from '../fees.ts';
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
  type SummaryReply,
  summed,
  type Turn,
  type UnitTotals,
  type WorkerId,
} from '../ledger.ts';
import { FIRST_POSITION, type ProcessorEvent, readCursor } from '../outbox.ts';
import { controlsText, type ProcessorControls, readControls } from '../processor-controls.ts';
import { assertRestored } from '../restored-entry.ts';
import type { Folded } from '../retention.ts';
import { ONLY_SHARD, type ShardPlace } from '../sharded/shard-place.ts';
import { RedisActions } from './actions.ts';
import { RedisBooks } from './books.ts';
import { Committer } from './commit.ts';
import { driversFor, newLocator } from './driver.ts';
import { RedisFoldedTime, readFolded } from './folded-time.ts';
import { slotOf } from './hash-slot.ts';
import type { Locator } from './locator.ts';
import { RedisOutbox } from './outbox.ts';
import { cutPage } from './page.ts';
import {
  doubleBytes,
  feeTotalsField,
  healthBytes,
  processorNumbersOf,
  readBookmark,
  readEntry,
  readFeeTotals,
  readOwner,
  readScatteredId,
  Sums,
  scatteredId,
  totalsBytes,
  workerBytes,
} from './records.ts';
import { bytesOf, countsOf, listOf, pairsOf } from './replies.ts';
import { RedisRestore } from './restore.ts';
import { Subscriptions } from './subscriptions.ts';
import { summaryWindow } from './summary-window.ts';
import { Sweep } from './sweep.ts';
import { Takeovers } from './takeovers.ts';
import { RedisUpkeep } from './upkeep.ts';

export interface RedisLedgerOptions {
  readonly processorNames: readonly string[];
  readonly clock: Clock;
  /** Returns a number in [0, 1), for the backoff and the session id. */
  readonly random: () => number;
  /** For URLs with TLS. */
  readonly tls?: Tls;
  /** Finds the server; the shards of a cluster share one. Default: one of its own. */
  readonly locator?: Locator;
  /** Prefix of all keys; the part in braces puts them into one cluster slot. Default `{dinossauro}:`. */
  readonly root?: string;
  /** Which shard of the books this is. Default: the only one. */
  readonly place?: ShardPlace;
  /** Whether books may be made where there are none. Default: they may. */
  readonly mayMake?: () => boolean;
  /** A call without an answer replies `unavailable` after this time. Default 2,000 ms. */
  readonly timeoutMs?: number;
  /** How many calls may wait for an answer at once. Default 1,024. */
  readonly pendingLimit?: number;
  /** How many replicas must have a write before it counts. Default 0: the server must sync it. */
  readonly replicas?: number;
  /** Whether a server may be used that confirms nothing. Default: it is refused. */
  readonly allowsUnconfirmed?: boolean;
  /** Absent: it writes no events. */
  readonly outbox?: OutboxLimits | undefined;
  /** Gets what the server confirms, for each new connection. */
  readonly confirmedBy?: (confirmation: Confirmation) => void;
}

const ROOT_DEFAULT = '{dinossauro}:';
const ROOT = /^[\w:.-]*\{[\w:.-]+\}[\w:.-]*:$/;
const NO_ID = Buffer.alloc(0);
/** Empty parts of a health row: a turn before the first. */
const NO_TURN = doubleBytes(0);
const NO_NUMBERS = Buffer.alloc(0);

/**
 * The ledger in Redis 7 or later, shared by all instances. Every call is one Redis Function (`functions/`), which runs
 * atomically; a commit is one command regardless of its size.
 *
 * A call is answered once it is confirmed (confirmation.ts), so that no crash or failover can take back what a gateway
 * has acted on; docs/reliability.md says what this covers. While Redis is unreachable, loading, full or read-only, or
 * cannot confirm, every call replies `unavailable`, at once or after `timeoutMs`, and the ledger reconnects in the
 * background.
 */
export class RedisLedger implements Shard {
  readonly shards: readonly Shard[] = [this];
  readonly #books: RedisBooks;
  readonly #committer: Committer;
  readonly #takeovers: Takeovers;
  readonly #restore: RedisRestore;
  readonly #subscriptions: Subscriptions;
  readonly #upkeep: RedisUpkeep;
  readonly #foldedTime: RedisFoldedTime;
  readonly #actions: RedisActions;
  readonly #outbox: RedisOutbox;
  readonly #sweep: Sweep;

  /**
   * One of the URLs of `core/redis-url.ts`. Resolves after the first attempt to connect, whether or not it succeeded. Throws on a malformed URL.
   */
  static async open(url: string, options: RedisLedgerOptions): Promise<RedisLedger> {
    const ledger = new RedisLedger(url, options);
    await ledger.#books.tried;
    return ledger;
  }

  private constructor(url: string, options: RedisLedgerOptions) {
    const { processorNames, clock, random, root = ROOT_DEFAULT, place = ONLY_SHARD } = options;
    assert(ROOT.test(root), 'the root must have a hash tag and no glob characters');
    assert(new Set(processorNames).size === processorNames.length, 'processor names must be unique');
    const { timeoutMs = 2000, pendingLimit = 1024, replicas = 0, allowsUnconfirmed = false } = options;
    const slot = slotOf(root);
    const connecting = { tls: options.tls ?? {}, timeoutMs, pendingLimit, clock };
    const locator = options.locator ?? newLocator(placeOf(url), connecting);
    const books = new RedisBooks({
      root,
      place,
      mayMake: options.mayMake ?? (() => true),
      slot: locator.place.kind === 'cluster' ? slot : null,
      processorNames,
      clock,
      random,
      timeoutMs,
      pendingLimit,
      replicas,
      allowsUnconfirmed,
      failsOver: locator.place.kind !== 'server',
      newDriver: driversFor(locator, slot, connecting),
      opened: async (send, { generation, swept }) => {
        this.#sweep.stop();
        await this.#subscriptions.reconnected(send);
        if (swept < generation) this.#sweep.start(generation);
      },
      confirmedBy: options.confirmedBy ?? (() => {}),
    });
    this.#books = books;
    this.#outbox = new RedisOutbox(books, options.outbox ?? null);
    this.#committer = new Committer(books, this.#outbox);
    this.#takeovers = new Takeovers(books);
    this.#restore = new RedisRestore(books, this.#outbox);
    this.#upkeep = new RedisUpkeep(books, this.#outbox);
    this.#foldedTime = new RedisFoldedTime(books);
    this.#actions = new RedisActions(books, this.#outbox);
    this.#subscriptions = new Subscriptions({
      get channel() {
        return books.channel;
      },
      get processors() {
        return books.processors;
      },
      state: (send) => books.callOn(send, 'state'),
    });
    this.#sweep = new Sweep({
      root,
      clock,
      ask: (question) => books.ask(question),
      unlink: (send, keys) => books.writeOn(send, 'unlink', keys),
      swept: (generation) => books.call('swept', String(generation)),
    });
  }

  /** Its books have been found or made, so that they are those of `LEDGER_SHARDS`. */
  get hasOpened(): boolean {
    return this.#books.hasOpened;
  }

  shardOf(): number {
    return 0;
  }

  registerProcessor(name: string): Promise<Reply<void>> {
    return this.#books.registerProcessor(name);
  }

  addProcessor(name: string): void {
    this.#books.addProcessor(name);
  }

  async acquireLease(worker: WorkerId, leaseUntilMs: number): Promise<Reply<number>> {
    const args = [this.#books.session, doubleBytes(leaseUntilMs), workerBytes(worker)];
    return mapped(await this.#books.call('acquireLease', ...args), (reply) => Number(bytesOf(reply)));
  }

  async renewLease(owner: number, leaseUntilMs: number): Promise<Reply<boolean>> {
    const reply = await this.#books.call('renewLease', String(owner), doubleBytes(leaseUntilMs));
    return mapped(reply, (isRenewed) => isRenewed === 1);
  }

  async releaseLease(owner: number): Promise<Reply<void>> {
    const reply = await this.#books.write('releaseLease', (keys) => [keys.owner(owner)], String(owner));
    return mapped(reply, nothing);
  }

  async owners(): Promise<Reply<OwnerRecord[]>> {
    return mapped(await this.#books.call('owners'), (reply) =>
      pairsOf(reply)
        .map(([owner, row]) => readOwner(Number(owner), row))
        .sort((a, b) => a.owner - b.owner),
    );
  }

  async takeOver(
    from: number,
    to: number,
    limit: number,
    ifNotRenewedMs = Infinity,
  ): Promise<Reply<LedgerEntry[]>> {
    assert(from !== to, 'an owner cannot take over from itself');
    assert(limit > 0, 'the limit of a takeover must be positive');
    return this.#takeovers.take({ from, to, limit, ifNotRenewedMs });
  }

  async commit(
    owner: number,
    settlements: readonly Settlement[],
    claims: readonly Claim[],
  ): Promise<Reply<CommitReply>> {
    assertCommit(this.#books.processorCount, settlements, claims);
    return this.#committer.commit(owner, settlements, claims);
  }

  async stranded(nowMs: number): Promise<Reply<ProcessorPayments[]>> {
    return this.#sentBy(nowMs, this.#books.knownNumbers);
  }

  openPayments(): Promise<Reply<ProcessorPayments[]>> {
    return this.#sentBy(Number.POSITIVE_INFINITY, NO_NUMBERS);
  }

  /** Open entries at other processors than these, of owners whose leases have expired by `nowMs`. */
  async #sentBy(nowMs: number, except: Buffer): Promise<Reply<ProcessorPayments[]>> {
    const reply = await this.#books.call('stranded', doubleBytes(nowMs), except);
    if (reply.kind === 'unavailable') return reply;
    const counts = countsOf(reply.value);
    return mapped(await this.#books.loadNames([...counts.keys()]), () =>
      Array.from(counts, ([number, count]) => ({ name: this.#nameOf(number), count })),
    );
  }

  async summary(fromMs: number, toMs: number): Promise<SummaryReply> {
    const [low, high] = [Math.max(0, Math.ceil(fromMs)), Math.min(LAST_MS, Math.floor(toMs))];
    const window = summaryWindow(low, high);
    const reply = await this.#books.call(
      'summary',
      String(low),
      String(high + 1),
      String(window.first),
      String(window.end),
      window.headEdge === undefined ? '' : String(window.headEdge),
      window.tailEdge === undefined ? '' : String(window.tailEdge),
    );
    if (reply.kind === 'unavailable') return reply;
    const parts = listOf(reply.value);
    if (typeof parts[0] === 'number') {
      const folded = readFolded(bytesOf(parts[1]));
      return { kind: 'too-fine', bound: parts[0] === 0 ? 'from' : 'to', folded };
    }
    const [counters, head, tail] = parts.map(bytesOf) as [Buffer, Buffer, Buffer];
    const sums = new Sums();
    sums.addCounters(counters);
    sums.addBucket(head, (window.headEdge ?? 0) * 1000, low, high);
    sums.addBucket(tail, (window.tailEdge ?? 0) * 1000, low, high);
    const others = sums.numbers.filter((number) => !this.#books.processors.numbers.includes(number));
    const named = await this.#books.loadNames(others);
    if (named.kind === 'unavailable') return named;
    return summed([...this.#books.processors.numbers, ...others].map((number) => this.#totals(sums, number)));
  }

  async fees(): Promise<Reply<FeeTotals[]>> {
    const reply = await this.#books.call('fees');
    if (reply.kind === 'unavailable') return reply;
    const totals = pairsOf(reply.value).map(([field, value]) => readFeeTotals(bytesOf(field), value));
    const named = await this.#books.loadNames(totals.map(({ number }) => number));
    if (named.kind === 'unavailable') return named;
    return sortedFees(totals.map(({ number, ...each }) => ({ ...each, name: this.#nameOf(number) })));
  }

  async restoreFees(totals: readonly FeeTotals[]): Promise<Reply<void>> {
    const { names } = this.#books.processors;
    const fields = totals.flatMap(({ name, ...each }) => {
      const number = names.indexOf(name);
      assert(number > 0, 'the payments of a processor are restored before their fees');
      return [feeTotalsField(number, each), totalsBytes(each)];
    });
    return mapped(await this.#books.write('restoreFees', (keys) => [keys.fees], ...fields), nothing);
  }

  foldedTime(): Promise<Reply<FoldedTime>> {
    return this.#foldedTime.get();
  }

  foldedTotals(dayMs: number, folded: Folded): Promise<Reply<UnitTotals[]>> {
    return this.#foldedTime.totals(dayMs, folded);
  }

  restoreFolded(folded: Folded, totals: readonly UnitTotals[]): Promise<Reply<void>> {
    return this.#foldedTime.restore(folded, totals);
  }

  async find(correlationId: string): Promise<Reply<LedgerEntry | undefined>> {
    const reply = await this.#books.call('find', scatteredId(correlationId));
    if (reply.kind === 'unavailable') return reply;
    if (reply.value === null) return ok(undefined);
    const entry = bytesOf(reply.value);
    return mapped(await this.#books.loadNames(processorNumbersOf(entry)), () =>
      readEntry(correlationId, entry, this.#books.processors),
    );
  }

  async page(fromMs: number, toMs: number, after: string, limit: number): Promise<Reply<LedgerPage>> {
    assert(limit > 0, 'the limit of a page must be positive');
    const [low, high] = [Math.max(0, Math.ceil(fromMs)), Math.min(LAST_MS, Math.floor(toMs))];
    const from = /^\d{1,10}$/.test(after) ? after : '0';
    const reply = await this.#books.call('page', String(low), String(high), from, String(limit));
    if (reply.kind === 'unavailable') return reply;
    const [next, ...flat] = listOf(reply.value);
    const page = cutPage(pairsOf(flat), limit, String(next) || null);
    return mapped(await this.#shown(page.pairs), (entries) => ({ entries, next: page.next }));
  }

  async pageOf(state: IndexedState, after: string, limit: number): Promise<Reply<LedgerPage>> {
    assert(limit > 0, 'the limit of a page must be positive');
    const from = isUuid(after) ? uuidBytes(after) : NO_ID;
    const reply = await this.#books.call('pageOf', state, from, String(limit));
    if (reply.kind === 'unavailable') return reply;
    const pairs = pairsOf(reply.value);
    const last = pairs.length < limit ? undefined : pairs.at(-1)?.[0];
    const next = last === undefined ? null : readUuid(last, 0);
    return mapped(await this.#shown(pairs), (entries) => ({ entries, next }));
  }

  async purge(purgedAtMs: number): Promise<Reply<void>> {
    const reply = await this.#books.call('purge', doubleBytes(purgedAtMs));
    if (reply.kind === 'unavailable') return reply;
    this.#books.moved(String(reply.value));
    this.#sweep.start(this.#books.generation);
    return ok(undefined);
  }

  booksStatus(): Promise<Reply<BooksStatus>> {
    return this.#restore.status();
  }

  setBooksStatus(status: BooksStatus): Promise<Reply<void>> {
    return this.#restore.setStatus(status);
  }

  async processorControls(): Promise<Reply<ProcessorControls>> {
    return mapped(await this.#books.call('controls'), (text) => readControls(String(text)));
  }

  async setProcessorControls(
    controls: ProcessorControls,
    events: readonly ProcessorEvent[] = [],
  ): Promise<Reply<boolean>> {
    const args = [String(controls.version), controlsText(controls), ...this.#outbox.rows(events)];
    return mapped(await this.#books.writeOutbox('setControls', ...args), (isSet) => isSet === 1);
  }

  async outbox(cursor: string, limit: number): Promise<Reply<OutboxPage>> {
    assert(limit > 0, 'the limit of a page must be positive');
    const [after = FIRST_POSITION] = readCursor(cursor, 1) ?? [];
    return this.#outbox.after(after, limit);
  }

  outboxEnd(): Promise<Reply<string>> {
    return this.#outbox.end();
  }

  async restoreEntries(owner: number, entries: readonly RestoredEntry[]): Promise<Reply<RestoreReply[]>> {
    assertRestored(this.#books.processorCount, entries);
    return this.#restore.restore(owner, entries);
  }

  upkeep(nowMs: number, retentionMs: number): Promise<Reply<boolean>> {
    return this.#upkeep.step(nowMs, retentionMs);
  }

  async reopen(owner: number, action: Action, payments: readonly Reopening[]): Promise<Reply<ReopenReply[]>> {
    assertActionPayments(payments);
    return this.#actions.reopen(owner, action, payments);
  }

  async cancel(action: Action, payments: readonly Cancellation[]): Promise<Reply<CancelReply[]>> {
    assertCancellations(action, payments);
    return this.#actions.cancel(action, payments);
  }

  async hold(action: Action, payments: readonly NamedPayment[]): Promise<Reply<HoldReply[]>> {
    assertActionPayments(payments);
    return this.#actions.hold(action, payments);
  }

  async release(
    owner: number,
    action: Action,
    payments: readonly NamedPayment[],
  ): Promise<Reply<ReleaseReply[]>> {
    assertActionPayments(payments);
    return this.#actions.release(owner, action, payments);
  }

  actions(): Promise<Reply<LoggedAction[]>> {
    return this.#actions.list();
  }

  async size(): Promise<Reply<BooksSize>> {
    return this.#books.ask(async (send) => {
      const info = String(await send(['INFO', 'memory']));
      const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
      const [payments, held] = listOf(await this.#books.callOn(send, 'payments'));
      return {
        payments: Number(payments),
        held: Number(held),
        usedBytes: field('used_memory'),
        limitBytes: field('maxmemory') || Number.POSITIVE_INFINITY,
      };
    });
  }

  async bookmark(name: string): Promise<Reply<Bookmark>> {
    return mapped(await this.#books.call('bookmark', name), (reply) => readBookmark(bytesOf(reply)));
  }

  async setBookmark(
    name: string,
    { version, text }: Bookmark,
    events: readonly ProcessorEvent[] = [],
  ): Promise<Reply<boolean>> {
    const args = [name, doubleBytes(version), text, ...this.#outbox.rows(events)];
    return mapped(await this.#books.writeOutbox('setBookmark', ...args), (isSet) => isSet === 1);
  }

  async takeUpkeepTurn(lastTurn: number): Promise<Reply<Turn>> {
    return mapped(await this.#books.call('takeUpkeepTurn', String(lastTurn)), (reply) => {
      const [turn, isTaken] = listOf(reply);
      return { turn: Number(turn), isTaken: isTaken === 1 };
    });
  }

  async takeHealthTurn(processor: number, lastTurn: number): Promise<Reply<Turn>> {
    assertProcessor(this.#books.processorCount, processor);
    const args = [this.#number(processor), doubleBytes(lastTurn), doubleBytes(lastTurn + 1)];
    return mapped(await this.#books.writeHealth('takeHealthTurn', ...args), (reply) => {
      const laterTurn = bytesOf(reply);
      const isTaken = laterTurn.length === 0;
      return { turn: isTaken ? lastTurn + 1 : laterTurn.readDoubleBE(0), isTaken };
    });
  }

  async publishHealth(report: HealthReport): Promise<Reply<void>> {
    assertProcessor(this.#books.processorCount, report.processor);
    const row = Buffer.concat([NO_TURN, healthBytes(report)]);
    return mapped(
      await this.#books.writeHealth('publishHealth', this.#number(report.processor), row),
      nothing,
    );
  }

  async subscribe(listener: (event: LedgerEvent) => void): Promise<Reply<() => void>> {
    return this.#books.ask((send) => this.#subscriptions.add(send, listener));
  }

  async ping(): Promise<Reply<void>> {
    return mapped(await this.#books.call('ping'), nothing);
  }

  async close(): Promise<void> {
    this.#sweep.stop();
    this.#subscriptions.clear();
    this.#books.close();
  }

  async #shown(pairs: readonly (readonly [id: Buffer, entry: Buffer])[]): Promise<Reply<LedgerEntry[]>> {
    const named = await this.#books.loadNames(pairs.flatMap(([, entry]) => processorNumbersOf(entry)));
    return mapped(named, () =>
      pairs.map(([id, entry]) => readEntry(readScatteredId(id), entry, this.#books.processors)),
    );
  }

  #number(processor: number): string {
    return String(this.#books.processors.numbers[processor] ?? 0);
  }

  #nameOf(number: number): string {
    const name = this.#books.processors.names[number];
    assert(name !== undefined, 'every processor number has a name');
    return name;
  }

  #totals(sums: Sums, number: number): ProcessorTotals {
    return {
      name: this.#nameOf(number),
      count: sums.counts[number] ?? 0,
      amountCents: sums.cents[number] ?? 0,
    };
  }
}

function mapped<T, V>(reply: Reply<V>, read: (value: V) => T): Reply<T> {
  return reply.kind === 'ok' ? ok(read(reply.value)) : reply;
}

function nothing(): void {}

assert(UUID_BYTES === 16, 'the Lua functions expect ids of 16 bytes');
