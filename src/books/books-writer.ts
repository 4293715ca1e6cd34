import type { LedgerTarget } from '../config/config.ts';
import { type Clock, sleep } from '../core/clock.ts';
import { type Failed, failed, type Outcome } from '../core/outcome.ts';
import { byShard } from '../ledger/by-shard.ts';
import {
  type FeeTotals,
  type Ledger,
  ok,
  type Reply,
  type RestoredEntry,
  type RestoreReply,
  refused,
  type Shard,
  type UnitTotals,
} from '../ledger/ledger.ts';
import type { Folded } from '../ledger/retention.ts';
import type { BooksEntry } from './line.ts';
import { type OpenBooks, openBooks } from './open-books.ts';
import { tried } from './walk.ts';

/** Entries of one write: it blocks the ledger for a few milliseconds. */
const WRITE_ENTRIES = 256;
const TRIES = 8;
const TRY_AGAIN_MS = 500;
const WORKER = { instanceId: 'dinossauro', name: 'books' };
/** How many contradictions are kept to be shown. */
const EXAMPLES_MAX = 10;

/**
 * How many entries got each reply. An entry whose reply was lost is written again, and counts by its last reply: `known`, or
 * `uncounted` if it was folded meanwhile.
 */
export type WrittenCounts = Readonly<Record<RestoreReply, number>>;

interface AddedEntry {
  readonly entry: BooksEntry;
  /** As in `RestoredEntry`. */
  readonly chargedCents: number | null;
}

/** Writes entries of other books into a ledger, in batches. Open ones wait there for an owner that takes them over. */
export class BooksWriter {
  readonly #target: LedgerTarget;
  readonly #clock: Clock;
  readonly #names: string[];
  #books: OpenBooks;
  /** An owner in each shard; 0: none yet. */
  #owners: number[] = [];
  #batch: AddedEntry[] = [];
  readonly #counts = { restored: 0, known: 0, different: 0, uncounted: 0, forgotten: 0 };
  /** Ids of payments that the ledger contradicts. */
  readonly differing: string[] = [];

  static async open(
    target: LedgerTarget,
    processorNames: readonly string[],
    clock: Clock,
  ): Promise<Outcome<BooksWriter>> {
    const books = await openBooks(target, { clock, processorNames, mode: 'create' });
    if (books.kind === 'failed') return books;
    return { kind: 'ok', value: new BooksWriter(target, [...processorNames], clock, books.value) };
  }

  private constructor(target: LedgerTarget, names: string[], clock: Clock, books: OpenBooks) {
    this.#target = target;
    this.#names = names;
    this.#clock = clock;
    this.#books = books;
  }

  get ledger(): Ledger {
    return this.#books.ledger;
  }

  get counts(): WrittenCounts {
    return this.#counts;
  }

  /** `chargedCents` is what the totals count if the entry is settled; null: they have it already. */
  async add(entry: BooksEntry, chargedCents: number | null = entry.amountCents): Promise<Reply<void>> {
    this.#batch.push({ entry, chargedCents });
    return this.#batch.length < WRITE_ENTRIES ? ok(undefined) : this.flush();
  }

