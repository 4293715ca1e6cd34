import type { BooksWriter } from '../books/books-writer.ts';
import type { BooksEntry } from '../books/line.ts';
import { totalsUntil, tried, walk } from '../books/walk.ts';
import { type Clock, sleep } from '../core/clock.ts';
import { failed, type Outcome } from '../core/outcome.ts';
import { isOpen, type Payment, type Totals } from '../core/payment.ts';
import { isKnown } from '../ledger/actions.ts';
import { type BooksStatus, IN_USE } from '../ledger/books-status.ts';
import { LAST_MS } from '../ledger/commit.ts';
import { failureText, type LedgerEntry, ok, type Reply } from '../ledger/ledger.ts';
import { exactEndMs } from '../ledger/retention.ts';
import { type KnownThere, knownPayment } from '../processor/known-payment.ts';
import { Inquiry, type InquiryParts } from './inquiry.ts';

export interface AdoptionParts extends InquiryParts {
  readonly writer: BooksWriter;
  readonly clock: Clock;
  /** Ends the doubt although totals are missing or differ: the operator knows that no former payment comes again. */
  readonly trusts: boolean;
  /** How long a call may run at a processor, at most. */
  readonly callMayRunMs: number;
  /** Payments that the books may not know, such as those of journals. They are read once. */
  readonly suspects: () => Iterable<Suspect> | AsyncIterable<Suspect>;
  readonly onProgress: (lookedUpCount: number) => void;
}

/** The amount is null if only the id is known: then the processor has to tell it. */
export interface Suspect extends Omit<Payment, 'amountCents'> {
  readonly amountCents: number | null;
}

export interface AdoptionReport {
  readonly lookedUpCount: number;
  /** Payments that a processor holds and the books did not know as settled there: now they do. */
  readonly adopted: Totals;
  /** Payments that a processor has accepted or rejected, and the books did not know: now they do. */
  readonly otherwiseKnownCount: number;
  /** Payments that no processor holds: nothing was charged, so gateways send them. */
  readonly absentCount: number;
  /** Ids that more than one processor holds. */
  readonly chargedTwice: readonly string[];
  /** Ids for which a processor did not answer, or whose amount is unknown. */
  readonly unresolved: readonly string[];
  /** These, and payments that are pending at a processor and too old for the books to open them. */
  readonly unresolvedCount: number;
  /** Up to when the books were restored, or the end of that minute or hour if it is of folded time. */
  readonly totals: readonly ComparedTotals[];
  readonly problems: readonly string[];
  /** The totals of every processor are those of the books. */
  readonly isProven: boolean;
  readonly before: BooksStatus;
  readonly after: BooksStatus;
}

export interface ComparedTotals {
  readonly name: string;
  readonly here: Totals;
  /** Null: not readable. */
  readonly there: Totals | null;
}

const SHOWN_MAX = 100;
/** How far the books are searched for a settled payment of each processor. */
const SAMPLE_PAGES_MAX = 100;
const SAMPLE_PAGE_ENTRIES = 500;
/** Pages of the books: gateways do not use them meanwhile, or hardly. */
const PAUSE_MS = 1;

/**
 * Compares restored books with the processors, and takes in what they hold.
 *
 * The books may lack every payment that was accepted since the copy was made, and processors do not list what they hold. So
 * all payments that could be sent are looked up at every processor: those that are open in the books, since another
 * processor may have got them later, and the suspects, such as those in journals, which gateways would send as new. What
 * remains is in the totals: if those of every processor are those of the books, up to the moment of the restore, then
 * nothing is missing. Otherwise the books stay unproven, and gateways look up each payment that is new to them.
 */
export class Adoption {
  readonly #parts: AdoptionParts;
  readonly #inquiry: Inquiry;
  readonly #names: readonly string[];
  #adopted = { count: 0, amountCents: 0 };
  #otherwiseKnownCount = 0;
  #absentCount = 0;
  readonly #chargedTwice: string[] = [];
  readonly #unresolved: string[] = [];
  #unresolvedCount = 0;
  #lookedUpCount = 0;
  /** Processors that do not find what they have charged: that they do not hold a payment means nothing. */
  readonly #blind = new Set<number>();

  constructor(parts: AdoptionParts) {
    this.#parts = parts;
    this.#inquiry = new Inquiry(parts);
    this.#names = parts.processors.map(({ name }) => name);
  }

