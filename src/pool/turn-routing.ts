import assert from 'node:assert';
import type { Clock } from '../core/clock.ts';
import type { SharedState } from '../shared-memory/state.ts';
import type { Order } from './amount-classes.ts';
import type { Calls } from './calls.ts';
import type { CircuitBreakers } from './circuit-breakers.ts';
import type { ClassQueue, ClassQueues } from './class-queues.ts';
import type { Delivery, DeliveryEvent } from './delivery.ts';
import {
  attemptReason,
  choose,
  type Decision,
  type ProcessorView,
  type Route,
  type RoutingPolicy,
  routingReasons,
} from './routing.ts';
import type { Shortage } from './shortage.ts';

export interface TurnRoutingParts {
  readonly queue: ClassQueues;
  readonly calls: Calls;
  readonly breakers: CircuitBreakers;
  readonly shortage: Shortage;
  readonly sharedState: SharedState;
  readonly clock: Clock;
  readonly policy: TurnRoutingPolicy;
  /** Tells a delivery where it goes; it takes a call slot there. */
  readonly apply: (delivery: Delivery, event: DeliveryEvent) => void;
}

export interface TurnRoutingPolicy extends RoutingPolicy {
  /** Claims in one commit. */
  readonly batchLimit: number;
}

/** The payments that a turn claims, by shard. */
export type Claims = readonly Delivery[][];

/** What one turn has routed so far. */
interface Turn {
  readonly claims: Claims;
  /** One for each amount class. */
  readonly decisions: Decision[];
  /** What routing knows, without the probes that were taken. */
  views: readonly ProcessorView[];
}

/** Chooses which of the waiting payments a turn claims, and a processor for each. The choice itself is `routing.ts`. */
export class TurnRouting {
  readonly #parts: TurnRoutingParts;

  constructor(parts: TurnRoutingParts) {
    this.#parts = parts;
  }

  route(shardCount: number): Claims {
    const { breakers, queue } = this.#parts;
    const views = queue.length > 0 ? breakers.views() : [];
    const turn: Turn = { claims: Array.from({ length: shardCount }, () => []), decisions: [], views };
    for (const queued of queue.byAge()) this.#routeClass(queued, turn);
    if (turn.decisions.length > 0) this.#explain(turn);
    return turn.claims;
  }

  /** Adds the claims of one amount class: oldest first, until one must wait or a processor has no room for its call. */
  #routeClass(queue: ClassQueue, turn: Turn): void {
    const { breakers, calls, clock, policy, shortage } = this.#parts;
    const { order } = queue;
    let last: Route | null = null;
    while (!shortage.isPausing) {
      const delivery = queue.peek();
      if (delivery === undefined) break;
      const { shard } = delivery;
      if (delivery.isDone) {
        queue.of(shard).shift();
        continue;
      }
      const ageMs = clock.monotonicMs() - delivery.acceptedAtMonotonicMs;
      const route = this.#routeOf(delivery, turn.views, order, ageMs);
      last = route;
      if (route.kind === 'wait') break;
      const { processor, isProbe } = route;
      if (isProbe && (calls.isFull(processor) || !breakers.takeProbe(processor))) {
        turn.views = changedView(turn.views, processor, { isProbeDue: false });
        continue;
      }
      if (!isProbe && !calls.hasRoom(processor)) {
        if (!calls.isPaced(processor)) break;
        turn.views = changedView(turn.views, processor, { isPaced: true });
        continue;
      }
      if (isProbe) turn.views = changedView(turn.views, processor, { isProbeDue: false });
      queue.of(shard).shift();
      const why = attemptReason(route, turn.views, order, policy);
      this.#parts.apply(delivery, { kind: 'routed', processor, why, requestedAtMs: clock.nowMs() });
      this.#claim(delivery, turn.claims);
    }
    if (last === null) return;
    const isFull = last.kind === 'send' && queue.length > 0 && !calls.hasRoom(last.processor);
    turn.decisions.push({ order, route: last, isFull });
  }

  #claim(delivery: Delivery, claims: Claims): void {
    const { queue, policy } = this.#parts;
    const ofShard = claims[delivery.shard];
    assert.ok(ofShard !== undefined);
    if (ofShard.push(delivery) === policy.batchLimit) queue.setOpen(delivery.shard, false);
  }

  /** A payment that a processor has set back is not its probe again while another processor can take the payment. */
  #routeOf({ state }: Delivery, views: readonly ProcessorView[], order: Order, ageMs: number): Route {
    const { policy } = this.#parts;
    if (state.setbacks === 0) return choose(views, order, ageMs, policy);
    const elsewhere = choose(
      changedView(views, state.processor, { isProbeDue: false }),
      order,
      ageMs,
      policy,
    );
    return elsewhere.kind === 'send' ? elsewhere : choose(views, order, ageMs, policy);
  }

  /** Shows why each processor got what it got: once a turn is often enough for people. */
  #explain({ views, decisions }: Turn): void {
    const { sharedState, clock, policy } = this.#parts;
    const nowMs = clock.monotonicMs();
    for (const [processor, reason] of routingReasons(views, decisions, policy).entries())
      sharedState.setReason(processor, reason, nowMs);
  }
}

function changedView(
  views: readonly ProcessorView[],
  processor: number,
  change: Partial<ProcessorView>,
): readonly ProcessorView[] {
  return views.map((view, index) => (index === processor ? { ...view, ...change } : view));
}
