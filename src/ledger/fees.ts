import { exactly, type FeeTotals, type Reply } from './ledger.ts';

/** The reply to `Ledger.fees`: by name, then by fee, each processor and fee once. */
export function sortedFees(totals: readonly FeeTotals[]): Reply<FeeTotals[]> {
  const sums = new Map<string, FeeTotals>();
  for (const each of totals) {
    const key = feeKey(each);
    const sum = sums.get(key);
    const count = each.count + (sum?.count ?? 0);
    const amountCents = each.amountCents + (sum?.amountCents ?? 0);
    sums.set(key, { ...each, count, amountCents });
  }
  return exactly([...sums.values()].sort(compare));
}

export function feeKey({ name, feePpm, feeFixedCents }: Omit<FeeTotals, 'count' | 'amountCents'>): string {
  return `${name} ${feePpm} ${feeFixedCents}`;
}

function compare(one: FeeTotals, other: FeeTotals): number {
  if (one.name !== other.name) return one.name < other.name ? -1 : 1;
  return one.feePpm - other.feePpm || one.feeFixedCents - other.feeFixedCents;
}
