import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  linkSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type Clock, sleep } from '../../core/clock.ts';
import { makeDirectory } from '../../core/directory.ts';
import { errorReason } from '../../core/reason.ts';
import { DATA_FILE, dataFileFault } from './data-file.ts';

/**
 * The directory of an LMDB ledger. A process enters it before any of its threads opens the ledger.
 *
 * LMDB identifies the processes that share a ledger by their process ids, also to find out which are dead. In two PID
 * namespaces, such as two containers, the same id can mean two processes, which then corrupt each other's state. So
 * every process listens, all its life, on a unix socket `open-<PID namespace>-<random>` in the directory. The kernel
 * closes it when the process ends in any way, and it can be reached from every namespace. A process that finds a living
 * one of another namespace does not open the ledger.
 *
 * If two processes enter at once, at least one sees the other, because each creates its socket before it looks. A
 * process that sees another leaves, waits a random time and tries again, so that one of the two gets in.
 */
const ENTRY = /^open-([0-9]+)-[0-9a-f]{16}$/;
const LOCK_FILE = 'lock.mdb';
const FILES = [DATA_FILE, LOCK_FILE];
/** A little more than LMDB's table of 126 readers needs. LMDB uses the size it finds. */
const LOCK_BYTES = 16_384;
/** The disk space of an empty ledger. */
const ROOM_BYTES = 131_072;

const TRIES = 8;
const TRY_AGAIN_MS = 100;

/** The longest `sun_path` that every Unix allows. */
const MAX_PATH_BYTES = 103;

const SHARED =
  'is in use by a process in another PID namespace (another container, or the host). LMDB can only be shared within ' +
  'one namespace: run both in the same one (in compose: pid: "service:NAME"), or use a Redis ledger';

export type EnteredDirectory =
  | { readonly kind: 'entered'; leave(): void }
  | { readonly kind: 'failed'; readonly reason: string };

export interface EnterParts {
  readonly clock: Clock;
  readonly random: () => number;
  /** Tests pass another one. */
  readonly namespace?: string;
}

/** Creates the directory if it is missing and checks its contents. Does not keep the process alive. */
export async function enterDirectory(path: string, parts: EnterParts): Promise<EnteredDirectory> {
  const { clock, random, namespace = pidNamespace() } = parts;
  try {
    makeDirectory(path);
    makeFiles(path);
    const fault = directoryFault(path);
    if (fault !== null) return { kind: 'failed', reason: fault };
    for (let tries = 1; ; tries++) {
      const entry = await Entry.make(path, namespace);
      if (!(await isUsedElsewhere(path, namespace))) return { kind: 'entered', leave: () => entry.leave() };
      entry.leave();
      if (tries === TRIES) return { kind: 'failed', reason: `${path} ${SHARED}` };
      await sleep(clock, Math.ceil(random() * TRY_AGAIN_MS));
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error) return { kind: 'failed', reason: errorReason(error) };
    throw error;
  }
}

/** Why LMDB cannot open the files in this directory, or null. Throws system errors. */
export function directoryFault(path: string): string | null {
  accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  for (const name of FILES) {
    const file = join(path, name);
    if (!existsSync(file)) continue;
    if (!statSync(file).isFile()) return `${file} is not a regular file; move it away`;
    accessSync(file, constants.R_OK | constants.W_OK);
  }
  const data = join(path, DATA_FILE);
  const fault = existsSync(data) ? dataFileFault(data) : null;
  return fault && `${data} ${fault}; restore it from a backup, or move it away to start with an empty ledger`;
}

/**
 * Creates LMDB's files. LMDB would do that itself, but its binding may crash where it cannot, for example on a full disk,
 * because it maps a lock file whose blocks are not allocated yet. Here the same failure is an error.
 * An existing file is not opened, because closing it would release the locks that this process has on it.
 */
function makeFiles(path: string): void {
  const [data, lock] = [join(path, DATA_FILE), join(path, LOCK_FILE)];
  if (!existsSync(data)) closeSync(openSync(data, 'a'));
  if (existsSync(lock)) return;
  const made = join(path, `starting-${LOCK_FILE}-${randomBytes(8).toString('hex')}`);
  try {
    writeFileSync(made, Buffer.alloc(ROOM_BYTES), { flag: 'wx' });
    truncateSync(made, LOCK_BYTES);
    linkSync(made, lock);
  } catch (error) {
    // Another process created it first and may be using it already.
    if (!existsSync(lock)) throw error;
  } finally {
    rmSync(made, { force: true });
  }
}

/** Why a process in this PID namespace cannot open the ledger now, or null. Rejects if it cannot find out. */
export async function sharingFault(path: string, namespace = pidNamespace()): Promise<string | null> {
  return (await isUsedElsewhere(path, namespace)) ? `${path} ${SHARED}` : null;
}

/** Only Linux has PID namespaces. */
function pidNamespace(): string {
  if (process.platform !== 'linux') return '0';
  return readlinkSync('/proc/self/ns/pid').replaceAll(/[^0-9]/g, '');
}

/** This process's socket in the directory. */
class Entry {
  readonly #path: string;
  readonly #server: Server;

  static async make(directory: string, namespace: string): Promise<Entry> {
    const name = `open-${namespace}-${randomBytes(8).toString('hex')}`;
    const server = createServer((socket) => socket.destroy()).unref();
    // Between bind and listen a socket refuses connections and would look dead, so it is renamed afterwards.
    await withAddress(directory, `starting-${name}`, async (path) => {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ path, readableAll: true, writableAll: true }, resolve);
      });
    });
    renameSync(join(directory, `starting-${name}`), join(directory, name));
    return new Entry(join(directory, name), server);
  }

  private constructor(path: string, server: Server) {
    this.#path = path;
    this.#server = server;
  }

  leave(): void {
    rmSync(this.#path, { force: true });
    this.#server.close();
  }
}

/** Whether a living process of another namespace is in the directory. Removes the sockets of dead processes. */
async function isUsedElsewhere(directory: string, namespace: string): Promise<boolean> {
  let isUsed = false;
  for (const name of readdirSync(directory)) {
    const [, itsNamespace] = ENTRY.exec(name) ?? [];
    if (itsNamespace === undefined) continue;
    const isAlive = await withAddress(directory, name, isListening);
    if (!isAlive) rmSync(join(directory, name), { force: true });
    else if (itsNamespace !== namespace) isUsed = true;
  }
  return isUsed;
}

/** Calls `use` with a path of the file that is short enough for a socket, however long the directory's path is. */
async function withAddress<T>(
  directory: string,
  name: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const plain = join(directory, name);
  if (Buffer.byteLength(plain) <= MAX_PATH_BYTES) return use(plain);
  const file = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return await use(`/proc/self/fd/${file}/${name}`);
  } finally {
    closeSync(file);
  }
}

/** True also for a process that is stopped or busy: the kernel accepts connections for it until its queue is full. */
function isListening(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      else if (error.code === 'EAGAIN' || error.code === 'ECONNRESET' || error.code === 'EPIPE')
        resolve(true);
      else reject(error);
    });
  });
}
