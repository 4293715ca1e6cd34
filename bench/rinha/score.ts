import type { Totals } from '../../src/core/payment.ts';
import { type PerProcessor, PROCESSORS } from './scenario.ts';

/** Input of the official score. */
export interface Counted {
  readonly acceptedCount: number;
  readonly totals: PerProcessor<Totals>;
  /** As a share of the amount, as reported by the processors. */
  readonly fees: PerProcessor<number>;
  readonly p99Ms: number;
  readonly inconsistencyCount: number;
}

export interface Score {
  /** The score in cents: profit with bonus and fine. */
  readonly cents: number;
  readonly amountCents: number;
  readonly feeCents: number;
  readonly profitCents: number;
  readonly p99Ms: number;
  /** As a share of the profit, such as 0.2 or 0.35. */
  readonly bonus: number;
  readonly fine: number;
  /** Payments accepted but missing from the totals. A negative lag disqualifies the entry. */
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

/** Two percent of the profit per millisecond below 11, rounded to whole percent; none above. */
export function bonusFor(p99Ms: number): number {
  return Math.max(0, roundHalfUp((BONUS_BELOW_MS - p99Ms) * BONUS_PER_MS, 2));
}

/** How many payments a summary differs from the processors' records by. */
export function inconsistency(
  backend: PerProcessor<number>,
  processors: PerProcessor<number>,
  error: 'net' | 'gross',
): number {
  const differences = PROCESSORS.map((name) => backend[name] - processors[name]);
  const distances = error === 'gross' ? differences.map(Math.abs) : differences;
  return Math.abs(distances.reduce((sum, each) => sum + each, 0));
}

/** The quantile of ascending values, interpolated linearly; NaN if there are none. */
export function percentile(ascending: ArrayLike<number>, quantile: number): number {
  const position = quantile * (ascending.length - 1);
  const below = ascending[Math.floor(position)] ?? Number.NaN;
  const above = ascending[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}

/**
 * Rounds the printed decimal of a number, not its binary value: 0.145 becomes 0.15, as in the decimal arithmetic of the
 * official score.
 */
export function roundHalfUp(value: number, decimals: number): number {
  return shifted(Math.round(shifted(value, decimals)), -decimals);
}

function shifted(value: number, places: number): number {
  const [digits, exponent] = value.toString().split('e');
  return Number(`${digits}e${Number(exponent ?? 0) + places}`);
}
