import type { RateLimit } from '../config/api-key.ts';

const TOKEN = 1000;

/**
 * A token bucket: it holds `burst` tokens, and gets `perSecond` back a second. A request that takes several may leave it in
 * debt, so that a batch is never too large for it; the requests after it wait until the debt is paid.
 */
export class TokenBucket {
  readonly #limit: RateLimit;
  /** Thousandths of a token, so that each millisecond adds a whole number of them. */
  #parts: number;
  #atMs: number;

  /** Full. `nowMs` is on the monotonic clock, here and below. */
  constructor(limit: RateLimit, nowMs: number) {
    this.#limit = limit;
    this.#parts = limit.burst * TOKEN;
    this.#atMs = nowMs;
  }

  /** Takes one token, and returns 0; or takes none, and returns how long it is until there is one. */
  take(nowMs: number): number {
    const { perSecond, burst } = this.#limit;
    this.#parts = Math.min(burst * TOKEN, this.#parts + (nowMs - this.#atMs) * perSecond);
    this.#atMs = nowMs;
    if (this.#parts < TOKEN) return Math.ceil((TOKEN - this.#parts) / perSecond);
    this.#parts -= TOKEN;
    return 0;
  }

  /** Takes tokens for what has been let in already. */
  charge(tokens: number): void {
    this.#parts -= tokens * TOKEN;
  }
}
