import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import type { Shard } from '../../src/ledger/ledger.ts';
import { LmdbLedger } from '../../src/ledger/lmdb/ledger.ts';
import { RedisLedger } from '../../src/ledger/redis/ledger.ts';
import { operate } from '../../test/ledger/redis/operate.ts';
import { RedisServer } from '../../test/ledger/redis/redis-server.ts';
import { redisCpuUs } from './redis/redis-cpu.ts';

/** An empty ledger to measure. LMDB syncs each commit. Redis keeps nothing on a disk: its figures are those of the layout. */
export interface Subject {
  readonly name: string;
  readonly shard: Shard;
  bytes(): Promise<number>;
  /** CPU time of the ledger's server, if it has one. */
  serverUs(): number;
  close(): Promise<void>;
}

const OPTIONS = { processorNames: ['default', 'fallback'], clock: systemClock };

/** Runs `measure` with each kind of ledger that BENCH_LEDGER names, or both. */
export async function withSubjects(measure: (subject: Subject) => Promise<void>): Promise<void> {
  for (const open of [openLmdb, openRedis]) {
    if (!open.name.toLowerCase().includes(process.env['BENCH_LEDGER'] ?? '')) continue;
    const subject = await open();
    try {
      await measure(subject);
    } finally {
      await subject.close();
    }
  }
}

async function openLmdb(): Promise<Subject> {
  const directory = mkdtempSync(join(tmpdir(), 'dinossauro-growth-'));
  const shard = await LmdbLedger.open(directory, OPTIONS);
  return {
    name: 'LMDB',
    shard,
    bytes: async () => statSync(join(directory, 'data.mdb')).size,
    serverUs: () => 0,
    close: async () => {
      await shard.close();
      rmSync(directory, { recursive: true });
    },
  };
}

async function openRedis(): Promise<Subject> {
  const server = await RedisServer.start('--appendonly', 'no');
  const shard = await RedisLedger.open(server.socketUrl, {
    ...OPTIONS,
    random: Math.random,
    allowsUnconfirmed: true,
    timeoutMs: 20_000,
  });
  const emptyBytes = await usedBytes(server);
  return {
    name: 'Redis',
    shard,
    bytes: async () => (await usedBytes(server)) - emptyBytes,
    serverUs: () => redisCpuUs(server),
    close: async () => {
      await shard.close();
      await server.stop();
    },
  };
}

async function usedBytes(server: RedisServer): Promise<number> {
  const info = String(await operate(server, 'INFO', 'memory'));
  return Number(/^used_memory:(\d+)/m.exec(info)?.[1]);
}

export async function timed(times: number[], run: () => Promise<unknown>): Promise<void> {
  const beganMs = performance.now();
  await run();
  times.push(performance.now() - beganMs);
}

/** The quantiles of these times, in milliseconds. */
export function inMs(times: readonly number[], ...shares: number[]): string {
  const sorted = times.toSorted((one, other) => one - other);
  return shares
    .map((share) => (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1))
    .join(' / ');
}
