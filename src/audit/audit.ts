import { type Clock, sleep } from '../core/clock.ts';
import { isOpen } from '../core/payment.ts';
import { type LedgerEntry, ok, type Reply } from '../ledger/ledger.ts';
import { Inquiry, type InquiryParts } from './inquiry.ts';
import { type FoundForCertain, judge } from './judgement.ts';
import { compared, narrow, piecesOf, type Suspicion } from './narrowing.ts';
import type { OurBooks, ReadFailure } from './our-books.ts';
import type { Compared, Period } from './period.ts';
import type { AuditProgress } from './progress.ts';
import {
  type AuditReport,
  type Difference,
  groupsOf,
  type ProcessorReport,
  stampOf,
  verdictOf,
} from './report.ts';
import { CLOCKS_APART_MS, RANKS, Suspects } from './suspects.ts';
import { AuditWindow } from './window.ts';

export interface AuditParts extends InquiryParts {
  readonly ours: OurBooks;
  readonly clock: Clock;
  /** A settlement that is missing for longer than this is wrong. */
  readonly settlesWithinMs: number;
  /** How long to wait before checking overdue payments again. */
  readonly secondLookMs: number;
  readonly onProgress: (progress: AuditProgress) => void;
}

export interface AuditRequest {
  /** ±Infinity leaves a side open. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Looks up every payment of the period, even where the totals agree. */
  readonly every: boolean;
  /** Maximum number of differences in the report; it counts all. */
  readonly differenceLimit: number;
}

/** The latest timestamp that a processor accepts: the end of the year 9999. */
const LAST_STAMP_MS = Date.UTC(10_000, 0) - 1;

/** A payment that was looked up, and the answers. */
interface Case {
  readonly entry: LedgerEntry;
  /** By processor. */
  readonly answers: Map<number, FoundForCertain>;
}

/**
 * Compares our books with those of each processor: first totals, then periods that differ, halved until they are small,
 * then the payments that may have been sent in those periods.
 *
 * Our side is always read first. A processor charges before our books record it, so a payment that only we have is
 * always wrong, while a payment that only they have may still be settling.
 */
export class Audit {
  readonly #parts: AuditParts;
  readonly #inquiry: Inquiry;
  readonly #names: readonly string[];
  readonly #cases = new Map<string, Case>();
  #comparedCount = 0;

  constructor(parts: AuditParts) {
    this.#parts = parts;
    this.#inquiry = new Inquiry(parts);
    this.#names = parts.processors.map(({ name }) => name);
  }

