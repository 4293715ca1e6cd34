/** Exponential backoff, capped. */
export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * Full jitter (M. Brooker, "Exponential Backoff And Jitter", 2015): a delay between 0 and the exponential bound, so that
 * clients that failed together do not retry together. `attempt` counts from 1.
 */
export function fullJitterMs(backoff: Backoff, attempt: number, random: () => number): number {
  return Math.floor(random() * boundMs(backoff, attempt));
}

/** Equal jitter (same source): at least half of the bound, for delays that must not be close to 0. */
export function equalJitterMs(backoff: Backoff, attempt: number, random: () => number): number {
  const bound = boundMs(backoff, attempt);
  return Math.floor(bound / 2 + (random() * bound) / 2);
}

function boundMs(backoff: Backoff, attempt: number): number {
  // 2 ** 30 ms is twelve days: longer than any cap, and still a small integer.
  return Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(attempt - 1, 30));
}
