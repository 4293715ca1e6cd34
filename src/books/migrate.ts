import type { LedgerTarget } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { failed, type Outcome } from '../core/outcome.ts';
import { isOpen } from '../core/payment.ts';
import { ledgerName } from '../journal/ledger-mark.ts';
import { type BooksStatus, continuing, IN_USE } from '../ledger/books-status.ts';
import { LAST_MS } from '../ledger/commit.ts';
import { type Ledger, type LedgerEntry, ok, type Reply } from '../ledger/ledger.ts';
import type { Folded } from '../ledger/retention.ts';
import { BooksSum, differenceBetween } from './books-sum.ts';
import { BooksWriter, contradicted } from './books-writer.ts';
import { purgedAt } from './export.ts';
import { copyFolded } from './folded-time.ts';
import { isEmpty, unfinished } from './import.ts';
import { isForgettable } from './line.ts';
import { type OpenBooks, openBooks } from './open-books.ts';
import { totalsUntil, tried, walk } from './walk.ts';

export interface MigrationOrder {
  readonly from: LedgerTarget;
  readonly to: LedgerTarget;
  readonly clock: Clock;
  /** Lines for people. */
  readonly say: (line: string) => void;
  readonly onProgress: (readCount: number) => void;
}

export interface MigrationReport {
  readonly count: number;
  /** From the moment at which the old books were frozen until the new ones could be used. */
  readonly stopMs: number;
}

/** As in an export: the gateways that use the old books come first. */
const PAUSE_MS = 4;
/** How far the clocks of gateways may be apart from this one. */
const CLOCKS_APART_MS = 60_000;
/** Passes under load end when one brings fewer changes than this, or after so many passes. */
const FEW_CHANGES = 5000;
const PASSES_MAX = 4;
/** Where an interrupted pass continues is noted this often. */
const NOTE_EVERY_PAGES = 50;
const PAGE_ENTRIES = 500;
/** What the new books note instead of a pass: they have what the old ones, which are in use again, may not have any more. */
const GIVEN_UP = 'given up';

/** What a pass has to read: payments that may have changed since `sinceMs`, from page `after` on. */
interface Pass {
  readonly sinceMs: number;
  readonly startedAtMs: number;
  readonly after: string;
}

interface Beginning {
  readonly pass: Pass;
  readonly isStopped: boolean;
}

/**
 * Moves the books of one ledger into another, empty one, while gateways use the old one.
 *
 * 1. Passes under load: the first copies every payment, each further one those that may have changed since the one before
 *    began: those that are open in either books, and those that were accepted or sent since.
 * 2. The stop: the old books are frozen for good, so that gateways accept payments into their journals and send none. A
 *    last pass copies what has changed; then both books are read as a whole and compared.
 * 3. The new books are in use. Gateways that start with their URL go on with the payments in their journals.
 *
 * What the old books fold meanwhile is folded in the new ones: the totals of folded time are copied with each pass, and a
 * payment that may be forgotten is neither copied nor compared.
 *
 * The new books are frozen until then, and note where the present pass is. So the same command continues after an
 * interruption, also one during the stop. After one that gave up it begins anew.
 */
export class Migration {
  readonly #order: MigrationOrder;
  readonly #source: OpenBooks;
  readonly #writer: BooksWriter;
  readonly #names: { readonly from: string; readonly to: string };
  #readCount = 0;
  /** What the status of the old books says while they are in use: they may continue others. */
  #sourceDetail = '';

  static async run(order: MigrationOrder): Promise<Outcome<MigrationReport>> {
    const names = { from: ledgerName(order.from), to: ledgerName(order.to) };
    if (names.from === names.to) return failed(`${names.to} is the same ledger`);
    const { clock } = order;
    const source = await openBooks(order.from, { clock, processorNames: [], mode: 'existing' });
    if (source.kind === 'failed') return source;
    const writer = await BooksWriter.open(order.to, [], clock);
    if (writer.kind === 'failed') {
      await source.value.close();
      return writer;
    }
    const migration = new Migration(order, source.value, writer.value, names);
    try {
      return await migration.#run();
    } finally {
      await writer.value.close();
      await source.value.close();
    }
  }

  private constructor(
    order: MigrationOrder,
    source: OpenBooks,
    writer: BooksWriter,
    names: { readonly from: string; readonly to: string },
  ) {
    this.#order = order;
    this.#source = source;
    this.#writer = writer;
    this.#names = names;
  }

