import { randomBytes } from 'node:crypto';
import { closeSync, constants, existsSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type Clock, sleep } from '../core/clock.ts';
import { makeDirectory } from '../core/directory.ts';

/**
 * Exclusive use of a directory by one living process, for as long as it lives, whatever way it dies.
 *
 * Each process that wants the directory listens on a unix socket in it, under a name that nobody ever had. A socket
 * that refuses connections belongs to a dead process and is removed; its name will not come back, so nothing that
 * lives can be removed by mistake. One that takes connections says what its process is: a candidate, or the holder.
 *
 *     starter                     a candidate's socket, renamed to `lock-…` once it listens, is seen by all
 *       └─ looks at all others    any holder            → held
 *                                 dead                  → remove it
 *                                 candidate, lower name → give way: held
 *                                 candidate, higher     → look again until it has given way, or turned out the holder
 *       └─ nobody left            holder
 *
 * Of two starters at least one sees the other, since each shows itself before it looks. If both do, the lower name
 * goes on. If only the later one does, it sees a candidate that will become the holder, and gives way either at once
 * or when it has looked again.
 */
const LOCK = /^lock-[0-9a-f]{16}$/;
const HOLDER = 'H';
const CANDIDATE = 'C';

/** A process that lives and does not answer, because it is stopped or busy, is the holder. */
const ANSWER_TIMEOUT_MS = 1_000;
const LOOK_AGAIN_MS = 5;
const LOOKS = 400;

/** What `sun_path` takes on every Unix. */
const MAX_PATH_BYTES = 103;

export type DirectoryLock =
  | { readonly kind: 'locked'; release(): void }
  | { readonly kind: 'held' | 'failed'; readonly reason: string };

/** Creates the directory where it is missing. The lock keeps no process alive. */
export async function lockDirectory(path: string, clock: Clock): Promise<DirectoryLock> {
  let candidate: Candidate | null = null;
  try {
    makeDirectory(path);
    candidate = new Candidate(new SocketDirectory(path));
    await candidate.enter();
    return await candidate.contend(clock);
  } catch (error) {
    candidate?.leave();
    if (error instanceof Error && 'code' in error) return { kind: 'failed', reason: error.message };
    throw error;
  }
}

/**
 * The socket of the process that has the directory, by its name when it was bound, or null when none has it. Takes
 * and removes nothing. Rejects when that can't be told.
 */
export async function directoryHolder(path: string): Promise<string | null> {
  if (!existsSync(path)) return null;
  const directory = new SocketDirectory(path);
  try {
    for (const name of readdirSync(path).filter((file) => LOCK.test(file))) {
      if ((await ask(directory.address(name))) === 'holder') return startingName(name);
    }
    return null;
  } finally {
    directory.close();
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
type Peer = 'holder' | 'candidate' | 'leaving' | 'dead';

class Candidate {
  readonly #directory: SocketDirectory;
  readonly #name = `lock-${randomBytes(8).toString('hex')}`;
  readonly #server: Server;
  #standing = CANDIDATE;

  constructor(directory: SocketDirectory) {
    this.#directory = directory;
    this.#server = createServer((socket) => {
      socket.on('error', () => {}); // Whoever asked has gone: that is its business.
      socket.unref().end(this.#standing);
    });
    this.#server.unref();
  }

  /** Between bind and listen a socket refuses connections and would be taken for dead, so it is renamed after. */
  async enter(): Promise<void> {
    const name = startingName(this.#name);
    await new Promise<void>((resolve, reject) => {
      this.#server.on('error', reject);
      this.#server.listen(this.#directory.address(name), resolve);
    });
    renameSync(join(this.#directory.path, name), join(this.#directory.path, this.#name));
  }

  async contend(clock: Clock): Promise<DirectoryLock> {
    const { path } = this.#directory;
    for (let look = 0; look < LOOKS; look++) {
      const rivals = await this.#rivals();
      if (rivals.length === 0) {
        this.#standing = HOLDER;
        return { kind: 'locked', release: () => this.leave() };
      }
      if (rivals.some(({ name, peer }) => peer === 'holder' || (peer === 'candidate' && name < this.#name))) {
        this.leave();
        return { kind: 'held', reason: `${path} is in use by another process` };
      }
      await sleep(clock, LOOK_AGAIN_MS);
    }
    this.leave();
    return { kind: 'held', reason: `${path} is wanted by another process that does not decide` };
  }

  leave(): void {
    rmSync(join(this.#directory.path, this.#name), { force: true });
    this.#server.close();
    this.#directory.close();
  }

  /** The living others. The dead are removed on the way. */
  async #rivals(): Promise<{ name: string; peer: Peer }[]> {
    const names = readdirSync(this.#directory.path).filter((name) => LOCK.test(name) && name !== this.#name);
    const peers = await Promise.all(
      names.map(async (name) => ({ name, peer: await ask(this.#directory.address(name)) })),
    );
    for (const { name, peer } of peers) {
      if (peer === 'dead') rmSync(join(this.#directory.path, name), { force: true });
    }
    return peers.filter(({ peer }) => peer !== 'dead');
  }
}

function startingName(name: string): string {
  return `starting-${name}`;
}

/** What the process behind a socket is. Rejects when that can't be told, such as for lack of permission. */
function ask(address: string): Promise<Peer> {
  return new Promise((resolve, reject) => {
    const socket = connect(address);
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => {
      socket.destroy();
      resolve('holder');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve('dead');
      else if (error.code === 'ECONNRESET' || error.code === 'EPIPE' || error.code === 'EAGAIN')
        resolve('leaving');
      else reject(error);
    });
    socket.on('data', (answer) => {
      socket.destroy();
      resolve(answer.toString() === CANDIDATE ? 'candidate' : 'holder');
    });
    socket.on('end', () => resolve('leaving'));
  });
}
