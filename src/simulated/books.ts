/** A payment as a processor holds it. */
export interface Row {
  /** Canonical, lower case. */
  readonly correlationId: string;
  readonly amountCents: number;
  readonly requestedAtMs: number;
}

export interface Sum {
  readonly count: number;
  readonly amountCents: bigint;
}

/** The payments whose stamps lie within one second. */
interface Leaf {
  readonly startMs: number;
  readonly rows: number[];
  amountCents: bigint;
}

const LEAF_MS = 1000;

/** Where books are kept beside memory. False: it could not be done, and nothing has changed. */
export interface BooksStore {
  append(row: Row): boolean;
  clear(): boolean;
}

/** Nothing is kept: the books end with their process. */
const NOWHERE: BooksStore = { append: () => true, clear: () => true };

/**
 * What a simulated processor has charged, in memory and in the order of the inserts. In memory it grows without limit,
 * as the table of the official one does.
 */
export class Books {
  readonly #store: BooksStore;
  // Columns, not objects: a payment costs its id, two numbers and an entry of the index.
  #correlationIds: string[] = [];
  #amountsCents: number[] = [];
  #requestedAtsMs: number[] = [];
  readonly #rowOf = new Map<string, number>();
  readonly #leaves = new Map<number, Leaf>();

  /** `rows`: what the store holds already. */
  constructor(store = NOWHERE, rows: readonly Row[] = []) {
    this.#store = store;
    for (const row of rows) if (!this.#rowOf.has(row.correlationId)) this.#add(row);
  }

  get count(): number {
    return this.#correlationIds.length;
  }

  /** `known`: the id is in the books; `unwritten`: the store refused. Either way nothing changes. */
  insert(payment: Row): 'inserted' | 'known' | 'unwritten' {
    if (this.#rowOf.has(payment.correlationId)) return 'known';
    if (!this.#store.append(payment)) return 'unwritten';
    this.#add(payment);
    return 'inserted';
  }

  #add(payment: Row): void {
    const row = this.#correlationIds.length;
    this.#rowOf.set(payment.correlationId, row);
    this.#correlationIds.push(payment.correlationId);
    this.#amountsCents.push(payment.amountCents);
    this.#requestedAtsMs.push(payment.requestedAtMs);
    const leaf = this.#leafAt(payment.requestedAtMs);
    leaf.rows.push(row);
    leaf.amountCents += BigInt(payment.amountCents);
  }

  find(correlationId: string): Row | undefined {
    const row = this.#rowOf.get(correlationId);
    return row === undefined ? undefined : this.#at(row);
  }

  /** At most `limit` payments from the `offset`-th insert on. */
  page(offset: number, limit: number): Row[] {
    const size = Math.max(0, Math.min(limit, this.count - offset));
    return Array.from({ length: size }, (_, index) => this.#at(offset + index));
  }

  /** Both bounds inclusive; ±Infinity leaves a side open. */
  sum(fromMs: number, toMs: number): Sum {
    let count = 0;
    let amountCents = 0n;
    for (const leaf of this.#leaves.values()) {
      const endMs = leaf.startMs + LEAF_MS - 1;
      if (endMs < fromMs || leaf.startMs > toMs) continue;
      const part = leaf.startMs >= fromMs && endMs <= toMs ? whole(leaf) : this.#part(leaf, fromMs, toMs);
      count += part.count;
      amountCents += part.amountCents;
    }
    return { count, amountCents };
  }

  /** False: the store refused, and nothing has changed. */
  clear(): boolean {
    if (!this.#store.clear()) return false;
    this.#correlationIds = [];
    this.#amountsCents = [];
    this.#requestedAtsMs = [];
    this.#rowOf.clear();
    this.#leaves.clear();
    return true;
  }

  #at(row: number): Row {
    return {
      correlationId: this.#correlationIds[row] as string,
      amountCents: this.#amountsCents[row] as number,
      requestedAtMs: this.#requestedAtsMs[row] as number,
    };
  }

  #leafAt(requestedAtMs: number): Leaf {
    const startMs = Math.floor(requestedAtMs / LEAF_MS) * LEAF_MS;
    const known = this.#leaves.get(startMs);
    if (known !== undefined) return known;
    const leaf: Leaf = { startMs, rows: [], amountCents: 0n };
    this.#leaves.set(startMs, leaf);
    return leaf;
  }

  #part(leaf: Leaf, fromMs: number, toMs: number): Sum {
    let count = 0;
    let amountCents = 0n;
    for (const row of leaf.rows) {
      const requestedAtMs = this.#requestedAtsMs[row] as number;
      if (requestedAtMs < fromMs || requestedAtMs > toMs) continue;
      count++;
      amountCents += BigInt(this.#amountsCents[row] as number);
    }
    return { count, amountCents };
  }
}

function whole(leaf: Leaf): Sum {
  return { count: leaf.rows.length, amountCents: leaf.amountCents };
}