  /** Call once. There is no report if the ledger does not answer, or if it knows no totals between such bounds. */
  async run(request: AuditRequest): Promise<Reply<AuditReport> | ReadFailure> {
    const { fromMs, toMs, every, differenceLimit } = request;
    const { clock, ours, settlesWithinMs } = this.#parts;
    const [startedAtMs, beganMs] = [clock.nowMs(), clock.monotonicMs()];
    const whole = {
      fromMs: Math.max(0, fromMs),
      toMs: toMs === Infinity ? startedAtMs : Math.min(LAST_STAMP_MS, toMs),
    };
    const youngFromMs = startedAtMs - settlesWithinMs;
    const windows: AuditWindow[] = [];
    for (const part of splitAt(whole, youngFromMs)) windows.push(...(await this.#windows(part, every)));
    if (windows.length > 0) await this.#lookUpPayments(windows);
    const differences = await this.#differences();
    const processors = [
      ...(await this.#close(whole, windows, differences, youngFromMs)),
      ...(await this.#unconfigured(whole)),
    ];
    if (ours.failure !== null) return ours.failure;
    return ok({
      verdict: verdictOf(processors, differences, this.#inquiry.problems),
      from: fromMs === -Infinity ? null : stampOf(fromMs),
      to: toMs === Infinity ? null : stampOf(toMs),
      startedAt: stampOf(startedAtMs),
      tookMs: clock.monotonicMs() - beganMs,
      settlesWithinMs,
      processors,
      differences: differences.slice(0, differenceLimit),
      differenceCount: differences.length,
      differenceGroups: groupsOf(differences),
      lookedUpCount: this.#inquiry.lookedUpCount,
      problems: this.#inquiry.problems,
    });
  }

  /** The periods whose payments must be looked up. */
  async #windows(whole: Period, every: boolean): Promise<AuditWindow[]> {
    const windows: AuditWindow[] = [];
    for (const processor of this.#names.keys()) {
      const both = await this.#compare(processor, whole);
      const isWhole = every || both.there === null;
      const periods = isWhole ? [{ ...whole, ...both }] : await this.#suspicions(processor, whole);
      for (const period of periods) windows.push(new AuditWindow(processor, period));
    }
    return windows;
  }

  async #suspicions(processor: number, whole: Period): Promise<Suspicion[]> {
    const { ours } = this.#parts;
    const compare = (period: Period) => this.#compare(processor, period);
    const count = async (period: Period) => (await ours.totals(processor, period)).count;
    const suspicions: Suspicion[] = [];
    const exactFromMs = await ours.exactFromMs();
    for (const part of splitAt(whole, exactFromMs)) {
      // The books keep neither exact totals nor payments of folded time, so it is compared as a whole.
      if (part.toMs < exactFromMs) suspicions.push(...(await compared([part], compare)));
      else suspicions.push(...(await narrow(await compared(await piecesOf(part, count), compare), compare)));
    }
    return suspicions;
  }

  async #compare(processor: number, period: Period): Promise<Compared> {
    this.#parts.onProgress({ phase: 'totals', done: this.#comparedCount++, of: null });
    const here = await this.#parts.ours.totals(processor, period);
    const there = this.#parts.ours.failure === null ? await this.#inquiry.totals(processor, period) : null;
    return { here, there };
  }

  /** Reads our payments once, and looks up those that may explain the differences. */
  async #lookUpPayments(windows: readonly AuditWindow[]): Promise<void> {
    const { ours, paymentLimit, onProgress } = this.#parts;
    const concerned = [...new Set(windows.map(({ processor }) => processor))];
    const suspects = new Map(
      concerned.map((processor) => {
        const periods = windows.filter((window) => window.processor === processor);
        return [processor, new Suspects(processor, periods, paymentLimit)];
      }),
    );
    let readCount = 0;
    await ours.walk(hullOf(windows), (entry) => {
      onProgress({ phase: 'books', done: ++readCount, of: null });
      for (const window of windows) window.list(entry);
      for (const each of suspects.values()) each.consider(entry);
    });
    let expectedCount = 0;
    for (const rank of RANKS) {
      for (const [processor, each] of suspects) {
        const own = windows.filter((window) => window.processor === processor);
        if (rank > 1 && own.every((window) => window.isAccountedFor)) continue;
        expectedCount += each.of(rank).length;
        for (const entry of each.of(rank)) {
          // A payment may be looked up at more than one processor.
          const done = this.#inquiry.lookedUpCount;
          onProgress({ phase: 'lookups', done, of: Math.max(done, expectedCount) });
          await this.#look(processor, entry, windows);
        }
        if (each.isOverflowing(rank)) {
          for (const window of own) window.leaveUnfinished();
          this.#inquiry.noteLimit();
        }
      }
    }
  }

  async #look(processor: number, entry: LedgerEntry, windows: readonly AuditWindow[]): Promise<void> {
    const { correlationId } = entry;
    const known = this.#cases.get(correlationId) ?? { entry, answers: new Map() };
    if (known.answers.has(processor)) return;
    const answer = await this.#inquiry.find(processor, entry);
    const own = windows.filter((window) => window.processor === processor);
    if (answer === null) {
      for (const window of own) window.leaveUnfinished();
      return;
    }
    known.answers.set(processor, answer);
    this.#cases.set(correlationId, known);
    if (answer.kind === 'absent') return;
    for (const window of own) window.hold(entry, answer);
    // If our books name another processor, ask that one too: the payment may have been charged twice.
    if (entry.processor !== null && entry.processor !== processor)
      await this.#look(entry.processor, entry, windows);
  }

