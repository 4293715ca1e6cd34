import { closeSync, fstatSync, openSync, readdirSync, readSync, truncateSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Acceptance } from '../shared-memory/payment-record.ts';
import type { LiveSegment, Segments } from '../shared-memory/segment-table.ts';
import { journalFileNumber, RECORD_BYTES, RecordPage } from './record.ts';

export type Replay =
  | {
      readonly kind: 'ok';
      /** Files taken over from earlier lives. */
      readonly fileCount: number;
      /** Good records in them. */
      readonly recordCount: number;
      /** Bytes cut off behind the last good records: writes that a crash tore, which nobody has had an answer for. */
      readonly tornBytes: number;
      /** Spoiled records with good ones behind them: lost payments, if the ledger doesn't have them. */
      readonly damaged: readonly DamagedRecord[];
    }
  | { readonly kind: 'failed'; readonly reason: string };

export interface DamagedRecord {
  readonly fileName: string;
  /** Its position in the file. */
  readonly record: number;
}

/** A record of the journal. One object serves for all: copy what must live longer than a step of the iteration. */
export class JournalRecord extends Acceptance {
  /** To mark it done by, u32. */
  ref = 0;
}

/** How many files earlier lives have left: the table of segments must have room for them besides its own. */
export function journalFileCount(directory: string): number {
  return journalFiles(directory).size;
}

/**
 * Takes over the files that earlier lives have left, whoever wrote them: verifies each record, cuts torn tails off,
 * and adopts the files into the table, sealed. Before any writer begins. The payments are then `unfinished`.
 */
export function replay(directory: string, segments: Segments): Replay {
  const page = new RecordPage(segments.recordsPerSegment);
  const damaged: DamagedRecord[] = [];
  let fileCount = 0;
  let recordCount = 0;
  let tornBytes = 0;
  for (const [fileNumber, fileName] of journalFiles(directory)) {
    const path = join(directory, fileName);
    const size = readWhole(path, page);
    if (size > page.bytes.length) return { kind: 'failed', reason: `${path} is larger than a segment` };
    page.turnTo(fileName);
    const written = goodEnd(page, Math.floor(size / RECORD_BYTES));
    tornBytes += size - written * RECORD_BYTES;
    if (written === 0) {
      unlinkSync(path);
      continue;
    }
    if (size > written * RECORD_BYTES) truncateSync(path, written * RECORD_BYTES);
    const segment = segments.adopt(fileNumber, written);
    if (segment === -1) return { kind: 'failed', reason: `no segment is free for ${path}` };
    fileCount++;
    for (let record = 0; record < written; record++) {
      if (page.isGood(record, record)) {
        recordCount++;
      } else {
        segments.markDone(segments.ref(segment, record));
        damaged.push({ fileName, record });
      }
    }
  }
  return { kind: 'ok', fileCount, recordCount, tornBytes, damaged };
}

/**
 * The records that stand in the files at the time of the call and are not done when their turn comes, oldest file
 * first. Reads as it is pulled, so that whoever re-queues them goes no faster than the queue. Among them may be what
 * other threads have in hand: the ledger sorts that out when it is claimed. `onDamaged` gets those that can't be
 * read back.
 */
export function unfinished(
  directory: string,
  segments: Segments,
  onDamaged: (damaged: DamagedRecord) => void,
): Generator<JournalRecord> {
  const live = segments.live();
  return readUnfinished(directory, segments, live, journalFiles(directory), onDamaged);
}

const READ_RECORDS = 1024;

function* readUnfinished(
  directory: string,
  segments: Segments,
  live: readonly LiveSegment[],
  files: ReadonlyMap<number, string>,
  onDamaged: (damaged: DamagedRecord) => void,
): Generator<JournalRecord> {
  const record = new JournalRecord();
  const page = new RecordPage(READ_RECORDS);
  for (const { segment, fileNumber, firstRef, written } of live) {
    const fileName = files.get(fileNumber);
    // What has been reclaimed since the table was read was done.
    if (fileName === undefined || segments.fileNumber(segment) !== fileNumber) continue;
    page.turnTo(fileName);
    for (let first = 0; first < written; first += READ_RECORDS) {
      const count = Math.min(READ_RECORDS, written - first);
      if (!readPart(join(directory, fileName), page, first, count)) break;
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
  /** Why a file that is done with could not be removed; it will be tried again. */
  readonly failure: string | null;
}

/** Removes the files of sealed segments whose records are all done, and frees the segments. Any thread. */
export function reclaim(directory: string, segments: Segments): Reclaimed {
  let fileCount = 0;
  let failure: string | null = null;
  for (let segment = 0; segment < segments.segmentCount; segment++) {
    if (!segments.beginReclaim(segment)) continue;
    const fileName = journalFiles(directory).get(segments.fileNumber(segment));
    const refusal = fileName === undefined ? null : remove(join(directory, fileName));
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

/** Names by number, ascending. */
function journalFiles(directory: string): Map<number, string> {
  const files = new Map<number, string>();
  const numbered = readdirSync(directory)
    .map((name) => ({ name, number: journalFileNumber(name) }))
    .filter((file): file is { name: string; number: number } => file.number !== undefined)
    .sort((one, other) => one.number - other.number);
  for (const { name, number } of numbered) {
    if (files.has(number)) throw new Error(`${directory} has two journal files with number ${number}`);
    files.set(number, name);
  }
  return files;
}

/** How large the file is; as much of it as the page holds is then in the page. */
function readWhole(path: string, page: RecordPage): number {
  const file = openSync(path, 'r');
  try {
    readSync(file, page.bytes, 0, page.bytes.length, 0);
    return fstatSync(file).size;
  } finally {
    closeSync(file);
  }
}

/** False: the file is gone, so its records are all done. */
function readPart(path: string, page: RecordPage, firstRecord: number, count: number): boolean {
  const file = openIfThere(path);
  if (file === null) return false;
  try {
    // Where the file is cut short behind our back, the page must not show what it held before.
    page.bytes.fill(0);
    readSync(file, page.bytes, 0, count * RECORD_BYTES, firstRecord * RECORD_BYTES);
    return true;
  } finally {
    closeSync(file);
  }
}

function openIfThere(path: string): number | null {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Null: it is gone. Else why not. */
function remove(path: string): string | null {
  try {
    unlinkSync(path);
    return null;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    return error.code === 'ENOENT' ? null : error.message;
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** Where the last good record of `recordCount` ends. */
function goodEnd(page: RecordPage, recordCount: number): number {
  let end = recordCount;
  while (end > 0 && !page.isGood(end - 1, end - 1)) end--;
  return end;
}
