import { type Backoff, equalJitterMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';
import { BREAKER_STATES, type BreakerState, type SharedState } from '../shared-memory/state.ts';
import { choose, type ProcessorView, type RoutingPolicy, routingReason } from './routing.ts';

export interface CircuitBreakerPolicy extends RoutingPolicy {
  /** Failures in a row that open a breaker. */
  readonly breakerFailures: number;
  /** Between trials of an open or slow processor. */
  readonly breakerBackoff: Backoff;
}

export interface CircuitBreakersParts {
  readonly sharedState: SharedState;
  /** What this thread counts. */
  readonly metrics: ThreadMetrics;
  readonly names: readonly string[];
  readonly policy: CircuitBreakerPolicy;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

/**
 * How each processor stands, learned from outcomes and health answers and kept on the board for all threads.
 *
 * The breaker:
 *
 * | state     | event                                                | to                              |
 * |-----------|------------------------------------------------------|---------------------------------|
 * | closed    | failures in a row reach `breakerFailures`            | open                            |
 * | closed    | health says failing, and no call succeeded just now  | open                            |
 * | open      | a trial fails                                        | open, with the next trial later |
 * | open      | a dearer processor's breaker closes                  | open, with a trial due at once  |
 * | open      | health says well                                     | half-open, with a trial due at once |
 * | half-open | health says well, and no trial was taken since       | closed                          |
 * | half-open | health says well, and a trial was taken              | half-open, with a trial due at once |
 * | half-open | a call fails, or health says failing                 | open, with the next trial later |
 * | open, half-open | a call succeeds                                | closed                          |
 *
 * While payments wait for a processor, its trial decides, because one of them takes it at once. Where no payment comes,
 * because a cheaper processor takes them all or because there are none, two good health answers in a row must be
 * enough: otherwise the breaker of a healthy processor would stay open for as long as nothing is sent there. The
 * failures in a row are not forgotten then, so one that still fails calls opens again with the first of them.
 *
 * A slow processor (over the latency budget) keeps its breaker closed, and is tried again by the same trials, unless
 * health says that it is slow.
 */
export class CircuitBreakers {
  readonly #parts: CircuitBreakersParts;

  constructor(parts: CircuitBreakersParts) {
    this.#parts = parts;
  }

  views(): ProcessorView[] {
    return this.#parts.names.map((_, processor) => this.#view(processor));
  }

  #view(processor: number): ProcessorView {
    const { sharedState, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    const oldestAtMs = sharedState.oldestCallAtMs(processor);
    const waitedMs = oldestAtMs === null ? 0 : nowMs - oldestAtMs;
    return {
      open: sharedState.breakerOpen(processor),
      isProbeDue: sharedState.isProbeDue(processor, nowMs),
      expectedMs: Math.max(sharedState.latencyMs(processor), waitedMs),
    };
  }

  /** Takes the trial that is due, once over all threads. */
  takeProbe(processor: number): boolean {
    const { sharedState, clock, policy } = this.#parts;
    const nowMs = clock.monotonicMs();
    // Far off at first: a thread that was not the one to take it must not count a trial, and delay the next.
    if (!sharedState.takeProbe(processor, nowMs, nowMs + policy.breakerBackoff.maxMs)) return false;
    sharedState.setProbeAt(processor, nowMs + this.#probeDelayMs(processor));
    return true;
  }

  succeeded(processor: number, latencyMs: number): void {
    const { sharedState, clock, policy } = this.#parts;
    const nowMs = clock.monotonicMs();
    sharedState.resetFailures(processor);
    sharedState.setSucceededAt(processor, nowMs);
    this.#observe(processor, latencyMs);
    if (sharedState.latencyMs(processor) <= policy.latencyBudgetMs) {
      sharedState.resetProbes(processor);
      sharedState.setProbeAt(processor, nowMs);
    }
    this.#close(processor, { latencyMs });
  }

  failed(processor: number, reason: string): void {
    const { sharedState, policy } = this.#parts;
    const failures = sharedState.countFailure(processor);
    const isTrying = sharedState.breaker(processor) === 'half-open';
    if (isTrying || failures >= policy.breakerFailures) this.#open(processor, reason);
  }

  /** Takes in a health answer. What calls showed since counts for more. */
  reported(processor: number, failing: boolean, minResponseTimeMs: number): void {
    const { sharedState, clock, policy } = this.#parts;
    const nowMs = clock.monotonicMs();
    sharedState.setReported(processor, { failing, minResponseTimeMs, atMs: nowMs });
    if (sharedState.callsInFlight(processor) === 0 || minResponseTimeMs > sharedState.latencyMs(processor)) {
      sharedState.setLatency(processor, minResponseTimeMs);
    }
    if (failing) {
      if (nowMs - sharedState.succeededAtMs(processor) > RECENT_MS) this.#open(processor, 'health: failing');
    } else {
      this.#reportedWell(processor, nowMs);
    }
    if (minResponseTimeMs > policy.latencyBudgetMs) {
      // A payment sent to find out would take that long, and be missing from the books for that long.
      sharedState.setProbeAt(processor, nowMs + SLOW_FOR_MS);
    }
    this.#explainAtRest(nowMs);
  }

  #reportedWell(processor: number, nowMs: number): void {
    const { sharedState } = this.#parts;
    const state = sharedState.breaker(processor);
    if (state === 'closed') return;
    const isUntried = sharedState.trialsInRow(processor) === 0 && sharedState.callsInFlight(processor) === 0;
    if (state === 'half-open' && isUntried) {
      this.#close(processor, { reason: 'health: well' });
      return;
    }
    sharedState.resetProbes(processor);
    sharedState.setProbeAt(processor, nowMs);
    this.#move(processor, 'half-open');
  }

  /**
   * Pool threads show the reason for a route with each payment. When there are none, a health answer may make the last
   * reason untrue, so it is replaced by the reason that the next payment would get.
   */
  #explainAtRest(nowMs: number): void {
    const { sharedState, names, policy } = this.#parts;
    const isBusy = names.some((_, processor) => sharedState.callsInFlight(processor) > 0);
    if (isBusy) return;
    const views = this.views();
    const next = choose(views, 0, policy);
    for (const processor of views.keys()) {
      if (sharedState.reason(processor).reason === 'none') continue;
      sharedState.setReason(processor, routingReason(processor, views, next, false, policy), nowMs);
    }
  }

  /**
   * What fails together often heals together. Payments that have lost their patience go to this one from now on, by
   * the thousand if a cheaper one is believed to fail for seconds more; to know that costs one payment's trial.
   */
  #tryCheaper(than: number, nowMs: number): void {
    const { sharedState } = this.#parts;
    for (let processor = 0; processor < than; processor++) {
      if (sharedState.breakerOpen(processor)) sharedState.setProbeAt(processor, nowMs);
    }
  }

  /** Quick to believe that a processor has become slow, half as quick to believe that it is well again. */
  #observe(processor: number, latencyMs: number): void {
    const { sharedState } = this.#parts;
    const believedMs = sharedState.latencyMs(processor);
    const nextMs = latencyMs >= believedMs ? latencyMs : (believedMs + latencyMs) / 2;
    sharedState.setLatency(processor, nextMs);
  }

  #open(processor: number, reason: string): void {
    const { sharedState, metrics, clock } = this.#parts;
    const from = this.#move(processor, 'open');
    if (from === null) return;
    // A trial that was taken has set the moment of the next one already.
    const isTried = from === 'half-open' && sharedState.trialsInRow(processor) > 0;
    if (!isTried) sharedState.setProbeAt(processor, clock.monotonicMs() + this.#probeDelayMs(processor));
    // From half-open, it is the same outage still.
    if (from !== 'closed') return;
    metrics.countAt(processor, 'breakerOpened');
    this.#tell(processor, 'breaker open', { reason });
  }

  #close(processor: number, why: Record<string, unknown>): void {
    const { metrics, clock } = this.#parts;
    if (this.#move(processor, 'closed') === null) return;
    metrics.countAt(processor, 'breakerClosed');
    this.#tell(processor, 'breaker closed', why);
    this.#tryCheaper(processor, clock.monotonicMs());
  }

  /** The state it moved from; null: it stood there already, or another thread was faster. */
  #move(processor: number, to: BreakerState): BreakerState | null {
    const { sharedState, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    return (
      BREAKER_STATES.find((from) => from !== to && sharedState.moveBreaker(processor, from, to, nowMs)) ??
      null
    );
  }

  #probeDelayMs(processor: number): number {
    const { sharedState, policy, random } = this.#parts;
    return equalJitterMs(policy.breakerBackoff, sharedState.countProbe(processor), random);
  }

  #tell(processor: number, message: string, fields: Record<string, unknown>): void {
    this.#parts.log.info({ processor: this.#parts.names[processor], ...fields }, message);
  }
}

/** A success this lately speaks against a health answer that says failing. */
const RECENT_MS = 1000;
/** A health answer that says slow is believed until two more are overdue. */
const SLOW_FOR_MS = 11_000;
