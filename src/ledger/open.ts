import type { LedgerTarget } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { errorReason } from '../core/reason.ts';
import { placeOf } from '../core/redis-url.ts';
import { SetupError } from '../core/setup-error.ts';
import { continuing } from './books-status.ts';
import type { Confirmation } from './confirmation.ts';
import type { Ledger } from './ledger.ts';
import { hasDataFile } from './lmdb/data-file.ts';
import { shardRoots } from './redis/hash-tags.ts';
import { ledgerOf } from './sharded/ledger.ts';

export interface OpenLedgerParts {
  readonly clock: Clock;
  readonly random: () => number;
  /** Gets what makes a write count, each time the ledger is opened or connected anew. */
  readonly confirmedBy?: (confirmation: Confirmation) => void;
  /** Where the death of a thread that writes is logged, if anywhere. */
  readonly log?: Log;
}

/**
 * `here`: writes to an embedded ledger may block the thread; only threads that commit batches should use it.
 * `elsewhere`: another thread does the writes, and this one never blocks.
 */
export type Writes = 'here' | 'elsewhere';

export type EnteredLedger =
  | { readonly kind: 'entered'; leave(): void }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * Prepares the ledger once per process, before any of its threads opens it: creates and checks the directory of an
 * embedded ledger, and fails if this process cannot share it with those that have it open. Call `leave` after the last
 * thread has closed the ledger.
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
 * Opens the ledger that `LEDGER_URL` names, with processors in this order. Loads only the driver it needs, because each
 * driver costs every thread memory. Rejects with a `SetupError` if an embedded ledger cannot be opened.
 */
export async function openLedger(
  target: LedgerTarget,
  processorNames: readonly string[],
  { clock, random, confirmedBy, log }: OpenLedgerParts,
  writes: Writes,
): Promise<Ledger> {
  if (target.kind === 'redis') {
    const { RedisLedger } = await import('./redis/ledger.ts');
    const { newLocator } = await import('./redis/driver.ts');
    const { url, shardCount = 1, ...options } = target;
    const locator = newLocator(placeOf(url), { tls: options.tls ?? {}, clock });
    const [firstRoot = '', ...otherRoots] = shardRoots(shardCount);
    const open = (root: string, position: number, mayMake: () => boolean) =>
      RedisLedger.open(url, {
        ...options,
        locator,
        root,
        place: { position, count: shardCount },
        mayMake,
        processorNames,
        clock,
        random,
        ...(confirmedBy && { confirmedBy }),
      });
    const first = await open(firstRoot, 0, () => true);
    // With a wrong number of shards, only the books of shard 0 are there to say so.
    const others = otherRoots.map((root, index) => open(root, index + 1, () => first.hasOpened));
    return ledgerOf([first, ...(await Promise.all(others))]);
  }
  const options = { processorNames, clock, outbox: target.outbox };
  confirmedBy?.({ kind: 'sync' });
  try {
    if (writes === 'elsewhere') {
      const { ThreadedLmdbLedger } = await import('./lmdb/threaded-ledger.ts');
      return await ThreadedLmdbLedger.open(target.path, { ...options, random, log });
    }
    const { LmdbLedger } = await import('./lmdb/ledger.ts');
    return await LmdbLedger.open(target.path, options);
  } catch (error) {
    if (error instanceof Error && 'code' in error)
      throw new SetupError(setupReason(target, errorReason(error)));
    throw error;
  }
}

/** Whether the books in a ledger were moved there from this other one. False if it does not answer. */
export async function continuesLedger(
  target: LedgerTarget,
  other: string,
  parts: OpenLedgerParts,
): Promise<boolean> {
  // To ask must not make books.
  if (target.kind === 'lmdb' && !hasDataFile(target.path)) return false;
  const entered = await enterLedger(target, parts);
  if (entered.kind === 'failed') return false;
  const ledger = await openLedger(target, [], parts, 'here');
  const status = await ledger.booksStatus();
  await ledger.close();
  entered.leave();
  return status.kind === 'ok' && status.value.detail === continuing(other);
}

function setupReason(target: { readonly path: string }, reason: string): string {
  return `LEDGER_URL=lmdb:${target.path}: ${reason}`;
}
