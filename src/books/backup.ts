import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { LedgerTarget } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { makeDirectory } from '../core/directory.ts';
import { failed, type Outcome } from '../core/outcome.ts';
import { syncPath } from '../core/sync-path.ts';
import { DATA_FILE, hasDataFile } from '../ledger/lmdb/data-file.ts';
import { enterLedger } from '../ledger/open.ts';
import { unfinished } from './import.ts';
import { msOf, stampOf } from './line-field.ts';
import { openBooks } from './open-books.ts';
import { tried } from './walk.ts';

/** Beside the data file. */
const NOTE_FILE = 'backup.json';
const FORMAT = 1;

/** What `backup.json` says. */
export interface BackupNote {
  readonly dinossauroBackup: typeof FORMAT;
  /** When the copy began: it has all that was committed before. */
  readonly madeAt: string;
  readonly bytes: number;
  readonly sha256: string;
}

const REDIS_BACKS_UP =
  'Redis makes its own backups (BGSAVE, or a copy of its append-only files: see docs/books.md); or use dinossauro export';

/** Copies the books into a new directory, while gateways use them. It appears once it is complete and on the disk. */
export async function backUpBooks(
  target: LedgerTarget,
  directory: string,
  clock: Clock,
): Promise<Outcome<BackupNote>> {
  if (target.kind !== 'lmdb') return failed(REDIS_BACKS_UP);
  if (!hasDataFile(target.path)) return failed(`found no ledger in ${target.path}`);
  if (existsSync(directory) && readdirSync(directory).length > 0) {
    return failed(`${directory} is not empty: name a new directory`);
  }
  const entered = await enterLedger(target, { clock, random: Math.random });
  if (entered.kind === 'failed') return failed(entered.reason);
  const partial = join(dirname(directory), `.${basename(directory)}.partial`);
  rmSync(partial, { recursive: true, force: true });
  makeDirectory(dirname(directory));
  mkdirSync(partial);
  try {
    const madeAt = stampOf(clock.nowMs());
    const { backUp } = await import('../ledger/lmdb/backup.ts');
    const bytes = await backUp(target.path, partial);
    const sha256 = await checksum(join(partial, DATA_FILE));
    const note: BackupNote = { dinossauroBackup: FORMAT, madeAt, bytes, sha256 };
    await writeSynced(join(partial, NOTE_FILE), `${JSON.stringify(note)}\n`);
    renameSync(partial, directory);
    syncPath(dirname(directory));
    return { kind: 'ok', value: note };
  } finally {
    rmSync(partial, { recursive: true, force: true });
    entered.leave();
  }
}

/** Puts a backup where the ledger is to be. The books are frozen until they have been compared with the processors. */
export async function restoreBackup(
  directory: string,
  target: LedgerTarget,
  clock: Clock,
): Promise<Outcome<string>> {
  if (target.kind !== 'lmdb') return failed(REDIS_BACKS_UP);
  const data = join(target.path, DATA_FILE);
  if (hasDataFile(target.path))
    return failed(`${data} exists: move it away, or restore to another LEDGER_URL`);
  const note = readNote(join(directory, NOTE_FILE));
  if (note === undefined)
    return failed(`${directory} is not a backup of dinossauro: it has no valid ${NOTE_FILE}`);
  makeDirectory(target.path);
  const partial = `${data}.partial`;
  await copyFile(join(directory, DATA_FILE), partial);
  const sha256 = await checksum(partial);
  if (sha256 !== note.sha256) {
    rmSync(partial);
    return failed(
      `${join(directory, DATA_FILE)} is damaged: its checksum is ${sha256}, expected ${note.sha256}`,
    );
  }
  syncPath(partial);
  renameSync(partial, data);
  syncPath(target.path);
  return markRestored(target, `the backup of ${note.madeAt}`, clock);
}

/** Freezes books that somebody has put in place, such as the files of a Redis, until they have been compared. */
export async function markRestored(
  target: LedgerTarget,
  detail: string,
  clock: Clock,
): Promise<Outcome<string>> {
  const opened = await openBooks(target, { clock, processorNames: [], mode: 'existing' });
  if (opened.kind === 'failed') return opened;
  const { ledger, close } = opened.value;
  try {
    const status = await tried(clock, () => ledger.booksStatus());
    if (status.kind === 'unavailable') return unfinished(status);
    const { kind } = status.value;
    if (kind === 'moved' || kind === 'filling') {
      return failed(`these books cannot be used: ${kind}, ${status.value.detail}`);
    }
    const set = await tried(clock, () =>
      ledger.setBooksStatus({ kind: 'behind', sinceMs: clock.nowMs(), detail }),
    );
    return set.kind === 'ok' ? { kind: 'ok', value: detail } : unfinished(set);
  } finally {
    await close();
  }
}

function readNote(path: string): BackupNote | undefined {
  try {
    const note = JSON.parse(readFileSync(path, 'utf8')) as BackupNote;
    const isNote = note.dinossauroBackup === FORMAT && !Number.isNaN(msOf(note.madeAt));
    return isNote ? note : undefined;
  } catch {
    return undefined;
  }
}

async function checksum(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function writeSynced(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 });
  syncPath(path);
}
