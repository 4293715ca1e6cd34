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
import { dataFileFault } from './data-file.ts';

/**
 * The directory of an LMDB ledger, as a process enters it before any of its threads opens the ledger.
 *
 * LMDB tells the processes that share a ledger apart by their process ids, and finds out by them which are dead. In
 * two PID namespaces, such as two containers, the same id stands for two processes, and each destroys what the other
 * relies on. So every process listens, for as long as it lives, on a unix socket `open-<PID namespace>-<random>` in
 * the directory. The kernel closes it with the process, whatever way that ends, and a socket can be connected to from
 * every namespace. A process that finds a living one of another namespace does not open the ledger.
 *
 * Of two that enter at the same moment at least one sees the other, since each shows itself before it looks. One that
 * sees another leaves, waits for a random time, and tries again, so that one of the two gets in.
 */
const ENTRY = /^open-([0-9]+)-[0-9a-f]{16}$/;
const DATA_FILE = 'data.mdb';
const LOCK_FILE = 'lock.mdb';
const FILES = [DATA_FILE, LOCK_FILE];
/** Some more than LMDB's table of 126 readers takes: it uses what there is. */
const LOCK_BYTES = 16_384;
/** What an empty ledger takes on the disk. */
const ROOM_BYTES = 131_072;

const TRIES = 8;
const TRY_AGAIN_MS = 100;

/** What `sun_path` takes on every Unix. */
const MAX_PATH_BYTES = 103;

const SHARED =
  'is in use by a process of another PID namespace (another container, or the host), and LMDB can only be shared ' +
  'within one: run both in the same (in compose: pid: "service:NAME"), or keep the ledger in Redis';

export type EnteredDirectory =
  | { readonly kind: 'entered'; leave(): void }
  | { readonly kind: 'failed'; readonly reason: string };

export interface EnterParts {
  readonly clock: Clock;
  readonly random: () => number;
  /** The tests give another one. */
  readonly namespace?: string;
}

/** Makes the directory where it is missing, and checks what is in it. Keeps no process alive. */
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

/** Why LMDB can't open what is in this directory, or null. Throws the error of the operating system. */
export function directoryFault(path: string): string | null {
  accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  for (const name of FILES) {
    const file = join(path, name);
    if (!existsSync(file)) continue;
    if (!statSync(file).isFile()) return `${file} is not a file; move it away`;
    accessSync(file, constants.R_OK | constants.W_OK);
  }
  const data = join(path, DATA_FILE);
  const fault = existsSync(data) ? dataFileFault(data) : null;
  return fault && `${data} ${fault}; restore it from a copy, or move it away to begin with an empty ledger`;
}

/**
 * LMDB makes its files itself, but its binding may crash where it can't, and so it does when the disk is full: the lock
 * file is mapped into memory with blocks that it does not have yet. So the files are made here, and what can fail does.
 * A file that exists is not opened: to close it again would let go of the locks that this process has on it.
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
    // Another process was faster, and may be using it by now.
    if (!existsSync(lock)) throw error;
  } finally {
    rmSync(made, { force: true });
  }
}

/** Why a process of this PID namespace can't open the ledger now, or null. Rejects when that can't be told. */
export async function sharingFault(path: string, namespace = pidNamespace()): Promise<string | null> {
  return (await isUsedElsewhere(path, namespace)) ? `${path} ${SHARED}` : null;
}

/** Where there is no `/proc`, there are no PID namespaces either. */
function pidNamespace(): string {
  if (process.platform !== 'linux') return '0';
  return readlinkSync('/proc/self/ns/pid').replaceAll(/[^0-9]/g, '');
}

/** This process, as the others see it. */
class Entry {
  readonly #path: string;
  readonly #server: Server;

  static async make(directory: string, namespace: string): Promise<Entry> {
    const name = `open-${namespace}-${randomBytes(8).toString('hex')}`;
    const server = createServer((socket) => socket.destroy()).unref();
    // Between bind and listen a socket refuses connections and would be taken for dead, so it is renamed after.
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

/** Whether a living process of another namespace is in the directory. The sockets of dead ones are removed. */
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

/** Runs `use` with a path of the file that is short enough for a socket, however long the directory's own is. */
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

/** A process that is stopped or busy listens, too: the kernel takes connections for it until its queue is full. */
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
