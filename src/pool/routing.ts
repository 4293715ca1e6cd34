/** What routing knows of a processor. Processors come cheapest first. */
export interface ProcessorView {
  /** The breaker is open: only trials may go there. */
  readonly open: boolean;
  /** A single payment may be sent to find out whether an open or slow processor is well again. */
  readonly trialDue: boolean;
  /** How long a call would take now: observed, reported, or the age of the oldest call, whichever is greatest. */
  readonly expectedMs: number;
}

export interface RoutingPolicy {
  /** How long a payment waits for a cheaper processor that fails before a dearer one may take it. */
  readonly patienceMs: number;
  /** A processor that takes longer gets no payment while another one can take it. */
  readonly latencyBudgetMs: number;
}

export type Route =
  | { readonly kind: 'send'; readonly processor: number; readonly trial: boolean }
  | { readonly kind: 'wait' };

const WAIT: Route = { kind: 'wait' };

/**
 * Chooses for a payment that was accepted `ageMs` ago: the cheapest processor that can take it soon enough.
 *
 * A processor that fails is worth waiting for, because failing ends. One that is slow is not: it may stay so, and
 * a payment that waits for it is a debt at the end of the day.
 *
 * A payment that waits is the reason for everything younger to wait too, or to be sent to a processor at least as
 * cheap: the answer only gets dearer with age, so a queue in order of age may stop at the first `wait`.
 */
export function choose(views: readonly ProcessorView[], ageMs: number, policy: RoutingPolicy): Route {
  for (const [processor, view] of views.entries()) {
    const wellEnough = !view.open && view.expectedMs <= policy.latencyBudgetMs;
    if (wellEnough) return { kind: 'send', processor, trial: false };
    if (view.trialDue) return { kind: 'send', processor, trial: true };
    if (view.open && ageMs < policy.patienceMs) return WAIT;
  }
  return leastSlow(views);
}

/** Where nobody is quick enough, slow is better than never; an open breaker is not. */
function leastSlow(views: readonly ProcessorView[]): Route {
  let best: number | null = null;
  let bestMs = Number.POSITIVE_INFINITY;
  for (const [processor, view] of views.entries()) {
    if (view.open || view.expectedMs >= bestMs) continue;
    best = processor;
    bestMs = view.expectedMs;
  }
  return best === null ? WAIT : { kind: 'send', processor: best, trial: false };
}
