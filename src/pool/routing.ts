/** What routing knows of a processor. Processors come cheapest first. */
export interface ProcessorView {
  /** The breaker is open: only trials may go there. */
  readonly open: boolean;
  /** A single payment may be sent to find out whether an open or slow processor is well again. */
  readonly isProbeDue: boolean;
  /** How long a call would take now: observed, reported, or the age of the oldest call, whichever is greatest. */
  readonly expectedMs: number;
}

export interface RoutingPolicy {
  /** How long a payment waits for a cheaper processor that fails before a dearer one may take it. */
  readonly failoverDelayMs: number;
  /** A processor that takes longer gets no payment while another one can take it. */
  readonly latencyBudgetMs: number;
}

export type Route =
  | { readonly kind: 'send'; readonly processor: number; readonly isProbe: boolean }
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
    if (wellEnough) return { kind: 'send', processor, isProbe: false };
    if (view.isProbeDue) return { kind: 'send', processor, isProbe: true };
    if (view.open && ageMs < policy.failoverDelayMs) return WAIT;
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
  return best === null ? WAIT : { kind: 'send', processor: best, isProbe: false };
}

/**
 * Why a processor got what it got when payments were routed last:
 *
 * | reason         | payments                                                    |
 * |----------------|-------------------------------------------------------------|
 * | none           | have not been routed yet                                    |
 * | cheapest-well  | go there: it is the cheapest that is well and quick enough  |
 * | after-patience | go there when they have waited for a cheaper one that fails |
 * | least-slow     | go there: it is slow, but nobody is quicker                 |
 * | trial          | one goes there, to find out whether it is well again        |
 * | full           | wait for it: it has as many calls in flight as it may       |
 * | failing        | wait for it while they have patience, and go elsewhere then |
 * | slow           | go elsewhere: it takes longer than the latency budget       |
 * | not-needed     | go to a cheaper one                                         |
 */
export const REASONS = [
  'none',
  'cheapest-well',
  'after-failover-delay',
  'least-slow',
  'probe',
  'full',
  'failing',
  'slow',
  'not-needed',
] as const;
export type Reason = (typeof REASONS)[number];

/** The reason for one processor, given what was chosen and, `full`, that the one chosen had no room for it. */
export function routingReason(
  processor: number,
  views: readonly ProcessorView[],
  route: Route,
  full: boolean,
  { latencyBudgetMs }: RoutingPolicy,
): Reason {
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
