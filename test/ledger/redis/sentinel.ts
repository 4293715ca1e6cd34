import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { freePort } from '../../system/port.ts';

const DOWN_AFTER_MS = 500;

/** A sentinel that watches one master under the name `books`, and promotes its replica alone. */
export class Sentinel {
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #directory: string;

  private constructor(child: ChildProcess, directory: string, port: number) {
    this.#process = child;
    this.#directory = directory;
    this.port = port;
  }

  /** `settings` are lines of its file. */
  static async watching(masterPort: number, ...settings: string[]): Promise<Sentinel> {
    const directory = mkdtempSync(join(tmpdir(), 'sentinel-'));
    const port = await freePort();
    const file = join(directory, 'sentinel.conf');
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${directory}`,
      `sentinel monitor books 127.0.0.1 ${masterPort} 1`,
      `sentinel down-after-milliseconds books ${DOWN_AFTER_MS}`,
      'sentinel failover-timeout books 5000',
      ...settings,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    const program = process.env['REDIS_SERVER'] || 'redis-server';
    const child = spawn(program, [file, '--sentinel'], { stdio: 'ignore' });
    return new Sentinel(child, directory, port);
  }

  get url(): string {
    return `redis-sentinel://127.0.0.1:${this.port}/books`;
  }

  async #ask<T>(read: (ask: (...command: string[]) => Promise<unknown>) => Promise<T>): Promise<T> {
    const client = createClient({
      url: `redis://127.0.0.1:${this.port}`,
      socket: { reconnectStrategy: false },
    });
    client.on('error', () => {});
    await client.connect();
    try {
      return await read((...command) => client.sendCommand(command));
    } finally {
      client.destroy();
    }
  }

  masterPort(): Promise<number> {
    return this.#ask(async (ask) => {
      const address = await ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'books');
      return Number((address as string[])[1]);
    });
  }

  knowsReplica(): Promise<boolean> {
    return this.#ask(async (ask) => {
      const replicas = (await ask('SENTINEL', 'REPLICAS', 'books')) as unknown[];
      return replicas.length === 1;
    }).catch(() => false);
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
