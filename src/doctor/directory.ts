import { accessSync, constants, existsSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type FileSystem, fileSystemOf } from '../core/file-system.ts';
import { errorReason } from '../core/reason.ts';
import { pathHolder } from '../core/socket-holder.ts';
import { directoryHolder, type Holder, lockFault } from '../journal/directory-lock.ts';
import { leftJournals, type Neighbourhood } from '../journal/left-behind.ts';
import { directoryFault, sharingFault } from '../ledger/lmdb/directory.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

const MIB = 2 ** 20;

export interface Place {
  /** `journal` or `ledger`. */
  readonly check: string;
  readonly path: string;
  /** The size in bytes to which it may grow. */
  readonly roomBytes: number;
  /** How to move it elsewhere, as the end of a sentence. */
  readonly elsewhere: string;
  /** Replaced in tests. */
  readonly fileSystemOf?: (path: string) => FileSystem;
}

/** Checks whether files can be kept there: permissions, free space and file system. Changes nothing. */
export function checkDirectory({
  check,
  path,
  roomBytes,
  elsewhere,
  fileSystemOf: kindOf = fileSystemOf,
}: Place): Finding[] {
  let existing: string;
  try {
    existing = nearestExisting(path);
    if (!statSync(existing).isDirectory()) {
      return [fail(check, `${existing} is a file, not a directory`, `remove it, or ${elsewhere}`)];
    }
    accessSync(existing, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    return [fail(check, errorReason(error), `make it writable for this user, or ${elsewhere}`)];
  }
  const freeBytes = freeBytesOf(existing);
  const neededBytes = Math.max(0, roomBytes - sizeOf(path));
  const seen = `${path} is writable, ${shown(freeBytes)} free`;
  const room =
    freeBytes >= neededBytes
      ? ok(check, seen)
      : warn(check, `${seen}, but it may grow by ${shown(neededBytes)}`, `free disk space, or ${elsewhere}`);
  return [room, ...checkKind(check, path, kindOf(existing), elsewhere)];
}

/** Checks whether the journal can be locked: each gateway needs one of its own. */
export async function checkLock(path: string): Promise<Finding> {
  try {
    return findingOf(path, await directoryHolder(path)) ?? (await checkLockable(path));
  } catch (error) {
    return fail(
      'journal',
      `cannot see whether ${path} is in use: ${errorReason(error)}`,
      'run this command as the user of the gateway',
    );
  }
}

/** Free space for a directory that may not exist yet; null: it cannot be read. */
export function freeBytesAt(path: string): number | null {
  try {
    return freeBytesOf(nearestExisting(path));
  } catch {
    return null;
  }
}

/** Checks whether LMDB can open the ledger's directory, also beside other processes that have it open. */
export async function checkLmdb(path: string): Promise<Finding[]> {
  if (!existsSync(path)) return [];
  try {
    const fault = directoryFault(path) ?? (await sharingFault(path));
    return fault === null ? [] : [fail('ledger', fault, 'a gateway would not start')];
  } catch (error) {
    return [
      fail('ledger', errorReason(error), 'make it readable and writable for this user, or set LEDGER_URL'),
    ];
  }
}

/** Finds journals of other instances whose payments wait for a gateway. */
export async function checkLeftJournals(neighbourhood: Neighbourhood): Promise<Finding[]> {
  return (await leftJournals(neighbourhood)).map(({ directory, obstacle }) =>
    warn(
      'journal',
      `${directory} holds unsettled payments, but no gateway uses it`,
      obstacle === null
        ? 'start (or restart) this gateway: it takes them over'
        : `${obstacle}: start a gateway with JOURNAL_DIR=${directory} and its LEDGER_URL until they are settled`,
    ),
  );
}

function findingOf(path: string, holder: Holder): Finding | null {
  switch (holder.kind) {
    case 'none':
      return null;
    case 'held':
      return fail(
        'journal',
        `${path} is in use by ${pathHolder(holder.socket)}`,
        'stop that process, or give this gateway another INSTANCE_ID or JOURNAL_DIR',
      );
    case 'unclear':
      return fail('journal', `${path} may be in use`, holder.reason);
  }
}

async function checkLockable(path: string): Promise<Finding> {
  const fault = await lockFault(nearestExisting(path));
  if (fault === null) return ok('journal', `${path} is not in use`);
  return fail('journal', `${path} cannot be locked`, fault);
}

function checkKind(check: string, path: string, { name, kind }: FileSystem, elsewhere: string): Finding[] {
  const seen = `${path} is on ${name}`;
  switch (kind) {
    case 'local':
      return [];
    case 'memory':
      return [warn(check, `${seen}, which is lost when the machine restarts`, elsewhere)];
    case 'shared':
      return [
        warn(
          check,
          `${seen}: other machines may use the same files, and after a crash on one of them it must be unlocked by hand`,
          elsewhere,
        ),
      ];
    case 'layered':
      return [
        warn(check, `${seen}, which is deleted with its container`, `mount a volume there, or ${elsewhere}`),
      ];
    case 'unknown':
      return [warn(check, `${seen}, which has not been tested`, elsewhere)];
  }
}

function nearestExisting(path: string): string {
  let candidate = resolve(path);
  while (statSync(candidate, { throwIfNoEntry: false }) === undefined && candidate !== dirname(candidate)) {
    candidate = dirname(candidate);
  }
  return candidate;
}

function freeBytesOf(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}

function sizeOf(path: string): number {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return 0;
  const sizes = readdirSync(path).map(
    (name) => statSync(join(path, name), { throwIfNoEntry: false })?.size ?? 0,
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

function shown(bytes: number): string {
  const mib = Math.round(bytes / MIB);
  return mib < 10_240 ? `${mib} MiB` : `${Math.round(mib / 1024)} GiB`;
}
