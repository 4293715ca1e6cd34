import type { Totals } from '../../core/payment.ts';
import type { Settlement } from '../ledger.ts';
import { type Folded, finestUnit, foldedBefore } from '../retention.ts';
import { type TimeRange, UNIT_SPANS_MS, unitStartMs } from '../time-index.ts';
import type { LmdbProcessors } from './processors.ts';
import { readTotals, timeIndexKey, totalsBytes } from './records.ts';
import type { LmdbStore } from './store.ts';

/** The settled payments of an LMDB ledger by processor and time (`src/ledger/time-index.ts`). */
export class LmdbTimeIndex {
  readonly #store: LmdbStore;
  readonly #processors: LmdbProcessors;

  constructor(store: LmdbStore, processors: LmdbProcessors) {
    this.#store = store;
    this.#processors = processors;
  }

  /** Adds up the charges of each bucket first: most of a batch shares its second and everything above. */
  add(charges: readonly Settlement[], folded: Folded): void {
    const buckets = new Map<string, { key: Buffer; count: number; amountCents: number }>();
    for (const charge of charges) {
      const number = this.#processors.numberOf(charge.processor);
      for (let unit = finestUnit(charge.requestedAtMs, folded); unit < UNIT_SPANS_MS.length; unit++) {
        const key = timeIndexKey(unit, number, unitStartMs(unit, charge.requestedAtMs));
        const name = key.toString('latin1');
        const bucket = buckets.get(name) ?? { key, count: 0, amountCents: 0 };
        bucket.count++;
        bucket.amountCents += charge.amountCents;
        buckets.set(name, bucket);
      }
    }
    for (const { key, count, amountCents } of buckets.values()) this.#addToBucket(key, count, amountCents);
  }

  sum(processorNumber: number, ranges: readonly TimeRange[]): Totals {
    let count = 0;
    let amountCents = 0;
    for (const { unit, firstMs, lastMs } of ranges) {
      const start = timeIndexKey(unit, processorNumber, firstMs);
      const end = timeIndexKey(unit, processorNumber, lastMs);
      for (const { value } of this.#store.timeIndex.getRange({ start, end, inclusiveEnd: true })) {
        const bucket = readTotals(value);
        count += bucket.count;
        amountCents += bucket.amountCents;
      }
    }
    return { count, amountCents };
  }

  /** Removes up to `limit` buckets that are finer than `folded` allows. Answers whether there may be more. */
  fold(folded: Folded, limit: number): boolean {
    const keys: Buffer[] = [];
    for (const processorNumber of this.#processors.namesByNumber().keys()) {
      for (const unit of UNIT_SPANS_MS.keys()) {
        const start = timeIndexKey(unit, processorNumber, 0);
        const end = timeIndexKey(unit, processorNumber, foldedBefore(unit, folded));
        const left = limit - keys.length;
        if (left > 0)
          keys.push(...this.#store.timeIndex.getKeys({ start, end, limit: left }).map(Buffer.from));
      }
    }
    for (const key of keys) this.#store.timeIndex.removeSync(key);
    return keys.length === limit;
  }

  #addToBucket(key: Buffer, count: number, amountCents: number): void {
    const stored = this.#store.timeIndex.get(key);
    const before = stored === undefined ? { count: 0, amountCents: 0 } : readTotals(stored);
    const after = { count: before.count + count, amountCents: before.amountCents + amountCents };
    this.#store.timeIndex.putSync(key, totalsBytes(after));
  }
}
