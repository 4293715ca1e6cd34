import { BOUNDS_MS, type HistogramReading } from '../shared-memory/metrics-table.ts';
import type { Quantiles } from './frame.ts';

/** How many readings back the quantiles reach. */
const REACH = 10;

/** The quantiles of what fell into a histogram between its last readings. */
export class RecentTimes {
  readonly #readings: (readonly number[])[] = [];

  /** Takes the newest reading, and answers the quantiles since the tenth before it; null: nothing fell in. */
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

/** The time below which `rank` of the counts lie, as if those of one bucket were spread evenly over it. */
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

/** To three digits: no more is known. */
function rounded(ms: number): number {
  return Number(ms.toPrecision(3));
}
