import type { Reason } from '../pool/routing.ts';
import type { Condition } from './conditions.ts';

/**
 * What a viewer of the dashboard is sent: once what stays as it is, then a frame each second. Money is whole cents,
 * times are whole milliseconds; an age is how long ago something was when the frame was made, so that the clocks of
 * gateway and viewer need not agree.
 */
export type Message = Hello | Frame;

export interface Hello {
  readonly kind: 'hello';
  readonly instanceId: string;
  readonly ledger: 'lmdb' | 'redis';
  readonly latencyBudgetMs: number;
  readonly failoverDelayMs: number;
  /** Cheapest first; what a frame says of processors comes in this order. */
  readonly processors: readonly { readonly name: string; readonly feePpm: number }[];
  /** Where `npm start` lets its simulated processors be broken; null anywhere else. */
  readonly lab: string | null;
}

export interface Frame {
  readonly kind: 'frame';
  /** Wall clock of the gateway. */
  readonly atMs: number;
  readonly instance: InstanceFigures;
  /** What is wrong with this instance, the worst first; empty: nothing is. */
  readonly conditions: readonly Condition[];
  /** In the order of `Hello.processors`. */
  readonly processors: readonly ProcessorFigures[];
  readonly deployment: DeploymentFigures;
}

/** Of this instance, all its threads together. A rate is null in the first frame, which has nothing before it. */
export interface InstanceFigures {
  readonly state: 'starting' | 'ready' | 'stopping';
  /** Whether payments can be claimed, and so sent to any processor. */
  readonly canClaim: boolean;
  readonly acceptedPerS: number | null;
  readonly settledPerS: number | null;
  /** Accepted and not in the books yet: in the ring, or in the hands of a pool thread. */
  readonly backlog: number;
  readonly backlogAgeMs: number;
  /** From the request to its answer. */
  readonly accept: Quantiles | null;
  /** From the acceptance to the books. */
  readonly settlement: Quantiles | null;
}

/** Over the last ten seconds; null where nothing happened in them. */
export interface Quantiles {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** A processor as this instance sees it. */
export interface ProcessorFigures {
  readonly settledPerS: number | null;
  readonly breakerOpen: boolean;
  /** What calls took lately, or the last report where that is newer. */
  readonly observedMs: number;
  readonly reported: {
    readonly failing: boolean;
    readonly minResponseTimeMs: number;
    readonly ageMs: number;
  } | null;
  readonly callsInFlight: number;
  readonly oldestCallAgeMs: number | null;
  readonly inDoubt: number;
  readonly reason: Reason;
  /** Null before the first payment was routed. */
  readonly reasonAgeMs: number | null;
}

/** Of all instances together, from the ledger, and therefore a little older than the rest. */
export interface DeploymentFigures {
  /** Why the ledger does not say; null when it does. The figures are the last it gave. */
  readonly unavailable: string | null;
  readonly ageMs: number | null;
  /** Settled payments, in the order of `Hello.processors`; then those of processors that are not configured any more. */
  readonly totals: readonly { readonly name: string; readonly count: number; readonly amountCents: number }[];
  /** Open payments at processors that are not configured, which wait until they are. */
  readonly stranded: readonly { readonly name: string; readonly count: number }[];
  readonly workers: readonly {
    readonly instanceId: string;
    readonly name: string;
    readonly owner: number;
    /** Negative: it has run out. */
    readonly leaseLeftMs: number;
  }[];
}