  async run(): Promise<Outcome<AdoptionReport>> {
    const { writer, clock } = this.#parts;
    const status = await tried(clock, () => writer.ledger.booksStatus());
    if (status.kind === 'unavailable') return failed(failureText(status));
    const before = status.value;
    if (before.kind !== 'behind' && before.kind !== 'unproven') {
      return failed(
        `these books are not a restored copy (${before.kind}): there is nothing to adopt. Audit without --adopt`,
      );
    }
    await this.#waitForCalls(before.sinceMs);
    const report = await this.#adopt(before);
    return report.kind === 'ok' ? report : failed(failureText(report));
  }

  async #adopt(before: BooksStatus): Promise<Reply<AdoptionReport>> {
    const { writer, clock } = this.#parts;
    const sampled = await this.#findBlind();
    if (sampled.kind === 'unavailable') return sampled;
    // In unproven books, gateways are at work on what is open.
    if (before.kind === 'behind') {
      const opened = await this.#lookUpOpen();
      if (opened.kind === 'unavailable') return opened;
    }
    for await (const suspect of this.#parts.suspects()) {
      const found = await tried(clock, () => writer.ledger.find(suspect.correlationId));
      if (found.kind === 'unavailable') return found;
      if (isKnown(found.value)) continue;
      const looked = await this.#lookUp(suspect, undefined);
      if (looked.kind === 'unavailable') return looked;
    }
    const flushed = await writer.flush();
    if (flushed.kind === 'unavailable') return flushed;
    this.#unresolvedCount += writer.counts.forgotten;
    const totals = await this.#totals(before.sinceMs);
    if (totals.kind === 'unavailable') return totals;
    const after = this.#statusAfter(before, totals.value);
    const set = await tried(clock, () => writer.ledger.setBooksStatus(after));
    return set.kind === 'ok' ? ok(this.#report(before, after, totals.value)) : set;
  }