  /** Writes what has been added. `unavailable`: some of it may have been written, and writing it again is harmless. */
  async flush(): Promise<Reply<void>> {
    const batch = this.#batch;
    if (batch.length === 0) return ok(undefined);
    const opened = await this.#openFor(
      batch.flatMap(({ entry: { processorName, story } }) => [
        ...(processorName === null ? [] : [processorName]),
        ...story.earlier.map((attempt) => attempt.processorName),
      ]),
    );
    if (opened.kind === 'unavailable') return opened;
    const replies = await this.#write(batch.map((added) => this.#restored(added)));
    if (replies.kind === 'unavailable') return replies;
    this.#batch = [];
    for (const [index, reply] of replies.value.entries()) {
      this.#counts[reply]++;
      const { correlationId } = (batch[index] as AddedEntry).entry;
      if (reply === 'different' && this.differing.length < EXAMPLES_MAX) this.differing.push(correlationId);
    }
    return ok(undefined);
  }

  /** As `Ledger.restoreFolded`, also of processors that the ledger does not know yet. */
  async restoreFolded(folded: Folded, totals: readonly UnitTotals[]): Promise<Reply<void>> {
    const opened = await this.#openFor(totals.map(({ name }) => name));
    if (opened.kind === 'unavailable') return opened;
    return tried(this.#clock, () => this.ledger.restoreFolded(folded, totals));
  }

  /** As `Ledger.restoreFees`, likewise. */
  async restoreFees(totals: readonly FeeTotals[]): Promise<Reply<void>> {
    const opened = await this.#openFor(totals.map(({ name }) => name));
    if (opened.kind === 'unavailable') return opened;
    return tried(this.#clock, () => this.ledger.restoreFees(totals));
  }

  async close(): Promise<void> {
    // Without open entries nothing is left of the owner; with them it waits for the next one, its lease expired.
    for (const [position, shard] of this.ledger.shards.entries()) {
      const owner = this.#owners[position] ?? 0;
      if (owner > 0) await tried(this.#clock, () => shard.releaseLease(owner));
    }
    await this.#books.close();
  }

  /** Processors have numbers only in a ledger that was opened with them. */
  async #openFor(processorNames: readonly string[]): Promise<Reply<void>> {
    const unknown = new Set(processorNames.filter((name) => !this.#names.includes(name)));
    if (unknown.size === 0) return ok(undefined);
    this.#names.push(...unknown);
    await this.#books.close();
    const options = { clock: this.#clock, processorNames: this.#names, mode: 'create' } as const;
    const books = await openBooks(this.#target, options);
    if (books.kind === 'failed') return refused(books.lines.join('; '));
    this.#books = books.value;
    return ok(undefined);
  }

  /** Writes to each shard what lives there. The replies are in the order of the entries. */
  #write(entries: readonly RestoredEntry[]): Promise<Reply<RestoreReply[]>> {
    return byShard(this.ledger, entries, async (own, shard, position) => {
      const reply = await this.#writeTo(shard, position, own);
      if (reply.kind === 'unavailable') return reply;
      // Books that are used grow by upkeep as they fill. A step that fails is not missed: the next write does one.
      await shard.upkeep(this.#clock.nowMs(), Infinity);
      return reply;
    });
  }

  async #writeTo(
    shard: Shard,
    position: number,
    entries: readonly RestoredEntry[],
  ): Promise<Reply<RestoreReply[]>> {
    for (let attempt = 1; ; attempt++) {
      const owner = await this.#ownerIn(shard, position);
      const reply = owner.kind === 'ok' ? await shard.restoreEntries(owner.value, entries) : owner;
      if (reply.kind === 'ok' || attempt === TRIES) return reply;
      // Gateways that use these books may have taken the owner over, as one that does not renew its lease.
      this.#owners[position] = 0;
      await sleep(this.#clock, TRY_AGAIN_MS);
    }
  }

  async #ownerIn(shard: Shard, position: number): Promise<Reply<number>> {
    const known = this.#owners[position] ?? 0;
    if (known > 0) return ok(known);
    const reply = await shard.acquireLease(WORKER, this.#clock.nowMs());
    if (reply.kind === 'ok') this.#owners[position] = reply.value;
    return reply;
  }

  #restored({ entry: { processorName, ...entry }, chargedCents }: AddedEntry): RestoredEntry {
    const processor = processorName === null ? null : this.#names.indexOf(processorName);
    return { ...entry, processor, chargedCents };
  }
}

/** What a command says if the ledger may have forgotten some of what it was given; null: it has not. */
export function mayBeForgotten({ counts }: BooksWriter, { secondsMs }: Folded): Failed | null {
  const { uncounted, forgotten } = counts;
  if (uncounted + forgotten === 0) return null;
  const since = new Date(secondsMs).toISOString();
  return failed(
    `these books know payments since ${since}, and before that totals only, which may have these already:`,
    `  ${uncounted} settled payments were not counted`,
    `  ${forgotten} open payments were not added`,
    'all others were imported',
  );
}

/** What a command says when the ledger contradicts what it was given. */
export function contradicted({ differing, counts }: BooksWriter): Failed {
  return failed(
    `${counts.different} payments are in these books with another content and were left as they are:`,
    ...differing.map((correlationId) => `  ${correlationId}`),
  );
}
