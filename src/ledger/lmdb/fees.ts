import type { FeeTotals, Settlement } from '../ledger.ts';
import { type LmdbProcessors, nameIn } from './processors.ts';
import { feeTotalsBytes, feeTotalsKey, feeTotalsKeys, readFeeTotals, readFeeTotalsKey } from './records.ts';
import type { LmdbStore } from './store.ts';

/** What the settled payments of an LMDB ledger cost: totals by processor and fee. */
export class LmdbFees {
  readonly #store: LmdbStore;
  readonly #processors: LmdbProcessors;

  constructor(store: LmdbStore, processors: LmdbProcessors) {
    this.#store = store;
    this.#processors = processors;
  }

  /** Adds up the charges of each fee first: a batch has few fees. */
  add(charges: readonly Settlement[]): void {
    const sums = new Map<string, { key: Buffer; count: number; amountCents: number }>();
    for (const { processor, amountCents, fee } of charges) {
      if (fee === undefined) continue;
      const key = feeTotalsKey(this.#processors.numberOf(processor), fee);
      const name = key.toString('latin1');
      const sum = sums.get(name) ?? { key, count: 0, amountCents: 0 };
      sum.count++;
      sum.amountCents += amountCents;
      sums.set(name, sum);
    }
    for (const { key, count, amountCents } of sums.values()) {
      const stored = this.#store.timeIndex.get(key);
      const before = stored === undefined ? { count: 0, amountCents: 0 } : readFeeTotals(stored);
      const after = { count: before.count + count, amountCents: before.amountCents + amountCents };
      this.#store.timeIndex.putSync(key, feeTotalsBytes(after));
    }
  }

  all(): FeeTotals[] {
    const names = this.#processors.namesByNumber();
    return Array.from(this.#store.timeIndex.getRange(feeTotalsKeys()), ({ key, value }) => {
      const { processorNumber, ...fee } = readFeeTotalsKey(key);
      return { name: nameIn(names, processorNumber), ...fee, ...readFeeTotals(value) };
    });
  }

  /** Replaces all totals. Processors without a number get one. */
  restore(totals: readonly FeeTotals[]): void {
    for (const key of [...this.#store.timeIndex.getKeys(feeTotalsKeys())])
      this.#store.timeIndex.removeSync(key);
    for (const { name, ...each } of totals) {
      const key = feeTotalsKey(this.#processors.numberFor(name), each);
      this.#store.timeIndex.putSync(key, feeTotalsBytes(each));
    }
  }
}
