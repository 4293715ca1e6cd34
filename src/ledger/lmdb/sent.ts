import type { ProcessorPayments } from '../ledger.ts';
import type { LmdbEntries } from './entries.ts';
import type { LmdbOwners } from './owners.ts';
import { type LmdbProcessors, nameIn } from './processors.ts';
import type { StoredEntry } from './stored-entry.ts';

export interface LmdbSentParts {
  readonly entries: LmdbEntries;
  readonly owners: LmdbOwners;
  readonly processors: LmdbProcessors;
}

/** Wanted open entries of owners whose leases have expired by `nowMs`, counted by processor. */
export function sentBy(
  nowMs: number,
  isWanted: (entry: StoredEntry) => boolean,
  { entries, owners, processors }: LmdbSentParts,
): ProcessorPayments[] {
  const counts = new Map<number, number>();
  for (const [owner, { leaseUntilMs }] of owners.all()) {
    if (leaseUntilMs > nowMs) continue;
    entries.heldBy(owner, Infinity, (entry) => {
      const { processorNumber } = entry;
      if (isWanted(entry)) counts.set(processorNumber, (counts.get(processorNumber) ?? 0) + 1);
      return false;
    });
  }
  const names = processors.namesByNumber();
  const numbers = [...counts.keys()].sort((one, other) => one - other);
  return numbers.map((number) => ({ name: nameIn(names, number), count: counts.get(number) ?? 0 }));
}
