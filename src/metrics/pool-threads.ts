import type { Config } from '../config/config.ts';
import type { Gauge, MetricsTable } from '../shared-memory/metrics-table.ts';

/** What the pool threads of an instance show, together. */
export class PoolThreads {
  readonly #metricsTable: MetricsTable;
  readonly #count: number;

  constructor(metricsTable: MetricsTable, { poolThreadCount }: Pick<Config, 'poolThreadCount'>) {
    this.#metricsTable = metricsTable;
    this.#count = poolThreadCount;
  }

  /** What each of them shows. */
  values(name: Gauge): number[] {
    return Array.from({ length: this.#count }, (_, thread) => this.#metricsTable.gauge(thread, name));
  }

  sum(name: Gauge): number {
    return this.values(name).reduce((sum, value) => sum + value, 0);
  }

  greatest(name: Gauge): number {
    return Math.max(0, ...this.values(name));
  }

  /** How many threads show each kind, by its place from 1. */
  byKind(name: Gauge, kinds: readonly string[]): number[] {
    const codes = this.values(name);
    return kinds.map((_, index) => codes.filter((code) => code === index + 1).length);
  }
}
