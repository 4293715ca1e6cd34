import type { Log } from '../../core/log.ts';
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
} from '../actions.ts';
import type { BooksStatus } from '../books-status.ts';
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
  type ProcessorPayments,
  type Reply,
  type RestoredEntry,
  type RestoreReply,
  type Settlement,
  type Shard,
  type SummaryReply,
  type Turn,
  type UnitTotals,
  unavailable,
  type WorkerId,
} from '../ledger.ts';
import type { ProcessorEvent } from '../outbox.ts';
import type { ProcessorControls } from '../processor-controls.ts';
import type { Folded } from '../retention.ts';
import { LmdbLedger, type LmdbOptions } from './ledger.ts';
import type { WriteMethod, WriterMessage } from './writer.ts';
import { WriterThread } from './writer-thread.ts';

export interface ThreadedLmdbOptions extends LmdbOptions {
  readonly random: () => number;
  /** Where the death of the writing thread is logged, if anywhere. */
  readonly log?: Log | undefined;
  /** How long opening waits for the lock. */
  readonly openWaitMs?: number;
  /** The module that the writing thread runs instead of `writer.ts`. */
  readonly writerFile?: URL;
}

/** After that, a start continues without a ledger whose lock another process holds. */
const OPEN_WAIT_MS = 2000;
/** Callers of `ping` want an answer soon. */
const PING_TIMEOUT_MS = 1000;
/** Longer than a commit on a slow disk, or a purge of a few million payments. */
const WRITE_TIMEOUT_MS = 3000;
/** A thread commits one batch at a time, so more waiting writes than this are a pile-up, such as of pings. */
const WAITING_WRITES_MAX = 64;
const NOT_OPEN = 'the ledger is not open yet: another process holds its lock';
const NO_WRITER = 'the thread that writes to the ledger died and is being replaced';

interface Waiting {
  answer(reply: Reply<unknown>): void;
  fail(error: unknown): void;
}

/**
 * The LMDB ledger for a thread that must never block, such as an HTTP thread.
 *
 * A write to LMDB blocks its thread while it waits for the write lock: as long as another process's commit takes, or
 * forever if that process is stopped in the middle of one. So another thread does all writes here; reads need no lock
 * and run in this one. A write that takes too long is answered `unavailable`. If it had begun, it may still complete;
 * otherwise it is dropped. The same holds for writes of a thread that dies.
 */
export class ThreadedLmdbLedger implements Shard {
  readonly shards: readonly Shard[] = [this];
  readonly #path: string;
  readonly #options: LmdbOptions & { readonly processorNames: string[] };
  readonly #writer: WriterThread;
  readonly #waiting = new Map<number, Waiting>();
  #writes = 0;
  #reader: LmdbLedger | null = null;
  #closed = false;

  /** Rejects if the ledger cannot be opened. If that takes too long, resolves with a ledger that is still unavailable. */
  static async open(path: string, options: ThreadedLmdbOptions): Promise<ThreadedLmdbLedger> {
    const ledger = new ThreadedLmdbLedger(path, options);
    await ledger.#writer.start(options.openWaitMs ?? OPEN_WAIT_MS);
    return ledger;
  }

