import type { PerProcessor } from './scenario.ts';
import { percentile } from './score.ts';

/**
 * Records a run while it happens: posts, latencies and settled payments, second by second. Times are milliseconds since
 * the start of the run, on the given clock.
 */
export class Record {
  readonly #nowMs: () => number;
  readonly #warmUpMs: number;
  readonly #latenciesMs: number[] = [];
  readonly #acceptedAtMs: number[] = [];
  readonly #seconds: Second[] = [];
  #current: MutableSecond = emptySecond();
  #users = 0;
  #failed = 0;
  #settled: PerProcessor<number> = { default: 0, fallback: 0 };

  constructor(nowMs: () => number, warmUpMs: number) {
    this.#nowMs = nowMs;
    this.#warmUpMs = warmUpMs;
  }

  get users(): number {
    return this.#users;
  }

  get acceptedCount(): number {
    return this.#acceptedAtMs.length;
  }

  get failedCount(): number {
    return this.#failed;
  }

  get settled(): PerProcessor<number> {
    return this.#settled;
  }

  get backlogCount(): number {
    return this.acceptedCount - this.#settled.default - this.#settled.fallback;
  }

  /** When each accepted payment was posted. */
  get acceptedAtMs(): readonly number[] {
    return this.#acceptedAtMs;
  }

  get seconds(): readonly Second[] {
    return this.#seconds;
  }

  userCame(): void {
    this.#users += 1;
  }

  posted(atMs: number, status: number): void {
    if (status >= 200 && status < 300) {
      this.#acceptedAtMs.push(atMs);
      this.#current.accepted += 1;
    } else {
      this.#failed += 1;
      this.#current.failed += 1;
    }
  }

  /** Any answer. As in the official figure, only 2xx and 3xx have a latency. */
  answered(status: number, durationMs: number): void {
    if (status < 200 || status >= 400 || this.#nowMs() < this.#warmUpMs) return;
    this.#latenciesMs.push(durationMs);
    this.#current.latenciesMs.push(durationMs);
  }

  observed(settled: PerProcessor<number>): void {
    this.#settled = settled;
  }

  /** Ends the current second. */
  tick(): void {
    const { accepted, failed, latenciesMs } = this.#current;
    this.#seconds.push({
      atMs: this.#nowMs(),
      users: this.#users,
      accepted,
      failed,
      p99Ms: latencies(latenciesMs).p99Ms,
      settled: this.#settled,
      backlog: this.backlogCount,
    });
    this.#current = emptySecond();
  }

  latencies(): Latencies {
    return latencies(this.#latenciesMs);
  }
}

export interface Second {
  readonly atMs: number;
  readonly users: number;
  readonly accepted: number;
  readonly failed: number;
  /** NaN if there were no answers. */
  readonly p99Ms: number;
  /** Since the start of the run, according to the processors. */
  readonly settled: PerProcessor<number>;
  readonly backlog: number;
}

export interface Latencies {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

interface MutableSecond {
  accepted: number;
  failed: number;
  readonly latenciesMs: number[];
}

function emptySecond(): MutableSecond {
  return { accepted: 0, failed: 0, latenciesMs: [] };
}

function latencies(valuesMs: readonly number[]): Latencies {
  const ascending = Float64Array.from(valuesMs).sort();
  return {
    count: ascending.length,
    p50Ms: percentile(ascending, 0.5),
    p99Ms: percentile(ascending, 0.99),
    maxMs: percentile(ascending, 1),
  };
}
