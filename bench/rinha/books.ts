import { sleep } from '../../src/core/clock.ts';
import type { Totals } from '../../src/core/payment.ts';
import { Api } from './api.ts';
import type { Course } from './course.ts';
import { ProcessorAdmin } from './processor-admin.ts';
import { type BooksRule, type PerProcessor, PROCESSORS } from './scenario.ts';
import { inconsistency } from './score.ts';
import { NO_BACKEND_SUMMARY, parseBackendSummary, windowQuery } from './summary.ts';

/** The contest's auditor: compares the backend's summary with the processors' records, window by window. */
export class Books {
  readonly #course: Course;
  readonly #backend: Api;
  readonly #processors: PerProcessor<ProcessorAdmin>;

  constructor(course: Course) {
    const { target, processors, token, record } = course;
    this.#course = course;
    this.#backend = new Api(target, '', record);
    this.#processors = {
      default: new ProcessorAdmin(processors.default, token, record),
      fallback: new ProcessorAdmin(processors.fallback, token, record),
    };
  }

  /** Empties processors and backend before a run. A backend that cannot purge is left as it is. */
  async open(): Promise<void> {
    const { token } = this.#course;
    for (const name of PROCESSORS) await this.#processors[name].setToken(token);
    for (const name of PROCESSORS) await this.#processors[name].purge();
    await this.#backend.call('POST', '/purge-payments');
  }

  /** Checks at once, and again some time after each check, until the scenario ends. */
  async watch(): Promise<readonly Check[]> {
    const { scenario, clock, nowMs } = this.#course;
    const { intervalMs, fromAgoMs, toAgoMs, error } = scenario.books;
    const checks: Check[] = [];
    for (;;) {
      const atMs = nowMs();
      const wallMs = clock.nowMs();
      const compared = await this.compare(wallMs - fromAgoMs, wallMs - toAgoMs);
      checks.push({ ...compared, atMs, errorCount: errorCount(compared, error) });
      if (nowMs() + intervalMs >= scenario.durationMs) return checks;
      await sleep(clock, intervalMs);
    }
  }

  /** Asks both sides about [fromMs, toMs] at the same time. A missing answer counts as zeros. */
  async compare(fromMs: number, toMs: number): Promise<Comparison> {
    const window = windowQuery(fromMs, toMs);
    const [ofDefault, ofFallback, answer] = await Promise.all([
      this.#processors.default.summary(window),
      this.#processors.fallback.summary(window),
      this.#backend.call('GET', `/payments-summary${window}`),
    ]);
    const nothing = NO_BACKEND_SUMMARY.default;
    return {
      answered: answer.status === 200 && ofDefault !== undefined && ofFallback !== undefined,
      backend: answer.status === 200 ? parseBackendSummary(answer.body) : NO_BACKEND_SUMMARY,
      processors: { default: ofDefault ?? nothing, fallback: ofFallback ?? nothing },
      summaryMs: answer.durationMs,
    };
  }

  close(): void {
    this.#backend.close();
    this.#processors.default.close();
    this.#processors.fallback.close();
  }
}

export interface Comparison {
  /** Backend and processors all answered in time. */
  readonly answered: boolean;
  readonly backend: PerProcessor<Totals>;
  readonly processors: PerProcessor<Totals>;
  /** How long the backend took to answer. */
  readonly summaryMs: number;
}

export interface Check extends Comparison {
  readonly atMs: number;
  readonly errorCount: number;
}

function errorCount({ backend, processors }: Comparison, error: BooksRule['error']): number {
  return inconsistency(countsOf(backend), countsOf(processors), error);
}

function countsOf(totals: PerProcessor<Totals>): PerProcessor<number> {
  return { default: totals.default.count, fallback: totals.fallback.count };
}
