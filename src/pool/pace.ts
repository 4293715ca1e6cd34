import type { Clock } from '../core/clock.ts';
import type { SharedState } from '../shared-memory/state.ts';

export interface PaceParts {
  readonly sharedState: SharedState;
  readonly clock: Clock;
  /** How long payments gather before a turn: requests begin in bursts that are this far apart. */
  readonly batchWindowMs: number;
}

interface Spacing {
  /** Between two requests that are evenly spaced. */
  readonly intervalUs: number;
  /** How far requests may run ahead of an even spacing. */
  readonly aheadUs: number;
}

/**
 * Keeps the requests to a processor within its limit a second, over all threads of the instance. The shared state holds
 * one time per processor: when the next request is due if requests are evenly spaced. Each request moves it on by one
 * interval, and requests may run ahead of it by a burst, because they begin together once a turn.
 *
 * With a burst of b, and intervals of 1/(n - b + 1) s, no second has more than n requests: b at its start, and n - b that
 * become due before it ends. The burst n × w / (1 + w), with a batch window of w seconds, lets a turn send as much as
 * became due since the last one.
 */
export class Pace {
  readonly #parts: PaceParts;
  /** Null: no limit. */
  #spacings: readonly (Spacing | null)[] = [];

  constructor(parts: PaceParts) {
    this.#parts = parts;
  }

  /** The limit of requests a second for each processor from now on, over all threads; null: no limit. */
  follow(limits: readonly (number | null)[]): void {
    const { batchWindowMs } = this.#parts;
    this.#spacings = limits.map((limit) => (limit === null ? null : spacingOf(limit, batchWindowMs)));
  }

  /** Whether another request would exceed the limit. */
  isReached(processor: number): boolean {
    const spacing = this.#spacings[processor];
    if (!spacing) return false;
    return this.#parts.sharedState.paceAtUs(processor) > this.#nowUs() + spacing.aheadUs;
  }

  /** Counts a request that is about to be sent. One that exceeds the limit delays those after it. */
  count(processor: number): void {
    const spacing = this.#spacings[processor];
    if (!spacing) return;
    const { sharedState } = this.#parts;
    for (;;) {
      const atUs = sharedState.paceAtUs(processor);
      if (sharedState.movePaceAt(processor, atUs, Math.max(atUs, this.#nowUs()) + spacing.intervalUs)) return;
    }
  }

  #nowUs(): number {
    return Math.trunc(this.#parts.clock.monotonicMs() * 1000);
  }
}

function spacingOf(limit: number, batchWindowMs: number): Spacing {
  const windowS = batchWindowMs / 1000;
  const burst = Math.max(1, Math.ceil((limit * windowS) / (1 + windowS)));
  const intervalUs = Math.ceil(1_000_000 / (limit - burst + 1));
  return { intervalUs, aheadUs: (burst - 1) * intervalUs };
}
