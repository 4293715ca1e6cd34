import type { Totals } from '../../src/core/payment.ts';
import { type PerProcessor, PROCESSORS } from './scenario.ts';

/** The official score, from what was counted. Pure. */
export interface Counted {
  readonly acceptedCount: number;
  readonly totals: PerProcessor<Totals>;
  /** Shares of the amount, as the processors report them. */
  readonly fees: PerProcessor<number>;
  readonly p99Ms: number;
  readonly inconsistencyCount: number;
}

export interface Score {
  /** The score, in cents: profit with bonus and fine. */
  readonly cents: number;
  readonly amountCents: number;
  readonly feeCents: number;
  readonly profitCents: number;
  readonly p99Ms: number;
  /** Shares of the profit, such as 0.2 and 0.35. */
  readonly bonus: number;
  readonly fine: number;
  /** Accepted and not in the totals. Below zero the entry is disqualified. */
  readonly lagCount: number;
  readonly disqualified: boolean;
}

const FINE = 0.35;
const BONUS_BELOW_MS = 11;
const BONUS_PER_MS = 0.02;

export function score(counted: Counted): Score {
  const { totals, fees } = counted;
  const amountCents = totals.default.amountCents + totals.fallback.amountCents;
  const feeCents = totals.default.amountCents * fees.default + totals.fallback.amountCents * fees.fallback;
  const profitCents = amountCents - feeCents;
  const p99Ms = roundHalfUp(counted.p99Ms, 2);
  const bonus = bonusFor(p99Ms);
  const fine = counted.inconsistencyCount > 0 ? FINE : 0;
  const lagCount = counted.acceptedCount - totals.default.count - totals.fallback.count;
  return {
    cents: profitCents * (1 + bonus - fine),
    amountCents,
    feeCents,
    profitCents,
    p99Ms,
    bonus,
    fine,
    lagCount,
    disqualified: lagCount < 0,
  };
}

/** Two per cent of the profit for each millisecond below 11, in whole per cent, none above. */
export function bonusFor(p99Ms: number): number {
  return Math.max(0, roundHalfUp((BONUS_BELOW_MS - p99Ms) * BONUS_PER_MS, 2));
}

/** How far a summary is from what the processors hold, in payments. */
export function inconsistency(
  backend: PerProcessor<number>,
  processors: PerProcessor<number>,
  error: 'net' | 'gross',
): number {
  const differences = PROCESSORS.map((name) => backend[name] - processors[name]);
  const distances = error === 'gross' ? differences.map(Math.abs) : differences;
  return Math.abs(distances.reduce((sum, each) => sum + each, 0));
}

/** The share `quantile` of ascending values, interpolated linearly between neighbours; NaN of none. */
export function percentile(ascending: ArrayLike<number>, quantile: number): number {
  const position = quantile * (ascending.length - 1);
  const below = ascending[Math.floor(position)] ?? Number.NaN;
  const above = ascending[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}

/**
 * Rounds the decimal that is printed for a number, not its binary neighbour: 0.145 is 0.15, as in the decimal
 * arithmetic that the official score is computed with.
 */
export function roundHalfUp(value: number, decimals: number): number {
  return shifted(Math.round(shifted(value, decimals)), -decimals);
}

function shifted(value: number, places: number): number {
  const [digits, exponent] = value.toString().split('e');
  return Number(`${digits}e${Number(exponent ?? 0) + places}`);
}
