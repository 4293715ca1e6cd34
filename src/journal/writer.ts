import assert from 'node:assert';
import {
  closeSync,
  constants,
  fdatasync,
  fsync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileErrorReason } from '../core/reason.ts';
import type { SegmentTable } from '../shared-memory/segment-table.ts';
import { journalFileName, RECORD_BYTES, RecordPage } from './record.ts';
import { type Reclaimed, reclaim } from './replay.ts';

/** The file system operations that a journal uses. They throw the errors of `node:fs`. */
export interface JournalFiles {
  /** Creates a new file for writing. Fails if it exists. */
  create(path: string): number;
  /** Writes at `position`. Returns the number of bytes written, which may be less than `length`. */
  write(file: number, bytes: Uint8Array, length: number, position: number): number;
  truncate(file: number, length: number): void;
  rename(from: string, to: string): void;
  /** Removes a file, if there is one. */
  remove(path: string): void;
  close(file: number): void;
  /** Resolves when everything written is on the disk. */
  sync(file: number): Promise<void>;
  /** Resolves when the names in a directory are on the disk. */
  syncDirectory(path: string): Promise<void>;
}

const syncData = promisify(fdatasync);
const syncAll = promisify(fsync);

export const diskFiles: JournalFiles = {
  create: (path) => openSync(path, 'wx', 0o600),
  write: (file, bytes, length, position) => writeSync(file, bytes, 0, length, position),
  truncate: ftruncateSync,
  rename: renameSync,
  remove: (path) => rmSync(path, { force: true }),
  close: closeSync,
  sync: syncData,
  async syncDirectory(path) {
    const directory = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    await syncAll(directory).finally(() => closeSync(directory));
  },
};

/** `failed` is an expected failure: the file system refused. */
export type JournalResult = { readonly kind: 'ok' } | { readonly kind: 'failed'; readonly reason: string };

const OK: JournalResult = { kind: 'ok' };

export interface JournalOptions {
  /** Must exist and be locked by this instance (`src/journal/directory-lock.ts`). */
  readonly directory: string;
  /** Unique among the writers of this directory; letters, digits, `-` and `_`. */
  readonly writer: string;
  readonly segments: SegmentTable;
  /** Whether `sync` will be called: sealed files then stay open until they are synced. */
  readonly durable: boolean;
  /** The most records that one write may have. */
  readonly batchRecords?: number;
  /** A random u32. */
  readonly randomU32: () => number;
  readonly files?: JournalFiles;
}

