import { closeSync, openSync, readSync, truncateSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileErrorReason } from '../core/reason.ts';
import { PaymentRecord } from '../shared-memory/payment-record.ts';
import type { LiveSegment, SegmentTable } from '../shared-memory/segment-table.ts';
import { goodEnd, type JournalFile, journalFiles, moveFile, readFile } from './journal-files.ts';
import { LAST_FILE_NUMBER, RECORD_BYTES, RecordPage } from './record.ts';

export type Replay =
  | {
      readonly kind: 'ok';
      /** Files of earlier runs. */
      readonly fileCount: number;
      /** Good records in these files. */
      readonly recordCount: number;
      /** Bytes cut off after the last good records: writes torn by a crash, for which no 202 was sent. */
      readonly tornBytes: number;
      /** Damaged records followed by good ones: payments that are lost if the ledger does not have them. */
      readonly damaged: readonly DamagedRecord[];
    }
  | { readonly kind: 'failed'; readonly reason: string };

export interface DamagedRecord {
  /** Empty if the directory cannot be read. */
  readonly fileName: string;
  /** Its index in the file. */
  readonly record: number;
  /** Why the file cannot be read from there on; absent if only this record's checksum is wrong. */
  readonly reason?: string;
}

/** A record of the journal. The object is reused for the next record: copy what must live longer. */
export class JournalRecord extends PaymentRecord {
  /** The record's ref in the segment table, u32. */
  ref = 0;
}

/** How many files earlier runs have left: the segment table needs extra rows for them. */
export function journalFileCount(directory: string): number {
  return journalFiles(directory).length;
}

/**
 * Reads the files that earlier runs have left: verifies each record, cuts off torn tails, and adds the files to the
 * segment table as sealed segments, whose payments `unfinished` then returns. Call it before any writer starts.
 */
export function replay(directory: string, segments: SegmentTable): Replay {
  const page = new RecordPage(segments.recordsPerSegment);
  const damaged: DamagedRecord[] = [];
  let fileCount = 0;
  let recordCount = 0;
  let tornBytes = 0;
  try {
    const numbered = numberedFiles(directory, segments.recordsPerSegment);
    if (numbered.kind === 'failed') return numbered;
    for (const { name, number } of numbered.files) {
      const path = join(directory, name);
      const read = readFile(directory, name, page);
      if (read.kind === 'failed') return read;
      const written = goodEnd(page, Math.floor(read.size / RECORD_BYTES));
      tornBytes += read.size - written * RECORD_BYTES;
      if (written === 0) {
        unlinkSync(path);
        continue;
      }
      if (read.size > written * RECORD_BYTES) truncateSync(path, written * RECORD_BYTES);
      const segment = segments.adopt(number, written);
      if (segment === -1) return { kind: 'failed', reason: `no segment is free for ${path}` };
      fileCount++;
      for (let record = 0; record < written; record++) {
        if (page.isGood(record, record)) {
          recordCount++;
        } else {
          segments.markDone(segments.ref(segment, record));
          damaged.push({ fileName: name, record });
        }
      }
    }
    return { kind: 'ok', fileCount, recordCount, tornBytes, damaged };
  } catch (error) {
    return { kind: 'failed', reason: fileErrorReason(error) };
  }
}

/** The files, each with a unique number. Files copied from another directory get new numbers if necessary. */
function numberedFiles(
  directory: string,
  recordsPerSegment: number,
):
  | { readonly kind: 'ok'; readonly files: JournalFile[] }
  | { readonly kind: 'failed'; readonly reason: string } {
  const files = new Map<number, JournalFile>();
  const duplicates: JournalFile[] = [];
  for (const file of journalFiles(directory)) {
    const isFree = file.number > 0 && file.number < LAST_FILE_NUMBER && !files.has(file.number);
    if (isFree) files.set(file.number, file);
    else duplicates.push(file);
  }
  let number = Math.max(0, ...files.keys());
  for (const { name } of duplicates) {
    number++;
    const moved = moveFile({ directory, name }, directory, number, recordsPerSegment);
    if (moved.kind === 'failed') return moved;
    files.set(number, { name: moved.name, number });
  }
  return { kind: 'ok', files: [...files.values()] };
}

