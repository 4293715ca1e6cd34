/** Exponential backoff, capped. */
export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * Full jitter (M. Brooker, "Exponential Backoff And Jitter", 2015): anything between nothing and the exponential
 * bound, so that those who failed together do not come back together. `attempt` counts from 1.
 */
export function fullJitterMs(backoff: Backoff, attempt: number, random: () => number): number {
  return Math.floor(random() * boundMs(backoff, attempt));
}

/** Equal jitter of the same source: at least half of the bound, for waits that must not collapse to nothing. */
export function equalJitterMs(backoff: Backoff, attempt: number, random: () => number): number {
  const bound = boundMs(backoff, attempt);
  return Math.floor(bound / 2 + (random() * bound) / 2);
}

function boundMs(backoff: Backoff, attempt: number): number {
  // 2 ** 30 ms is twelve days: beyond every cap, and still a small integer.
  return Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(attempt - 1, 30));
}
