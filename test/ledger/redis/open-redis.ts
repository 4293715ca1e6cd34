import { systemClock } from '../../../src/core/clock.ts';
import { RedisLedger, type RedisLedgerOptions } from '../../../src/ledger/redis/ledger.ts';
import { NAMES } from '../samples.ts';

/** Opens the books in a Redis, with the real time and two processors unless `change` says otherwise. */
export function openRedis(url: string, change: Partial<RedisLedgerOptions> = {}): Promise<RedisLedger> {
  return RedisLedger.open(url, {
    processorNames: NAMES,
    clock: systemClock,
    random: Math.random,
    ...change,
  });
}
