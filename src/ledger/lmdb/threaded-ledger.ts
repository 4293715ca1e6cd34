import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../../core/clock.ts';
import { errorReason } from '../../core/reason.ts';
import {
  type Claim,
  type CommitReply,
  type HealthReport,
  type HealthTurn,
  type Ledger,
  type LedgerEntry,
  type LedgerEvent,
  type LedgerPage,
  type OwnerRecord,
  type ProcessorTotals,
  type Reply,
  type Settlement,
  type StrandedPayments,
  unavailable,
  type WorkerId,
} from '../ledger.ts';
import { LmdbLedger, type LmdbOptions } from './ledger.ts';
import type { WriteMethod, WriterMessage, WriterRequest, WriterTask } from './writer.ts';

/** How long a start waits for a ledger whose lock another process holds. After that it continues without. */
const OPEN_WAIT_MS = 2000;
/** Callers of `ping` want an answer soon. */
const PING_TIMEOUT_MS = 1000;
/** Longer than a commit on a slow disk, or a purge of a few million payments. */
const WRITE_TIMEOUT_MS = 3000;
/** A thread commits one batch at a time, so more waiting writes than this are a pile-up, such as of pings. */
const WAITING_WRITES_MAX = 64;
const CLOSE_WAIT_MS = 1000;

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
 * otherwise it is dropped.
 */
export class ThreadedLmdbLedger implements Ledger {
  readonly #path: string;
  readonly #options: LmdbOptions;
  readonly #writer: Worker;
  readonly #ended: Promise<unknown>;
  readonly #waiting = new Map<number, Waiting>();
  #writes = 0;
  #reader: LmdbLedger | null = null;
  /** Why the ledger cannot be used, or null. */
  #failure: string | null = null;
  #closed = false;

  /** Rejects if the ledger cannot be opened. If that takes too long, resolves with a ledger that is still unavailable. */
  static async open(path: string, options: LmdbOptions): Promise<ThreadedLmdbLedger> {
    const ledger = new ThreadedLmdbLedger(path, options);
    await within(options.clock, OPEN_WAIT_MS, once(ledger.#writer, 'message'));
    return ledger;
  }

  private constructor(path: string, options: LmdbOptions) {
    this.#path = path;
    this.#options = options;
    const workerData: WriterTask = { path, processorNames: options.processorNames };
    this.#writer = new Worker(new URL('./writer.ts', import.meta.url), { workerData });
    this.#writer.on('message', (message: WriterMessage) => this.#onMessage(message));
    this.#writer.on('error', (error) => this.#failed(errorReason(error)));
    this.#ended = once(this.#writer, 'exit').catch(() => {});
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

  summary(fromMs: number, toMs: number): Promise<Reply<ProcessorTotals[]>> {
    return this.#read((reader) => reader.summary(fromMs, toMs));
  }

  stranded(nowMs: number): Promise<Reply<StrandedPayments[]>> {
    return this.#read((reader) => reader.stranded(nowMs));
  }

  find(correlationId: string): Promise<Reply<LedgerEntry | undefined>> {
    return this.#read((reader) => reader.find(correlationId));
  }

  page(fromMs: number, toMs: number, after: string, limit: number): Promise<Reply<LedgerPage>> {
    return this.#read((reader) => reader.page(fromMs, toMs, after, limit));
  }

  purge(purgedAtMs: number): Promise<Reply<void>> {
    return this.#write('purge', [purgedAtMs]);
  }

  takeHealthTurn(processor: number, lastTurn: number): Promise<Reply<HealthTurn>> {
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

  /** Does not wait for a writer that is blocked on the lock: that one ends when it gets the lock, or with the process. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const { answer } of [...this.#waiting.values()]) answer(unavailable('the ledger is closed'));
    this.#send({ kind: 'close' });
    await this.#reader?.close();
    await within(this.#options.clock, CLOSE_WAIT_MS, this.#ended);
    this.#writer.unref();
  }

  #onMessage(message: WriterMessage): void {
    switch (message.kind) {
      case 'open':
        if (!this.#closed) this.#reader = LmdbLedger.openToRead(this.#path, this.#options);
        break;
      case 'reply':
        this.#waiting.get(message.id)?.answer(message.reply as Reply<unknown>);
        break;
      case 'threw':
        this.#waiting.get(message.id)?.fail(message.error);
        break;
    }
  }

  #failed(reason: string): void {
    this.#failure = reason;
    for (const { answer } of [...this.#waiting.values()]) answer(unavailable(reason));
  }

  #read<T>(read: (reader: LmdbLedger) => Promise<Reply<T>>): Promise<Reply<T>> {
    if (this.#reader !== null) return read(this.#reader);
    return Promise.resolve(
      unavailable(this.#failure ?? 'the ledger is not open yet: another process holds its lock'),
    );
  }

  #write<T>(method: WriteMethod, args: readonly unknown[], timeoutMs = WRITE_TIMEOUT_MS): Promise<Reply<T>> {
    if (this.#closed) return Promise.resolve(unavailable('the ledger is closed'));
    if (this.#failure !== null) return Promise.resolve(unavailable(this.#failure));
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
      this.#send({ kind: 'write', id, method, args, deadlineMs: clock.monotonicMs() + timeoutMs });
    });
  }

  #send(request: WriterRequest): void {
    this.#writer.postMessage(request);
  }
}

/** Waits for `work`, at most `timeoutMs`. */
function within(clock: Clock, timeoutMs: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(timeoutMs, resolve);
    work.then(() => resolve(), reject).finally(cancel);
  });
}
