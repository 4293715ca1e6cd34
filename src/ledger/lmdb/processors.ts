import assert from 'node:assert/strict';
import { assertNewProcessor, assertProcessor } from '../commit.ts';
import { processorNameKey, processorNameKeys, processorNameOf } from './records.ts';
import type { LmdbStore } from './store.ts';

const PROCESSOR_NUMBER_MAX = 2 ** 16 - 1;

/** The processors of an LMDB ledger: by their index in the settings, and by their number, which a store never changes. */
export class LmdbProcessors {
  readonly #store: LmdbStore;
  readonly #names: string[];
  readonly #numbers: number[];

  /** A `readOnly` ledger must have been opened with the same names before. */
  constructor(store: LmdbStore, names: readonly string[], readOnly: boolean) {
    assert(new Set(names).size === names.length, 'processor names must be unique');
    this.#store = store;
    this.#names = [...names];
    this.#numbers = readOnly
      ? store.snapshot(() => this.#registered())
      : store.transaction(() => this.#register());
  }

  /** The numbers of the names, by index. */
  get numbers(): readonly number[] {
    return this.#numbers;
  }

  /** Adds a registered processor to those that this ledger was opened with. */
  add(name: string): void {
    const number = this.#store.snapshot(() => this.registeredNumber(name));
    assertNewProcessor(this.#names, name, number !== undefined);
    this.#names.push(name);
    this.#numbers.push(number as number);
  }

  numberOf(processor: number): number {
    assertProcessor(this.numbers.length, processor);
    return this.numbers[processor] as number;
  }

  /** The number of any processor, also of one that this ledger was not opened with. Within a transaction of the caller. */
  numberFor(name: string): number {
    const known = this.registeredNumber(name);
    if (known !== undefined) return known;
    return this.#add(name, this.#store.records.getCount(processorNameKeys()) + 1);
  }

  nameOf(processorNumber: number): string {
    const index = this.numbers.indexOf(processorNumber);
    return this.#names[index] ?? nameIn(this.namesByNumber(), processorNumber);
  }

  /** The index of a processor that this ledger was opened with; null for any other. */
  indexOf(processorNumber: number): number | null {
    const index = this.numbers.indexOf(processorNumber);
    return index === -1 ? null : index;
  }

  /** All processors in the books, by number, ascending. Another process may add one at any time. */
  namesByNumber(): ReadonlyMap<number, string> {
    const names: [number, string][] = [];
    for (const { key, value } of this.#store.records.getRange(processorNameKeys())) {
      names.push([value.readUInt16BE(0), processorNameOf(key)]);
    }
    return new Map(names.sort(([one], [other]) => one - other));
  }

  /** The numbers of these names. A name gets its number when it is first seen, for good. */
  #register(): number[] {
    const named = this.#store.records.getCount(processorNameKeys());
    let last = named;
    return this.#names.map((name) => {
      const known = this.registeredNumber(name);
      if (known !== undefined) return known;
      return this.#add(name, ++last);
    });
  }

  #add(name: string, number: number): number {
    assert(number <= PROCESSOR_NUMBER_MAX, 'a ledger can hold at most 65,535 processors');
    this.#store.records.putSync(processorNameKey(name), Buffer.from([number >> 8, number & 0xff]));
    return number;
  }

  #registered(): number[] {
    return this.#names.map((name) => {
      const number = this.registeredNumber(name);
      assert(number !== undefined, 'processors must be registered before the ledger is opened to read');
      return number;
    });
  }

  registeredNumber(name: string): number | undefined {
    return this.#store.records.get(processorNameKey(name))?.readUInt16BE(0);
  }
}

/** The name of a processor in `namesByNumber`. */
export function nameIn(names: ReadonlyMap<number, string>, processorNumber: number): string {
  const name = names.get(processorNumber);
  assert(name !== undefined, 'a processor number must have a name');
  return name;
}
