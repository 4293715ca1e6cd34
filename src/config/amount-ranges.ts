import type { ProcessorTarget } from './processor-target.ts';

/** Amounts in whole cents, both inclusive. */
export interface AmountRange {
  readonly minCents: number;
  readonly maxCents: number;
}

/** The amounts up to `maxAmountCents` that at least one processor takes, ascending, with gaps between the ranges. */
export function takenAmounts(
  targets: readonly Pick<ProcessorTarget, 'minAmountCents' | 'maxAmountCents'>[],
  maxAmountCents: number,
): readonly AmountRange[] {
  const ranges: AmountRange[] = [];
  const ascending = targets.toSorted((one, other) => one.minAmountCents - other.minAmountCents);
  for (const target of ascending) {
    const minCents = target.minAmountCents;
    const maxCents = Math.min(target.maxAmountCents, maxAmountCents);
    const last = ranges.at(-1);
    if (minCents > maxCents) continue;
    if (last === undefined || minCents > last.maxCents + 1) ranges.push({ minCents, maxCents });
    else ranges[ranges.length - 1] = { ...last, maxCents: Math.max(last.maxCents, maxCents) };
  }
  return ranges;
}