/**
 * The records that are in the files at the time of the call and not done when they are reached, oldest file first. Reads
 * lazily, at the pace of the caller. Some may be in delivery by other threads; the ledger resolves that when they are
 * claimed. Calls `onDamaged` for records that cannot be read.
 */
export function unfinished(
  directory: string,
  segments: SegmentTable,
  onDamaged: (damaged: DamagedRecord) => void,
): Generator<JournalRecord> {
  const live = segments.live();
  return readUnfinished(directory, segments, live, onDamaged);
}

const READ_RECORDS = 1024;

function* readUnfinished(
  directory: string,
  segments: SegmentTable,
  live: readonly LiveSegment[],
  onDamaged: (damaged: DamagedRecord) => void,
): Generator<JournalRecord> {
  const record = new JournalRecord();
  const page = new RecordPage(READ_RECORDS);
  const files = new Map<number, string>();
  try {
    for (const { name, number } of journalFiles(directory)) files.set(number, name);
  } catch (error) {
    if (live.length > 0) onDamaged({ fileName: '', record: 0, reason: fileErrorReason(error) });
  }
  for (const { segment, fileNumber, firstRef, written } of live) {
    const fileName = files.get(fileNumber);
    // A segment that has been reclaimed since the table was read was done.
    if (fileName === undefined || segments.fileNumber(segment) !== fileNumber) continue;
    page.turnTo(fileName);
    for (let first = 0; first < written; first += READ_RECORDS) {
      const count = Math.min(READ_RECORDS, written - first);
      const read = readPart(join(directory, fileName), page, first, count);
      if (read.kind === 'failed') onDamaged({ fileName, record: first, reason: read.reason });
      if (read.kind !== 'ok') break;
      for (let index = 0; index < count; index++) {
        record.ref = firstRef + first + index;
        if (segments.isDone(record.ref)) continue;
        if (page.isGood(index, first + index)) {
          page.read(index, record);
          yield record;
        } else {
          onDamaged({ fileName, record: first + index });
        }
      }
    }
  }
}

export interface Reclaimed {
  readonly fileCount: number;
  /** Why a finished file could not be removed. The next call tries again. */
  readonly failure: string | null;
}

/** Removes the files of sealed segments whose records are all done, and frees the segments. Any thread may call it. */
export function reclaim(directory: string, segments: SegmentTable): Reclaimed {
  let fileCount = 0;
  let failure: string | null = null;
  for (let segment = 0; segment < segments.segmentCount; segment++) {
    if (!segments.beginReclaim(segment)) continue;
    const refusal = remove(directory, segments.fileNumber(segment));
    if (refusal === null) {
      segments.free(segment);
      fileCount++;
    } else {
      segments.keep(segment);
      failure = refusal;
    }
  }
  return { fileCount, failure };
}

/** `gone`: the file has been removed, so its records are all done. */
type PartRead = { readonly kind: 'ok' | 'gone' } | { readonly kind: 'failed'; readonly reason: string };

function readPart(path: string, page: RecordPage, firstRecord: number, count: number): PartRead {
  try {
    const file = openSync(path, 'r');
    try {
      // If the file has been truncated, the page must not show earlier contents.
      page.bytes.fill(0);
      readSync(file, page.bytes, 0, count * RECORD_BYTES, firstRecord * RECORD_BYTES);
      return { kind: 'ok' };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return isMissing(error) ? { kind: 'gone' } : { kind: 'failed', reason: fileErrorReason(error) };
  }
}

/** Removes the file with this number. Null, or why it is still there. */
function remove(directory: string, fileNumber: number): string | null {
  try {
    const [file, other] = journalFiles(directory).filter(({ number }) => number === fileNumber);
    if (file === undefined) return null;
    if (other !== undefined) return `${file.name} and ${other.name} in ${directory} have the same number`;
    unlinkSync(join(directory, file.name));
    return null;
  } catch (error) {
    return isMissing(error) ? null : fileErrorReason(error);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
