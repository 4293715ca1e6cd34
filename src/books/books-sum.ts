import { createHash } from 'node:crypto';
import type { LedgerEntry, ProcessorTotals } from '../ledger/ledger.ts';
import { lineOf } from './line.ts';

const LIMIT = 2n ** 128n;

/** Adds up whole payments in any order: two books with the same sum have the same payments, with the same content. */
export class BooksSum {
  #sum = 0n;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(entry: LedgerEntry): void {
    const digest = createHash('sha256').update(lineOf(entry)).digest();
    this.#sum = (this.#sum + (digest.readBigUInt64LE(0) << 64n) + digest.readBigUInt64LE(8)) % LIMIT;
    this.#count++;
  }

  isSame({ count, digest }: BooksSum): boolean {
    return this.#count === count && this.#sum === digest;
  }

  get digest(): bigint {
    return this.#sum;
  }
}

interface SummedBooks {
  readonly sum: BooksSum;
  readonly totals: readonly ProcessorTotals[];
}

/** How two books differ, as text; null: they are the same. */
export function differenceBetween(here: SummedBooks, there: SummedBooks): string | null {
  if (here.sum.count !== there.sum.count) return `${here.sum.count} payments here, ${there.sum.count} there`;
  if (!here.sum.isSame(there.sum)) return 'some payments have another content';
  for (const { name, count, amountCents } of here.totals) {
    const other = there.totals.find((each) => each.name === name);
    if (count === other?.count && amountCents === other.amountCents) continue;
    return `the totals of ${name}: ${count} of ${amountCents} cents here, ${other?.count ?? 0} of ${other?.amountCents ?? 0} there`;
  }
  return here.totals.length === there.totals.length ? null : 'more processors there';
}
