import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Clock, isFromTheFuture } from '../core/clock.ts';

export interface SessionParts {
  /** The key that signs sessions. Empty: no session is valid. */
  readonly secret: string;
  /** The path for which browsers send the cookie. */
  readonly path: string;
  readonly clock: Clock;
}

const NAME = 'dinossauro';
const LIFE_MS = 12 * 3600 * 1000;

/**
 * A signed cookie that stands in for the bearer token, which browsers can't send with a page load. It holds its expiry
 * and an HMAC. The gateway stores nothing: every instance with the same token accepts the session, also after a restart,
 * and changing the token ends all sessions.
 *
 *     dinossauro=<end, ms since 1970>.<HMAC-SHA256 of path and end, base64url>
 */
export class Session {
  readonly #parts: SessionParts;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /** The value of a `Set-Cookie` header. Scripts can't read the cookie, and cross-site requests do not carry it. */
  begin(): string {
    const { path, clock } = this.#parts;
    const untilMs = clock.nowMs() + LIFE_MS;
    const value = `${untilMs}.${this.#proof(untilMs).toString('base64url')}`;
    return `${NAME}=${value}; Path=${path}; Max-Age=${LIFE_MS / 1000}; HttpOnly; SameSite=Strict`;
  }

  /** Whether a `Cookie` header has a valid session that has not expired. */
  holds(cookies: string): boolean {
    const { secret, clock } = this.#parts;
    const found = /(?:^|; )dinossauro=(\d{1,15})\.([\w-]{43})(?:;|$)/.exec(cookies);
    const [, until, proof] = found ?? [];
    if (secret === '' || until === undefined || proof === undefined) return false;
    const isProven = timingSafeEqual(Buffer.from(proof, 'base64url'), this.#proof(Number(until)));
    const nowMs = clock.nowMs();
    // A session that ends too far in the future was begun while a clock was ahead.
    return isProven && nowMs < Number(until) && !isFromTheFuture(Number(until), nowMs + LIFE_MS);
  }

  #proof(untilMs: number): Buffer {
    const { secret, path } = this.#parts;
    return createHmac('sha256', secret).update(`${path} ${untilMs}`).digest();
  }
}
