import { type Backoff, equalJitterMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { OutageLog } from '../core/outage-log.ts';

export interface ShortageParts {
  readonly backoff: Backoff;
  readonly clock: Clock;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
}

/** The shortage is over when no call has failed for this long: during one, some calls succeed and others fail. */
const OVER_AFTER_MS = 5000;

/**
 * This machine has no descriptor, port or memory for another connection. No processor is to blame, so no breaker opens.
 * Instead, no payments are claimed during a pause that grows with each shortage.
 */
export class Shortage {
  readonly #parts: ShortageParts;
  readonly #outage: OutageLog;
  #pausedUntilMs = 0;
  #lastAtMs = 0;
  #count = 0;

  constructor(parts: ShortageParts) {
    this.#parts = parts;
    this.#outage = new OutageLog({
      log: parts.log,
      began: 'cannot call processors: this machine is out of descriptors, ports or memory',
      ended: 'processors can be called again',
    });
  }

  get isPausing(): boolean {
    return this.#parts.clock.monotonicMs() < this.#pausedUntilMs;
  }

  /** A call could not be made. */
  happened(reason: string): void {
    const { backoff, clock, random } = this.#parts;
    const nowMs = clock.monotonicMs();
    this.#outage.failed(reason);
    this.#lastAtMs = nowMs;
    // Calls that fail during a pause belong to the same shortage.
    if (!this.isPausing) this.#pausedUntilMs = nowMs + equalJitterMs(backoff, ++this.#count, random);
  }

  /** A call was made. */
  callMade(): void {
    if (this.#count === 0 || this.#parts.clock.monotonicMs() - this.#lastAtMs <= OVER_AFTER_MS) return;
    this.#count = 0;
    this.#outage.recovered();
  }
}