  private constructor(path: string, options: ThreadedLmdbOptions) {
    this.#path = path;
    // A writer that replaces another learns of those that were added meanwhile.
    const processorNames = [...options.processorNames];
    this.#options = { ...options, processorNames };
    const { outbox, clock, random, log, writerFile } = options;
    this.#writer = new WriterThread({
      task: { path, processorNames, outbox },
      onMessage: (message) => this.#onMessage(message),
      onDeath: () => this.#answerWaiting(NO_WRITER),
      clock,
      random,
      log,
      ...(writerFile && { file: writerFile }),
    });
  }

  shardOf(): number {
    return 0;
  }

  registerProcessor(name: string): Promise<Reply<void>> {
    return this.#write('registerProcessor', [name]);
  }

  addProcessor(name: string): void {
    this.#reader?.addProcessor(name);
    this.#options.processorNames.push(name);
    this.#writer.send({ kind: 'add', processorName: name });
  }

  acquireLease(worker: WorkerId, leaseUntilMs: number): Promise<Reply<number>> {
    return this.#write('acquireLease', [worker, leaseUntilMs]);
  }

  renewLease(owner: number, leaseUntilMs: number): Promise<Reply<boolean>> {
    return this.#write('renewLease', [owner, leaseUntilMs]);
  }

  releaseLease(owner: number): Promise<Reply<void>> {
    return this.#write('releaseLease', [owner]);
  }

  owners(): Promise<Reply<OwnerRecord[]>> {
    return this.#read((reader) => reader.owners());
  }

  takeOver(from: number, to: number, limit: number, ifNotRenewedMs?: number): Promise<Reply<LedgerEntry[]>> {
    return this.#write('takeOver', [from, to, limit, ifNotRenewedMs]);
  }

  commit(
    owner: number,
    settlements: readonly Settlement[],
    claims: readonly Claim[],
  ): Promise<Reply<CommitReply>> {
    return this.#write('commit', [owner, settlements, claims]);
  }

  summary(fromMs: number, toMs: number): Promise<SummaryReply> {
    return this.#read((reader) => reader.summary(fromMs, toMs));
  }

  fees(): Promise<Reply<FeeTotals[]>> {
    return this.#read((reader) => reader.fees());
  }

  restoreFees(totals: readonly FeeTotals[]): Promise<Reply<void>> {
    return this.#write('restoreFees', [totals]);
  }

  foldedTime(): Promise<Reply<FoldedTime>> {
    return this.#read((reader) => reader.foldedTime());
  }

  foldedTotals(dayMs: number, folded: Folded): Promise<Reply<UnitTotals[]>> {
    return this.#read((reader) => reader.foldedTotals(dayMs, folded));
  }

  restoreFolded(folded: Folded, totals: readonly UnitTotals[]): Promise<Reply<void>> {
    return this.#write('restoreFolded', [folded, totals]);
  }

  stranded(nowMs: number): Promise<Reply<ProcessorPayments[]>> {
    return this.#read((reader) => reader.stranded(nowMs));
  }

  openPayments(): Promise<Reply<ProcessorPayments[]>> {
    return this.#read((reader) => reader.openPayments());
  }

  find(correlationId: string): Promise<Reply<LedgerEntry | undefined>> {
    return this.#read((reader) => reader.find(correlationId));
  }

  page(fromMs: number, toMs: number, after: string, limit: number): Promise<Reply<LedgerPage>> {
    return this.#read((reader) => reader.page(fromMs, toMs, after, limit));
  }

  pageOf(state: IndexedState, after: string, limit: number): Promise<Reply<LedgerPage>> {
    return this.#read((reader) => reader.pageOf(state, after, limit));
  }

  reopen(owner: number, action: Action, payments: readonly Reopening[]): Promise<Reply<ReopenReply[]>> {
    return this.#write('reopen', [owner, action, payments]);
  }

  cancel(action: Action, payments: readonly Cancellation[]): Promise<Reply<CancelReply[]>> {
    return this.#write('cancel', [action, payments]);
  }

  hold(action: Action, payments: readonly NamedPayment[]): Promise<Reply<HoldReply[]>> {
    return this.#write('hold', [action, payments]);
  }

  release(owner: number, action: Action, payments: readonly NamedPayment[]): Promise<Reply<ReleaseReply[]>> {
    return this.#write('release', [owner, action, payments]);
  }

  actions(): Promise<Reply<LoggedAction[]>> {
    return this.#read((reader) => reader.actions());
  }

  purge(purgedAtMs: number): Promise<Reply<void>> {
    return this.#write('purge', [purgedAtMs]);
  }

  booksStatus(): Promise<Reply<BooksStatus>> {
    return this.#read((reader) => reader.booksStatus());
  }

  setBooksStatus(status: BooksStatus): Promise<Reply<void>> {
    return this.#write('setBooksStatus', [status]);
  }

  processorControls(): Promise<Reply<ProcessorControls>> {
    return this.#read((reader) => reader.processorControls());
  }

  setProcessorControls(
    controls: ProcessorControls,
    events?: readonly ProcessorEvent[],
  ): Promise<Reply<boolean>> {
    return this.#write('setProcessorControls', [controls, events]);
  }

  outbox(cursor: string, limit: number): Promise<Reply<OutboxPage>> {
    return this.#read((reader) => reader.outbox(cursor, limit));
  }

  outboxEnd(): Promise<Reply<string>> {
    return this.#read((reader) => reader.outboxEnd());
  }

  restoreEntries(owner: number, entries: readonly RestoredEntry[]): Promise<Reply<RestoreReply[]>> {
    return this.#write('restoreEntries', [owner, entries]);
  }

  upkeep(nowMs: number, retentionMs: number): Promise<Reply<boolean>> {
    return this.#write('upkeep', [nowMs, retentionMs]);
  }

  size(): Promise<Reply<BooksSize>> {
    return this.#read((reader) => reader.size());
  }

  bookmark(name: string): Promise<Reply<Bookmark>> {
    return this.#read((reader) => reader.bookmark(name));
  }

  setBookmark(name: string, bookmark: Bookmark, events?: readonly ProcessorEvent[]): Promise<Reply<boolean>> {
    return this.#write('setBookmark', [name, bookmark, events]);
  }

  takeUpkeepTurn(lastTurn: number): Promise<Reply<Turn>> {
    return this.#write('takeUpkeepTurn', [lastTurn]);
  }

  takeHealthTurn(processor: number, lastTurn: number): Promise<Reply<Turn>> {
    return this.#write('takeHealthTurn', [processor, lastTurn]);
  }

  publishHealth(report: HealthReport): Promise<Reply<void>> {
    return this.#write('publishHealth', [report]);
  }

  subscribe(listener: (event: LedgerEvent) => void): Promise<Reply<() => void>> {
    return this.#read((reader) => reader.subscribe(listener));
  }

  ping(): Promise<Reply<void>> {
    return this.#write('ping', [], PING_TIMEOUT_MS);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#answerWaiting('the ledger is closed');
    await Promise.all([this.#writer.close(), this.#reader?.close()]);
  }

  #onMessage(message: WriterMessage): void {
    switch (message.kind) {
      case 'opening':
        break;
      case 'open':
        if (!this.#closed) this.#reader ??= LmdbLedger.openToRead(this.#path, this.#options);
        break;
      case 'reply':
        this.#waiting.get(message.id)?.answer(message.reply as Reply<unknown>);
        break;
      case 'threw':
        this.#waiting.get(message.id)?.fail(message.error);
        break;
    }
  }

  #answerWaiting(reason: string): void {
    for (const { answer } of [...this.#waiting.values()]) answer(unavailable(reason));
  }

  #read<R extends { readonly kind: string }>(
    read: (reader: LmdbLedger) => Promise<R>,
  ): Promise<R | Reply<never>> {
    if (this.#reader !== null) return read(this.#reader);
    return Promise.resolve(unavailable(this.#writer.isRunning ? NOT_OPEN : NO_WRITER));
  }

  #write<T>(method: WriteMethod, args: readonly unknown[], timeoutMs = WRITE_TIMEOUT_MS): Promise<Reply<T>> {
    if (this.#closed) return Promise.resolve(unavailable('the ledger is closed'));
    if (!this.#writer.isRunning) return Promise.resolve(unavailable(NO_WRITER));
    if (this.#waiting.size >= WAITING_WRITES_MAX) {
      return Promise.resolve(unavailable(`${this.#waiting.size} writes are already waiting for the ledger`));
    }
    const { clock } = this.#options;
    const id = ++this.#writes;
    return new Promise((resolve, reject) => {
      const done = () => {
        cancel();
        this.#waiting.delete(id);
      };
      const answer = (reply: Reply<unknown>) => {
        done();
        resolve(reply as Reply<T>);
      };
      const fail = (error: unknown) => {
        done();
        reject(error);
      };
      const cancel = clock.after(timeoutMs, () =>
        answer(unavailable(`not written within ${timeoutMs} ms: another process holds the ledger's lock`)),
      );
      this.#waiting.set(id, { answer, fail });
      this.#writer.send({ kind: 'write', id, method, args, deadlineMs: clock.monotonicMs() + timeoutMs });
    });
  }
}
