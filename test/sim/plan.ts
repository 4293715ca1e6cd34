import type { Fee } from '../../src/core/fee.ts';
import type { ChangedLimits } from '../../src/core/terms.ts';
import type { FaultKind } from '../../src/simulated/fault.ts';
import type { TwinName } from '../../src/simulated/twin.ts';

/** Everything that a run does to the gateway, decided in advance. Removing a part does not change the rest. */
export interface Plan {
  readonly seed: number;
  readonly instanceCount: number;
  readonly threadCount: number;
  readonly processorCount: number;
  readonly processors: readonly ProcessorPlan[];
  /** Of the ledger. */
  readonly shardCount: number;
  readonly durability: 'journal' | 'fsync' | 'ledger';
  readonly sizes: Sizes;
  readonly posts: readonly Post[];
  readonly faults: readonly Fault[];
  /** When all faults have ended. */
  readonly calmAtMs: number;
  /** The constant error of each instance's wall clock. */
  readonly skewsMs: readonly number[];
  /** When wall clocks return to their skew; otherwise they stay as the jumps left them. */
  readonly clocksAreSet: boolean;
  /** How long the books know every payment; null: forever. */
  readonly retentionMs: number | null;
  /** The cheapest processor never recovers. */
  readonly cheapestIsLost: boolean;
  /** Summaries that instances are asked for. */
  readonly reads: readonly SummaryRead[];
  readonly lostShard: LostShard | null;
  /** Processors that operators pause, or remove. */
  readonly pauses: readonly Pause[];
  /** When operators add the last processor; null: it is there from the start. */
  readonly lastAddedAtMs: number | null;
  /** When operators have payments sent again. */
  readonly sendAgainsMs: readonly number[];
  /** Payments that operators cancel, whatever their state is. */
  readonly cancels: readonly Cancel[];
  /** Payments that operators hold, whatever their state is, and release. */
  readonly holds: readonly Hold[];
  /** Fees that operators change. */
  readonly feeChanges: readonly FeeChange[];
  /** Limits of processors that operators change. */
  readonly limitChanges: readonly LimitChange[];
}

/** How many processors the settings name: the last is not among them if operators add it. */
export function configuredCount({ processorCount, lastAddedAtMs }: Plan): number {
  return lastAddedAtMs === null ? processorCount : processorCount - 1;
}

/** Instances ask the ledger what operators have decided about processors. */
export function isOperated({ pauses, lastAddedAtMs }: Plan): boolean {
  return pauses.length > 0 || lastAddedAtMs !== null;
}

export interface Cancel {
  readonly atMs: number;
  readonly correlationId: string;
  /** Null: the operator does not say it. */
  readonly amountCents: number | null;
}

export interface Hold {
  readonly atMs: number;
  readonly forMs: number;
  readonly correlationId: string;
}

export interface LimitChange {
  readonly atMs: number;
  readonly processor: number;
  /** What is left out is as configured. */
  readonly limits: ChangedLimits;
}

export interface FeeChange extends Fee {
  readonly atMs: number;
  readonly processor: number;
}

export interface Pause {
  readonly atMs: number;
  /** Null: to the end. */
  readonly forMs: number | null;
  readonly processor: number;
  /** It is removed, and added again at the end. */
  readonly removes?: true;
}

export interface SummaryRead {
  readonly atMs: number;
  readonly instance: number;
}

/** A shard of the ledger that is away until everything else is settled. */
export interface LostShard {
  readonly shard: number;
  /** From when on. */
  readonly atMs: number;
  readonly how: 'refuses' | 'silent';
  /** Posted while it is away and all else is well. */
  readonly posts: readonly Post[];
}

/** What a processor speaks, costs and takes. */
export interface ProcessorPlan {
  readonly contract: TwinName;
  /** Of its contract. */
  readonly options: Readonly<Record<string, unknown>>;
  /** How long a payment that was accepted first waits for its charge. */
  readonly chargeDelayMs: number;
  readonly feePpm: number;
  readonly feeFixedCents: number;
  readonly minAmountCents: number;
  readonly maxAmountCents: number;
}

/** Limits small enough to be reached. */
export interface Sizes {
  readonly ringCapacity: number;
  readonly recordsPerSegment: number;
  readonly segmentCount: number;
  readonly inFlightLimit: number;
  readonly batchLimit: number;
  readonly callLimit: number;
  readonly leaseMs: number;
  readonly timeoutMs: number;
  readonly inDoubtHoldMs: number;
  readonly failoverDelayMs: number;
  readonly batchWindowMs: number;
  readonly breakerFailures: number;
}

export interface Post {
  readonly atMs: number;
  readonly correlationId: string;
  readonly amountCents: number;
  readonly instance: number;
  /** How often the client posts it again, to the next instance, until it gets 2xx or 4xx. */
  readonly retries: number;
}

interface Spell {
  readonly atMs: number;
  readonly forMs: number;
}

/** `instance` is null for all instances. */
export type Fault = Spell &
  (
    | {
        readonly kind: 'kill';
        readonly instance: number;
        /** It dies at this many touches, or in this many journal writes, after `atMs`. */
        readonly acts: number;
        readonly inWrite: boolean;
        readonly disk: 'kept' | 'unsynced lost' | 'lost';
      }
    | { readonly kind: 'stop by signal'; readonly instance: number }
    | { readonly kind: 'thread death'; readonly instance: number; readonly thread: number }
    | { readonly kind: 'pause'; readonly instance: number; readonly acts: number }
    | { readonly kind: 'clock jump'; readonly instance: number | null; readonly byMs: number }
    | {
        readonly kind: 'ledger';
        readonly instance: number | null;
        readonly how: 'refuses' | 'silent' | 'slow' | 'flaky';
        /** Default: all shards. */
        readonly shard?: number;
      }
    | {
        readonly kind: 'link';
        readonly instance: number | null;
        readonly processor: number;
        readonly how: 'refuses' | 'silent' | 'late' | 'late answers' | 'flaky';
      }
    | {
        readonly kind: 'processor';
        readonly processor: number;
        readonly how: ProcessorFault;
        /** Default: the longest that a call's life allows. */
        readonly delayMs?: number;
        /** The `Retry-After` of answers that have one. Default: 1. */
        readonly retryAfterS?: number;
      }
    | { readonly kind: 'disk'; readonly instance: number; readonly how: 'full' | 'short' | 'sync fails' }
  );

/** `declines`: payments that were accepted first are not charged. `lagging`: look-ups do not find the latest payments. */
export type ProcessorFault = FaultKind | 'failing' | 'slow' | 'declines' | 'lagging';

/** The part of a plan that says how a processor misbehaves. */
export type ProcessorSpell = Pick<
  Extract<Fault, { readonly kind: 'processor' }>,
  'how' | 'delayMs' | 'retryAfterS'
>;

/** The longest time that a request may run on the network and in a processor after its caller sent it. */
export const CALL_LIFE_MS = 6000;

/** Within this time from the start, posts come in and faults begin. */
export const SPAN_MS = 30_000;
