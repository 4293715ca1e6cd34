import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type Clock, sleep } from '../core/clock.ts';
import { makeDirectory } from '../core/directory.ts';
import { type FileSystem, fileSystemOf } from '../core/file-system.ts';
import { fileText } from '../core/file-text.ts';

/**
 * Gives one living process exclusive use of a directory, until it exits or dies in any way.
 *
 * Each process that wants the directory listens on a unix socket in it, under a new name. A process that wants to keep
 * the directory is first a candidate, then the holder. A process that only wants to empty it, of what a dead process
 * left, is an emptier, and the others wait until it is done.
 *
 *     starter                     its socket is renamed to `lock-…` once it listens, so that all others see it
 *       └─ looks at all others    holder, or a lock that may be held  → held
 *                                 dead                                → remove it
 *                                 candidate, lower name               → give way: held
 *                                 candidate, higher name              → look again: it gives way, or becomes the holder
 *                                 emptier                             → look again: it will leave
 *       └─ no others left         holder
 *
 * An emptier gives way to holders and candidates, and to an emptier with a lower name.
 *
 * Of two starters at least one sees the other, because each creates its socket before it looks. If both do, the lower
 * name wins. If only the later one does, it sees a candidate that will become the holder, and gives way at once or after
 * looking again.
 *
 * A socket that refuses connections may still have a living owner: NFS, FUSE and similar file systems also show sockets
 * of processes on another machine, or on another mount on this one. So the name of a lock records where its owner was,
 * and decides what a refused connection means:
 *
 * | file system, as recorded and as seen now | boot | device and inode | the owner                                  |
 * |------------------------------------------|------|------------------|--------------------------------------------|
 * | local, the same type                     | any  | any              | is dead: only one kernel uses a local file |
 * |                                          |      |                  | system, and ours has no listener           |
 * | any                                      | same | same             | is dead: same kernel, same mount           |
 * | anything else, or nothing recorded       |      |                  | may be alive: the lock counts as held      |
 *
 *     lock-0123456789abcdef-a6afd6df-ef53-803-1a2b3c
 *          random           boot     type device inode, all hexadecimal
 */