  async #run(): Promise<Outcome<MigrationReport>> {
    const begun = await this.#begin();
    if (begun.kind === 'failed') return begun;
    const { pass, isStopped } = begun.value;
    let last = pass;
    for (let passes = 1; !isStopped && passes <= PASSES_MAX; passes++) {
      const before = this.#writer.counts.restored;
      for (const copied of [await this.#copy(last, PAUSE_MS), await this.#copyFolded()])
        if (copied.kind === 'unavailable') return unfinished(copied);
      const changed = this.#writer.counts.restored - before;
      this.#order.say(`pass ${passes}: ${this.#readCount} payments read, ${changed} copied`);
      last = this.#nextPass(last.startedAtMs);
      const noted = await this.#note(last);
      if (noted.kind === 'unavailable') return unfinished(noted);
      if (passes > 1 && changed < FEW_CHANGES) break;
    }
    return this.#stop(last);
  }

  /** Where to continue, and whether the old books are frozen already. */
  async #begin(): Promise<Outcome<Beginning>> {
    const { clock } = this.#order;
    const source = await tried(clock, () => this.#source.ledger.booksStatus());
    if (source.kind === 'unavailable') return unfinished(source);
    const target = await tried(clock, () => this.#target.booksStatus());
    if (target.kind === 'unavailable') return unfinished(target);
    const { kind, detail, progress = '' } = source.value;
    const isStopped = kind === 'moved' && detail === this.#names.to;
    if (kind !== 'in-use' && !isStopped)
      return failed(`${this.#names.from} cannot be moved now: ${kind} (${detail})`);
    this.#sourceDetail = isStopped ? progress : detail;
    if (target.value.kind === 'filling') {
      if (target.value.detail !== this.#filling) {
        return failed(`${this.#names.to} is being filled by another command: ${target.value.detail}`);
      }
      if (target.value.progress === GIVEN_UP) return this.#beginAnew();
      const pass = JSON.parse(target.value.progress ?? '') as Pass;
      // The pass of the stop compares, so it has to see everything.
      return { kind: 'ok', value: { pass: isStopped ? { ...pass, after: '' } : pass, isStopped } };
    }
    const empty = await isEmpty(this.#target, clock);
    if (empty.kind === 'unavailable') return unfinished(empty);
    if (!empty.value) return failed(`${this.#names.to} holds payments: migrate into an empty ledger`);
    // Without them, the comparison would fail during the stop.
    const totals = await totalsUntil(this.#source.ledger, clock);
    if (totals.kind === 'unavailable') return unfinished(totals);
    return this.#beginIn(isStopped);
  }

  async #beginAnew(): Promise<Outcome<Beginning>> {
    // The old books first: while they send gateways to the new ones, these stay frozen.
    for (const use of [() => this.#useSource(), () => this.#target.setBooksStatus(IN_USE)]) {
      const set = await tried(this.#order.clock, use);
      if (set.kind === 'unavailable') return unfinished(set);
    }
    return this.#beginIn(false);
  }

  /** Empties the new books, whatever time they are folded up to, and begins the first pass. */
  async #beginIn(isStopped: boolean): Promise<Outcome<Beginning>> {
    const { clock } = this.#order;
    const purgedAtMs = await purgedAt(this.#source.ledger, clock);
    if (purgedAtMs.kind === 'unavailable') return unfinished(purgedAtMs);
    const purged = await tried(clock, () => this.#target.purge(purgedAtMs.value));
    if (purged.kind === 'unavailable') return unfinished(purged);
    const pass: Pass = { sinceMs: 0, startedAtMs: clock.nowMs(), after: '' };
    const noted = await this.#note(pass);
    return noted.kind === 'ok' ? { kind: 'ok', value: { pass, isStopped } } : unfinished(noted);
  }

  get #target(): Ledger {
    return this.#writer.ledger;
  }

  get #filling(): string {
    return `dinossauro migrate from ${this.#names.from}`;
  }

  #nextPass(sinceMs: number): Pass {
    return { sinceMs, startedAtMs: this.#order.clock.nowMs(), after: '' };
  }

  #note(pass: Pass | typeof GIVEN_UP): Promise<Reply<void>> {
    const status: BooksStatus = {
      kind: 'filling',
      sinceMs: this.#order.clock.nowMs(),
      detail: this.#filling,
      progress: pass === GIVEN_UP ? GIVEN_UP : JSON.stringify(pass),
    };
    return tried(this.#order.clock, () => this.#target.setBooksStatus(status));
  }

  /** Copies what may have changed. `stop`: nothing changes any more, and what is read is added up for the comparison. */
  async #copy(pass: Pass, pauseMs: number, stop?: { readonly sum: BooksSum }): Promise<Reply<void>> {
    const { clock, onProgress } = this.#order;
    const open = await this.#openInTarget();
    if (open.kind === 'unavailable') return open;
    const folded = await this.#folded();
    if (folded.kind === 'unavailable') return folded;
    const { secondsMs } = folded.value;
    this.#readCount = 0;
    const changedSinceMs = pass.sinceMs === 0 ? 0 : pass.sinceMs - CLOCKS_APART_MS;
    const mayHaveChanged = (entry: LedgerEntry) =>
      entry.acceptedAtMs >= changedSinceMs ||
      entry.requestedAtMs >= changedSinceMs ||
      isOpen(entry) ||
      open.value.has(entry.correlationId);
    const gone = new Map(open.value);
    let pages = 0;
    const noted = async (entries: readonly LedgerEntry[], next: string | null): Promise<Reply<void>> => {
      for (const entry of entries) {
        if (isForgettable(entry, folded.value)) continue;
        gone.delete(entry.correlationId);
        stop?.sum.add(entry);
        // What has not been sent yet will be different soon.
        const isWaiting = entry.status === 'accepted' || entry.status === 'held';
        if (!mayHaveChanged(entry) || (stop === undefined && isWaiting)) continue;
        const isInTotals = entry.requestedAtMs < secondsMs;
        const added = await this.#writer.add(entry, isInTotals ? null : entry.amountCents);
        if (added.kind === 'unavailable') return added;
      }
      this.#readCount += entries.length;
      onProgress(this.#readCount);
      if (++pages % NOTE_EVERY_PAGES !== 0 || next === null) return ok(undefined);
      const flushed = await this.#writer.flush();
      return flushed.kind === 'ok' ? this.#note({ ...pass, after: next }) : flushed;
    };
    const parts = { clock, fromMs: 0, toMs: LAST_MS, pauseMs, after: pass.after };
    const walked = await walk(this.#source.ledger, parts, noted);
    if (walked.kind === 'unavailable') return walked;
    if (stop !== undefined) {
      const forgotten = await this.#forget(gone.values());
      if (forgotten.kind === 'unavailable') return forgotten;
    }
    return this.#writer.flush();
  }

  /** What was open when it was copied may have ended since, long after it was accepted and sent. */
  async #openInTarget(): Promise<Reply<ReadonlyMap<string, LedgerEntry>>> {
    const open = new Map<string, LedgerEntry>();
    for (let after: string | null = ''; after !== null; ) {
      const from: string = after;
      const page = await tried(this.#order.clock, () => this.#target.pageOf('open', from, PAGE_ENTRIES));
      if (page.kind === 'unavailable') return page;
      for (const entry of page.value.entries) open.set(entry.correlationId, entry);
      after = page.value.next;
    }
    return ok(open);
  }

  /**
   * Ends payments that were open when they were copied, and that the old books have settled and may have forgotten since. Their
   * charges are in the totals, so that the new books only have to forget them.
   */
  async #forget(gone: Iterable<LedgerEntry>): Promise<Reply<void>> {
    for (const entry of gone) {
      if (entry.processorName === null) continue;
      const ended = { ...entry, status: 'settled', requestedAtMs: entry.acceptedAtMs } as const;
      const added = await this.#writer.add(ended, null);
      if (added.kind === 'unavailable') return added;
    }
    return ok(undefined);
  }

  async #folded(): Promise<Reply<Folded>> {
    const time = await tried(this.#order.clock, () => this.#source.ledger.foldedTime());
    return time.kind === 'ok' ? ok(time.value.folded) : time;
  }

  /** Answers how many totals of folded time differed. */
  #copyFolded(): Promise<Reply<number>> {
    return copyFolded(this.#source.ledger, this.#writer, this.#order.clock);
  }

  async #stop(last: Pass): Promise<Outcome<MigrationReport>> {
    const { clock, say } = this.#order;
    const beganMs = clock.monotonicMs();
    const moved: BooksStatus = {
      kind: 'moved',
      sinceMs: clock.nowMs(),
      detail: this.#names.to,
      progress: this.#sourceDetail,
    };
    const frozen = await tried(clock, () => this.#source.ledger.setBooksStatus(moved));
    if (frozen.kind === 'unavailable') return unfinished(frozen);
    say('the stop begins: gateways accept payments and send none');
    let difference: string | null = 'not compared yet';
    let count = 0;
    for (const pass of [last, this.#nextPass(0)]) {
      const compared = await this.#copyAndCompare(pass);
      if (compared.kind === 'unavailable') return unfinished(compared);
      ({ difference, count } = compared.value);
      if (this.#writer.counts.different > 0 || difference === null) break;
      say(`the books still differ (${difference}): everything is copied once more`);
    }
    if (this.#writer.counts.different > 0) return this.#giveUp(contradicted(this.#writer).lines);
    if (difference !== null) return this.#giveUp([`the new books differ from the old ones: ${difference}`]);
    for (const copied of [await this.#copyFees(), await this.#copyControls()])
      if (copied.kind === 'unavailable') return unfinished(copied);
    const inUse = { kind: 'in-use', sinceMs: clock.nowMs(), detail: continuing(this.#names.from) } as const;
    const opened = await tried(clock, () => this.#target.setBooksStatus(inUse));
    if (opened.kind === 'unavailable') return unfinished(opened);
    return { kind: 'ok', value: { count, stopMs: clock.monotonicMs() - beganMs } };
  }

  /** What payments have cost, which their entries do not say. */
  async #copyFees(): Promise<Reply<void>> {
    const { clock } = this.#order;
    const fees = await tried(clock, () => this.#source.ledger.fees());
    return fees.kind === 'ok' ? this.#writer.restoreFees(fees.value) : fees;
  }

  /** What operators have decided about processors. They can change it during the passes, so it comes last. */
  async #copyControls(): Promise<Reply<void>> {
    const { clock } = this.#order;
    const controls = await tried(clock, () => this.#source.ledger.processorControls());
    if (controls.kind === 'unavailable') return controls;
    if (controls.value.version === 0) return ok(undefined);
    const set = await tried(clock, () => this.#target.setProcessorControls(controls.value));
    return set.kind === 'ok' ? ok(undefined) : set;
  }

  async #copyAndCompare(
    pass: Pass,
  ): Promise<Reply<{ readonly difference: string | null; readonly count: number }>> {
    const { clock } = this.#order;
    const here = new BooksSum();
    const copied = await this.#copy(pass, 0, { sum: here });
    if (copied.kind === 'unavailable') return copied;
    const folded = await this.#folded();
    if (folded.kind === 'unavailable') return folded;
    const copiedTotals = await this.#copyFolded();
    if (copiedTotals.kind === 'unavailable') return copiedTotals;
    // The second time shows whether the first has made them the same.
    const left = await this.#copyFolded();
    if (left.kind === 'unavailable') return left;
    const there = new BooksSum();
    const parts = { clock, fromMs: 0, toMs: LAST_MS, pauseMs: 0 };
    const walked = await walk(this.#target, parts, async (entries) => {
      for (const entry of entries) if (!isForgettable(entry, folded.value)) there.add(entry);
      return ok(undefined);
    });
    if (walked.kind === 'unavailable') return walked;
    if (left.value > 0) return ok({ difference: `${left.value} totals of folded time`, count: here.count });
    const totals = [];
    for (const ledger of [this.#source.ledger, this.#target]) {
      const summary = await totalsUntil(ledger, clock);
      if (summary.kind === 'unavailable') return summary;
      totals.push(summary.value.filter((each) => each.count > 0));
    }
    const difference = differenceBetween(
      { sum: here, totals: totals[0] ?? [] },
      { sum: there, totals: totals[1] ?? [] },
    );
    return ok({ difference, count: here.count });
  }

  /** The old books are used again. The new ones note it first, so that no later run continues with what they have. */
  async #giveUp(lines: readonly string[]): Promise<Outcome<never>> {
    const noted = await this.#note(GIVEN_UP);
    const set = noted.kind === 'ok' ? await tried(this.#order.clock, () => this.#useSource()) : noted;
    if (set.kind === 'unavailable') return failed(...lines, `the old books are still frozen: ${set.reason}`);
    return failed(...lines, 'the old books are in use again; run the same command to begin anew');
  }

  #useSource(): Promise<Reply<void>> {
    return this.#source.ledger.setBooksStatus({ ...IN_USE, detail: this.#sourceDetail });
  }
}
