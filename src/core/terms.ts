import type { Fee } from './fee.ts';

/** What a processor takes. */
export interface Limits {
  /** Most calls in flight from an instance, over all of its threads. */
  readonly callLimit: number;
  /** Most new calls a second from an instance; null: no limit. */
  readonly callsPerSecond: number | null;
  /** Amounts that it takes, both inclusive. `MAX_AMOUNT` is a limit of what the gateway accepts, not of these. */
  readonly minAmountCents: number;
  readonly maxAmountCents: number;
}

/** What a processor costs and takes: what operators may change while the deployment runs. */
export type Terms = Fee & Limits;

/** Limits that an operator has changed. What is left out is as configured. */
export type ChangedLimits = { readonly [Name in keyof Limits]?: number };

/** What operators have decided about the terms of a processor. */
export interface TermChanges {
  /** Null: as configured. */
  readonly fee: Fee | null;
  /** Absent: as configured. */
  readonly limits?: ChangedLimits;
}

/** What an instance makes of a limit of calls in flight. */
export interface CallBounds {
  /** Each pool thread has one call at least. */
  readonly poolThreadCount: number;
  /** Most that the file descriptors of the instance allow. */
  readonly callsMax: number;
}

/** Processors of a deployment. */
export const PROCESSORS_MAX = 16;
export const CALLS_AT_ONCE_MAX = 1024;
export const CALLS_PER_SECOND_MAX = 100_000;

/** The terms of a processor at an instance with these bounds, after what operators have changed. */
export function termsInForce(
  configured: Terms,
  changes: TermChanges | undefined,
  { poolThreadCount, callsMax }: CallBounds,
): Terms {
  const { feePpm, feeFixedCents, callLimit, callsPerSecond, minAmountCents, maxAmountCents } = {
    ...configured,
    ...changes?.fee,
    ...changes?.limits,
  };
  return {
    feePpm,
    feeFixedCents,
    callLimit: Math.max(poolThreadCount, Math.min(callLimit, callsMax)),
    callsPerSecond,
    minAmountCents,
    maxAmountCents,
  };
}
