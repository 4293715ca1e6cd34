import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Clock, isFromTheFuture } from '../core/clock.ts';

export interface SessionParts {
  /** Whoever knows it can make sessions, and nobody else; empty: there are none. */
  readonly secret: string;
  /** The pages that the browser shows it to. */
  readonly path: string;
  readonly clock: Clock;
}

const NAME = 'dinossauro';
const LIFE_MS = 12 * 3600 * 1000;

/**
 * What a browser shows instead of a bearer token, which it can't send for a page: a cookie that says until when it is
 * good, and proves by its HMAC that somebody who had the token got it. Nothing is kept here, so every instance with
 * the same token takes it, also after a restart; with another token all of them end.
 *
 *     dinossauro=<end, ms since 1970>.<HMAC-SHA256 of path and end, base64url>
 */
export class Session {
  readonly #parts: SessionParts;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /** The value of a `Set-Cookie` header. Scripts can't read it, and no other site's page makes the browser send it. */
  begin(): string {
    const { path, clock } = this.#parts;
    const untilMs = clock.nowMs() + LIFE_MS;
    const value = `${untilMs}.${this.#proof(untilMs).toString('base64url')}`;
    return `${NAME}=${value}; Path=${path}; Max-Age=${LIFE_MS / 1000}; HttpOnly; SameSite=Strict`;
  }

  /** Whether a `Cookie` header holds a session that is still good. */
  holds(cookies: string): boolean {
    const { secret, clock } = this.#parts;
    const found = /(?:^|; )dinossauro=(\d{1,15})\.([\w-]{43})(?:;|$)/.exec(cookies);
    const [, until, proof] = found ?? [];
    if (secret === '' || until === undefined || proof === undefined) return false;
    const isProven = timingSafeEqual(Buffer.from(proof, 'base64url'), this.#proof(Number(until)));
    const nowMs = clock.nowMs();
    // One that ends later than a session may was begun while a clock was ahead.
    return isProven && nowMs < Number(until) && !isFromTheFuture(Number(until), nowMs + LIFE_MS);
  }

  #proof(untilMs: number): Buffer {
    const { secret, path } = this.#parts;
    return createHmac('sha256', secret).update(`${path} ${untilMs}`).digest();
  }
}
