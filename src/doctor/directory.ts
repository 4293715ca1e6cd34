import { accessSync, constants, existsSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type FileSystem, fileSystemOf } from '../core/file-system.ts';
import { errorReason } from '../core/reason.ts';
import { directoryHolder, type Holder, lockFault } from '../journal/directory-lock.ts';
import { leftJournals, type Neighbourhood } from '../journal/left-behind.ts';
import { directoryFault, sharingFault } from '../ledger/lmdb/directory.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { pathHolder } from './socket-holder.ts';

const MIB = 2 ** 20;

export interface Place {
  /** `journal` or `ledger`. */
  readonly check: string;
  readonly path: string;
  /** Bytes that it may grow to, beyond those it has. */
  readonly roomBytes: number;
  /** How to have it elsewhere. */
  readonly elsewhere: string;
  /** The tests give another one. */
  readonly fileSystemOf?: (path: string) => FileSystem;
}

/** Whether files can be kept there: permission, room, and the kind of file system. Makes and changes nothing. */
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
      return [fail(check, `${existing} is a file, not a directory`, `move it away, or ${elsewhere}`)];
    }
    accessSync(existing, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    return [fail(check, errorReason(error), `let this user write there, or ${elsewhere}`)];
  }
  const freeBytes = freeBytesOf(existing);
  const neededBytes = Math.max(0, roomBytes - sizeOf(path));
  const seen = `${path} is writable, ${shown(freeBytes)} free`;
  const room =
    freeBytes >= neededBytes
      ? ok(check, seen)
      : warn(check, `${seen}, ${shown(neededBytes)} may be wanted`, `free some, or ${elsewhere}`);
  return [room, ...checkKind(check, path, kindOf(existing), elsewhere)];
}

/** Whether the journal can be locked, and whether another process has it: one gateway has it to itself. */
export async function checkLock(path: string): Promise<Finding> {
  try {
    return findingOf(path, await directoryHolder(path)) ?? (await checkLockable(path));
  } catch (error) {
    return fail(
      'journal',
      `cannot tell who uses ${path}: ${errorReason(error)}`,
      'run it as the user of the gateway',
    );
  }
}

/** Whether LMDB can open what is in the directory of the ledger, and beside those who have it open. */
export async function checkLmdb(path: string): Promise<Finding[]> {
  if (!existsSync(path)) return [];
  try {
    const fault = directoryFault(path) ?? (await sharingFault(path));
    return fault === null ? [] : [fail('ledger', fault, 'a gateway would not start')];
  } catch (error) {
    return [fail('ledger', errorReason(error), 'let this user read and write there, or set LEDGER_URL')];
  }
}

/** Journals of other instances with payments that wait for a gateway. */
export async function checkLeftJournals(neighbourhood: Neighbourhood): Promise<Finding[]> {
  return (await leftJournals(neighbourhood)).map(({ directory, obstacle }) =>
    warn(
      'journal',
      `${directory} holds payments, and no gateway uses it`,
      obstacle === null
        ? 'start this gateway (again): it takes them over'
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
        'stop that, or give this gateway another INSTANCE_ID or JOURNAL_DIR',
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
      return [warn(check, `${seen}, which a restart of the machine empties`, elsewhere)];
    case 'shared':
      return [
        warn(
          check,
          `${seen}: other machines may reach the same files, and after a crash there it has to be unlocked by hand`,
          elsewhere,
        ),
      ];
    case 'layered':
      return [
        warn(check, `${seen}, which is removed with its container`, `mount a volume there, or ${elsewhere}`),
      ];
    case 'unknown':
      return [warn(check, `${seen}, which has not been tried`, elsewhere)];
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
