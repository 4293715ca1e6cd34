import { type Log, withFields } from '../core/log.ts';
import type { Counter, Gauge, HistogramName, ThreadMetrics } from '../shared-memory/metrics-table.ts';
import type { Ledger, Shard } from './ledger.ts';

type ShardGauge = Extract<Gauge, 'leaseUntilMs' | 'leaseFailingSinceMs' | 'commitFailingSinceMs'>;

/** What a thread counts and shows of its work at one shard. */
export interface ShardMetrics {
  count(counter: Counter, by?: number): void;
  observe(histogram: HistogramName, durationMs: number): void;
  set(gauge: ShardGauge, value: number): void;
}

/** What a thread needs to work at one shard. */
export interface ShardParts {
  readonly shard: Shard;
  readonly position: number;
  readonly log: Log;
  readonly metrics: ShardMetrics;
}

/** Prepares a thread's work at each shard. Its log lines name the shard, if there are several. */
export function shardsOf({ shards }: Ledger, log: Log, row: ThreadMetrics): readonly ShardParts[] {
  const gauges = new ShardGauges(row, shards.length);
  return shards.map((shard, position) => ({
    shard,
    position,
    log: shards.length === 1 ? log : withFields(log, { shard: position }),
    metrics: {
      count: (counter, by) => row.count(counter, by),
      observe: (histogram, durationMs) => row.observe(histogram, durationMs),
      set: (gauge, value) => gauges.set(position, gauge, value),
    },
  }));
}

/**
 * The gauges of a thread about its shards: until when it has a lease in any of them, since when the first of those that
 * fail has failed, and how many fail.
 */
class ShardGauges {
  readonly #row: ThreadMetrics;
  readonly #values: Readonly<Record<ShardGauge, Float64Array>>;

  constructor(row: ThreadMetrics, shardCount: number) {
    const values = () => new Float64Array(shardCount);
    this.#row = row;
    this.#values = { leaseUntilMs: values(), leaseFailingSinceMs: values(), commitFailingSinceMs: values() };
  }

  set(position: number, gauge: ShardGauge, value: number): void {
    const { leaseUntilMs, leaseFailingSinceMs, commitFailingSinceMs } = this.#values;
    this.#values[gauge][position] = value;
    this.#row.set('leaseUntilMs', Math.max(...leaseUntilMs));
    this.#row.set('leaseFailingSinceMs', earliest(leaseFailingSinceMs));
    this.#row.set('commitFailingSinceMs', earliest(commitFailingSinceMs));
    const fails = (_: number, each: number) => leaseFailingSinceMs[each] || commitFailingSinceMs[each];
    this.#row.set('shardsFailing', leaseUntilMs.filter(fails).length);
  }
}

/** 0 means that a time is not set. Returns the earliest of those that are set, or 0. */
function earliest(times: Float64Array): number {
  const set = times.filter((atMs) => atMs > 0);
  return set.length === 0 ? 0 : Math.min(...set);
}
