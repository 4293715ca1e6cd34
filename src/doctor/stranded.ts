import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { errorReason } from '../core/reason.ts';
import { placeOf } from '../core/redis-url.ts';
import type { StrandedPayments } from '../ledger/ledger.ts';
import { slotOf } from '../ledger/redis/hash-slot.ts';
import { hashTags } from '../ledger/redis/hash-tags.ts';
import { type Finding, fail } from './finding.ts';

const REDIS_TIMEOUT_MS = 3000;

/**
 * Finds open payments at processors that are not configured, and shards that are not whole. Other checks report books that
 * cannot be read.
 */
export async function checkStranded({ ledger, processors }: Config, clock: Clock): Promise<Finding[]> {
  const names = processors.map(({ name }) => name);
  let stranded: readonly StrandedPayments[];
  try {
    stranded = await (ledger.kind === 'lmdb'
      ? inLmdb(ledger.path, names, clock)
      : inRedis(ledger, names, clock));
  } catch (error) {
    const reason = errorReason(error);
    // ASK and TRYAGAIN: a key that every call declares has left.
    if (!/^(INCOMPLETE|ASK|TRYAGAIN) /.test(reason)) return [];
    return [
      fail(
        'ledger',
        `a shard is not whole: ${reason}`,
        'see docs/scaling.md, "When a move of a slot has failed"',
      ),
    ];
  }
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
  { url, tls = {}, shardCount = 1 }: Extract<Config['ledger'], { kind: 'redis' }>,
  names: readonly string[],
  clock: Clock,
): Promise<StrandedPayments[]> {
  const { driversFor, newLocator } = await import('../ledger/redis/driver.ts');
  const { strandedIn } = await import('../ledger/redis/stranded.ts');
  const options = { tls, timeoutMs: REDIS_TIMEOUT_MS, pendingLimit: 64, clock };
  const locator = newLocator(placeOf(url), options);
  const counts = new Map<string, number>();
  for (const tag of hashTags(shardCount)) {
    const root = `{${tag}}:`;
    const slot = slotOf(root);
    const driver = driversFor(locator, slot, options)();
    driver.on('error', () => {});
    const timer = setTimeout(() => driver.destroy(), REDIS_TIMEOUT_MS);
    try {
      await driver.connect();
      const slotInCluster = locator.place.kind === 'cluster' ? slot : null;
      for (const { name, count } of await strandedIn(driver, root, slotInCluster, names, clock.nowMs())) {
        counts.set(name, (counts.get(name) ?? 0) + count);
      }
    } finally {
      clearTimeout(timer);
      driver.destroy();
    }
  }
  return Array.from(counts, ([name, count]) => ({ name, count }));
}
