import type { ProcessorTarget } from '../config/processor-target.ts';
import { equalJitterMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';
import { BREAKER_STATES, type BreakerState, type SharedState } from '../shared-memory/state.ts';
import type { AmountClasses } from './amount-classes.ts';
import { choose, type ProcessorView, type RoutingPolicy, routingReasons } from './routing.ts';

export interface CircuitBreakerPolicy extends RoutingPolicy {
  /** The longest rest that a processor can ask for. */
  readonly restMaxMs: number;
  /** Look-ups a second to a processor whose breaker is open. */
  readonly outageLookUpRate: number;
}

export interface CircuitBreakersParts {
  readonly sharedState: SharedState;
  readonly metrics: ThreadMetrics;
  readonly targets: readonly Pick<ProcessorTarget, 'name' | 'breaker' | 'inDoubtHoldMs'>[];
  readonly classes: AmountClasses;
  readonly policy: CircuitBreakerPolicy;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

/**
 * The state of each processor, learned from outcomes and health answers and kept in the shared state for all threads.
 *
 * The breaker:
 *
 * | state           | event                                               | to                                  |
 * |-----------------|-----------------------------------------------------|-------------------------------------|
 * | closed          | failures in a row reach `breaker.failures`          | open                                |
 * | closed          | health says failing, and no call succeeded lately   | open                                |
 * | open            | a probe fails                                       | open, with the next probe later     |
 * | open            | the breaker of a more expensive processor closes    | open, with a probe due at once      |
 * | open            | health says well                                    | half-open, with a probe due at once |
 * | half-open       | health says well, and no probe was sent since       | closed                              |
 * | half-open       | health says well, and a probe was sent              | half-open, with a probe due at once |
 * | half-open       | a call fails, or health says failing                | open, with the next probe later     |
 * | open, half-open | a call succeeds                                     | closed                              |
 *
 * While payments wait for a processor, a probe decides, because one of them is sent as the probe at once. When no
 * payment comes, because a cheaper processor takes them all or because there are none, two good health answers in a row
 * close the breaker; otherwise it would stay open as long as nothing is sent there. That does not reset the failures in
 * a row, so if calls still fail, the first failure opens it again.
 *
 * A processor that asks for a rest (`Retry-After`) has an open breaker until the rest is over, and is neither probed nor
 * asked about payments in doubt. The payments are free: they back off, and go elsewhere after their failover delay.
 *
 * A slow processor (over the latency budget) keeps its breaker closed. It is probed in the same way, unless health says
 * that it is slow.
 */
export class CircuitBreakers {
  readonly #parts: CircuitBreakersParts;

  constructor(parts: CircuitBreakersParts) {
    this.#parts = parts;
  }

  views(): ProcessorView[] {
    return this.#parts.targets.map((_, processor) => this.#view(processor));
  }

  #view(processor: number): ProcessorView {
    const { sharedState, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    const oldestAtMs = sharedState.oldestCallAtMs(processor);
    const waitedMs = oldestAtMs === null ? 0 : nowMs - oldestAtMs;
    const isResting = nowMs < sharedState.restUntilMs(processor);
    return {
      open: isResting || sharedState.breakerOpen(processor),
      isProbeDue: !isResting && sharedState.isProbeDue(processor, nowMs),
      expectedMs: Math.max(sharedState.latencyMs(processor), waitedMs),
      isPaused: !sharedState.mayGetPayments(processor),
    };
  }

  /** Takes the probe that is due; only one thread gets it. */
  takeProbe(processor: number): boolean {
    const { sharedState, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    const { maxMs } = this.#targetOf(processor).breaker;
    // Only the thread that gets the probe may count it, so the real time of the next one is set afterwards.
    if (!sharedState.takeProbe(processor, nowMs, nowMs + maxMs)) return false;
    sharedState.setProbeAt(processor, nowMs + this.#probeDelayMs(processor));
    return true;
  }

  succeeded(processor: number, latencyMs: number): void {
    const { sharedState, clock, policy } = this.#parts;
    const nowMs = clock.monotonicMs();
    sharedState.resetFailures(processor);
    sharedState.setFit(processor);
    sharedState.setSucceededAt(processor, nowMs);
    this.#observe(processor, latencyMs);
    if (sharedState.latencyMs(processor) <= policy.latencyBudgetMs) {
      sharedState.resetProbes(processor);
      sharedState.setProbeAt(processor, nowMs);
    }
    this.#close(processor, { latencyMs });
  }

  failed(processor: number, reason: string): void {
    const { sharedState } = this.#parts;
    const failures = sharedState.countFailure(processor);
    const isHalfOpen = sharedState.breaker(processor) === 'half-open';
    if (isHalfOpen || failures >= this.#targetOf(processor).breaker.failures) this.#open(processor, reason);
  }

  /** The processor would refuse any payment: its address, credentials or version are wrong. */
  unfit(processor: number, reason: string): void {
    const { sharedState, clock } = this.#parts;
    sharedState.setUnfit(processor, clock.monotonicMs());
    this.failed(processor, reason);
  }

  /** What made it fail may be over: it is probed at once, unless it rests. */
  tryAgain(processor: number): void {
    const { sharedState, clock } = this.#parts;
    if (!sharedState.breakerOpen(processor)) return;
    sharedState.resetProbes(processor);
    sharedState.setProbeAt(processor, Math.max(clock.monotonicMs(), sharedState.restUntilMs(processor)));
  }

  /** It has carried out a request, even if it failed: it does not refuse everything. */
  carriedOut(processor: number): void {
    this.#parts.sharedState.setFit(processor);
  }

  /** Nothing is sent to the processor for as long as it asked, up to the limit. */
  rest(processor: number, retryAfterMs: number): void {
    const { sharedState, clock, policy } = this.#parts;
    const restMs = Math.min(retryAfterMs, policy.restMaxMs);
    if (restMs <= 0) return;
    const untilMs = clock.monotonicMs() + restMs;
    sharedState.extendRest(processor, untilMs);
    this.#open(processor, `asked for a rest of ${Math.ceil(restMs / 1000)} s`);
    sharedState.setProbeAt(processor, untilMs);
  }

  /** The processor asked for fewer look-ups: it gets none for as long as it asked, and payments as before. */
  restLookUps(processor: number, retryAfterMs: number): void {
    const { sharedState, clock, policy } = this.#parts;
    const untilMs = clock.monotonicMs() + Math.min(retryAfterMs, policy.restMaxMs);
    const atMs = sharedState.lookUpAtMs(processor);
    // A thread that was faster has heard the same.
    if (untilMs > atMs) sharedState.moveLookUpAt(processor, atMs, untilMs);
  }

  /** Whether the processor wants to be asked about a payment now. */
  wantsLookUps(processor: number): boolean {
    const { sharedState, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    return nowMs >= sharedState.restUntilMs(processor) && nowMs >= sharedState.lookUpAtMs(processor);
  }

  /**
   * Takes a look-up of a payment that is in doubt. In an outage there is a budget for them: they grow with the payments in
   * doubt, and hinder a processor that struggles.
   */
  takeLookUp(processor: number): boolean {
    const { sharedState, clock, policy } = this.#parts;
    const nowMs = clock.monotonicMs();
    const atMs = sharedState.lookUpAtMs(processor);
    if (nowMs < sharedState.restUntilMs(processor) || nowMs < atMs) return false;
    if (!sharedState.breakerOpen(processor)) return true;
    return sharedState.moveLookUpAt(processor, atMs, nowMs + 1000 / policy.outageLookUpRate);
  }

  /**
   * A processor that refuses every request may answer 404 to a look-up as well, whatever it holds. Health does not change
   * that: its route may be the only one that works. Nor does a request that it carries out, for a while: where only one of
   * several machines behind an address is misconfigured, it refuses some requests and carries out others.
   */
  believesAbsence(processor: number): boolean {
    const { sharedState, clock } = this.#parts;
    const unfitAtMs = sharedState.unfitAtMs(processor);
    if (unfitAtMs === 0) return true;
    const { inDoubtHoldMs } = this.#targetOf(processor);
    return !sharedState.isUnfit(processor) && clock.monotonicMs() - unfitAtMs >= inDoubtHoldMs;
  }

  /** Applies a health answer. The outcomes of recent calls outweigh it. */
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
      // A probe would take that long too, and its payment would be missing from the books meanwhile.
      sharedState.setProbeAt(processor, nowMs + SLOW_FOR_MS);
    }
    this.#explainAtRest(nowMs);
  }

  #reportedWell(processor: number, nowMs: number): void {
    const { sharedState } = this.#parts;
    const state = sharedState.breaker(processor);
    if (state === 'closed' || nowMs < sharedState.restUntilMs(processor)) return;
    const isUntried = sharedState.probesInRow(processor) === 0 && sharedState.callsInFlight(processor) === 0;
    if (state === 'half-open' && isUntried) {
      this.#close(processor, { reason: 'health: well' });
      return;
    }
    sharedState.resetProbes(processor);
    sharedState.setProbeAt(processor, nowMs);
    this.#move(processor, 'half-open');
  }

  /**
   * Pool threads publish the routing reason with each payment. Without payments, a health answer may make the last reason
   * wrong, so this publishes the reason that the next payment would get.
   */
  #explainAtRest(nowMs: number): void {
    const { sharedState, targets, classes, policy } = this.#parts;
    const isBusy = targets.some((_, processor) => sharedState.callsInFlight(processor) > 0);
    if (isBusy) return;
    const views = this.views();
    const decisions = classes.orders.map((order) => ({
      order,
      route: choose(views, order, 0, policy),
      isFull: false,
    }));
    for (const [processor, reason] of routingReasons(views, decisions, policy).entries()) {
      if (sharedState.reason(processor).reason !== 'none') sharedState.setReason(processor, reason, nowMs);
    }
  }

  /**
   * Processors that fail together often recover together. Payments past their failover delay now go to this processor,
   * possibly thousands of them, so probe the cheaper ones at once: that costs one payment each.
   */
  #probeCheaper(than: number, nowMs: number): void {
    const { sharedState, classes } = this.#parts;
    for (const processor of classes.cheaperThan(than)) {
      const isOut = sharedState.breakerOpen(processor);
      if (isOut) sharedState.setProbeAt(processor, Math.max(nowMs, sharedState.restUntilMs(processor)));
    }
  }

  /** A slower call counts at once; a faster one moves the estimate halfway. */
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
    // Taking a probe has already scheduled the next one.
    const isProbed = from === 'half-open' && sharedState.probesInRow(processor) > 0;
    if (!isProbed) sharedState.setProbeAt(processor, clock.monotonicMs() + this.#probeDelayMs(processor));
    // From half-open, it is still the same outage.
    if (from !== 'closed') return;
    sharedState.setOpenedWhy(processor, reason);
    metrics.countAt(processor, 'breakerOpened');
    this.#log(processor, 'breaker open', { reason });
  }

  #close(processor: number, why: Record<string, unknown>): void {
    const { metrics, clock } = this.#parts;
    if (this.#move(processor, 'closed') === null) return;
    metrics.countAt(processor, 'breakerClosed');
    this.#log(processor, 'breaker closed', why);
    this.#probeCheaper(processor, clock.monotonicMs());
  }

  /** The previous state; null if it was in state `to` already, or another thread was faster. */
  #move(processor: number, to: BreakerState): BreakerState | null {
    const { sharedState, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    return (
      BREAKER_STATES.find((from) => from !== to && sharedState.moveBreaker(processor, from, to, nowMs)) ??
      null
    );
  }

  #probeDelayMs(processor: number): number {
    const { sharedState, random } = this.#parts;
    return equalJitterMs(this.#targetOf(processor).breaker, sharedState.countProbe(processor), random);
  }

  #log(processor: number, message: string, fields: Record<string, unknown>): void {
    this.#parts.log.info({ processor: this.#targetOf(processor).name, ...fields }, message);
  }

  #targetOf(processor: number): CircuitBreakersParts['targets'][number] {
    const target = this.#parts.targets[processor];
    if (target === undefined) throw new Error(`there is no processor ${processor}`);
    return target;
  }
}

/** A success this recent outweighs a health answer that says failing. */
const RECENT_MS = 1000;
/** How long a health answer that says slow is trusted: until two more are overdue. */
const SLOW_FOR_MS = 11_000;
