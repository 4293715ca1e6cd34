import assert from 'node:assert/strict';
import { isOpen } from '../../core/payment.ts';
import { readUuid } from '../../core/uuid.ts';
import type { IndexedState, LedgerEntry } from '../ledger.ts';
import type { LmdbProcessors } from './processors.ts';
import { HOLDING_ID_AT, HOLDING_VALUE, holdingKey, holdingKeys, NO_OWNER } from './records.ts';
import type { LmdbStore } from './store.ts';
import { entryBytes, readEntry, type StoredEntry } from './stored-entry.ts';

/**
 * The payments of an LMDB ledger, and which owner holds each that is not settled: `NO_OWNER` those that operators hold. The
 * open ones are apart: they are few, so that claims and takeovers change few pages of the disk, and a payment is written
 * among all others only once. So are the rejected ones: with both apart, neither has to be looked for among all others.
 */
export class LmdbEntries {
  readonly #store: LmdbStore;
  readonly #processors: LmdbProcessors;

  constructor(store: LmdbStore, processors: LmdbProcessors) {
    this.#store = store;
    this.#processors = processors;
  }

  get(id: Buffer): StoredEntry | undefined {
    const { open, entries, rejected } = this.#store;
    const bytes = open.get(id) ?? entries.get(id) ?? rejected.get(id);
    return bytes && readEntry(bytes);
  }

  put(id: Buffer, entry: StoredEntry): void {
    if (isOpen(entry)) {
      this.#store.open.putSync(id, entryBytes(entry));
      return;
    }
    this.#store.open.removeSync(id);
    const final = entry.status === 'rejected' ? this.#store.rejected : this.#store.entries;
    final.putSync(id, entryBytes(entry));
  }

  /** Forgets an entry that is awaited. */
  removeAwaited(id: Buffer): void {
    this.#store.open.removeSync(id);
    this.release(id, NO_OWNER);
  }

  /** Forgets entries that are settled or rejected. */
  forget(ids: readonly Buffer[]): void {
    const { entries, rejected } = this.#store;
    for (const id of ids) if (!entries.removeSync(id)) rejected.removeSync(id);
  }

  /** Up to `limit` entries in the order of their ids, after this one; `finalOnly`: which are settled or rejected. */
  after(key: Buffer, limit: number, finalOnly: boolean): (readonly [id: Buffer, entry: StoredEntry])[] {
    const { open, entries, rejected } = this.#store;
    const databases = finalOnly ? [entries, rejected] : [entries, rejected, open];
    return databases
      .flatMap((database) => [...database.getRange(rangeAfter(key, limit))])
      .sort((one, other) => Buffer.compare(one.key, other.key))
      .slice(0, limit)
      .map(({ key: id, value }) => [id, readEntry(value)]);
  }

  /** The same for those in one state. */
  inState(state: IndexedState, key: Buffer, limit: number): (readonly [id: Buffer, entry: StoredEntry])[] {
    if (state === 'held') return this.#heldAfter(key, limit);
    const range = this.#store[state].getRange(rangeAfter(key, limit));
    return Array.from(range, ({ key: id, value }) => [id, readEntry(value)]);
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
    const { processorNumber, conflictingAmountCents, why, outcome, earlier, ...rest } = entry;
    return {
      correlationId,
      ...rest,
      processor: this.#processors.indexOf(processorNumber),
      processorName: processorNumber === 0 ? null : this.#processors.nameOf(processorNumber),
      story: {
        why,
        outcome,
        earlier: earlier.map(({ processorNumber: number, ...attempt }) => ({
          processorName: this.#processors.nameOf(number),
          ...attempt,
        })),
      },
      conflictingAmountCents: conflictingAmountCents === 0 ? null : conflictingAmountCents,
    };
  }

  #heldAfter(key: Buffer, limit: number): (readonly [id: Buffer, entry: StoredEntry])[] {
    const { start, end } = holdingKeys(NO_OWNER);
    const after = rangeAfter(Buffer.concat([start.subarray(0, HOLDING_ID_AT), key]), limit);
    return Array.from(this.#store.holdings.getKeys({ ...after, end, inclusiveEnd: true }), (holding) => {
      const id = Buffer.from(holding.subarray(HOLDING_ID_AT));
      return [id, this.#heldEntry(id)] as const;
    });
  }

  #heldEntry(id: Buffer): StoredEntry {
    const entry = this.get(id);
    assert(entry !== undefined, 'a holding must have an entry');
    return entry;
  }
}

function rangeAfter(key: Buffer, limit: number): { readonly start: Buffer; readonly limit: number } {
  return { start: Buffer.concat([key, Buffer.of(0)]), limit };
}
