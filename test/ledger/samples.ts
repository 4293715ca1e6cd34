import { NO_STORY } from '../../src/core/attempt.ts';
import type { Totals } from '../../src/core/payment.ts';
import type {
  Claim,
  ClaimReply,
  LedgerEntry,
  NoSum,
  Reply,
  RestoredEntry,
  Settlement,
  Shard,
} from '../../src/ledger/ledger.ts';

/** When the payments of these tests were accepted. */
export const T0_MS = Date.UTC(2025, 6, 1, 12, 0, 0, 0);

export function id(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
}

export function claimOf(number: number, change: Partial<Claim> = {}): Claim {
  return {
    correlationId: id(number),
    amountCents: 1990,
    acceptedAtMs: T0_MS,
    processor: 0,
    requestedAtMs: T0_MS + 5,
    ...change,
  };
}

export function settlementOf(number: number, change: Partial<Settlement> = {}): Settlement {
  return {
    correlationId: id(number),
    status: 'settled',
    processor: 0,
    amountCents: 1990,
    requestedAtMs: T0_MS + 5,
    reason: '',
    ...change,
  };
}

/** The names of the processors. */
export const NAMES = ['default', 'fallback'];

function nameAt(processor: number | null): string | null {
  return processor === null ? null : (NAMES[processor] ?? null);
}

/** An entry of a payment that was claimed once, without an owner. */
export function entryOf(number: number, change: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    correlationId: id(number),
    amountCents: 1990,
    acceptedAtMs: T0_MS,
    status: 'dispatched',
    owner: 0,
    processor: 0,
    processorName: nameAt(change.processor === undefined ? 0 : change.processor),
    requestedAtMs: T0_MS + 5,
    attempts: 1,
    story: NO_STORY,
    reason: '',
    conflictingAmountCents: null,
    ...change,
  };
}

/** An entry of other books, settled. */
export function restoredOf(number: number, change: Partial<RestoredEntry> = {}): RestoredEntry {
  return {
    correlationId: id(number),
    amountCents: 1990,
    acceptedAtMs: T0_MS,
    status: 'settled',
    processor: 0,
    requestedAtMs: T0_MS + 5,
    attempts: 1,
    story: NO_STORY,
    reason: '',
    conflictingAmountCents: null,
    chargedCents: 1990,
    ...change,
  };
}

export const WORKER = { instanceId: 'gateway-1', name: 'pool-0' };
/** Later than anything in these tests. */
export const FOREVER_MS = T0_MS + 86_400_000;

/** A new owner in a ledger. */
export function acquire(ledger: Shard, leaseUntilMs = FOREVER_MS): Promise<number> {
  return must(ledger.acquireLease(WORKER, leaseUntilMs));
}

export async function claim(
  ledger: Shard,
  owner: number,
  ...claims: Claim[]
): Promise<readonly ClaimReply[]> {
  return (await must(ledger.commit(owner, [], claims))).claimed;
}

/** Claims payments of these numbers under a new owner, and settles them. */
export async function settleAll(
  ledger: Shard,
  numbers: readonly number[],
  changeOf: (number: number) => Partial<Settlement> = () => ({}),
): Promise<void> {
  const owner = await acquire(ledger);
  const claims = numbers.map((number) => claimOf(number));
  await must(ledger.commit(owner, [], claims));
  const settlements = numbers.map((number) => settlementOf(number, changeOf(number)));
  await must(ledger.commit(owner, settlements, []));
}

export async function must<T>(reply: Promise<Reply<T> | NoSum>): Promise<T> {
  const answer = await reply;
  if (answer.kind === 'too-fine')
    throw new Error(`the books are folded too far for this \`${answer.bound}\``);
  if (answer.kind === 'too-large') throw new Error('a sum is too large');
  if (answer.kind === 'unavailable') throw new Error(`the ledger is unavailable: ${answer.reason}`);
  return answer.value;
}

/** The totals of each processor, without its name. */
export async function sumsOf(ledger: Shard): Promise<Totals[]> {
  const totals = await must(ledger.summary(-Infinity, Infinity));
  return totals.map(({ count, amountCents }) => ({ count, amountCents }));
}

/** Folds all that is older than the retention. */
export async function foldAll(ledger: Shard, nowMs: number, retentionMs: number): Promise<void> {
  while (await must(ledger.upkeep(nowMs, retentionMs)));
}
