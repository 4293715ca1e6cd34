import type { LedgerTarget } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { errorReason } from '../core/reason.ts';
import { SetupError } from '../core/setup-error.ts';
import type { Ledger } from './ledger.ts';

export interface OpenLedgerParts {
  readonly clock: Clock;
  readonly random: () => number;
}

/**
 * `here`: the thread may stand still for as long as a write to an embedded ledger takes; only threads that have
 * batches to commit should. `elsewhere`: it never does, and another thread writes for it.
 */
export type Writes = 'here' | 'elsewhere';

export type EnteredLedger =
  | { readonly kind: 'entered'; leave(): void }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * What a process does once, before any of its threads opens the ledger: an embedded ledger has its directory made
 * and checked, and is refused to a process that can't share it with those that have it open. `leave` comes after the
 * last thread has closed it.
 */
export async function enterLedger(target: LedgerTarget, parts: OpenLedgerParts): Promise<EnteredLedger> {
  if (target.kind === 'redis') return { kind: 'entered', leave: () => {} };
  const { enterDirectory } = await import('./lmdb/directory.ts');
  const entered = await enterDirectory(target.path, parts);
  return entered.kind === 'entered'
    ? entered
    : { kind: 'failed', reason: setupReason(target, entered.reason) };
}

/**
 * The ledger that `LEDGER_URL` names, opened for processors in this order. The driver of the other one is not
 * loaded: it would cost each thread its memory. Rejects with a `SetupError` when an embedded ledger can't be opened.
 */
export async function openLedger(
  target: LedgerTarget,
  processorNames: readonly string[],
  { clock, random }: OpenLedgerParts,
  writes: Writes,
): Promise<Ledger> {
  if (target.kind === 'redis') {
    const { RedisLedger } = await import('./redis/ledger.ts');
    const { url, tls } = target;
    return RedisLedger.open(url, { processorNames, clock, random, ...(tls && { tls }) });
  }
  const options = { processorNames, clock };
  try {
    if (writes === 'elsewhere') {
      const { ThreadedLmdbLedger } = await import('./lmdb/threaded-ledger.ts');
      return await ThreadedLmdbLedger.open(target.path, options);
    }
    const { LmdbLedger } = await import('./lmdb/ledger.ts');
    return await LmdbLedger.open(target.path, options);
  } catch (error) {
    if (error instanceof Error && 'code' in error)
      throw new SetupError(setupReason(target, errorReason(error)));
    throw error;
  }
}

function setupReason(target: { readonly path: string }, reason: string): string {
  return `LEDGER_URL=lmdb:${target.path}: ${reason}`;
}
