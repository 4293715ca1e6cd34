import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Ledger, StrandedPayments } from '../ledger/ledger.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';

export interface StrandedWatchParts {
  readonly ledger: Ledger;
  /** What this thread counts. */
  readonly metrics: ThreadMetrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** One short read of the ledger each time; soon enough for an alert. */
const LOOK_EVERY_MS = 5000;

/**
 * Tells of payments that were sent to a processor which this instance is not configured with. Their outcome is unknown,
 * so they are neither sent elsewhere nor given up: they stay in the ledger until an instance is configured with that
 * processor, and takes them over.
 */
export class StrandedWatch {
  readonly #parts: StrandedWatchParts;
  /** What was told last, by the name of the processor. */
  #told = new Map<string, number>();
  #cancel: () => void = () => {};
  #stopped = false;

  constructor(parts: StrandedWatchParts) {
    this.#parts = parts;
  }

  start(): void {
    void this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  async #look(): Promise<void> {
    const { ledger, clock } = this.#parts;
    const reply = await ledger.stranded(clock.nowMs());
    if (this.#stopped) return;
    // A ledger that does not answer is told of by those who need it.
    if (reply.kind === 'ok') this.#show(reply.value);
    this.#cancel = clock.after(LOOK_EVERY_MS, () => void this.#look());
  }

  #show(stranded: readonly StrandedPayments[]): void {
    const { metrics, log } = this.#parts;
    metrics.set(
      'stranded',
      stranded.reduce((sum, { count }) => sum + count, 0),
    );
    const now = new Map(stranded.map(({ name, count }) => [name, count]));
    for (const [processor, payments] of now) {
      if (this.#told.get(processor) !== payments) log.error({ processor, payments }, STRANDED);
    }
    for (const processor of this.#told.keys()) {
      if (!now.has(processor)) log.info({ processor }, 'no payment waits for that processor any more');
    }
    this.#told = now;
  }
}

const STRANDED =
  'payments wait for a processor that is not configured: add it to PROCESSORS again, and they are settled';
