/**
 * How the books are indexed by time: a bucket for each millisecond that has payments, and buckets with the totals of
 * each second, minute, hour and day, in UTC. A bucket is named by its start.
 *
 * A window is split into ranges of whole buckets, as coarse as possible, so that few of them have to be read:
 *
 * ```
 *      from                                                     to
 *       │ms│ seconds │ minutes │ hours │ days │ hours │ ... │ms│
 * ```
 */
export const UNIT_SPANS_MS: readonly number[] = [1, 1000, 60_000, 3_600_000, 86_400_000];

/** The buckets that start within [firstMs, lastMs]. `unit` is an index into `UNIT_SPANS_MS`. */
export interface TimeRange {
  readonly unit: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** The start of the bucket that contains `ms`. */
export function unitStartMs(unit: number, ms: number): number {
  return ms - (ms % spanMs(unit));
}

/** Splits [fromMs, toMs] into ranges that cover each millisecond once. Both are whole and not before 1970. */
export function rangesOf(fromMs: number, toMs: number): TimeRange[] {
  return fromMs > toMs ? [] : split(0, fromMs, toMs + 1);
}

/** Splits [fromMs, untilMs), which is not empty and begins and ends at bucket boundaries of `unit`. */
function split(unit: number, fromMs: number, untilMs: number): TimeRange[] {
  const whole = [{ unit, firstMs: fromMs, lastMs: untilMs - 1 }];
  if (unit === UNIT_SPANS_MS.length - 1) return whole;
  const coarseFromMs = unitStartMs(unit + 1, fromMs + spanMs(unit + 1) - 1);
  const coarseUntilMs = unitStartMs(unit + 1, untilMs);
  if (coarseFromMs >= coarseUntilMs) return whole;
  return [
    ...edge(unit, fromMs, coarseFromMs),
    ...split(unit + 1, coarseFromMs, coarseUntilMs),
    ...edge(unit, coarseUntilMs, untilMs),
  ];
}

function edge(unit: number, fromMs: number, untilMs: number): TimeRange[] {
  return fromMs === untilMs ? [] : [{ unit, firstMs: fromMs, lastMs: untilMs - 1 }];
}

function spanMs(unit: number): number {
  return UNIT_SPANS_MS[unit] as number;
}
