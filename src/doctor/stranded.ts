import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { parseRedisUrl } from '../core/redis-url.ts';
import type { StrandedPayments } from '../ledger/ledger.ts';
import { type Finding, fail } from './finding.ts';

const REDIS_TIMEOUT_MS = 3000;

/**
 * Finds open payments at processors that are not configured. Books that cannot be read give no finding here: other
 * checks report them.
 */
export async function checkStranded({ ledger, processors }: Config, clock: Clock): Promise<Finding[]> {
  const names = processors.map(({ name }) => name);
  const stranded = await (ledger.kind === 'lmdb'
    ? inLmdb(ledger.path, names, clock)
    : inRedis(ledger, names, clock)
  ).catch(() => []);
  return stranded.map(({ name, count }) =>
    fail(
      'ledger',
      `${count} ${count === 1 ? 'payment waits' : 'payments wait'} for processor ${name}, which is not configured`,
      'add it to PROCESSORS or PROCESSORS_FILE until they are settled',
    ),
  );
}

async function inLmdb(path: string, names: readonly string[], clock: Clock): Promise<StrandedPayments[]> {
  if (!existsSync(join(path, 'data.mdb'))) return [];
  const { LmdbLedger } = await import('../ledger/lmdb/ledger.ts');
  const ledger = LmdbLedger.openToRead(path, { processorNames: [], clock });
  try {
    const reply = await ledger.stranded(clock.nowMs());
    return reply.kind === 'ok' ? reply.value.filter(({ name }) => !names.includes(name)) : [];
  } finally {
    await ledger.close();
  }
}

async function inRedis(
  { url, tls }: Extract<Config['ledger'], { kind: 'redis' }>,
  names: readonly string[],
  clock: Clock,
): Promise<StrandedPayments[]> {
  const place = parseRedisUrl(url);
  if (place === undefined || place.kind === 'cluster') return [];
  const { driversFor } = await import('../ledger/redis/driver.ts');
  const { strandedIn } = await import('../ledger/redis/stranded.ts');
  const options = { tls: tls ?? {}, timeoutMs: REDIS_TIMEOUT_MS, pendingLimit: 64, clock };
  const driver = driversFor(place, 0, options)();
  driver.on('error', () => {});
  const timer = setTimeout(() => driver.destroy(), REDIS_TIMEOUT_MS);
  try {
    await driver.connect();
    return await strandedIn(driver, names, clock.nowMs());
  } finally {
    clearTimeout(timer);
    driver.destroy();
  }
}
