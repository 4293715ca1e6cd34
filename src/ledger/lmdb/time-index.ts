import type { Totals } from '../../core/payment.ts';
import { DAY, daysOf, isLeft } from '../folded-totals.ts';
import type { Settlement, UnitTotals } from '../ledger.ts';
import { FOLDED_UNITS, type Folded, finestUnit, foldedBefore } from '../retention.ts';
import { type TimeRange, UNIT_SPANS_MS, unitStartMs } from '../time-index.ts';
import { type LmdbProcessors, nameIn } from './processors.ts';
import {
  COMMITS_A_SECOND_MAX,
  chargesBytes,
  chargesKey,
  chargesKeys,
  commitNumberOf,
  readCharges,
  readTotals,
  readUnitStartMs,
  type StoredCharge,
  secondOf,
  timeIndexKey,
  totalsBytes,
} from './records.ts';
import type { Bytes, LmdbStore } from './store.ts';

const SECOND = 1;
const SECOND_MS = UNIT_SPANS_MS[SECOND] as number;

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
    const seconds = new Map<number, StoredCharge[]>();
    for (const { processor, amountCents, requestedAtMs } of charges) {
      const processorNumber = this.#processors.numberOf(processor);
      const finest = finestUnit(requestedAtMs, folded);
      if (finest === 0) {
        const second = Math.floor(requestedAtMs / SECOND_MS);
        const charge = { millisecond: requestedAtMs % SECOND_MS, processorNumber, amountCents };
        const sameSecond = seconds.get(second);
        if (sameSecond === undefined) seconds.set(second, [charge]);
        else sameSecond.push(charge);
      }
      for (let unit = Math.max(SECOND, finest); unit < UNIT_SPANS_MS.length; unit++) {
        const key = timeIndexKey(unit, processorNumber, unitStartMs(unit, requestedAtMs));
        const name = key.toString('latin1');
        const bucket = buckets.get(name) ?? { key, count: 0, amountCents: 0 };
        bucket.count++;
        bucket.amountCents += amountCents;
        buckets.set(name, bucket);
      }
    }
    for (const [second, added] of seconds) this.#addToSecond(second, added);
    for (const { key, count, amountCents } of buckets.values()) this.#addToBucket(key, count, amountCents);
  }

  sum(processorNumber: number, ranges: readonly TimeRange[]): Totals {
    const sum = { count: 0, amountCents: 0 };
    const add = ({ count, amountCents }: Totals) => {
      sum.count += count;
      sum.amountCents += amountCents;
    };
    for (const { unit, firstMs, lastMs } of ranges) {
      if (unit < SECOND) {
        for (const cents of this.#chargesOf(processorNumber, firstMs, lastMs))
          add({ count: 1, amountCents: cents });
        continue;
      }
      const start = timeIndexKey(unit, processorNumber, firstMs);
      const end = timeIndexKey(unit, processorNumber, lastMs);
      const range = { start, end, inclusiveEnd: true };
      for (const { value } of this.#store.timeIndex.getRange(range)) add(readTotals(value));
    }
    return sum;
  }

  /** The days that have totals. */
  days(): number[] {
    const range = { start: timeIndexKey(DAY, 0, 0), end: timeIndexKey(DAY + 1, 0, 0) };
    return daysOf(Array.from(this.#store.timeIndex.getKeys(range), readUnitStartMs));
  }

  /** The totals of a day in the units that `folded` leaves there. */
  ofDay(dayMs: number, folded: Folded): UnitTotals[] {
    const names = this.#processors.namesByNumber();
    const untilMs = dayMs + (UNIT_SPANS_MS[DAY] as number);
    return [...names.keys()].flatMap((number) =>
      FOLDED_UNITS.flatMap((unit) => {
        const range = { start: timeIndexKey(unit, number, dayMs), end: timeIndexKey(unit, number, untilMs) };
        return Array.from(this.#store.timeIndex.getRange(range), ({ key, value }) => {
          const startMs = readUnitStartMs(key);
          return { unit, startMs, name: nameIn(names, number), ...readTotals(value) };
        }).filter((each) => isLeft(each, folded));
      }),
    );
  }

  /** Sets the totals of a unit, and changes those above by the difference. The processor gets a number if it has none. */
  set({ unit, startMs, name, count, amountCents }: UnitTotals): void {
    const number = this.#processors.numberFor(name);
    const stored = this.#store.timeIndex.get(timeIndexKey(unit, number, startMs));
    const before = stored === undefined ? { count: 0, amountCents: 0 } : readTotals(stored);
    if (before.count === count && before.amountCents === amountCents) return;
    for (let above = unit; above < UNIT_SPANS_MS.length; above++) {
      const key = timeIndexKey(above, number, unitStartMs(above, startMs));
      this.#addToBucket(key, count - before.count, amountCents - before.amountCents);
    }
  }

  /** Removes up to `limit` charges and buckets that are finer than `folded` allows. Answers whether there may be more. */
  fold(folded: Folded, limit: number): boolean {
    const { charges, timeIndex } = this.#store;
    const folds = (database: Bytes, start: Buffer, end: Buffer, most: number): number => {
      const keys = most > 0 ? [...database.getKeys({ start, end, limit: most })] : [];
      for (const key of keys) database.removeSync(key);
      return keys.length;
    };
    const seconds = chargesKeys(0, folded.secondsMs / SECOND_MS);
    let left = limit - folds(charges, seconds.start, seconds.end, limit);
    for (const processorNumber of this.#processors.namesByNumber().keys()) {
      for (let unit = SECOND; unit < UNIT_SPANS_MS.length; unit++) {
        const end = timeIndexKey(unit, processorNumber, foldedBefore(unit, folded));
        left -= folds(timeIndex, timeIndexKey(unit, processorNumber, 0), end, left);
      }
    }
    return left === 0;
  }

  *#chargesOf(processorNumber: number, firstMs: number, lastMs: number): Iterable<number> {
    const range = chargesKeys(Math.floor(firstMs / SECOND_MS), Math.floor(lastMs / SECOND_MS) + 1);
    for (const { key, value } of this.#store.charges.getRange(range)) {
      const startMs = secondOf(key) * SECOND_MS;
      for (const charge of readCharges(value)) {
        const chargedAtMs = startMs + charge.millisecond;
        const isWithin = chargedAtMs >= firstMs && chargedAtMs <= lastMs;
        if (isWithin && charge.processorNumber === processorNumber) yield charge.amountCents;
      }
    }
  }

  #addToSecond(second: number, added: readonly StoredCharge[]): void {
    const range = { start: chargesKey(second, COMMITS_A_SECOND_MAX), reverse: true, limit: 1 };
    const [last] = [...this.#store.charges.getKeys(range)];
    const number = last === undefined || secondOf(last) !== second ? 0 : commitNumberOf(last) + 1;
    this.#store.charges.putSync(chargesKey(second, number), chargesBytes(added));
  }

  #addToBucket(key: Buffer, count: number, amountCents: number): void {
    const stored = this.#store.timeIndex.get(key);
    const before = stored === undefined ? { count: 0, amountCents: 0 } : readTotals(stored);
    const after = { count: before.count + count, amountCents: before.amountCents + amountCents };
    this.#store.timeIndex.putSync(key, totalsBytes(after));
  }
}
