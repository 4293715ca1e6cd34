import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../system/port.ts';

const START_DEADLINE_MS = 20_000;

/**
 * A real redis-server on a free loopback port and a unix socket, with its own directory. It syncs its append-only file
 * before it answers, so that SIGKILL loses no acknowledged write.
 */
export class RedisServer {
  readonly directory: string;
  readonly port: number;
  readonly #settings: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(directory: string, port: number, settings: readonly string[]) {
    this.directory = directory;
    this.port = port;
    this.#settings = settings;
  }

  /** `settings` are command-line arguments: `--maxmemory`, `10mb`. */
  static async start(...settings: string[]): Promise<RedisServer> {
    const server = await RedisServer.prepare(...settings);
    await server.start();
    return server;
  }

  /** Prepares everything except the process; `start` starts it. */
  static async prepare(...settings: string[]): Promise<RedisServer> {
    // By default, the nodes of a cluster talk on the port plus 10,000, which may be in use.
    const own = settings.includes('--cluster-enabled') ? ['--cluster-port', String(await freePort())] : [];
    return new RedisServer(mkdtempSync(join(tmpdir(), 'redis-')), await freePort(), [...settings, ...own]);
  }

  /** 127.0.0.1, unless the settings bind another address. */
  get host(): string {
    return this.#settings[this.#settings.indexOf('--bind') + 1 || -1] ?? '127.0.0.1';
  }

  get url(): string {
    return `redis://${this.host}:${this.port}`;
  }

  get socketUrl(): string {
    return `unix://${this.#socketPath}`;
  }

  get #socketPath(): string {
    return join(this.directory, 'redis.sock');
  }

  /** Starts the process. Resolves when it listens; it may still be loading. */
  async start(...more: string[]): Promise<void> {
    const child = spawn(
      process.env['REDIS_SERVER'] || 'redis-server',
      [
        ...['--bind', this.host, '--port', String(this.port), '--unixsocket', this.#socketPath],
        ...['--dir', this.directory, '--appendonly', 'yes', '--appendfsync', 'always', '--save', ''],
        ...this.#settings,
        ...more,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    this.#process = child;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error('redis-server did not start in time')),
        START_DEADLINE_MS,
      );
      const end = (settle: () => void) => {
        clearTimeout(timer);
        settle();
      };
      let log = '';
      child.once('error', (error) => end(() => reject(error)));
      child.once('exit', () => end(() => reject(new Error(`redis-server exited: ${log}`))));
      child.stdout?.on('data', (chunk) => {
        log = (log + chunk).slice(-10_000);
        if (
          log.includes('The server is now ready to accept connections at') ||
          log.includes('Server initialized')
        ) {
          end(resolve);
        }
      });
    });
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** Ends the process and keeps its files. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  /** The current size of its log; pass it to `forgetSince` to lose later writes. */
  get moment(): number {
    return statSync(this.#logPath).size;
  }

  /** Crashes and restarts with the data of an earlier moment. */
  async forgetSince(moment: number): Promise<void> {
    await this.kill('SIGKILL');
    truncateSync(this.#logPath, moment);
    await this.start();
  }

  /** The append-only file in use. */
  get #logPath(): string {
    const folder = join(this.directory, 'appendonlydir');
    const [name] = readdirSync(folder).filter((file) => file.endsWith('.incr.aof'));
    if (name === undefined) throw new Error('redis-server has no append-only file');
    return join(folder, name);
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