/**
 * The journal of one HTTP thread: the payments that it has accepted, in its own files, until the ledger has them.
 *
 *     append, append, ...   the payments of one tick, in memory
 *     write                 one write(2): from here on no kill -9 can lose them
 *     sync                  fsync: from here on no power cut can lose them
 *
 * A file belongs to a segment of the table that all threads share (`src/shared-memory/segment-table.ts`). A segment
 * without room for a whole batch is sealed, and the next one is acquired, so that a write always goes to one file.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #segments: SegmentTable;
  readonly #files: JournalFiles;
  readonly #page: RecordPage;
  /** -1: no segment is acquired. */
  #segment = -1;
  #fileName = '';
  /** -1: the segment's file has not been created yet. */
  #file = -1;
  /** -1: there is no spare file. */
  #spare = -1;
  /** Records in the file. */
  #written = 0;
  /** Records appended since the last write. */
  #staged = 0;
  /** A failed write may have left bytes after the last good record. */
  #tailDirty = false;
  #directoryDirty = false;
  /** A sync has failed: the open file must be sealed as soon as no records are staged for it. */
  #distrusted = false;
  /** Sealed, not yet synced, still open. */
  #sealedFiles: number[] = [];
  #syncing: Promise<JournalResult> = Promise.resolve(OK);
  #nextSync: Promise<JournalResult> | null = null;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#segments = options.segments;
    this.#files = options.files ?? diskFiles;
    this.#page = new RecordPage(options.batchRecords ?? 512);
    assert.ok(this.#page.recordCount <= this.#segments.recordsPerSegment);
  }

  /**
   * Opens a spare file, empty and of another name, which becomes the next one: when clients use all file descriptors,
   * none could be opened. Call it at start and from a slow timer.
   */
  prepare(): void {
    if (this.#spare !== -1) return;
    attempt(() => {
      this.#files.remove(this.#sparePath);
      this.#spare = this.#files.create(this.#sparePath);
    });
  }

  /**
   * Adds a payment to the next write and returns its ref (u32). -1: no segment is free, or the batch is full. `trace` has
   * 25 bytes (`src/shared-memory/payment-record.ts`).
   */
  append(id: Uint8Array, amountCents: number, acceptedAtMs: number, trace: Uint8Array | null): number {
    if (this.#staged === this.#page.recordCount) return -1;
    if (this.#segment === -1 && !this.#acquire()) return -1;
    const record = this.#written + this.#staged;
    this.#page.write(this.#staged, record, id, amountCents, acceptedAtMs, trace);
    this.#staged++;
    return this.#segments.ref(this.#segment, record);
  }

  /**
   * Writes all payments appended since the last write. Failed: none of them is in the journal and their refs are invalid.
   * The next write starts afresh.
   */
  write(): JournalResult {
    if (this.#staged === 0) return OK;
    const count = this.#staged;
    this.#staged = 0;
    const reason = this.#write(count);
    if (reason !== null) return { kind: 'failed', reason };
    this.#written += count;
    this.#segments.setWritten(this.#segment, this.#written);
    const room = this.#segments.recordsPerSegment - this.#written;
    if (room < this.#page.recordCount || this.#distrusted) this.#seal();
    return OK;
  }

  /**
   * Resolves when all earlier writes are on the disk. Calls made while a sync is running share the next one. Failed:
   * payments written since the last successful sync may or may not be on the disk, so the caller must not accept them
   * and must mark their refs done.
   */
  sync(): Promise<JournalResult> {
    assert.ok(this.#options.durable);
    this.#nextSync ??= this.#syncing.then(() => {
      this.#nextSync = null;
      this.#syncing = this.#syncNow();
      return this.#syncing;
    });
    return this.#nextSync;
  }

  /**
   * Removes all files whose records are all done, also those of other writers. Seals the open file first if all its
   * records are done. Call it from a slow timer.
   */
  reclaim(): Reclaimed {
    const idle = this.#segment !== -1 && this.#staged === 0 && this.#written > 0;
    if (idle && this.#segments.allDone(this.#segment)) this.#seal();
    return reclaim(this.#options.directory, this.#segments);
  }

  /** Writes, syncs if the journal is durable, closes the files and removes those that are done, and the spare one. */
  async close(): Promise<JournalResult> {
    const written = this.write();
    if (this.#segment !== -1) this.#seal();
    const synced = this.#options.durable ? await this.sync() : OK;
    this.reclaim();
    if (this.#spare !== -1) {
      this.#closeFile(this.#spare);
      this.#spare = -1;
      attempt(() => this.#files.remove(this.#sparePath));
    }
    return written.kind === 'failed' ? written : synced;
  }

  #acquire(): boolean {
    this.#segment = this.#segments.acquire();
    if (this.#segment === -1) return false;
    const fileNumber = this.#segments.fileNumber(this.#segment);
    this.#fileName = journalFileName(this.#options.writer, fileNumber, this.#options.randomU32());
    this.#page.turnTo(this.#fileName);
    this.#written = 0;
    return true;
  }

  /** Null, or why the write failed. Then the file is as before, or will be before the next write to it. */
  #write(count: number): string | null {
    const failure = attempt(() => {
      this.#prepareFile();
      const length = count * RECORD_BYTES;
      this.#tailDirty = true;
      const written = this.#files.write(this.#file, this.#page.bytes, length, this.#written * RECORD_BYTES);
      this.#tailDirty = written !== length;
      return this.#tailDirty ? `only ${written} of ${length} bytes could be written` : null;
    });
    if (this.#tailDirty) attempt(() => this.#cutTail());
    return failure;
  }

  #prepareFile(): void {
    if (this.#file === -1) {
      this.#file = this.#newFile(join(this.#options.directory, this.#fileName));
      this.#directoryDirty = true;
    }
    if (this.#tailDirty) this.#cutTail();
  }

  #newFile(path: string): number {
    const spare = this.#spare;
    if (spare === -1) return this.#files.create(path);
    this.#spare = -1;
    try {
      this.#files.rename(this.#sparePath, path);
      return spare;
    } catch {
      // It was removed, perhaps with the directory.
      this.#closeFile(spare);
      return this.#files.create(path);
    }
  }

  get #sparePath(): string {
    return join(this.#options.directory, `${this.#options.writer}.spare`);
  }

  #cutTail(): void {
    this.#files.truncate(this.#file, this.#written * RECORD_BYTES);
    this.#tailDirty = false;
  }

  #seal(): void {
    this.#segments.seal(this.#segment);
    this.#segment = -1;
    this.#distrusted = false;
    if (this.#file === -1) return;
    // If even this fails, a replay finds payments that were answered 503, and settles them.
    if (this.#tailDirty) attempt(() => this.#cutTail());
    this.#tailDirty = false;
    if (this.#options.durable) this.#sealedFiles.push(this.#file);
    else this.#closeFile(this.#file);
    this.#file = -1;
  }

  /** Errors of `close` are ignored: the data is written, and only a sync can tell whether it is on the disk. */
  #closeFile(file: number): void {
    attempt(() => this.#files.close(file));
  }

  async #syncNow(): Promise<JournalResult> {
    const sealed = this.#sealedFiles;
    this.#sealedFiles = [];
    const files = this.#file === -1 ? sealed : [...sealed, this.#file];
    const directoryDirty = this.#directoryDirty;
    this.#directoryDirty = false;
    try {
      for (const file of files) await this.#files.sync(file);
      if (directoryDirty) await this.#files.syncDirectory(this.#options.directory);
      return OK;
    } catch (error) {
      this.#directoryDirty ||= directoryDirty;
      // A disk error is reported only once: the next sync of the same file would succeed.
      this.#distrusted = this.#segment !== -1;
      if (this.#distrusted && this.#staged === 0) this.#seal();
      return { kind: 'failed', reason: fileErrorReason(error) };
    } finally {
      for (const file of sealed) this.#closeFile(file);
    }
  }
}

/** What `run` returns, or the reason if the file system refused. */
function attempt<T>(run: () => T): T | string {
  try {
    return run();
  } catch (error) {
    return fileErrorReason(error);
  }
}
