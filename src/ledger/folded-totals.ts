import { exactly, type Reply, type UnitTotals } from './ledger.ts';
import { type Folded, finestUnit } from './retention.ts';
import { unitStartMs } from './time-index.ts';

/** Whether a unit is one of the finest that books with this `folded` have in folded time. */
export function isLeft({ unit, startMs }: Pick<UnitTotals, 'unit' | 'startMs'>, folded: Folded): boolean {
  return finestUnit(startMs, folded) === unit;
}

/** The reply to `Ledger.foldedTotals`: by time, then by name, each unit and processor once. */
export function sortedUnits(totals: Iterable<UnitTotals>): Reply<UnitTotals[]> {
  const sums = new Map<string, UnitTotals>();
  for (const each of totals) {
    const key = unitKey(each);
    const sum = sums.get(key);
    const count = each.count + (sum?.count ?? 0);
    const amountCents = each.amountCents + (sum?.amountCents ?? 0);
    sums.set(key, { ...each, count, amountCents });
  }
  return exactly([...sums.values()].filter(({ count }) => count > 0).sort(compare));
}

/** Names a unit and a processor. */
export function unitKey({ unit, startMs, name }: Pick<UnitTotals, 'unit' | 'startMs' | 'name'>): string {
  return `${unit} ${startMs} ${name}`;
}

/** The days that these units of time begin in, ascending. */
export function daysOf(startsMs: Iterable<number>): number[] {
  const days = new Set<number>();
  for (const startMs of startsMs) days.add(unitStartMs(DAY, startMs));
  return [...days].sort((one, other) => one - other);
}

export const DAY = 4;

function compare(one: UnitTotals, other: UnitTotals): number {
  if (one.startMs !== other.startMs) return one.startMs - other.startMs;
  return one.name < other.name ? -1 : 1;
}
