import { BOUNDS_MS, type HistogramReading } from '../shared-memory/metrics-table.ts';
import type { HistogramFamily, Sample, SimpleFamily } from './openmetrics.ts';

const BOUNDS_SECONDS: readonly number[] = Array.from(BOUNDS_MS, (boundMs) => Math.round(boundMs * 1e3) / 1e6);

export function counter(name: string, help: string, samples: readonly Sample[], unit?: string): SimpleFamily {
  return { type: 'counter', name, help, samples, ...(unit === undefined ? {} : { unit }) };
}

export function gauge(name: string, help: string, samples: readonly Sample[], unit?: string): SimpleFamily {
  return { type: 'gauge', name, help, samples, ...(unit === undefined ? {} : { unit }) };
}

export function durations(
  name: string,
  help: string,
  readings: readonly (readonly [labels: Readonly<Record<string, string>>, reading: HistogramReading])[],
): HistogramFamily {
  const samples = readings.map(([labels, { counts, sumMs }]) => ({ labels, counts, sum: seconds(sumMs) }));
  return { type: 'histogram', name, unit: 'seconds', help, bounds: BOUNDS_SECONDS, samples };
}

export function seconds(ms: number): number {
  return ms / 1000;
}
