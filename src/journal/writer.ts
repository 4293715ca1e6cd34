import assert from 'node:assert';
import { closeSync, constants, fdatasync, fsync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SegmentTable } from '../shared-memory/segment-table.ts';
import { journalFileName, RECORD_BYTES, RecordPage } from './record.ts';
import { type Reclaimed, reclaim } from './replay.ts';

/** What a journal asks of the file system. They throw the errors of `node:fs`. */
export interface JournalFiles {
  /** Creates a file that must not exist, for writing. */
  create(path: string): number;
  /** Writes at `position`; returns how many bytes, which may be fewer. */
  write(file: number, bytes: Uint8Array, length: number, position: number): number;
  truncate(file: number, length: number): void;
  close(file: number): void;
  /** Resolves when what has been written is on the disk. */
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
  close: closeSync,
  sync: syncData,
  async syncDirectory(path) {
    const directory = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    await syncAll(directory).finally(() => closeSync(directory));
  },
};

/** A disk that refuses is an expected thing, and a value. */
export type JournalResult = { readonly kind: 'ok' } | { readonly kind: 'failed'; readonly reason: string };

const OK: JournalResult = { kind: 'ok' };

export interface JournalOptions {
  /** Exists, and is this instance's alone (`src/journal/directory-lock.ts`). */
  readonly directory: string;
  /** Unlike any other writer's of this directory; letters, digits, `-` and `_`. */
  readonly writer: string;
  readonly segments: SegmentTable;
  /** Whether `sync` will be called: sealed files then stay open until they are synced. */
  readonly durable: boolean;
  /** Records between two flushes, at most. */
  readonly batchRecords?: number;
  /** A random u32. */
  readonly randomU32: () => number;
  readonly files?: JournalFiles;
}

/**
 * One HTTP thread's journal: what it has accepted, in files of its own, until the ledger answers for it.
 *
 *     append, append, ...   a tick's payments, in memory
 *     flush                 one write: from here on no kill -9 can lose them
 *     sync                  on the disk: no power cut can lose them
 *
 * A file belongs to a segment of the table that all threads share (`src/shared-memory/segment-table.ts`). A segment that has no
 * room left for a whole flush is sealed and the next one acquired, so that a flush always writes to one file.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #segments: SegmentTable;
  readonly #files: JournalFiles;
  readonly #page: RecordPage;
  /** -1: none is acquired. */
  #segment = -1;
  #fileName = '';
  /** -1: the segment's file is not created yet. */
  #file = -1;
  /** Records that stand in the file. */
  #written = 0;
  /** Records appended since the last flush. */
  #staged = 0;
  /** A failed write may have left bytes behind the last good record. */
  #tailDirty = false;
  #directoryDirty = false;
  /** A sync has failed: the open file is to be sealed as soon as nothing is staged for it. */
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
   * Takes a payment for the next flush and returns its ref (u32). -1: no segment is free, or `flushRecords` are
   * waiting for their flush. `trace` is 25 bytes (`src/shared-memory/payment-record.ts`).
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
   * Writes all that was appended since the last flush. Failed: none of it is in the journal, those refs are void,
   * and the next flush tries anew with what is appended until then.
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
   * Resolves when all that was flushed before is on the disk. Calls that come while a sync is running share the
   * next one. Failed: what was flushed since the last sync that succeeded may be on the disk or not, so it isn't
   * accepted, and its refs are to be marked done.
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
   * Removes the files whose records are all done, whoever wrote them, and begins a new one when that is true of the
   * open one. For a slow timer.
   */
  reclaim(): Reclaimed {
    const idle = this.#segment !== -1 && this.#staged === 0 && this.#written > 0;
    if (idle && this.#segments.allDone(this.#segment)) this.#seal();
    return reclaim(this.#options.directory, this.#segments);
  }

  /** Flushes, syncs if it is durable, closes the files and removes those that are done. Nothing may follow. */
  async close(): Promise<JournalResult> {
    const written = this.write();
    if (this.#segment !== -1) this.#seal();
    const synced = this.#options.durable ? await this.sync() : OK;
    this.reclaim();
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

  /** Null, or why not; then the file is as it was, or will be before the next write to it. */
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
      this.#file = this.#files.create(join(this.#options.directory, this.#fileName));
      this.#directoryDirty = true;
    }
    if (this.#tailDirty) this.#cutTail();
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
    // When even this fails, a replay finds payments that were answered 503: like any call without an answer.
    if (this.#tailDirty) attempt(() => this.#cutTail());
    this.#tailDirty = false;
    if (this.#options.durable) this.#sealedFiles.push(this.#file);
    else this.#closeFile(this.#file);
    this.#file = -1;
  }

  /** Whether closing complains changes nothing: what was written is written, and of the disk only sync can tell. */
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
      // A disk tells of a failure once, and the next sync of the same file would claim success.
      this.#distrusted = this.#segment !== -1;
      if (this.#distrusted && this.#staged === 0) this.#seal();
      return { kind: 'failed', reason: fileErrorReason(error) };
    } finally {
      for (const file of sealed) this.#closeFile(file);
    }
  }
}

/** What `run` returns, or the reason when the file system refused. */
function attempt<T>(run: () => T): T | string {
  try {
    return run();
  } catch (error) {
    return fileErrorReason(error);
  }
}

/** Errors of the file system are values from here on; anything else is a bug and goes on as it came. */
function fileErrorReason(error: unknown): string {
  if (error instanceof Error && 'code' in error) return error.message;
  throw error;
}
