import assert from 'node:assert';
import type { AttemptReason } from '../core/attempt.ts';
import type { RoutingReason } from '../shared-memory/routing-reason.ts';
import type { Order } from './amount-classes.ts';

/** What routing knows about a processor. */
export interface ProcessorView {
  /** The breaker is open or half-open: only probes may go there. */
  readonly open: boolean;
  /** One payment may be sent to find out whether an open or slow processor has recovered. */
  readonly isProbeDue: boolean;
  /** How long a call would take now: the observed or reported latency, or the age of the oldest call if that is greater. */
  readonly expectedMs: number;
  /** Its limit of calls a second is reached for this turn. */
  readonly isPaced?: boolean;
  /** An operator has paused it, or it is not known yet whether one has: not even probes may go there. */
  readonly isPaused?: boolean;
}

export interface RoutingPolicy {
  /** How long a payment waits for a failing cheaper processor before a more expensive one may take it. */
  readonly failoverDelayMs: number;
  /** A processor that takes longer gets no payments while another can take them. */
  readonly latencyBudgetMs: number;
}

export type Route =
  | { readonly kind: 'send'; readonly processor: number; readonly isProbe: boolean }
  | { readonly kind: 'wait' };

const WAIT: Route = { kind: 'wait' };

/**
 * Chooses the cheapest processor that can take a payment accepted `ageMs` ago soon enough, among those in `order`.
 *
 * A failing processor is worth waiting for, because outages end; so is one whose limit a second is reached, if it takes the
 * payment within the failover delay. A slow one is not: it may stay slow, and a payment that
 * is still waiting at the end is lost income.
 *
 * A paused processor is not waited for: its operator says when it is back, and that may be days.
 *
 * For the same order, the choice only moves towards its end with age. So when a payment has to wait, younger ones of
 * its amount class wait too or go to a processor that is at least as cheap, and a queue of one class in order of age may
 * stop at the first `wait`. Between classes nothing follows: another order may begin with a processor that is well.
 */
export function choose(
  views: readonly ProcessorView[],
  order: Order,
  ageMs: number,
  policy: RoutingPolicy,
): Route {
  for (const processor of order) {
    const view = viewOf(views, processor);
    if (view.isPaused === true) continue;
    if (view.isPaced === true) {
      if (ageMs < policy.failoverDelayMs) return WAIT;
      continue;
    }
    const wellEnough = !view.open && view.expectedMs <= policy.latencyBudgetMs;
    if (wellEnough) return { kind: 'send', processor, isProbe: false };
    if (view.isProbeDue) return { kind: 'send', processor, isProbe: true };
    if (view.open && ageMs < policy.failoverDelayMs) return WAIT;
  }
  return leastSlow(views, order);
}

/** When no processor is fast enough, takes the fastest one whose breaker is closed. */
function leastSlow(views: readonly ProcessorView[], order: Order): Route {
  let best: number | null = null;
  let bestMs = Number.POSITIVE_INFINITY;
  for (const processor of order) {
    const view = viewOf(views, processor);
    if (view.open || view.isPaced === true || view.isPaused === true || view.expectedMs >= bestMs) continue;
    best = processor;
    bestMs = view.expectedMs;
  }
  return best === null ? WAIT : { kind: 'send', processor: best, isProbe: false };
}

/** Why `choose` has sent a payment there. */
export function attemptReason(
  { processor, isProbe }: Extract<Route, { kind: 'send' }>,
  views: readonly ProcessorView[],
  order: Order,
  { latencyBudgetMs }: RoutingPolicy,
): AttemptReason {
  if (isProbe) return 'probe';
  if (viewOf(views, processor).expectedMs > latencyBudgetMs) return 'least-slow';
  return hasCheaperHeldBack(processor, views, order) ? 'after-failover-delay' : 'cheapest-well';
}

/** What was decided for the last payment of an amount class that was routed. */
export interface Decision {
  readonly order: Order;
  readonly route: Route;
  /** More payments wait for the chosen processor, which has no room for another call. */
  readonly isFull: boolean;
}

/**
 * The reason for each processor, given the latest decisions, that of the oldest payment first. A processor that was chosen
 * by one of them has the reason of that choice.
 */
export function routingReasons(
  views: readonly ProcessorView[],
  decisions: readonly Decision[],
  policy: RoutingPolicy,
): RoutingReason[] {
  return views.map((_, processor) => {
    const chosenBy = decisions.find((decision) => isChosen(processor, decision));
    const decision = chosenBy ?? decisions.find(({ order }) => order.includes(processor));
    return decision === undefined ? 'amount-not-taken' : reasonOf(processor, views, decision, policy);
  });
}

function reasonOf(
  processor: number,
  views: readonly ProcessorView[],
  decision: Decision,
  { latencyBudgetMs }: RoutingPolicy,
): RoutingReason {
  const { order, route, isFull } = decision;
  const view = viewOf(views, processor);
  const chosen = isChosen(processor, decision);
  if (view.isPaused === true) return 'paused';
  if (chosen && isFull) return 'full';
  if (chosen && route.kind === 'send' && route.isProbe) return 'probe';
  if (view.isPaced === true) return 'full';
  if (view.open) return 'failing';
  if (view.expectedMs > latencyBudgetMs) return chosen ? 'least-slow' : 'slow';
  if (hasCheaperHeldBack(processor, views, order)) return 'after-failover-delay';
  return chosen ? 'cheapest-well' : 'not-needed';
}

function hasCheaperHeldBack(processor: number, views: readonly ProcessorView[], order: Order): boolean {
  return order.slice(0, order.indexOf(processor)).some((other) => isHeldBack(viewOf(views, other)));
}

function isHeldBack({ open, isPaced, isPaused }: ProcessorView): boolean {
  return isPaused !== true && (open || isPaced === true);
}

function isChosen(processor: number, { route }: Decision): boolean {
  return route.kind === 'send' && route.processor === processor;
}

function viewOf(views: readonly ProcessorView[], processor: number): ProcessorView {
  const view = views[processor];
  assert.ok(view !== undefined);
  return view;
}
