import assert from 'node:assert/strict';
import { readUuid } from '../../core/uuid.ts';
import type { LedgerEntry } from '../ledger.ts';
import type { LmdbProcessors } from './processors.ts';
import {
  entryBytes,
  HOLDING_ID_AT,
  HOLDING_VALUE,
  holdingKey,
  holdingKeys,
  isFinal,
  readEntry,
  type StoredEntry,
} from './records.ts';
import type { LmdbStore } from './store.ts';

/**
 * The payments of an LMDB ledger, and which owner holds each that is not settled. The open ones are apart: they are few,
 * so that claims and takeovers change few pages of the disk, and a payment is written among all others only once.
 */
export class LmdbEntries {
  readonly #store: LmdbStore;
  readonly #processors: LmdbProcessors;

  constructor(store: LmdbStore, processors: LmdbProcessors) {
    this.#store = store;
    this.#processors = processors;
  }

  get(id: Buffer): StoredEntry | undefined {
    const bytes = this.#store.open.get(id) ?? this.#store.entries.get(id);
    return bytes && readEntry(bytes);
  }

  put(id: Buffer, entry: StoredEntry): void {
    if (!isFinal(entry)) {
      this.#store.open.putSync(id, entryBytes(entry));
      return;
    }
    this.#store.open.removeSync(id);
    this.#store.entries.putSync(id, entryBytes(entry));
  }

  /** Forgets entries that are settled or rejected. */
  forget(ids: readonly Buffer[]): void {
    for (const id of ids) this.#store.entries.removeSync(id);
  }

  /** Up to `limit` entries in the order of their ids, after this one; `finalOnly`: which are settled or rejected. */
  after(key: Buffer, limit: number, finalOnly: boolean): (readonly [id: Buffer, entry: StoredEntry])[] {
    const range = { start: Buffer.concat([key, Buffer.of(0)]), limit };
    const final = [...this.#store.entries.getRange(range)];
    const open = finalOnly ? [] : [...this.#store.open.getRange(range)];
    return [...final, ...open]
      .sort((one, other) => Buffer.compare(one.key, other.key))
      .slice(0, limit)
      .map(({ key: id, value }) => [id, readEntry(value)]);
  }

  hold(id: Buffer, owner: number): void {
    this.#store.holdings.putSync(holdingKey(owner, id), HOLDING_VALUE);
  }

  release(id: Buffer, owner: number): void {
    this.#store.holdings.removeSync(holdingKey(owner, id));
  }

  moveHolding(id: Buffer, from: number, to: number): void {
    this.release(id, from);
    this.hold(id, to);
  }

  /** Moves an entry to another owner. */
  handOver(id: Buffer, to: number): LedgerEntry {
    const entry = this.#heldEntry(id);
    this.moveHolding(id, entry.owner, to);
    entry.owner = to;
    this.put(id, entry);
    return this.shown(readUuid(id, 0), entry);
  }

  /** The ids of up to `limit` entries that an owner holds and, if given, `isWanted` accepts. */
  heldBy(owner: number, limit: number, isWanted?: (entry: StoredEntry) => boolean): Buffer[] {
    const range = { ...holdingKeys(owner), inclusiveEnd: true };
    const ids: Buffer[] = [];
    for (const { key } of this.#store.holdings.getRange(range)) {
      const id = Buffer.from(key.subarray(HOLDING_ID_AT));
      if (isWanted !== undefined && !isWanted(this.#heldEntry(id))) continue;
      ids.push(id);
      if (ids.length === limit) break;
    }
    return ids;
  }

  /** Whether the entry is at a processor that this ledger was not opened with. */
  isForeign({ processorNumber }: StoredEntry): boolean {
    return processorNumber !== 0 && this.#processors.indexOf(processorNumber) === null;
  }

  shown(correlationId: string, entry: StoredEntry): LedgerEntry {
    const { processorNumber, conflictingAmountCents, ...rest } = entry;
    return {
      correlationId,
      ...rest,
      processor: this.#processors.indexOf(processorNumber),
      processorName: processorNumber === 0 ? null : this.#processors.nameOf(processorNumber),
      conflictingAmountCents: conflictingAmountCents === 0 ? null : conflictingAmountCents,
    };
  }

  #heldEntry(id: Buffer): StoredEntry {
    const entry = this.get(id);
    assert(entry !== undefined, 'a holding must have an entry');
    return entry;
  }
}
