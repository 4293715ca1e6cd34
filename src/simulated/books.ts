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

/** The payments stamped within one second. */
interface Bucket {
  readonly startMs: number;
  readonly rows: number[];
  amountCents: bigint;
}

const BUCKET_MS = 1000;

/** Persistent storage for books. False: the write failed, and nothing has changed. */
export interface BooksStore {
  append(row: Row): boolean;
  clear(): boolean;
}

/** No storage: the books end with their process. */
const NOWHERE: BooksStore = { append: () => true, clear: () => true };

/**
 * The payments that a simulated processor has charged, in insertion order. In memory they grow without limit, like the
 * table of the official processor.
 */
export class Books {
  readonly #store: BooksStore;
  // Columns, not objects: a payment costs its id, two numbers and an entry of the index.
  #correlationIds: string[] = [];
  #amountsCents: number[] = [];
  #requestedAtsMs: number[] = [];
  readonly #rowOf = new Map<string, number>();
  readonly #buckets = new Map<number, Bucket>();

  /** `rows`: what the store already holds. */
  constructor(store = NOWHERE, rows: readonly Row[] = []) {
    this.#store = store;
    for (const row of rows) if (!this.#rowOf.has(row.correlationId)) this.#add(row);
  }

  get count(): number {
    return this.#correlationIds.length;
  }

  /** `known`: the id is in the books already; `unwritten`: the store failed. Either way nothing changes. */
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
    const bucket = this.#bucketAt(payment.requestedAtMs);
    bucket.rows.push(row);
    bucket.amountCents += BigInt(payment.amountCents);
  }

  find(correlationId: string): Row | undefined {
    const row = this.#rowOf.get(correlationId);
    return row === undefined ? undefined : this.#at(row);
  }

  /** At most `limit` payments, starting at the `offset`-th insert. */
  page(offset: number, limit: number): Row[] {
    const size = Math.max(0, Math.min(limit, this.count - offset));
    return Array.from({ length: size }, (_, index) => this.#at(offset + index));
  }

  /** Both bounds inclusive; ±Infinity leaves a side open. */
  sum(fromMs: number, toMs: number): Sum {
    let count = 0;
    let amountCents = 0n;
    for (const bucket of this.#buckets.values()) {
      const endMs = bucket.startMs + BUCKET_MS - 1;
      if (endMs < fromMs || bucket.startMs > toMs) continue;
      const part =
        bucket.startMs >= fromMs && endMs <= toMs ? whole(bucket) : this.#part(bucket, fromMs, toMs);
      count += part.count;
      amountCents += part.amountCents;
    }
    return { count, amountCents };
  }

  /** False: the store failed, and nothing has changed. */
  clear(): boolean {
    if (!this.#store.clear()) return false;
    this.#correlationIds = [];
    this.#amountsCents = [];
    this.#requestedAtsMs = [];
    this.#rowOf.clear();
    this.#buckets.clear();
    return true;
  }

  #at(row: number): Row {
    return {
      correlationId: this.#correlationIds[row] as string,
      amountCents: this.#amountsCents[row] as number,
      requestedAtMs: this.#requestedAtsMs[row] as number,
    };
  }

  #bucketAt(requestedAtMs: number): Bucket {
    const startMs = Math.floor(requestedAtMs / BUCKET_MS) * BUCKET_MS;
    const known = this.#buckets.get(startMs);
    if (known !== undefined) return known;
    const bucket: Bucket = { startMs, rows: [], amountCents: 0n };
    this.#buckets.set(startMs, bucket);
    return bucket;
  }

  #part(bucket: Bucket, fromMs: number, toMs: number): Sum {
    let count = 0;
    let amountCents = 0n;
    for (const row of bucket.rows) {
      const requestedAtMs = this.#requestedAtsMs[row] as number;
      if (requestedAtMs < fromMs || requestedAtMs > toMs) continue;
      count++;
      amountCents += BigInt(this.#amountsCents[row] as number);
    }
    return { count, amountCents };
  }
}

function whole(bucket: Bucket): Sum {
  return { count: bucket.rows.length, amountCents: bucket.amountCents };
}
