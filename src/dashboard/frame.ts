import type { Fee } from '../core/fee.ts';
import type { Totals } from '../core/payment.ts';
import type { Limits, Terms } from '../core/terms.ts';
import type { RoutingReason } from '../shared-memory/routing-reason.ts';
import type { Condition } from './situation.ts';

/**
 * What a viewer of the dashboard receives: first a `Hello`, which does not change, then a frame every second. Money is
 * in whole cents, times in whole milliseconds. Ages count from the making of the frame, so that the clocks of gateway
 * and viewer need not agree.
 */
export type Message = Hello | Frame;

export interface Hello {
  readonly kind: 'hello';
  readonly instanceId: string;
  readonly ledger: 'lmdb' | 'redis';
  readonly latencyBudgetMs: number;
  readonly failoverDelayMs: number;
  /** Frames list processors in this order. When one is added, another hello comes before the next frame. */
  readonly processors: readonly {
    readonly name: string;
    readonly contract: string;
    /** What it costs and takes, as configured. */
    readonly terms: Terms;
  }[];
  /** Where operators reach an instance, with `{instance}` in place of its id; empty: not known. */
  readonly instanceUrl: string;
  /** Address at which the simulated processors of `npm start` can be broken; null: not available. */
  readonly lab: string | null;
  /** Whether operators may act from the page, if the gateway lets them. */
  readonly operates: boolean;
}

export interface Frame {
  readonly kind: 'frame';
  /** Wall clock of the gateway. */
  readonly atMs: number;
  readonly instance: InstanceFigures;
  /** What is wrong with this instance, worst first; empty: nothing. */
  readonly conditions: readonly Condition[];
  /** In the order of `Hello.processors`. */
  readonly processors: readonly ProcessorFigures[];
  readonly deployment: DeploymentFigures;
}

/** Figures of this instance, over all its threads. Rates are null in the first frame, which has no predecessor. */
export interface InstanceFigures {
  readonly state: 'starting' | 'ready' | 'stopping';
  /** Whether payments can be claimed, and so sent to any processor. */
  readonly canClaim: boolean;
  readonly acceptedPerS: number | null;
  readonly settledPerS: number | null;
  /** Accepted and not settled yet: in the ring, or in flight in a pool thread. */
  readonly backlog: number;
  readonly backlogAgeMs: number;
  /** From the request to its answer. */
  readonly accept: Quantiles | null;
  /** From the 202 to the settlement. */
  readonly settlement: Quantiles | null;
  /** The credentials of the processors; null: none come from files. `outdated`: their files have changed and cannot be put in force. */
  readonly credentials: { readonly readAgeMs: number; readonly outdated: boolean } | null;
}

/** Over the last ten seconds. */
export interface Quantiles {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** One processor, as this instance sees it. */
export interface ProcessorFigures {
  readonly settledPerS: number | null;
  /** An operator has paused it. */
  readonly paused: boolean;
  /** An operator has removed it: it gets no payments any more. */
  readonly removed: boolean;
  /** What a payment costs now. */
  readonly fee: Fee;
  /** What it takes now. */
  readonly limits: Limits;
  readonly breakerOpen: boolean;
  /** How long ago its circuit last opened and closed, as this instance saw it; null: never. */
  readonly openedAgeMs: number | null;
  readonly closedAgeMs: number | null;
  /** Why it last opened. */
  readonly openedWhy: string;
  /** It refuses every request, by its last answers. */
  readonly unfit: boolean;
  /** How much longer it rests, as it has asked; null: it does not rest. */
  readonly restMs: number | null;
  /** Latency of recent calls, or of the last health report if that is newer. */
  readonly observedMs: number;
  readonly reported: {
    readonly failing: boolean;
    readonly minResponseTimeMs: number;
    readonly ageMs: number;
  } | null;
  readonly callsInFlight: number;
  readonly oldestCallAgeMs: number | null;
  readonly inDoubt: number;
  readonly reason: RoutingReason;
  /** Null before the first payment is routed. */
  readonly reasonAgeMs: number | null;
  /**
   * Its circuit at each instance that holds a lease, as far as they have said it in the ledger, if it is not closed at all of
   * them; empty: it is, or this instance is the only one.
   */
  readonly instances: readonly InstanceCircuit[];
}

/** The circuit of a processor as one instance sees it. */
export interface InstanceCircuit {
  readonly instanceId: string;
  /** `unknown`: the instance has just started, does not use the processor, or has a version that does not say it. */
  readonly state: 'open' | 'half-open' | 'closed' | 'unknown';
  /** Null: it is not open, as far as is known. */
  readonly openedAgeMs: number | null;
  /** Why it opened. */
  readonly why: string;
}

/** What was settled at a processor. */
export interface SettledTotals extends Totals {
  readonly name: string;
  /** The same by the fee at which it was settled. What was restored from other books may be missing. */
  readonly fees: readonly (Totals & Fee)[];
}

/** What the ledger's server or file takes; of several, the fullest. */
export interface BooksFigures {
  readonly usedBytes: number;
  /** Null: nothing limits them. */
  readonly limitBytes: number | null;
  /** When they are full, if they go on growing as in the last hour; null: they do not grow, or that is not known yet. */
  readonly fullInMs: number | null;
}

/** Figures of the whole deployment, from the ledger, and therefore a little older than the rest. */
export interface DeploymentFigures {
  /** Why the ledger does not answer; null: it does. The figures are then the last known ones. */
  readonly unavailable: string | null;
  readonly ageMs: number | null;
  /** Why books that answer have no totals; null: they have. */
  readonly noTotals: string | null;
  /** By all instances together; null: not known yet. */
  readonly settledPerS: number | null;
  /** Settled payments, in the order of `Hello.processors`, then those of processors that are no longer configured. */
  readonly totals: readonly SettledTotals[];
  /** The processors that operators have changed: when that was last, who did it, and why. */
  readonly changed: readonly {
    readonly name: string;
    readonly ageMs: number;
    readonly by: string;
    readonly why: string;
  }[];
  /** How large the books are, as this instance measures them; null: not yet. */
  readonly books: BooksFigures | null;
  /** Open payments at processors that are not configured, which wait until they are. */
  readonly stranded: readonly { readonly name: string; readonly count: number }[];
  readonly workers: readonly {
    readonly instanceId: string;
    readonly name: string;
    readonly owner: number;
    /** When it was read, or now if the ledger does not answer. Negative: it has expired. */
    readonly leaseLeftMs: number;
  }[];
}
