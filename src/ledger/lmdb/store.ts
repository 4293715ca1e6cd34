import { statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase, TransactionFlags } from 'lmdb';
import { type BooksSize, ok, type Reply, refused, unavailable } from '../ledger.ts';
import { DATA_FILE } from './data-file.ts';
import { holdingKeys, LAYOUT, LAYOUT_KEY, NO_OWNER } from './records.ts';

/** The layout of books that do not say theirs. */
const FIRST_LAYOUT = 1;

export type Bytes = Database<Buffer, Buffer>;

/**
 * The write lock is released before the disk syncs, so that others can write meanwhile and commits share a sync. The call
 * still returns only when its own commit is on the disk. A transaction that throws is rolled back.
 */
const COMMIT_FLAGS =
  TransactionFlags.ABORTABLE | TransactionFlags.SYNCHRONOUS_COMMIT | TransactionFlags.NO_SYNC_FLUSH;
const BYTES = { encoding: 'binary', keyEncoding: 'binary', cache: false, compression: false } as const;

/**
 * The databases of an LMDB ledger, whose keys and values are laid out in `records.ts`, and the two ways to use them.
 *
 * Every write is one synchronous transaction, on the disk when the call returns. So the write lock is never held across
 * turns of the event loop, and a transaction that throws is rolled back; asynchronous transactions guarantee neither.
 *
 * Every read uses one snapshot, taken when it starts, so it sees all of a commit or purge, or nothing.
 */
export class LmdbStore {
  readonly open: Bytes;
  readonly entries: Bytes;
  readonly rejected: Bytes;
  readonly holdings: Bytes;
  readonly timeIndex: Bytes;
  readonly charges: Bytes;
  readonly records: Bytes;
  readonly outbox: Bytes;
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #path: string;
  #closed = false;

  /** Opens or creates the databases in directory `path`. Throws if the directory cannot be used. */
  constructor(path: string, readOnly: boolean) {
    this.#path = path;
    // Without `noSubdir: false`, a path with a dot is taken as a file.
    this.#root = open<Buffer, Buffer>({ path, ...BYTES, noSubdir: false, maxDbs: 8, readOnly });
    this.open = this.#root.openDB('open', BYTES);
    this.entries = this.#root.openDB('entries', BYTES);
    this.rejected = this.#root.openDB('rejected', BYTES);
    this.holdings = this.#root.openDB('holdings', BYTES);
    this.timeIndex = this.#root.openDB('calendar', BYTES);
    this.charges = this.#root.openDB('charges', BYTES);
    this.records = this.#root.openDB('records', BYTES);
    this.outbox = this.#root.openDB('outbox', BYTES);
    if (!readOnly) this.transaction(() => this.#checkLayout());
  }

  /** Empties all but the records and the outbox. Within a transaction of the caller. */
  clear(): void {
    const { open, entries, rejected, holdings, timeIndex, charges } = this;
    for (const database of [open, entries, rejected, holdings, timeIndex, charges]) database.clearSync();
  }

  write<T>(work: () => T): Promise<Reply<T>> {
    return this.#answer(() => this.transaction(work));
  }

  /** Takes a new snapshot: one from earlier in this turn of the event loop may miss writes of other threads. */
  read<T>(work: () => T): Promise<Reply<T>> {
    return this.#answer(() => this.snapshot(work));
  }

  /** As `write`, but throws. */
  transaction<T>(work: () => T): T {
    return this.#root.transactionSync(work, COMMIT_FLAGS);
  }

  /** As `read`, but throws. */
  snapshot<T>(work: () => T): T {
    this.#root.resetReadTxn();
    return work();
  }

  /**
   * Copies what the latest commit has left into an existing directory. Meanwhile others may write, and the file grows,
   * because what this copy still reads cannot be used again.
   */
  copyTo(directory: string): Promise<void> {
    return this.#root.backup(directory, true);
  }

  /** The file does not shrink, but uses its free pages again. */
  size(): BooksSize {
    const { size } = statSync(join(this.#path, DATA_FILE));
    const { bavail, bsize } = statfsSync(this.#path);
    const payments = [this.open, this.entries, this.rejected].reduce(
      (sum, database) => sum + entryCount(database),
      0,
    );
    const held = [...this.holdings.getKeys({ ...holdingKeys(NO_OWNER), inclusiveEnd: true })].length;
    return { payments, held, usedBytes: size, limitBytes: size + bavail * bsize };
  }

  outboxCount(): number {
    return entryCount(this.outbox);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#root.close();
  }

  #checkLayout(): void {
    const stored = this.records.get(LAYOUT_KEY);
    const isNew = stored === undefined && [...this.records.getKeys({ limit: 1 })].length === 0;
    const layout = isNew ? LAYOUT : (stored?.readUInt32BE(0) ?? FIRST_LAYOUT);
    if (layout !== LAYOUT) {
      const message = `the books have layout ${layout}; this gateway expects ${LAYOUT}`;
      throw Object.assign(new Error(message), { code: 'LAYOUT' });
    }
    if (!isNew) return;
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(LAYOUT);
    this.records.putSync(LAYOUT_KEY, bytes);
  }

  async #answer<T>(run: () => T): Promise<Reply<T>> {
    if (this.#closed) return unavailable('the ledger is closed');
    try {
      return ok(run());
    } catch (error) {
      if (error instanceof Error && 'code' in error && typeof error.code === 'number') {
        return refused(error.message);
      }
      throw error;
    }
  }
}

function entryCount(database: Bytes): number {
  return (database.getStats() as { readonly entryCount: number }).entryCount;
}
