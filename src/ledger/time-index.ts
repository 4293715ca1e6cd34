/**
 * How the books are indexed by time: a row per millisecond that has payments, and counters for the second, the
 * minute, the hour and the day above it, each in UTC and each named by the moment it starts at.
 *
 * A window is cut into stretches of whole units, the coarsest that fit, so that few rows have to be read:
 *
 * ```
 *      from                                                     to
 *       │ms│ seconds │ minutes │ hours │ days │ hours │ ... │ms│
 * ```
 */
export const UNIT_SPANS_MS: readonly number[] = [1, 1000, 60_000, 3_600_000, 86_400_000];

/** The units that start within [firstMs, lastMs]. `unit` is a position in `UNIT_SPANS_MS`. */
export interface TimeRange {
  readonly unit: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** The start of the unit that a moment lies in. */
export function unitStartMs(unit: number, ms: number): number {
  return ms - (ms % spanMs(unit));
}

/** The stretches that together hold every millisecond of [fromMs, toMs], whole and not before 1970, once. */
export function rangesOf(fromMs: number, toMs: number): TimeRange[] {
  return fromMs > toMs ? [] : cut(0, fromMs, toMs + 1);
}

/** Cuts [fromMs, untilMs), which is not empty and whose ends lie between two units. */
function cut(unit: number, fromMs: number, untilMs: number): TimeRange[] {
  const whole = [{ unit, firstMs: fromMs, lastMs: untilMs - 1 }];
  if (unit === UNIT_SPANS_MS.length - 1) return whole;
  const coarseFromMs = unitStartMs(unit + 1, fromMs + spanMs(unit + 1) - 1);
  const coarseUntilMs = unitStartMs(unit + 1, untilMs);
  if (coarseFromMs >= coarseUntilMs) return whole;
  return [
    ...edge(unit, fromMs, coarseFromMs),
    ...cut(unit + 1, coarseFromMs, coarseUntilMs),
    ...edge(unit, coarseUntilMs, untilMs),
  ];
}

function edge(unit: number, fromMs: number, untilMs: number): TimeRange[] {
  return fromMs === untilMs ? [] : [{ unit, firstMs: fromMs, lastMs: untilMs - 1 }];
}

function spanMs(unit: number): number {
  return UNIT_SPANS_MS[unit] as number;
}
