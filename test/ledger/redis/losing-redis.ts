import { operate } from './operate.ts';
import { RedisGate } from './redis-gate.ts';
import { RedisServer } from './redis-server.ts';

/** A Redis that crashes and comes back without some of the writes that it did not confirm. */
export interface LosingRedis {
  /** The port of the current master. */
  readonly port: number;
  readonly replicas: number;
  /** From now on writes are not confirmed. Those after the next `keptCount` marks are lost in the crash. */
  beginLosing(keptCount: number): void;
  /** A call is over that may have written. If it was confirmed, it is not lost. */
  mark(isConfirmed: boolean): void;
  crash(): Promise<void>;
  stop(): Promise<void>;
}

/** One server, which syncs each write; its file is cut off in the crash. */
export class CutServer implements LosingRedis {
  readonly replicas = 0;
  readonly #server: RedisServer;
  #moments: number[] = [];
  #keptCount = 0;

  private constructor(server: RedisServer) {
    this.#server = server;
  }

  static async start(): Promise<CutServer> {
    return new CutServer(await RedisServer.start());
  }

  get port(): number {
    return this.#server.port;
  }

  beginLosing(keptCount: number): void {
    this.#keptCount = keptCount;
    this.#moments = [this.#server.moment];
  }

  mark(isConfirmed: boolean): void {
    this.#moments.push(this.#server.moment);
    if (isConfirmed) this.#keptCount = Math.max(this.#keptCount, this.#moments.length - 1);
  }

  async crash(): Promise<void> {
    const moment = this.#moments[Math.min(this.#keptCount, this.#moments.length - 1)] ?? 0;
    await this.#server.forgetSince(moment);
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }
}

const REPLICATION = ['--repl-diskless-sync-delay', '0', '--appendfsync', 'everysec'];

/** A master and its replica, which is promoted by hand when the master is killed; then they swap roles. */
export class MasterAndReplica implements LosingRedis {
  readonly replicas = 1;
  #master: RedisServer;
  #replica: RedisServer;
  #link: RedisGate;
  #marksLeft = Infinity;

  private constructor(master: RedisServer, replica: RedisServer, link: RedisGate) {
    this.#master = master;
    this.#replica = replica;
    this.#link = link;
  }

  static async start(): Promise<MasterAndReplica> {
    const master = await RedisServer.start(...REPLICATION);
    const link = await RedisGate.before(master.port);
    const replica = await RedisServer.prepare(...REPLICATION);
    await replica.start('--replicaof', '127.0.0.1', String(link.port));
    return new MasterAndReplica(master, replica, link);
  }

  get port(): number {
    return this.#master.port;
  }

  beginLosing(keptCount: number): void {
    this.#marksLeft = keptCount;
    if (keptCount === 0) this.#link.mute();
  }

  mark(): void {
    if (--this.#marksLeft === 0) this.#link.mute();
  }

  async crash(): Promise<void> {
    const [former, promoted] = [this.#master, this.#replica];
    await former.kill('SIGKILL');
    await this.#link.close();
    await operate(promoted, 'REPLICAOF', 'NO', 'ONE');
    this.#link = await RedisGate.before(promoted.port);
    await former.start('--replicaof', '127.0.0.1', String(this.#link.port));
    this.#master = promoted;
    this.#replica = former;
  }

  async stop(): Promise<void> {
    await this.#link.close();
    await this.#replica.stop();
    await this.#master.stop();
  }
}
