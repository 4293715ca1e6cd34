import type { Totals } from '../../src/core/payment.ts';
import type { Claim, Reply, Settlement, Shard } from '../../src/ledger/ledger.ts';
import type { TooFine } from '../../src/ledger/retention.ts';

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
    requestedAtMs: T0_MS + number,
    ...change,
  };
}

export function settlementOf(number: number, change: Partial<Settlement> = {}): Settlement {
  return {
    correlationId: id(number),
    status: 'settled',
    processor: 0,
    amountCents: 1990,
    requestedAtMs: T0_MS + number,
    reason: '',
    ...change,
  };
}

export async function must<T>(reply: Promise<Reply<T> | TooFine>): Promise<T> {
  const answer = await reply;
  if (answer.kind === 'too-fine')
    throw new Error(`the books are folded too far for this \`${answer.bound}\``);
  if (answer.kind === 'unavailable') throw new Error(`the ledger is unavailable: ${answer.reason}`);
  return answer.value;
}

/** The totals of each processor, without its name. */
export async function sumsOf(ledger: Shard): Promise<Totals[]> {
  const totals = await must(ledger.summary(-Infinity, Infinity));
  return totals.map(({ count, amountCents }) => ({ count, amountCents }));
}