  /** Checks everything that differs a second time; wrong ones first. */
  async #differences(): Promise<Difference[]> {
    const { clock, secondLookMs, onProgress } = this.#parts;
    const differing = [...this.#cases.values()].filter((each) => this.#judge(each).length > 0);
    const isOverdue = (each: Case) =>
      isOpen(each.entry) && this.#judge(each).some(({ state }) => state === 'wrong');
    if (differing.some(isOverdue)) await sleep(clock, secondLookMs);
    const differences: Difference[] = [];
    for (const [done, each] of differing.entries()) {
      onProgress({ phase: 'again', done, of: differing.length });
      differences.push(...(await this.#judgeAgain(each)));
    }
    return differences.sort((one, other) => weight(other) - weight(one));
  }

  #judge({ entry, answers }: Case): Difference[] {
    const { clock, settlesWithinMs } = this.#parts;
    return judge(entry, answers, clock.nowMs(), { processorNames: this.#names, settlesWithinMs });
  }

  /** A payment that has been purged in the meantime no longer differs. */
  async #judgeAgain({ entry: before, answers: earlier }: Case): Promise<Difference[]> {
    const entry = await this.#parts.ours.find(before.correlationId);
    if (entry === undefined) return [];
    const answers: Case['answers'] = new Map();
    const asked = new Set([...earlier.keys(), ...(entry.processor === null ? [] : [entry.processor])]);
    for (const processor of asked) {
      const answer = (await this.#inquiry.findAgain(processor, entry)) ?? earlier.get(processor);
      if (answer !== undefined) answers.set(processor, answer);
    }
    return this.#judge({ entry, answers });
  }

  /** Totals of processors that are no longer configured: our side only. */
  async #unconfigured(whole: Period): Promise<ProcessorReport[]> {
    const { ours } = this.#parts;
    for (const { name, count } of await ours.stranded()) this.#inquiry.noteStranded(name, count);
    const totals = await ours.unconfiguredTotals(this.#names.length, whole);
    return totals.map(({ name, ...here }) => {
      this.#inquiry.noteUnconfigured(name);
      return { name, here, there: null, windows: [] };
    });
  }

  /** Compares both sides again, and reports what remains of each window. */
  async #close(
    whole: Period,
    windows: readonly AuditWindow[],
    differences: readonly Difference[],
    youngFromMs: number,
  ): Promise<ProcessorReport[]> {
    const reports: ProcessorReport[] = [];
    for (const [processor, name] of this.#names.entries()) {
      const own = windows.filter((window) => window.processor === processor);
      const left = [];
      for (const window of own) {
        const now = await this.#compare(processor, window);
        const report = window.report(now, youngFromMs, differences.length > 0);
        if (report !== null) left.push(report);
      }
      reports.push({ name, ...(await this.#compare(processor, whole)), windows: left });
    }
    return reports;
  }
}

/** Splits a period into what must be settled by now, and what may still settle. */
function splitAt({ fromMs, toMs }: Period, ms: number): Period[] {
  return [
    { fromMs, toMs: Math.min(toMs, ms - 1) },
    { fromMs: Math.max(fromMs, ms), toMs },
  ].filter((part) => part.fromMs <= part.toMs);
}

function hullOf(periods: readonly Period[]): Period {
  return {
    fromMs: Math.min(...periods.map(({ fromMs }) => fromMs)) - CLOCKS_APART_MS,
    toMs: Math.max(...periods.map(({ toMs }) => toMs)) + CLOCKS_APART_MS,
  };
}

function weight({ kind, state }: Difference): number {
  if (kind === 'charged-twice') return 2;
  return state === 'wrong' ? 1 : 0;
}
