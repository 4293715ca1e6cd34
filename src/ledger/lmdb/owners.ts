import {
  FIRST_OWNER_KEY,
  LAST_OWNER_KEY,
  OWNER_NUMBER_AT,
  OWNERS_EVER_KEY,
  ownerBytes,
  ownerKey,
  readOwner,
  type StoredOwner,
} from './records.ts';
import type { LmdbStore } from './store.ts';

/** The owners of an LMDB ledger, by number. */
export class LmdbOwners {
  readonly #store: LmdbStore;

  constructor(store: LmdbStore) {
    this.#store = store;
  }

  /** A number that no owner has had before. */
  nextNumber(): number {
    const owner = (this.#store.records.get(OWNERS_EVER_KEY)?.readUInt32BE(0) ?? 0) + 1;
    const ever = Buffer.alloc(4);
    ever.writeUInt32BE(owner);
    this.#store.records.putSync(OWNERS_EVER_KEY, ever);
    return owner;
  }

  all(): [owner: number, record: StoredOwner][] {
    const range = { start: FIRST_OWNER_KEY, end: LAST_OWNER_KEY, inclusiveEnd: true };
    return Array.from(this.#store.records.getRange(range), ({ key, value }) => [
      key.readUInt32BE(OWNER_NUMBER_AT),
      readOwner(value),
    ]);
  }

  get(owner: number): StoredOwner | undefined {
    const bytes = this.#store.records.get(ownerKey(owner));
    return bytes && readOwner(bytes);
  }

  put(owner: number, record: StoredOwner): void {
    this.#store.records.putSync(ownerKey(owner), ownerBytes(record));
  }

  isAlive(owner: number): boolean {
    return this.get(owner)?.fenced === false;
  }

  remove(owner: number): void {
    this.#store.records.removeSync(ownerKey(owner));
  }
}
