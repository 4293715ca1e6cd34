import { type Dirent, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { LedgerTarget } from '../config/config.ts';
import { type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { SharedState } from '../shared-memory/state.ts';
import { directoryHolder, lockDirectory } from './directory-lock.ts';
import { journalFiles, moveFile } from './journal-files.ts';
import { checkLedgerMark } from './ledger-mark.ts';

/** How many directories beside the journal are looked at. One deployment does not have more. */
const NEIGHBOURS_MAX = 1000;
/** How many files one start takes over: 67 million payments, whose segments take 17 MiB. */
const TAKEN_OVER_FILES_MAX = 4096;

/** A journal of another instance that holds payments and is used by no process. */
export interface LeftJournal {
  readonly directory: string;
  readonly fileCount: number;
  /** Why the next start will not take it over; null if it will. */
  readonly obstacle: string | null;
}

export interface Neighbourhood {
  /** The journal of this instance. */
  readonly directory: string;
  readonly ledger: LedgerTarget;
  /** Whether the directories beside it are journals of the same deployment, as under `./data/journal`. */
  readonly takesOver: boolean;
}

export interface TakenOver {
  readonly directory: string;
  readonly fileCount: number;
  /** Why not all of its files could be taken over; null if they were. */
  readonly failure: string | null;
}

/** The journals beside this one that hold payments and are used by no process. Changes nothing. */
export async function leftJournals(neighbourhood: Neighbourhood): Promise<LeftJournal[]> {
  const left: LeftJournal[] = [];
  for (const directory of neighbours(neighbourhood.directory)) {
    try {
      const fileCount = journalFiles(directory).length;
      if (fileCount === 0 || (await directoryHolder(directory)).kind !== 'none') continue;
      left.push({ directory, fileCount, obstacle: obstacleOf(directory, neighbourhood) });
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }
  return left;
}

/**
 * Moves the payments of left journals into the journal of this instance, which must be locked, so that its replay finds
 * them. Each journal is locked meanwhile: an instance that starts with it waits, and finds it empty. A crash halfway
 * leaves payments in both, which is harmless because each payment is claimed only once.
 */
export async function takeOverJournals(
  neighbourhood: Neighbourhood,
  recordsPerSegment: number,
  clock: Clock,
): Promise<TakenOver[]> {
  const { directory: target } = neighbourhood;
  const taken: TakenOver[] = [];
  let room = TAKEN_OVER_FILES_MAX;
  for (const { directory, obstacle } of await leftJournals(neighbourhood)) {
    if (obstacle !== null) continue;
    const lock = await lockDirectory(directory, clock, 'empty');
    if (lock.kind !== 'locked') continue;
    let fileCount = 0;
    let failure: string | null = null;
    try {
      for (const { name } of journalFiles(directory).slice(0, room)) {
        const number = (journalFiles(target).at(-1)?.number ?? 0) + 1;
        const moved = moveFile({ directory, name }, target, number, recordsPerSegment);
        if (moved.kind === 'failed') failure = moved.reason;
        else fileCount++;
      }
    } finally {
      lock.release();
    }
    room -= fileCount;
    taken.push({ directory, fileCount, failure });
  }
  return taken;
}

export function neighbours(own: string): string[] {
  const parent = dirname(resolve(own));
  let entries: Dirent[];
  try {
    entries = readdirSync(parent, { withFileTypes: true });
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return [];
  }
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(parent, name))
    .filter((directory) => directory !== resolve(own))
    .slice(0, NEIGHBOURS_MAX);
}

/** A file system error, for example because the directory belongs to another user or is gone. Such journals are skipped. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'code' in error;
}

function obstacleOf(directory: string, { ledger, takesOver }: Neighbourhood): string | null {
  const mark = checkLedgerMark(directory, ledger);
  if (mark.kind === 'other') return `its payments belong to another ledger, ${mark.ledger}`;
  if (mark.kind === 'unmarked') return 'it does not say which ledger its payments belong to';
  return takesOver ? null : 'JOURNAL_DIR is set, so it may belong to another deployment';
}

/** How often a running gateway looks for left journals. */
const LOOK_EVERY_MS = 60_000;

export interface LeftJournalWatchParts {
  readonly neighbourhood: Neighbourhood;
  readonly sharedState: SharedState;
  readonly clock: Clock;
  readonly log: Log;
}

/** Reports left journals: in `/metrics`, and in the log when they change. */
export class LeftJournalWatch {
  readonly #parts: LeftJournalWatchParts;
  /** The journals that were logged last. */
  #logged = '[]';

  constructor(parts: LeftJournalWatchParts) {
    this.#parts = parts;
  }

  /** Runs as long as the process. */
  async run(): Promise<never> {
    for (;;) {
      await this.look();
      await sleep(this.#parts.clock, LOOK_EVERY_MS);
    }
  }

  async look(): Promise<void> {
    const { neighbourhood, sharedState, log } = this.#parts;
    const left = await leftJournals(neighbourhood);
    sharedState.leftJournals = left.length;
    const seen = JSON.stringify(left);
    if (seen === this.#logged) return;
    this.#logged = seen;
    for (const journal of left)
      log.warn({ ...journal }, 'a journal was left behind: its payments are waiting');
    if (left.length === 0) log.info({}, 'no journal is left behind any more');
  }
}
