import { type Database, open, type RootDatabase, TransactionFlags } from 'lmdb';
import { ok, type Reply, unavailable } from '../ledger.ts';

type Bytes = Database<Buffer, Buffer>;

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
  readonly entries: Bytes;
  readonly holdings: Bytes;
  readonly timeIndex: Bytes;
  readonly records: Bytes;
  readonly #root: RootDatabase<Buffer, Buffer>;
  #closed = false;

  /** Opens or creates the databases in directory `path`. Throws if the directory cannot be used. */
  constructor(path: string, readOnly: boolean) {
    // Without `noSubdir: false`, a path with a dot is taken as a file.
    this.#root = open<Buffer, Buffer>({ path, ...BYTES, noSubdir: false, maxDbs: 4, readOnly });
    this.entries = this.#root.openDB('entries', BYTES);
    this.holdings = this.#root.openDB('holdings', BYTES);
    this.timeIndex = this.#root.openDB('calendar', BYTES);
    this.records = this.#root.openDB('records', BYTES);
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

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#root.close();
  }

  async #answer<T>(run: () => T): Promise<Reply<T>> {
    if (this.#closed) return unavailable('the ledger is closed');
    try {
      return ok(run());
    } catch (error) {
      if (error instanceof Error && 'code' in error && typeof error.code === 'number') {
        return unavailable(error.message);
      }
      throw error;
    }
  }
}
