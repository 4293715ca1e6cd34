import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../../src/core/clock.ts';
import type { Reply, Shard } from '../../../src/ledger/ledger.ts';
import { RedisLedger } from '../../../src/ledger/redis/ledger.ts';
import { freePort } from '../../system/port.ts';
import { claimOf, id, must, settlementOf, sumsOf, T0_MS } from '../samples.ts';
import { RedisGate } from './redis-gate.ts';
import { RedisServer } from './redis-server.ts';
import { until as untilIn } from './waiting.ts';

const WORKERS = 4;
const DEADLINE_MS = 60_000;
const DOWN_AFTER_MS = 500;

/** A sentinel that watches one master, and promotes its replica alone. */
class Sentinel {
  readonly #process: ChildProcess;
  readonly #directory: string;
  readonly #port: number;

  private constructor(child: ChildProcess, directory: string, port: number) {
    this.#process = child;
    this.#directory = directory;
    this.#port = port;
  }

  static async watching(port: number): Promise<Sentinel> {
    const directory = mkdtempSync(join(tmpdir(), 'sentinel-'));
    const own = await freePort();
    const file = join(directory, 'sentinel.conf');
    const lines = [
      `port ${own}`,
      'bind 127.0.0.1',
      `dir ${directory}`,
      `sentinel monitor books 127.0.0.1 ${port} 1`,
      `sentinel down-after-milliseconds books ${DOWN_AFTER_MS}`,
      'sentinel failover-timeout books 5000',
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    const program = process.env['REDIS_SERVER'] || 'redis-server';
    const child = spawn(program, [file, '--sentinel'], { stdio: 'ignore' });
    return new Sentinel(child, directory, own);
  }

  async #ask<T>(read: (ask: (...command: string[]) => Promise<unknown>) => Promise<T>): Promise<T> {
    const client = createClient({
      url: `redis://127.0.0.1:${this.#port}`,
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

function until(isSo: () => Promise<boolean>): Promise<void> {
  return untilIn(isSo, DEADLINE_MS);
}

async function persist<T>(ask: () => Promise<Reply<T>>): Promise<T> {
  for (;;) {
    const reply = await ask();
    if (reply.kind === 'ok') return reply.value;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('a sentinel promotes the replica under load: what was confirmed stays, and nothing counts twice', async () => {
  const master = await RedisServer.start();
  const replica = await RedisServer.start('--replicaof', '127.0.0.1', String(master.port));
  const sentinel = await Sentinel.watching(master.port);
  const gate = await RedisGate.before(master.port);
  const ledgers: Shard[] = [];
  try {
    await until(() => sentinel.knowsReplica());
    let isOver = false;
    let next = 0;
    const confirmed: number[] = [];
    const work = async (name: string) => {
      const ledger = await RedisLedger.open(gate.url, {
        processorNames: ['default', 'fallback'],
        clock: systemClock,
        random: Math.random,
        replicas: 1,
        timeoutMs: 1000,
      });
      ledgers.push(ledger);
      const owner = await persist(() => ledger.acquireLease({ instanceId: name, name: 'pool-0' }, T0_MS));
      while (!isOver) {
        const number = next++;
        const { claimed } = await persist(() => ledger.commit(owner, [], [claimOf(number)]));
        const { settled } = await persist(() => ledger.commit(owner, [settlementOf(number)], []));
        assert.equal([claimed, settled], [['claimed'], ['recorded']], `payment ${number}`);
        confirmed.push(number);
      }
    };
    const working = Promise.all(Array.from({ length: WORKERS }, (_, index) => work(`gateway-${index}`)));
    await until(async () => confirmed.length > 200);
    await master.kill('SIGKILL');
    const countAtCrash = confirmed.length;
    await until(async () => (await sentinel.masterPort()) === replica.port);
    gate.leadTo(replica.port);
    await master.start('--replicaof', '127.0.0.1', String(replica.port));
    await until(async () => confirmed.length > countAtCrash + 200);
    isOver = true;
    await working;
    const [ledger] = ledgers as [Shard];
    for (const number of confirmed) assert.is((await must(ledger.find(id(number))))?.status, 'settled');
    assert.is((await sumsOf(ledger))[0]?.count, confirmed.length);
  } finally {
    for (const ledger of ledgers) await ledger.close();
    await gate.close();
    await sentinel.stop();
    await replica.stop();
    await master.stop();
  }
});

test.run();
