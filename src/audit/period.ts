import type { Totals } from '../core/payment.ts';

/** Whole milliseconds, both ends inclusive. */
export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The totals of a period on both sides. */
export interface Compared {
  readonly here: Totals;
  /** Null: not readable. */
  readonly there: Totals | null;
}

export function isWithin({ fromMs, toMs }: Period, ms: number): boolean {
  return ms >= fromMs && ms <= toMs;
}

export function differs({ here, there }: Compared): boolean {
  return there === null || !isSame(here, there);
}

export function isSame(one: Totals, other: Totals): boolean {
  return one.count === other.count && one.amountCents === other.amountCents;
}

export function plus(one: Totals, other: Totals): Totals {
  return { count: one.count + other.count, amountCents: one.amountCents + other.amountCents };
}

export function minus(one: Totals, other: Totals): Totals {
  return { count: one.count - other.count, amountCents: one.amountCents - other.amountCents };
}

export const NOTHING: Totals = { count: 0, amountCents: 0 };
