import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { LedgerTarget } from '../config/config.ts';
import { fileErrorReason } from '../core/reason.ts';
import { nameOf, placeOf } from '../core/redis-url.ts';
import { journalFiles } from './journal-files.ts';

/**
 * The name of a file in a journal's directory that says which ledger its payments belong to. Another ledger does not
 * know which of them have been sent, and would let them be charged twice.
 */
const FILE = 'ledger';

export type MarkCheck =
  | { readonly kind: 'same' | 'unmarked' }
  | { readonly kind: 'other'; readonly ledger: string; readonly file: string };

/** Compares the mark of a journal with a ledger. Throws the errors of `node:fs`, except that the mark is missing. */
export function checkLedgerMark(directory: string, ledger: LedgerTarget): MarkCheck {
  const file = join(directory, FILE);
  let mark: string;
  try {
    mark = readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { kind: 'unmarked' };
    throw error;
  }
  // A power cut may leave an empty file.
  if (mark === '') return { kind: 'unmarked' };
  return mark === markOf(directory, ledger)
    ? { kind: 'same' }
    : { kind: 'other', ledger: shown(directory, mark), file };
}

/** The other ledger that a journal belongs to, by its name; null: none, or it cannot be read. */
export function otherLedger(directory: string, ledger: LedgerTarget): string | null {
  try {
    const mark = checkLedgerMark(directory, ledger);
    return mark.kind === 'other' ? mark.ledger : null;
  } catch (error) {
    fileErrorReason(error);
    return null;
  }
}

/**
 * Marks a locked journal with its ledger. Null, or why its payments must not go to that ledger. `isContinued`: that ledger
 * has all that the one in the mark had, because its books were moved.
 */
export function markLedger(directory: string, ledger: LedgerTarget, isContinued = false): string | null {
  try {
    const mark = checkLedgerMark(directory, ledger);
    if (mark.kind === 'other' && !isContinued && journalFiles(directory).length > 0) {
      return `it holds payments of another ledger, ${mark.ledger}, and only that ledger knows which were charged; start with that LEDGER_URL until the journal is empty, or remove ${mark.file} if it is the same ledger under another name`;
    }
    if (mark.kind !== 'same') writeLedgerMark(directory, ledger);
    return null;
  } catch (error) {
    return fileErrorReason(error);
  }
}

function writeLedgerMark(directory: string, ledger: LedgerTarget): void {
  const file = openSync(join(directory, FILE), 'w', 0o600);
  try {
    writeSync(file, `${markOf(directory, ledger)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** An LMDB path is stored relative to the journal's directory, so that a deployment can be moved as a whole. */
function markOf(directory: string, ledger: LedgerTarget): string {
  if (ledger.kind === 'lmdb') return `lmdb:${relative(resolve(directory), resolve(ledger.path))}`;
  return ledgerName(ledger);
}

/** The ledger without credentials, as people and other ledgers name it. */
export function ledgerName(ledger: LedgerTarget): string {
  return ledger.kind === 'lmdb' ? `lmdb:${resolve(ledger.path)}` : `redis:${nameOf(placeOf(ledger.url))}`;
}

function shown(directory: string, mark: string): string {
  return mark.startsWith('lmdb:') ? `lmdb:${resolve(directory, mark.slice('lmdb:'.length))}` : mark;
}
