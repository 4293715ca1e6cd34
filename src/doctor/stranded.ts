import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { parseRedisUrl } from '../core/redis-url.ts';
import type { Ledger, Reply } from '../ledger/ledger.ts';
import type { RedisDriver } from '../ledger/redis/connection.ts';
import { type Finding, fail } from './finding.ts';

const REDIS_TIMEOUT_MS = 3000;

/**
 * Finds open payments at processors that are not configured. Books that cannot be read give no finding here: other
 * checks report them.
 */
export async function checkStranded({ ledger, processors }: Config, clock: Clock): Promise<Finding[]> {
  const names = processors.map(({ name }) => name);
  const stranded = await (ledger.kind === 'lmdb'
    ? readLmdb(ledger.path, clock, (books) => books.stranded(clock.nowMs()))
    : readRedis(ledger, clock, async (driver) => {
        const { strandedIn } = await import('../ledger/redis/stranded.ts');
        return strandedIn(driver, names, clock.nowMs());
      })
  ).catch(() => undefined);
  return (stranded ?? [])
    .filter(({ name }) => !names.includes(name))
    .map(({ name, count }) =>
      fail(
        'ledger',
        `${count} ${count === 1 ? 'payment waits' : 'payments wait'} for processor ${name}, which is not configured`,
        'add it to PROCESSORS or PROCESSORS_FILE until they are settled',
      ),
    );
}

/** Undefined: there is no ledger yet, or it does not answer. */
export async function readLmdb<T>(
  path: string,
  clock: Clock,
  read: (books: Ledger) => Promise<Reply<T>>,
): Promise<T | undefined> {
  if (!existsSync(join(path, 'data.mdb'))) return undefined;
  const { LmdbLedger } = await import('../ledger/lmdb/ledger.ts');
  const ledger = LmdbLedger.openToRead(path, { processorNames: [], clock });
  try {
    const reply = await read(ledger);
    return reply.kind === 'ok' ? reply.value : undefined;
  } finally {
    await ledger.close();
  }
}

/** Undefined: this check cannot read such books. Rejects if they do not answer. */
export async function readRedis<T>(
  { url, tls }: Extract<Config['ledger'], { kind: 'redis' }>,
  clock: Clock,
  read: (driver: RedisDriver) => Promise<T>,
): Promise<T | undefined> {
  const place = parseRedisUrl(url);
  if (place === undefined || place.kind === 'cluster') return undefined;
  const { driversFor } = await import('../ledger/redis/driver.ts');
  const options = { tls: tls ?? {}, timeoutMs: REDIS_TIMEOUT_MS, pendingLimit: 64, clock };
  const driver = driversFor(place, 0, options)();
  driver.on('error', () => {});
  const timer = setTimeout(() => driver.destroy(), REDIS_TIMEOUT_MS);
  try {
    await driver.connect();
    return await read(driver);
  } finally {
    clearTimeout(timer);
    driver.destroy();
  }
}
