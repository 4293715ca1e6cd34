import { accessSync, constants, existsSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { reasonOf } from '../core/reason.ts';
import { directoryHolder } from '../journal/directory-lock.ts';
import { directoryFault, sharingFault } from '../ledger/lmdb/directory.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { pathHolder } from './socket-holder.ts';

const MIB = 2 ** 20;

/** Of Linux's statfs: what keeps nothing, and what may not keep its word about fsync, locks or shared memory. */
const VOLATILE = new Map([
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
]);
const DISTANT = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x517b, 'SMB'],
  [0x01021997, '9p'],
  [0x65735546, 'FUSE'],
]);
const LAYERED = new Map([[0x794c7630, 'overlay']]);

export interface Place {
  /** `journal` or `ledger`. */
  readonly check: string;
  readonly path: string;
  /** Bytes that it may grow to, beyond those it has. */
  readonly roomBytes: number;
  /** How to have it elsewhere. */
  readonly elsewhere: string;
  /** The kind of file system, as statfs has it; the tests give it. */
  readonly typeOf?: (path: string) => number;
}

/** Whether files can be kept there: permission, room, and the kind of file system. Makes and changes nothing. */
export function checkDirectory({
  check,
  path,
  roomBytes,
  elsewhere,
  typeOf = systemTypeOf,
}: Place): Finding[] {
  let existing: string;
  try {
    existing = nearestExisting(path);
    if (!statSync(existing).isDirectory()) {
      return [fail(check, `${existing} is a file, not a directory`, `move it away, or ${elsewhere}`)];
    }
    accessSync(existing, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    return [fail(check, reasonOf(error), `let this user write there, or ${elsewhere}`)];
  }
  const freeBytes = freeBytesOf(existing);
  const neededBytes = Math.max(0, roomBytes - sizeOf(path));
  const seen = `${path} is writable, ${shown(freeBytes)} free`;
  const room =
    freeBytes >= neededBytes
      ? ok(check, seen)
      : warn(check, `${seen}, ${shown(neededBytes)} may be wanted`, `free some, or ${elsewhere}`);
  return [room, ...checkKind(check, path, typeOf(existing), elsewhere)];
}

/** Whether another process has the journal: one gateway has it to itself. */
export async function checkLock(path: string): Promise<Finding> {
  try {
    const socket = await directoryHolder(path);
    if (socket === null) return ok('journal', `${path} is in nobody's use`);
    const seen = `${path} is in use by ${pathHolder(socket)}`;
    return fail('journal', seen, 'stop that, or give this gateway another INSTANCE_ID or JOURNAL_DIR');
  } catch (error) {
    return fail(
      'journal',
      `who uses ${path} can't be seen: ${reasonOf(error)}`,
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
    return [fail('ledger', reasonOf(error), 'let this user read and write there, or set LEDGER_URL')];
  }
}

function checkKind(check: string, path: string, type: number, elsewhere: string): Finding[] {
  const kept = `${path} is on `;
  const passing = VOLATILE.get(type);
  if (passing !== undefined) {
    return [warn(check, `${kept}${passing}, which a restart of the machine empties`, elsewhere)];
  }
  const distant = DISTANT.get(type);
  if (distant !== undefined) {
    return [warn(check, `${kept}${distant}, which may break its word about fsync and locks`, elsewhere)];
  }
  const layered = LAYERED.get(type);
  if (layered === undefined) return [];
  return [
    warn(check, `${kept}${layered}, which goes with its container`, `mount a volume there, or ${elsewhere}`),
  ];
}

function nearestExisting(path: string): string {
  let candidate = resolve(path);
  while (statSync(candidate, { throwIfNoEntry: false }) === undefined && candidate !== dirname(candidate)) {
    candidate = dirname(candidate);
  }
  return candidate;
}

function systemTypeOf(path: string): number {
  return process.platform === 'linux' ? statfsSync(path).type : 0;
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
