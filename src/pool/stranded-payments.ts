import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { Repeating } from '../core/repeating.ts';
import type { Ledger, ProcessorPayments } from '../ledger/ledger.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';

export interface StrandedWatchParts {
  readonly ledger: Ledger;
  readonly metrics: ThreadMetrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** Each look is one short read of the ledger, and this is soon enough for an alert. */
const LOOK_EVERY_MS = 5000;

/**
 * Reports payments that were sent to a processor which this instance is not configured with. Their outcome is unknown,
 * so they are neither sent elsewhere nor given up: they stay in the ledger until an instance that is configured with
 * that processor takes them over.
 */
export class StrandedWatch extends Repeating {
  readonly #parts: StrandedWatchParts;
  /** The counts that were logged last, by processor name. */
  #logged = new Map<string, number>();

  constructor(parts: StrandedWatchParts) {
    super(parts.clock);
    this.#parts = parts;
  }

  protected override async work(): Promise<number> {
    const { ledger, clock } = this.#parts;
    const reply = await ledger.stranded(clock.nowMs());
    // The dispatcher reports a ledger that does not answer.
    if (reply.kind === 'ok' && !this.isStopped) this.#show(reply.value);
    return LOOK_EVERY_MS;
  }

  #show(stranded: readonly ProcessorPayments[]): void {
    const { metrics, log } = this.#parts;
    metrics.set(
      'stranded',
      stranded.reduce((sum, { count }) => sum + count, 0),
    );
    const now = new Map(stranded.map(({ name, count }) => [name, count]));
    for (const [processor, payments] of now) {
      if (this.#logged.get(processor) !== payments) log.error({ processor, payments }, STRANDED);
    }
    for (const processor of this.#logged.keys()) {
      if (!now.has(processor)) log.info({ processor }, 'no payments are waiting for that processor any more');
    }
    this.#logged = now;
  }
}

const STRANDED =
  'payments are waiting for a processor that is not configured: add it back to PROCESSORS or PROCESSORS_FILE to settle them';
