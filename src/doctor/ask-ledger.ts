import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { placeOf } from '../core/redis-url.ts';
import { hasDataFile } from '../ledger/lmdb/data-file.ts';
import type { LmdbLedger } from '../ledger/lmdb/ledger.ts';
import { slotOf } from '../ledger/redis/hash-slot.ts';
import { shardRoots } from '../ledger/redis/hash-tags.ts';
import type { RedisShard } from '../ledger/redis/stranded.ts';

export const REDIS_TIMEOUT_MS = 3000;
/** How many commands wait for an answer at once. */
export const PENDING_LIMIT = 64;

/** Asks a ledger in LMDB without writing to it. `absent`: the answer if there is none. */
export async function askLmdb<T>(
  path: string,
  clock: Clock,
  absent: T,
  ask: (ledger: LmdbLedger) => Promise<T>,
): Promise<T> {
  if (!hasDataFile(path)) return absent;
  const { LmdbLedger } = await import('../ledger/lmdb/ledger.ts');
  const ledger = LmdbLedger.openToRead(path, { processorNames: [], clock });
  try {
    return await ask(ledger);
  } finally {
    await ledger.close();
  }
}

export type RedisTarget = Extract<Config['ledger'], { kind: 'redis' }>;

/** Asks the shards of a ledger in Redis one after another, each over a connection of its own. Rejects if one does not answer. */
export async function askShards<T>(
  { url, tls = {}, shardCount = 1 }: RedisTarget,
  clock: Clock,
  ask: (shard: RedisShard) => Promise<T>,
): Promise<T[]> {
  const { driversFor, newLocator } = await import('../ledger/redis/driver.ts');
  const options = { tls, timeoutMs: REDIS_TIMEOUT_MS, pendingLimit: PENDING_LIMIT, clock };
  const locator = newLocator(placeOf(url), options);
  const answers: T[] = [];
  for (const root of shardRoots(shardCount)) {
    const slot = slotOf(root);
    const driver = driversFor(locator, slot, options)();
    driver.on('error', () => {});
    const timer = setTimeout(() => driver.destroy(), REDIS_TIMEOUT_MS);
    try {
      await driver.connect();
      answers.push(await ask({ driver, root, slot: locator.place.kind === 'cluster' ? slot : null }));
    } finally {
      clearTimeout(timer);
      driver.destroy();
    }
  }
  return answers;
}