const LOCK = /^lock-/;
const LOCK_FACTS = /^lock-[0-9a-f]{16}-([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)$/;
const RANDOM_DIGITS = 16;

/** A process answers a connection with its role, followed by the random part of its name. */
const ANSWERS = { holder: 'H', candidate: 'C', emptier: 'E' } as const;
type Role = keyof typeof ANSWERS;

/** A process that accepts connections and does not answer, because it is stopped or busy, counts as the holder. */
const ANSWER_TIMEOUT_MS = 1_000;
const LOOK_AGAIN_MS = 5;
/** Half a minute: an emptier may rewrite a whole journal. Candidates decide within milliseconds. */
const LOOKS = 6_000;

/** The longest `sun_path` that every Unix allows. */
const MAX_PATH_BYTES = 103;

export type DirectoryLock =
  | {
      readonly kind: 'locked';
      release(): void;
      /** False once the lock or the directory has been removed: another process may have locked it by now. */
      isHeld(): boolean;
    }
  | { readonly kind: 'held' | 'failed'; readonly reason: string };

/** `keep` the directory, or only `empty` it: then a process that wants to keep it waits for the release. */
export type LockPurpose = 'keep' | 'empty';

/** Locks a directory, and creates it if it is missing. The lock does not keep the process alive. */
export async function lockDirectory(
  path: string,
  clock: Clock,
  purpose: LockPurpose = 'keep',
): Promise<DirectoryLock> {
  let candidate: Candidate | null = null;
  try {
    makeDirectory(path);
    candidate = new Candidate(new SocketDirectory(path), purpose);
    const fault = await candidate.bind();
    if (fault !== null) {
      candidate.leave();
      return { kind: 'failed', reason: fault };
    }
    candidate.show();
    return await candidate.contend(clock);
  } catch (error) {
    candidate?.leave();
    if (error instanceof Error && 'code' in error) return { kind: 'failed', reason: error.message };
    throw error;
  }
}

/** `held` by the process whose socket was bound under a path that ends with `socket`; `unclear`: it may be in use. */
export type Holder =
  | { readonly kind: 'none' }
  | { readonly kind: 'held'; readonly socket: string }
  | { readonly kind: 'unclear'; readonly reason: string };

/** Which process holds the directory. Changes nothing. Rejects if it cannot find out. */
export async function directoryHolder(path: string): Promise<Holder> {
  if (!existsSync(path)) return { kind: 'none' };
  const directory = new SocketDirectory(path);
  try {
    for (const name of readdirSync(path).filter((file) => LOCK.test(file))) {
      const peer = await look(directory, name);
      if (peer === 'holder') return { kind: 'held', socket: startingName(name) };
      if (peer === 'unclear') return { kind: 'unclear', reason: unclear(join(path, name)) };
    }
    return { kind: 'none' };
  } finally {
    directory.close();
  }
}

/** Why an existing directory cannot be locked, or null. Leaves nothing behind. */
export async function lockFault(path: string): Promise<string | null> {
  const candidate = new Candidate(new SocketDirectory(path), 'keep');
  try {
    return await candidate.bind();
  } finally {
    candidate.leave();
  }
}

/** A directory that gives its sockets paths short enough to bind and connect to, however long its own path is. */
class SocketDirectory {
  readonly path: string;
  readonly #file: number;

  constructor(path: string) {
    this.path = path;
    this.#file = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  }

  address(name: string): string {
    const plain = join(this.path, name);
    return Buffer.byteLength(plain) <= MAX_PATH_BYTES ? plain : `/proc/self/fd/${this.#file}/${name}`;
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** `leaving`: it closed the connection without an answer, because it gives way or dies. */
type Peer = Role | 'leaving' | 'dead' | 'unclear';

class Candidate {
  readonly #directory: SocketDirectory;
  readonly #random = randomBytes(RANDOM_DIGITS / 2).toString('hex');
  readonly #server: Server;
  readonly #rank: 'candidate' | 'emptier';
  #role: Role;
  /** The name of its socket in the directory. */
  #name = `starting-${this.#random}`;

  constructor(directory: SocketDirectory, purpose: LockPurpose) {
    this.#directory = directory;
    this.#rank = purpose === 'keep' ? 'candidate' : 'emptier';
    this.#role = this.#rank;
    this.#server = createServer((socket) => {
      socket.on('error', () => {}); // The other process has gone.
      socket.unref().end(ANSWERS[this.#role] + this.#random);
    });
    this.#server.unref();
  }

  /** Listens under the starting name, and connects to itself through the file system. Null, or why that failed. */
  async bind(): Promise<string | null> {
    const address = this.#directory.address(this.#name);
    const code = await new Promise<string | null>((resolve) => {
      this.#server.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      this.#server.listen(address, () => resolve(null));
    });
    if (code !== null) return this.#unfit(`cannot create a unix socket in it (${code})`);
    const answer = await ask(address);
    const isOwn = answer.kind === 'text' && answer.text === ANSWERS[this.#role] + this.#random;
    return isOwn ? null : this.#unfit('cannot connect to a unix socket created in it');
  }

  #unfit(what: string): string {
    const { path } = this.#directory;
    return `${what}; the socket keeps two gateways from using ${path}, which is on ${fileSystemOf(path).name}, at once: choose a directory on a local Linux file system where this user can create files`;
  }

  /** Between bind and listen a socket refuses connections and would look dead, so it is renamed afterwards. */
  show(): void {
    const { path } = this.#directory;
    const { dev, ino } = lstatSync(join(path, this.#name), { bigint: true });
    const facts = [bootId(), fileSystemOf(path).type.toString(16), dev.toString(16), ino.toString(16)];
    const name = ['lock', this.#random, ...facts].join('-');
    renameSync(join(path, this.#name), join(path, name));
    this.#name = name;
  }

  async contend(clock: Clock): Promise<DirectoryLock> {
    const { path } = this.#directory;
    for (let round = 0; round < LOOKS; round++) {
      const rivals = await this.#rivals();
      if (rivals.length === 0) {
        if (this.#rank === 'candidate') this.#role = 'holder';
        const isHeld = () => existsSync(join(path, this.#name));
        return { kind: 'locked', release: () => this.leave(), isHeld };
      }
      const winner = rivals.find((rival) => this.#givesWayTo(rival));
      if (winner !== undefined) {
        this.leave();
        const isUnclear = winner.peer === 'unclear';
        const reason = isUnclear ? unclear(join(path, winner.name)) : `${path} is in use by another process`;
        return { kind: 'held', reason };
      }
      await sleep(clock, LOOK_AGAIN_MS);
    }
    this.leave();
    return { kind: 'held', reason: `another gateway is still emptying ${path}` };
  }

  leave(): void {
    rmSync(join(this.#directory.path, this.#name), { force: true });
    this.#server.close();
    this.#directory.close();
  }

  #givesWayTo({ name, peer }: { readonly name: string; readonly peer: Peer }): boolean {
    if (peer === 'holder' || peer === 'unclear') return true;
    if (peer === 'candidate' && this.#rank === 'emptier') return true;
    return peer === this.#rank && name < this.#name;
  }

  /** The other processes that are or may be alive. Removes the sockets of dead ones. */
  async #rivals(): Promise<{ name: string; peer: Peer }[]> {
    const names = readdirSync(this.#directory.path).filter((name) => LOCK.test(name) && name !== this.#name);
    const peers = await Promise.all(
      names.map(async (name) => ({ name, peer: await look(this.#directory, name) })),
    );
    for (const { name, peer } of peers) {
      if (peer === 'dead') rmSync(join(this.#directory.path, name), { force: true });
    }
    return peers.filter(({ peer }) => peer !== 'dead');
  }
}

/** The name under which a lock's socket was bound, which the kernel continues to show. */
function startingName(lock: string): string {
  return `starting-${lock.slice('lock-'.length, 'lock-'.length + RANDOM_DIGITS)}`;
}

function unclear(lock: string): string {
  return `${lock} was made by a gateway on another machine, or on another mount of this directory, and cannot be reached from here; if no gateway uses this directory, remove that file and start again`;
}

/** The role or state of the process behind a lock. Rejects if it cannot find out, for example for lack of permission. */
async function look(directory: SocketDirectory, name: string): Promise<Peer> {
  const answer = await ask(directory.address(name));
  if (answer.kind === 'silent') return 'holder';
  if (answer.kind === 'text') {
    if (answer.text === '') return 'leaving';
    const roles = Object.keys(ANSWERS) as Role[];
    return roles.find((role) => answer.text.startsWith(ANSWERS[role])) ?? 'holder';
  }
  switch (answer.error.code) {
    case 'ENOENT':
      return 'dead';
    case 'ECONNREFUSED':
      return isProvenDead(directory.path, name) ? 'dead' : 'unclear';
    case 'ECONNRESET':
    case 'EPIPE':
    case 'EAGAIN':
      return 'leaving';
    default:
      throw answer.error;
  }
}

/** Applies the table above to a lock whose socket refuses connections. */
function isProvenDead(path: string, name: string): boolean {
  const seen = lstatSync(join(path, name), { bigint: true, throwIfNoEntry: false });
  if (seen === undefined) return true;
  const [, boot, type, device, inode] = LOCK_FACTS.exec(name) ?? [];
  const fileSystem = fileSystemOf(path);
  if (hasOneKernel(fileSystem) && type === fileSystem.type.toString(16)) return true;
  return boot === bootId() && device === seen.dev.toString(16) && inode === seen.ino.toString(16);
}

function hasOneKernel({ kind }: FileSystem): boolean {
  return kind === 'local' || kind === 'memory' || kind === 'layered';
}

/** Identifies the boot of the kernel; 0 where the system has no boot id. */
function bootId(): string {
  return fileText('/proc/sys/kernel/random/boot_id').slice(0, 8) || '0';
}

type Answer =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'silent' }
  | { readonly kind: 'failed'; readonly error: NodeJS.ErrnoException };

/** What the process behind a socket answers; empty if it closes the connection without an answer. */
function ask(address: string): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect(address);
    const settle = (answer: Answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => settle({ kind: 'silent' }));
    socket.on('error', (error: NodeJS.ErrnoException) => settle({ kind: 'failed', error }));
    socket.on('data', (text) => settle({ kind: 'text', text: text.toString() }));
    socket.on('end', () => settle({ kind: 'text', text: '' }));
  });
}
