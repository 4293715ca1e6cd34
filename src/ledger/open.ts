import type { LedgerTarget } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { Ledger } from './ledger.ts';

export interface OpenLedgerParts {
  readonly clock: Clock;
  readonly random: () => number;
}

/**
 * The ledger that `LEDGER_URL` names, opened for processors in this order. The driver of the other one is not
 * loaded: it would cost each thread its memory.
 */
export async function openLedger(
  target: LedgerTarget,
  processorNames: readonly string[],
  { clock, random }: OpenLedgerParts,
): Promise<Ledger> {
  if (target.kind === 'redis') {
    const { RedisLedger } = await import('./redis/ledger.ts');
    const { url, tls } = target;
    return RedisLedger.open(url, { processorNames, clock, random, ...(tls && { tls }) });
  }
  const { LmdbLedger } = await import('./lmdb/ledger.ts');
  return LmdbLedger.open(target.path, { processorNames, clock });
}
