import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type Clock, sleep } from '../core/clock.ts';
import { makeDirectory } from '../core/directory.ts';
import { type FileSystem, fileSystemOf } from '../core/file-system.ts';

/**
 * Exclusive use of a directory by one living process, for as long as it lives, whatever way it dies.
 *
 * Each process that wants the directory listens on a unix socket in it, under a name that was never used before. A
 * process that keeps the directory is first a candidate, then the holder. One that only empties the directory of what
 * a dead process left says so, and the others wait until it is done.
 *
 *     starter                     a candidate's socket, renamed to `lock-…` once it listens, is seen by all
 *       └─ looks at all others    holder, or a lock that may be held  → held
 *                                 dead                                → remove it
 *                                 candidate, lower name               → give way: held
 *                                 candidate, higher name              → look again: it gives way, or becomes the holder
 *                                 emptier                             → look again: it will be gone
 *       └─ nobody left            holder
 *
 * An emptier gives way to holders and candidates, and to an emptier with a lower name.
 *
 * Of two starters at least one sees the other, since each shows itself before it looks. If both do, the lower name
 * goes on. If only the later one does, it sees a candidate that will become the holder, and gives way either at once
 * or when it has looked again.
 *
 * A socket that refuses connections need not belong to a dead process: NFS, FUSE and the like show the file of a socket
 * whose process listens on another machine, or on another mount of this one. So the name of a lock records where its
 * owner was, and a refused connection is judged by that:
 *
 * | file system, as recorded and as seen now | boot | device and inode | the owner                                  |
 * |------------------------------------------|------|------------------|--------------------------------------------|
 * | local, the same type                     | any  | any              | is dead: one kernel at a time has a local  |
 * |                                          |      |                  | file system, and ours knows no listener    |
 * | any                                      | same | same             | is dead: the same kernel and the same mount |
 * | else, or nothing is recorded             |      |                  | may live: the lock is held                 |
 *
 *     lock-0123456789abcdef-a6afd6df-ef53-803-1a2b3c
 *          random           boot     type device inode, all hexadecimal
 */
const LOCK = /^lock-/;
const LOCK_FACTS = /^lock-[0-9a-f]{16}-([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)$/;
const RANDOM_DIGITS = 16;

/** What a process answers to a connection, before the random part of its name. */
const ANSWERS = { holder: 'H', candidate: 'C', emptier: 'E' } as const;
type CircuitBreakers = keyof typeof ANSWERS;

/** A process that lives and does not answer, because it is stopped or busy, is the holder. */
const ANSWER_TIMEOUT_MS = 1_000;
const LOOK_AGAIN_MS = 5;
/** Half a minute: an emptier rewrites up to a whole journal, and candidates decide within milliseconds. */
const LOOKS = 6_000;

/** What `sun_path` takes on every Unix. */
const MAX_PATH_BYTES = 103;

export type DirectoryLock =
  | {
      readonly kind: 'locked';
      release(): void;
      /** False once somebody has removed the lock, or the directory: another process may have it by now. */
      isHeld(): boolean;
    }
  | { readonly kind: 'held' | 'failed'; readonly reason: string };

/** `keep` the directory, or only `empty` it: then whoever wants to keep it waits until the lock is released. */
export type LockPurpose = 'keep' | 'empty';

/** Creates the directory where it is missing. The lock keeps no process alive. */
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

/** Who has the directory. Takes and removes nothing. Rejects when that can't be told. */
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

/** Why an existing directory can't carry a lock, or null. Leaves nothing behind. */
export async function lockFault(path: string): Promise<string | null> {
  const candidate = new Candidate(new SocketDirectory(path), 'keep');
  try {
    return await candidate.bind();
  } finally {
    candidate.leave();
  }
}

/** A directory whose sockets have names short enough to bind and connect to, however long its own name is. */
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

/** `leaving`: it took the connection and hung up without an answer, for it gives way, or dies. */
type Peer = CircuitBreakers | 'leaving' | 'dead' | 'unclear';

class Candidate {
  readonly #directory: SocketDirectory;
  readonly #random = randomBytes(RANDOM_DIGITS / 2).toString('hex');
  readonly #server: Server;
  readonly #rank: 'candidate' | 'emptier';
  #role: CircuitBreakers;
  /** Under which it stands in the directory. */
  #name = `starting-${this.#random}`;

  constructor(directory: SocketDirectory, purpose: LockPurpose) {
    this.#directory = directory;
    this.#rank = purpose === 'keep' ? 'candidate' : 'emptier';
    this.#role = this.#rank;
    this.#server = createServer((socket) => {
      socket.on('error', () => {}); // The process that asked has gone.
      socket.unref().end(ANSWERS[this.#role] + this.#random);
    });
    this.#server.unref();
  }

  /** Listens under the starting name, and asks itself through the file system. Null, or why that can't be done. */
  async bind(): Promise<string | null> {
    const address = this.#directory.address(this.#name);
    const code = await new Promise<string | null>((resolve) => {
      this.#server.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      this.#server.listen(address, () => resolve(null));
    });
    if (code !== null) return this.#unfit(`cannot create a unix socket there (${code})`);
    const answer = await ask(address);
    const isOwn = answer.kind === 'text' && answer.text === ANSWERS[this.#role] + this.#random;
    return isOwn ? null : this.#unfit('cannot connect to a unix socket that was created there');
  }

  #unfit(what: string): string {
    const { path } = this.#directory;
    return `${what}, and without one two gateways could use ${path} at once; it is on ${fileSystemOf(path).name}: choose a directory on a local disk with a Linux file system, in which this user may create files`;
  }

  /** Between bind and listen a socket refuses connections and would be taken for dead, so it is renamed after. */
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
    return { kind: 'held', reason: `${path} is being emptied by another gateway, which does not finish` };
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

  /** The others that live, or may live. The dead are removed on the way. */
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

/** The name under which the socket of a lock was bound, as the kernel goes on to show it. */
function startingName(lock: string): string {
  return `starting-${lock.slice('lock-'.length, 'lock-'.length + RANDOM_DIGITS)}`;
}

function unclear(lock: string): string {
  return `${lock} was made by a gateway on another machine, or on another mount of this directory, and cannot be reached from here; if no gateway uses this directory any more, remove that file and start again`;
}

/** What the process behind a lock is. Rejects when that can't be told, such as for lack of permission. */
async function look(directory: SocketDirectory, name: string): Promise<Peer> {
  const answer = await ask(directory.address(name));
  if (answer.kind === 'silent') return 'holder';
  if (answer.kind === 'text') {
    if (answer.text === '') return 'leaving';
    const standings = Object.keys(ANSWERS) as CircuitBreakers[];
    return standings.find((standing) => answer.text.startsWith(ANSWERS[standing])) ?? 'holder';
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

/** The table above, for a lock whose socket refuses connections. */
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

/** Tells one life of the kernel from another; 0 where the system has no such number. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8);
  } catch {
    return '0';
  }
}

type Answer =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'silent' }
  | { readonly kind: 'failed'; readonly error: NodeJS.ErrnoException };

/** What a process says behind a socket; empty when it hangs up without a word. */
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
