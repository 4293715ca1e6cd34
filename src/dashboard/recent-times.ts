import { BOUNDS_MS, type HistogramReading } from '../shared-memory/metrics-table.ts';
import type { Quantiles } from './frame.ts';

/** How many readings the quantiles span. */
const REACH = 10;

/** Quantiles over the last readings of a histogram. */
export class RecentTimes {
  readonly #readings: (readonly number[])[] = [];

  /** Adds a reading, and returns the quantiles since the tenth one before it; null: nothing was measured. */
  read({ counts }: HistogramReading): Quantiles | null {
    this.#readings.push(counts);
    if (this.#readings.length > REACH + 1) this.#readings.shift();
    const oldest = this.#readings[0] ?? counts;
    const recent = counts.map((count, bucket) => count - (oldest[bucket] ?? 0));
    const total = recent.reduce((sum, count) => sum + count, 0);
    if (total <= 0) return null;
    return { p50Ms: quantile(recent, total * 0.5), p99Ms: quantile(recent, total * 0.99) };
  }
}

/** The time below which `rank` measurements lie, assuming an even spread within each bucket. */
function quantile(counts: readonly number[], rank: number): number {
  let below = 0;
  for (const [bucket, count] of counts.entries()) {
    if (count > 0 && below + count >= rank) {
      const fromMs = BOUNDS_MS[bucket - 1] ?? 0;
      const toMs = BOUNDS_MS[bucket] ?? fromMs;
      return rounded(fromMs + ((toMs - fromMs) * (rank - below)) / count);
    }
    below += count;
  }
  return BOUNDS_MS.at(-1) ?? 0;
}

/** To three significant digits: the buckets give no more. */
function rounded(ms: number): number {
  return Number(ms.toPrecision(3));
}
