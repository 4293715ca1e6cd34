import { randomInt } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileErrorReason } from '../core/reason.ts';
import { syncPath } from '../core/sync-path.ts';
import { journalFileName, journalFileNumber, RECORD_BYTES, RecordPage } from './record.ts';

export interface JournalFile {
  readonly name: string;
  readonly number: number;
}

/** The journal files of a directory, by number. Throws the errors of `node:fs`. */
export function journalFiles(directory: string): JournalFile[] {
  return readdirSync(directory)
    .map((name) => ({ name, number: journalFileNumber(name) }))
    .filter((file): file is JournalFile => file.number !== undefined)
    .sort((one, other) => one.number - other.number);
}

export type FileRead =
  | { readonly kind: 'ok'; readonly size: number }
  | { readonly kind: 'failed'; readonly reason: string };

/** Reads all records of a file into a page as large as a segment. */
export function readFile(directory: string, name: string, page: RecordPage): FileRead {
  const path = join(directory, name);
  const remedy = 'let this user read it, or move it away: its payments are not settled until it is back';
  try {
    const file = openSync(path, 'r');
    try {
      page.turnTo(name);
      const read = readSync(file, page.bytes, 0, page.bytes.length, 0);
      const { size } = fstatSync(file);
      if (size > page.bytes.length) {
        return { kind: 'failed', reason: `${path} is too large for a journal file; move it away` };
      }
      return { kind: 'ok', size: Math.min(size, read) };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return { kind: 'failed', reason: `${path} cannot be read (${fileErrorReason(error)}); ${remedy}` };
  }
}

/** The number of records up to the last good one, out of `recordCount`. */
export function goodEnd(page: RecordPage, recordCount: number): number {
  let end = recordCount;
  while (end > 0 && !page.isGood(end - 1, end - 1)) end--;
  return end;
}

/**
 * Moves a file to another directory, or gives it another number. The checksums of its records cover the file name, so
 * they are computed again; damaged records stay damaged. Removes the old file once the new one is on the disk.
 */
export function moveFile(
  from: { readonly directory: string; readonly name: string },
  target: string,
  number: number,
  recordsPerSegment: number,
): { readonly kind: 'ok'; readonly name: string } | { readonly kind: 'failed'; readonly reason: string } {
  const page = new RecordPage(recordsPerSegment);
  const read = readFile(from.directory, from.name, page);
  if (read.kind === 'failed') return read;
  const written = goodEnd(page, Math.floor(read.size / RECORD_BYTES));
  const good = Array.from({ length: written }, (_, record) => page.isGood(record, record));
  const name = journalFileName('moved', number, randomInt(2 ** 32));
  page.turnTo(name);
  for (const [record, isGood] of good.entries()) if (isGood) page.seal(record);
  try {
    writeWhole(join(target, name), page.bytes.subarray(0, written * RECORD_BYTES));
    syncPath(target);
    unlinkSync(join(from.directory, from.name));
    return { kind: 'ok', name };
  } catch (error) {
    return {
      kind: 'failed',
      reason: `${join(from.directory, from.name)} cannot be moved to ${target}: ${fileErrorReason(error)}`,
    };
  }
}

function writeWhole(path: string, bytes: Uint8Array): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    for (let written = 0; written < bytes.length; ) {
      written += writeSync(file, bytes, written, bytes.length - written, written);
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
