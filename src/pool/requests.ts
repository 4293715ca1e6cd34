import assert from 'node:assert';
import type { Clock } from '../core/clock.ts';
import type { PayOutcome, Processor } from '../processor/processor.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';
import type { SharedState } from '../shared-memory/state.ts';
import type { Calls } from './calls.ts';
import type { CircuitBreakers } from './circuit-breakers.ts';
import type { CallTimes, Delivery, DeliveryEvent } from './delivery.ts';
import type { Shortage } from './shortage.ts';
import type { TermsInForce } from './terms-in-force.ts';

export interface RequestsParts {
  /** The shared state numbers them alike. It may grow. */
  readonly processors: readonly Processor[];
  readonly terms: TermsInForce;
  readonly calls: Calls;
  readonly breakers: CircuitBreakers;
  readonly shortage: Shortage;
  readonly sharedState: SharedState;
  readonly metrics: ThreadMetrics;
  readonly clock: Clock;
  readonly policy: RequestsPolicy;
  readonly owner: RequestsOwner;
}

export interface RequestsPolicy {
  readonly latencyBudgetMs: number;
}

/** The dispatcher, which tells deliveries what processors have answered. */
export interface RequestsOwner {
  apply(delivery: Delivery, event: DeliveryEvent): void;
  callEnded(tookMs: number): void;
  /** Whether the payment is still this thread's to send. */
  isOwned(delivery: Delivery): boolean;
  /** Makes the next turn begin soon. */
  wake(): void;
}

/** How look-ups are counted. */
const FOUND_COUNTERS = {
  held: 'foundHeld',
  absent: 'foundAbsent',
  pending: 'foundPending',
  rejected: 'foundRejected',
  unknown: 'foundUnknown',
} as const;

/**
 * The requests of one pool thread to processors: calls, and look-ups of what is in doubt. It says when each is allowed,
 * and circuit breakers learn from the answers here.
 */
export class Requests {
  readonly #parts: RequestsParts;

  constructor(parts: RequestsParts) {
    this.#parts = parts;
  }

  async call(delivery: Delivery): Promise<void> {
    const { clock, metrics, breakers, calls, terms, owner } = this.#parts;
    const { processor, requestedAtMs } = delivery.state;
    const { correlationId, amountCents, acceptedAtMs } = delivery.payment;
    const dispatch = { correlationId, amountCents, acceptedAtMs, requestedAtMs, trace: delivery.trace };
    calls.began(delivery);
    const beganAtMs = clock.stopwatchMs();
    const { timeoutMs } = terms.of(processor);
    const answer = await this.#processorOf(delivery).pay(dispatch, timeoutMs);
    calls.ended(delivery);
    const tookMs = clock.stopwatchMs() - beganAtMs;
    metrics.observeCall(processor, tookMs);
    metrics.countAt(processor, answer.kind);
    owner.callEnded(tookMs);
    this.#learn(delivery, answer);
    const mayAsk = breakers.wantsLookUps(processor) && !calls.isPaced(processor);
    owner.apply(delivery, { kind: 'answered', answer, mayAsk });
    owner.wake();
  }

  #learn({ state }: Delivery, answer: PayOutcome): void {
    const { breakers, clock, shortage } = this.#parts;
    switch (answer.kind) {
      case 'committed':
      case 'pending':
      case 'duplicate':
      case 'rejected':
        breakers.succeeded(state.processor, clock.monotonicMs() - state.calledAtMs);
        break;
      case 'failed':
        breakers.carriedOut(state.processor);
        breakers.failed(state.processor, answer.reason);
        break;
      case 'refused':
      case 'unknown':
        breakers.failed(state.processor, answer.reason);
        break;
      case 'unfit':
        breakers.unfit(state.processor, answer.reason);
        break;
      case 'exhausted':
        shortage.happened(answer.reason);
        return;
    }
    if (answer.retryAfterMs !== undefined) breakers.rest(state.processor, answer.retryAfterMs);
    shortage.callMade();
  }

  async lookUp(delivery: Delivery): Promise<void> {
    const { clock, metrics, breakers, terms, owner } = this.#parts;
    const { correlationId } = delivery.payment;
    const { processor } = delivery.state;
    const askedAtMs = clock.monotonicMs();
    const { timeoutMs } = terms.of(processor);
    const answer = await this.#processorOf(delivery).find(correlationId, timeoutMs, delivery.trace);
    metrics.countAt(processor, FOUND_COUNTERS[answer.kind]);
    if (answer.retryAfterMs !== undefined) breakers.restLookUps(processor, answer.retryAfterMs);
    const isBelieved = answer.kind !== 'absent' || breakers.believesAbsence(processor);
    const call = this.callTimes(processor);
    owner.apply(delivery, {
      kind: 'looked-up',
      found: answer,
      isBelieved,
      askedAtMs,
      pendingUntilMs: call.callMayRunUntilMs,
      // The look-up's own slot is free when it has ended.
      repeat: isBelieved && this.#mayRepeat(delivery, 1, false) ? call : null,
    });
    owner.wake();
  }

  /** Whether a payment that is in doubt there may be looked up. In an outage, look-ups have a budget of their own. */
  mayAsk(processor: number): boolean {
    const { sharedState, breakers, calls, terms } = this.#parts;
    terms.follow();
    // A stop waits for calls in flight, so no new ones begin: the payment's next owner asks.
    return !sharedState.stopping && calls.hasRoom(processor) && breakers.takeLookUp(processor);
  }

  /** The call that follows a look-up whose answer was not believed, once it may be made. */
  dueRepeat(delivery: Delivery): CallTimes | null {
    const { phase, isRepeatDue, processor } = delivery.state;
    if (phase !== 'in-doubt' || !isRepeatDue || this.#parts.sharedState.stopping) return null;
    return this.#mayRepeat(delivery, 0, true) ? this.callTimes(processor) : null;
  }

  /**
   * Whether a payment that is in doubt there, and was not found, may be sent to this processor again once `freed` of its
   * slots have been released. `mayProbe`: it may be the probe of an open circuit breaker.
   */
  #mayRepeat(delivery: Delivery, freed: number, mayProbe: boolean): boolean {
    const { policy, breakers, calls, terms, owner } = this.#parts;
    const { processor } = delivery.state;
    terms.follow();
    const view = breakers.views()[processor];
    if (view === undefined || view.isPaused === true) return false;
    if (!terms.takes(processor, delivery.payment.amountCents)) return false;
    if (!owner.isOwned(delivery) || !calls.hasRoom(processor, freed)) return false;
    if (!view.open && view.expectedMs <= policy.latencyBudgetMs) return true;
    // Only a call shows that a processor does not refuse every request any more, and there may be no other payments.
    return mayProbe && view.isProbeDue && breakers.takeProbe(processor);
  }

  /** When a call that begins now is made, and until when it may run there. */
  callTimes(processor: number): CallTimes {
    const calledAtMs = this.#parts.clock.monotonicMs();
    return { calledAtMs, callMayRunUntilMs: calledAtMs + this.#parts.terms.of(processor).inDoubtHoldMs };
  }

  #processorOf({ state }: Delivery): Processor {
    const processor = this.#parts.processors[state.processor];
    assert.ok(processor !== undefined);
    return processor;
  }
}
