import type { Clock } from '../core/clock.ts';
import { Repeating } from '../core/repeating.ts';
import type { BooksSize, Ledger } from '../ledger/ledger.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';

export interface BooksWatchParts {
  readonly ledger: Ledger;
  readonly metrics: ThreadMetrics;
  readonly clock: Clock;
}

const LOOK_EVERY_MS = 60_000;
/** Growth is that of the last hour; an estimate from less than some minutes would be noise. */
const SAMPLES_MAX = 60;
const SAMPLES_MIN = 5;

interface Sample {
  readonly atMs: number;
  readonly payments: number;
}

/**
 * Measures how large the books are, and estimates when they will be full: memory is the first limit that a deployment
 * meets. Of several shards it shows the sum of the payments, and the bytes of the one that is fullest.
 */
export class BooksWatch extends Repeating {
  readonly #parts: BooksWatchParts;
  readonly #samples: Sample[] = [];

  constructor(parts: BooksWatchParts) {
    super(parts.clock);
    this.#parts = parts;
  }

  protected override async work(): Promise<number> {
    const replies = await Promise.all(this.#parts.ledger.shards.map((shard) => shard.size()));
    const sizes = replies.flatMap((reply) => (reply.kind === 'ok' ? [reply.value] : []));
    // The sum would be wrong without one that is away.
    if (sizes.length === replies.length && !this.isStopped) this.#show(sizes);
    return LOOK_EVERY_MS;
  }

  #show(sizes: readonly BooksSize[]): void {
    const { metrics, clock } = this.#parts;
    const payments = sizes.reduce((sum, size) => sum + size.payments, 0);
    const fullest = sizes.reduce((one, other) => (fullness(other) > fullness(one) ? other : one));
    this.#samples.push({ atMs: clock.monotonicMs(), payments });
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
    metrics.set('booksPayments', payments);
    metrics.set(
      'booksHeld',
      sizes.reduce((sum, size) => sum + size.held, 0),
    );
    metrics.set('booksBytes', fullest.usedBytes);
    metrics.set('booksLimitBytes', fullest.limitBytes);
    metrics.set('booksFullInMs', this.#fullInMs(fullest, payments));
  }

  /** Infinity: the books do not grow, or nothing limits them. */
  #fullInMs({ usedBytes, limitBytes }: BooksSize, payments: number): number {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || this.#samples.length < SAMPLES_MIN)
      return Number.POSITIVE_INFINITY;
    const paymentsAMs = (last.payments - first.payments) / (last.atMs - first.atMs);
    if (paymentsAMs <= 0) return Number.POSITIVE_INFINITY;
    return Math.max(0, limitBytes - usedBytes) / (paymentsAMs * (usedBytes / payments));
  }
}

function fullness({ usedBytes, limitBytes }: BooksSize): number {
  return usedBytes / limitBytes;
}
