import type { RoutingReason } from '../shared-memory/routing-reason.ts';

/** What routing knows about a processor. Processors are listed cheapest first. */
export interface ProcessorView {
  /** The breaker is open or half-open: only probes may go there. */
  readonly open: boolean;
  /** One payment may be sent to find out whether an open or slow processor has recovered. */
  readonly isProbeDue: boolean;
  /** How long a call would take now: the observed or reported latency, or the age of the oldest call if that is greater. */
  readonly expectedMs: number;
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
 * Chooses the cheapest processor that can take a payment accepted `ageMs` ago soon enough.
 *
 * A failing processor is worth waiting for, because outages end. A slow one is not: it may stay slow, and a payment that
 * is still waiting at the end is lost income.
 *
 * The choice only gets more expensive with age. So when a payment has to wait, younger ones wait too or go to a
 * processor that is at least as cheap, and a queue in order of age may stop at the first `wait`.
 */
export function choose(views: readonly ProcessorView[], ageMs: number, policy: RoutingPolicy): Route {
  for (const [processor, view] of views.entries()) {
    const wellEnough = !view.open && view.expectedMs <= policy.latencyBudgetMs;
    if (wellEnough) return { kind: 'send', processor, isProbe: false };
    if (view.isProbeDue) return { kind: 'send', processor, isProbe: true };
    if (view.open && ageMs < policy.failoverDelayMs) return WAIT;
  }
  return leastSlow(views);
}

/** When no processor is fast enough, takes the fastest one whose breaker is closed. */
function leastSlow(views: readonly ProcessorView[]): Route {
  let best: number | null = null;
  let bestMs = Number.POSITIVE_INFINITY;
  for (const [processor, view] of views.entries()) {
    if (view.open || view.expectedMs >= bestMs) continue;
    best = processor;
    bestMs = view.expectedMs;
  }
  return best === null ? WAIT : { kind: 'send', processor: best, isProbe: false };
}

/** The reason for one processor, given the route that was chosen; `full`: the chosen processor had no free call slot. */
export function routingReason(
  processor: number,
  views: readonly ProcessorView[],
  route: Route,
  full: boolean,
  { latencyBudgetMs }: RoutingPolicy,
): RoutingReason {
  const view = views[processor];
  if (view === undefined) return 'none';
  const isChosen = route.kind === 'send' && route.processor === processor;
  if (isChosen && full) return 'full';
  if (isChosen && route.isProbe) return 'probe';
  if (view.open) return 'failing';
  if (view.expectedMs > latencyBudgetMs) return isChosen ? 'least-slow' : 'slow';
  if (views.slice(0, processor).some(({ open }) => open)) return 'after-failover-delay';
  return isChosen ? 'cheapest-well' : 'not-needed';
}
