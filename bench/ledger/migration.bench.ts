import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { moveInterrupted } from '../../test/books/moving.ts';
import { RedisServer } from '../../test/ledger/redis/redis-server.ts';

/**
 * A migration from LMDB to Redis under load, with `dinossauro migrate` killed in its first pass and in the stop: how long the
 * last run and the stop took. Every minute, the fees and what is open are compared afterwards.
 *
 * BENCH_PAYMENTS=1000000, BENCH_RATE=500: payments a second meanwhile. BENCH_SHARDS=4. BENCH_RETENTION_S=3600.
 */
const isSmoke = process.env['BENCH_SMOKE'] === '1';
const COUNT = isSmoke ? 20_000 : Number(process.env['BENCH_PAYMENTS'] ?? 1_000_000);
const setting = (name: string, usual: number) => Number(process.env[name] ?? usual);

const directory = mkdtempSync(join(tmpdir(), 'dinossauro-migration-'));
const redis = await RedisServer.start();
try {
  const moved = await moveInterrupted({
    path: join(directory, 'ledger'),
    to: { url: redis.url, shardCount: setting('BENCH_SHARDS', 4) },
    count: COUNT,
    perSecond: setting('BENCH_RATE', 500),
    retentionMs: 1000 * setting('BENCH_RETENTION_S', 3600),
    say: (line) => console.log(line),
  });
  console.table([{ payments: COUNT, ...moved }]);
} finally {
  await redis.stop();
  rmSync(directory, { recursive: true });
}