  /** A call that began before the restore may still be charged: until it has ended, an absence means nothing. */
  async #waitForCalls(sinceMs: number): Promise<void> {
    const { clock, callMayRunMs } = this.#parts;
    const waitMs = Math.min(callMayRunMs, sinceMs + callMayRunMs - clock.nowMs());
    if (waitMs > 0) await sleep(clock, waitMs);
  }

  /** Looks up a payment that each processor has settled, because a wrong URL or account answers 404 to everything. */
  async #findBlind(): Promise<Reply<void>> {
    const { writer, clock } = this.#parts;
    const samples = new Map<string, string>();
    let after: string | null = '';
    for (
      let pages = 0;
      after !== null && pages < SAMPLE_PAGES_MAX && samples.size < this.#names.length;
      pages++
    ) {
      const from: string = after;
      const page = await tried(clock, () => writer.ledger.page(0, LAST_MS, from, SAMPLE_PAGE_ENTRIES));
      if (page.kind === 'unavailable') return page;
      for (const { status, processorName, correlationId } of page.value.entries) {
        if (status === 'settled' && processorName !== null) samples.set(processorName, correlationId);
      }
      after = page.value.next;
    }
    for (const [processor, name] of this.#names.entries()) {
      const sample = samples.get(name);
      if (sample === undefined) continue;
      const answer = await this.#inquiry.lookUp(processor, sample);
      if (answer === null || answer.kind === 'held') continue;
      this.#blind.add(processor);
      this.#inquiry.noteBlind(name, sample);
    }
    return ok(undefined);
  }

  async #lookUpOpen(): Promise<Reply<void>> {
    const { writer, clock } = this.#parts;
    const open: LedgerEntry[] = [];
    // The books are not written to while they are walked.
    const read = await walk(
      writer.ledger,
      { clock, fromMs: LAST_MS, toMs: LAST_MS, pauseMs: PAUSE_MS },
      async (entries) => {
        open.push(...entries.filter((entry) => isOpen(entry) && isKnown(entry)));
        return ok(undefined);
      },
    );
    if (read.kind === 'unavailable') return read;
    for (const entry of open) {
      const looked = await this.#lookUp(entry, entry);
      if (looked.kind === 'unavailable') return looked;
    }
    return ok(undefined);
  }

  /** Asks every processor, and writes what is known now. `entry`: what the books have, if anything. */
  async #lookUp(suspect: Suspect, entry: LedgerEntry | undefined): Promise<Reply<void>> {
    const { correlationId } = suspect;
    const answers = new Map<number, KnownThere>();
    this.#parts.onProgress(++this.#lookedUpCount);
    for (const processor of this.#names.keys()) {
      const answer = await this.#inquiry.lookUp(processor, correlationId);
      if (answer === null) return this.#leave(correlationId);
      if (answer.kind !== 'absent') answers.set(processor, answer);
    }
    // The processor that the books name comes first.
    const order = [...this.#names.keys()].sort(
      (one, other) => Number(other === entry?.processor) - Number(one === entry?.processor),
    );
    const holders = order.filter((processor) => answers.get(processor)?.kind === 'held');
    if (holders.length > 1 && this.#chargedTwice.length < SHOWN_MAX) this.#chargedTwice.push(correlationId);
    const pending = order.find((processor) => answers.get(processor)?.kind === 'pending');
    const rejecting = order.find((processor) => answers.get(processor)?.kind === 'rejected');
    const processor = holders[0] ?? pending ?? rejecting;
    if (processor === undefined) {
      if (this.#blind.size > 0) return this.#leave(correlationId);
      this.#absentCount++;
      return ok(undefined);
    }
    return this.#take(suspect, entry, processor, answers.get(processor) as KnownThere);
  }

  async #take(
    suspect: Suspect,
    entry: LedgerEntry | undefined,
    processor: number,
    answer: KnownThere,
  ): Promise<Reply<void>> {
    const { clock, writer } = this.#parts;
    const { correlationId, acceptedAtMs } = suspect;
    const { status, reason, story, ...known } = knownPayment(answer);
    const chargedCents = known.chargedCents ?? suspect.amountCents;
    const amountCents = suspect.amountCents ?? chargedCents;
    if (amountCents === null || chargedCents === null) return this.#leave(correlationId);
    const sentThereAtMs = entry?.processor === processor ? entry.requestedAtMs : 0;
    const knownAtMs = sentThereAtMs || acceptedAtMs || clock.nowMs();
    const requestedAtMs = known.requestedAtMs ?? knownAtMs;
    const taken: BooksEntry = {
      correlationId,
      amountCents,
      acceptedAtMs: acceptedAtMs || requestedAtMs,
      status,
      processorName: this.#names[processor] as string,
      requestedAtMs,
      attempts: Math.max(1, entry?.attempts ?? 0),
      story: { ...story, earlier: entry?.story.earlier ?? [] },
      reason,
      conflictingAmountCents: null,
    };
    if (status === 'settled') {
      this.#adopted.count++;
      this.#adopted.amountCents += chargedCents;
    } else this.#otherwiseKnownCount++;
    return writer.add(taken, chargedCents);
  }

  async #leave(correlationId: string): Promise<Reply<void>> {
    this.#unresolvedCount++;
    if (this.#unresolved.length < SHOWN_MAX) this.#unresolved.push(correlationId);
    return ok(undefined);
  }

  async #totals(toMs: number): Promise<Reply<ComparedTotals[]>> {
    const { writer, clock } = this.#parts;
    const time = await tried(clock, () => writer.ledger.foldedTime());
    if (time.kind === 'unavailable') return time;
    // Unproven books may have been folded beyond the restore: then the rest of that minute or hour counts on both sides.
    const period = { fromMs: 0, toMs: exactEndMs(toMs, time.value.folded) };
    const ours = await totalsUntil(writer.ledger, clock, period.toMs);
    if (ours.kind === 'unavailable') return ours;
    const compared: ComparedTotals[] = [];
    for (const [processor, name] of this.#names.entries()) {
      const { count = 0, amountCents = 0 } = ours.value.find((each) => each.name === name) ?? {};
      const there = await this.#inquiry.totals(processor, period);
      compared.push({ name, here: { count, amountCents }, there });
    }
    for (const { name, count } of ours.value) {
      if (count > 0 && !this.#names.includes(name)) this.#inquiry.noteUnconfigured(name);
    }
    return ok(compared);
  }

  #isProven(totals: readonly ComparedTotals[]): boolean {
    const isSame = totals.every(
      ({ here, there }) => here.count === there?.count && here.amountCents === there.amountCents,
    );
    return isSame && this.#inquiry.problems.length === 0;
  }

  #statusAfter(before: BooksStatus, totals: readonly ComparedTotals[]): BooksStatus {
    if (this.#unresolvedCount > 0 || this.#blind.size > 0) return before;
    if (this.#isProven(totals) || this.#parts.trusts) return IN_USE;
    return { ...before, kind: 'unproven' };
  }

  #report(before: BooksStatus, after: BooksStatus, totals: readonly ComparedTotals[]): AdoptionReport {
    return {
      lookedUpCount: this.#lookedUpCount,
      adopted: this.#adopted,
      otherwiseKnownCount: this.#otherwiseKnownCount,
      absentCount: this.#absentCount,
      chargedTwice: this.#chargedTwice,
      unresolved: this.#unresolved,
      unresolvedCount: this.#unresolvedCount,
      totals,
      problems: this.#inquiry.problems,
      isProven: this.#isProven(totals),
      before,
      after,
    };
  }
}
