import { type Backoff, equalJitterMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Sheet } from '../shared-memory/metrics-table.ts';
import type { Board } from '../shared-memory/state.ts';
import type { ProcessorView } from './routing.ts';

export interface StandingPolicy {
  readonly latencyBudgetMs: number;
  /** Failures in a row that open a breaker. */
  readonly breakerFailures: number;
  /** Between trials of an open or slow processor. */
  readonly breakerBackoff: Backoff;
}

export interface StandingParts {
  readonly board: Board;
  /** What this thread counts. */
  readonly sheet: Sheet;
  readonly names: readonly string[];
  readonly policy: StandingPolicy;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

/**
 * How each processor stands, learned from outcomes and health answers and kept on the board for all threads.
 *
 * The breaker:
 *
 * | state  | event                                             | to     |
 * |--------|---------------------------------------------------|--------|
 * | closed | failures in a row reach `breakerFailures`         | open   |
 * | closed | health says failing, and no success since         | open   |
 * | open   | any call succeeds                                 | closed |
 * | open   | health says well, or a dearer one's has closed    | open, with a trial due at once |
 * | open   | a trial fails                                     | open, with the next trial later |
 *
 * A slow processor (over the latency budget) keeps its breaker closed, and is tried again by the same trials, unless
 * health says that it is slow.
 */
export class Standing {
  readonly #parts: StandingParts;

  constructor(parts: StandingParts) {
    this.#parts = parts;
  }

  views(): ProcessorView[] {
    return this.#parts.names.map((_, processor) => this.#view(processor));
  }

  #view(processor: number): ProcessorView {
    const { board, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    const oldestAtMs = board.oldestCallAtMs(processor);
    const waitedMs = oldestAtMs === null ? 0 : nowMs - oldestAtMs;
    return {
      open: board.breakerOpen(processor),
      trialDue: board.trialDue(processor, nowMs),
      expectedMs: Math.max(board.latencyMs(processor), waitedMs),
    };
  }

  /** Takes the trial that is due, once over all threads. */
  takeTrial(processor: number): boolean {
    const { board, clock, policy } = this.#parts;
    const nowMs = clock.monotonicMs();
    // Far off at first: a thread that was not the one to take it must not count a trial, and delay the next.
    if (!board.takeTrial(processor, nowMs, nowMs + policy.breakerBackoff.maxMs)) return false;
    board.setTrialAt(processor, nowMs + this.#trialDelayMs(processor));
    return true;
  }

  succeeded(processor: number, latencyMs: number): void {
    const { board, sheet, clock, policy } = this.#parts;
    const nowMs = clock.monotonicMs();
    board.forgetFailures(processor);
    board.setSucceededAt(processor, nowMs);
    this.#observe(processor, latencyMs);
    if (board.latencyMs(processor) <= policy.latencyBudgetMs) {
      board.forgetTrials(processor);
      board.setTrialAt(processor, nowMs);
    }
    if (!board.setBreaker(processor, false, nowMs)) return;
    sheet.countAt(processor, 'breakerClosed');
    this.#tell(processor, 'breaker closed', { latencyMs });
    this.#tryCheaper(processor, nowMs);
  }

  failed(processor: number, reason: string): void {
    const { board, policy } = this.#parts;
    const failures = board.countFailure(processor);
    if (failures >= policy.breakerFailures) this.#open(processor, reason);
  }

  /** Health only informs: what calls showed since the answer counts for more. */
  reported(processor: number, failing: boolean, minResponseTimeMs: number): void {
    const { board, clock, policy } = this.#parts;
    const nowMs = clock.monotonicMs();
    board.setReported(processor, { failing, minResponseTimeMs, atMs: nowMs });
    if (board.callsInFlight(processor) === 0 || minResponseTimeMs > board.latencyMs(processor)) {
      board.setLatency(processor, minResponseTimeMs);
    }
    if (failing) {
      if (nowMs - board.succeededAtMs(processor) > RECENT_MS) this.#open(processor, 'health: failing');
    } else if (board.breakerOpen(processor)) {
      board.forgetTrials(processor);
      board.setTrialAt(processor, nowMs);
    }
    if (minResponseTimeMs > policy.latencyBudgetMs) {
      // A payment sent to find out would take that long, and be missing from the books for that long.
      board.setTrialAt(processor, nowMs + SLOW_FOR_MS);
    }
  }

  /**
   * What fails together often heals together. Payments that have lost their patience go to this one from now on, by
   * the thousand if a cheaper one is believed to fail for seconds more; to know that costs one payment's trial.
   */
  #tryCheaper(than: number, nowMs: number): void {
    const { board } = this.#parts;
    for (let processor = 0; processor < than; processor++) {
      if (board.breakerOpen(processor)) board.setTrialAt(processor, nowMs);
    }
  }

  /** Quick to believe that a processor has become slow, half as quick to believe that it is well again. */
  #observe(processor: number, latencyMs: number): void {
    const { board } = this.#parts;
    const believedMs = board.latencyMs(processor);
    const nextMs = latencyMs >= believedMs ? latencyMs : (believedMs + latencyMs) / 2;
    board.setLatency(processor, nextMs);
  }

  #open(processor: number, reason: string): void {
    const { board, sheet, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (!board.setBreaker(processor, true, nowMs)) return;
    sheet.countAt(processor, 'breakerOpened');
    board.setTrialAt(processor, nowMs + this.#trialDelayMs(processor));
    this.#tell(processor, 'breaker open', { reason });
  }

  #trialDelayMs(processor: number): number {
    const { board, policy, random } = this.#parts;
    return equalJitterMs(policy.breakerBackoff, board.countTrial(processor), random);
  }

  #tell(processor: number, message: string, fields: Record<string, unknown>): void {
    this.#parts.log.info({ processor: this.#parts.names[processor], ...fields }, message);
  }
}

/** A success this lately speaks against a health answer that says failing. */
const RECENT_MS = 1000;
/** A health answer that says slow is believed until two more are overdue. */
const SLOW_FOR_MS = 11_000;
