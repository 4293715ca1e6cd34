import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportBooks } from '../../src/books/export.ts';
import { type ImportOrder, importBooks } from '../../src/books/import.ts';
import type { LedgerTarget } from '../../src/config/config.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Claim, Ledger, Shard } from '../../src/ledger/ledger.ts';
import { openLedger } from '../../src/ledger/open.ts';
import { id, must, T0_MS } from '../ledger/samples.ts';

const NAMES = ['default', 'fallback'];
const BATCH = 256;

/** Runs with a new directory, which is removed afterwards. */
export async function inDirectory(run: (path: string) => Promise<void>): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'dinossauro-books-'));
  try {
    await run(path);
  } finally {
    rmSync(path, { recursive: true });
  }
}

/** Opens a ledger, uses its first shard or all of it, and closes it. */
export async function withLedger<T>(
  target: LedgerTarget,
  use: (shard: Shard, ledger: Ledger) => Promise<T>,
  names: readonly string[] = NAMES,
): Promise<T> {
  const ledger = await openLedger(target, names, { clock: systemClock, random: Math.random }, 'here');
  const [shard] = ledger.shards;
  if (shard === undefined) throw new Error('a ledger has a shard');
  try {
    return await use(shard, ledger);
  } finally {
    await ledger.close();
  }
}

/** Exports books into a file of the directory. */
export async function exported(
  ledger: Ledger,
  directory: string,
  [fromMs, toMs]: readonly [number, number] = [-Infinity, Infinity],
): Promise<string> {
  const path = join(directory, `export-${Math.random()}`);
  const order = { ledger, clock: systemClock, fromMs, toMs, temporaryDirectory: directory };
  await must(exportBooks({ ...order, out: createWriteStream(path), onProgress: () => {} }));
  return path;
}

/** Imports a file into books that are empty, unless the change says otherwise. */
export function imported(path: string, target: LedgerTarget, change: Partial<ImportOrder> = {}) {
  return importBooks({
    path,
    target,
    clock: systemClock,
    intoExisting: false,
    asRestore: false,
    onProgress: () => {},
    ...change,
  });
}

/** Numbers of payments in `fill`, by what became of them; the others are settled, every third at `fallback`. */
export const OPEN = 3;
export const RESERVED = 5;
export const REJECTED = 7;
const CONFLICTING = 11;
const CANCELLED = 13;

/** Fills books with payments 0 to `count` - 1, a second apart. Returns the owner of those that are open. */
export async function fill(ledger: Shard, count: number, firstNumber = 0): Promise<number> {
  const owner = await must(ledger.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, T0_MS));
  for (let first = firstNumber; first < firstNumber + count; first += BATCH) {
    const size = Math.min(BATCH, firstNumber + count - first);
    const claims = Array.from({ length: size }, (_, index) => claimOf(first + index));
    await must(ledger.commit(owner, [], claims));
    await must(ledger.commit(owner, [], claims.filter((_, index) => first + index === OPEN).map(again)));
    const settlements = claims.flatMap((claim, index) => {
      const number = first + index;
      if (claim.processor === null || number === OPEN) return [];
      const status = number === REJECTED ? ('rejected' as const) : ('settled' as const);
      const { correlationId, amountCents, requestedAtMs, processor } = claim;
      const reason = status === 'rejected' ? 'HTTP 400: card declined, não' : '';
      const outcome = status === 'rejected' ? ('found-rejected' as const) : ('charged' as const);
      return [{ correlationId, status, processor, amountCents, requestedAtMs, reason, outcome }];
    });
    await must(ledger.commit(owner, settlements, []));
  }
  if (firstNumber === 0) {
    await must(ledger.commit(owner, [], [{ ...claimOf(CONFLICTING), amountCents: 1 }]));
    const action = {
      what: 'cancel',
      atMs: T0_MS + CANCELLED * 1000 + 9,
      by: '',
      why: 'ordered twice',
    } as const;
    await must(ledger.cancel(action, [{ correlationId: id(CANCELLED), amountCents: null }]));
  }
  return owner;
}

/** Holds the payment that is reserved, and one of this number that the books do not have. */
export async function holdSome(ledger: Shard, awaited: number): Promise<void> {
  const payments = [RESERVED, awaited].map((number) => ({ correlationId: id(number) }));
  const action = { what: 'hold', atMs: T0_MS + 9, by: '', why: 'perhaps a fraud' } as const;
  await must(ledger.hold(action, payments));
}

/** The status and the amount of these payments. */
export function heldIn(ledger: Ledger, awaited: number): Promise<unknown[]> {
  return Promise.all(
    [RESERVED, awaited].map(async (number) => {
      const entry = await must(ledger.find(id(number)));
      return [entry?.status, entry?.amountCents];
    }),
  );
}

function claimOf(number: number): Claim {
  const acceptedAtMs = T0_MS + number * 1000;
  return {
    correlationId: id(number),
    amountCents: 100 + number,
    acceptedAtMs,
    processor: number === RESERVED || number === CANCELLED ? null : number % 3 === 0 ? 1 : 0,
    requestedAtMs: acceptedAtMs + 7,
    why: 'cheapest-well',
  };
}

/** Claims it for another attempt, after the first was refused. */
function again(claim: Claim): Claim {
  const { requestedAtMs } = claim;
  const before = { requestedAtMs, outcome: 'refused' } as const;
  return { ...claim, requestedAtMs: requestedAtMs + 50, why: 'probe', before };
}
