import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ApiKey } from '../config/api-key.ts';
import { type Clock, isFromTheFuture } from '../core/clock.ts';
import type { Keyring } from './keyring.ts';

export interface SessionParts {
  /** The key that signs sessions. Empty: no session is valid. */
  readonly secret: string;
  /** The path for which browsers send the cookie. */
  readonly path: string;
  readonly clock: Clock;
}

const NAME = 'dinossauro';
const LIFE_MS = 12 * 3600 * 1000;

/** How much of the hash of a key a cookie holds: enough to find the key. */
const DIGEST_DIGITS = 16;
const COOKIE = /(?:^|; )dinossauro=([0-9a-f]{16})\.(\d{1,15})\.([\w-]{43})(?:;|$)/;

/**
 * A signed cookie that stands in for an API key, which browsers can't send with a page load. It names the key by the
 * start of its hash, and holds its expiry and an HMAC. The gateway stores nothing: every instance with the same secret
 * accepts the session, also after a restart. Changing the secret ends all sessions, removing a key those of the key.
 *
 *     dinossauro=<start of the key's hash>.<end, ms since 1970>.<HMAC-SHA256 of path, hash and end, base64url>
 */
export class Session {
  readonly #parts: SessionParts;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /** The value of a `Set-Cookie` header. Scripts can't read the cookie, and cross-site requests do not carry it. */
  begin({ digest }: ApiKey): string {
    const { path, clock } = this.#parts;
    const untilMs = clock.nowMs() + LIFE_MS;
    const start = digest.slice(0, DIGEST_DIGITS);
    const value = `${start}.${untilMs}.${this.#proof(start, untilMs).toString('base64url')}`;
    return `${NAME}=${value}; Path=${path}; Max-Age=${LIFE_MS / 1000}; HttpOnly; SameSite=Strict`;
  }

  /** The key for which a `Cookie` header has a valid session that has not expired; the key must be in force. */
  find(cookies: string, keyring: Keyring): ApiKey | undefined {
    const { secret, clock } = this.#parts;
    const [, start, until, proof] = COOKIE.exec(cookies) ?? [];
    if (secret === '' || start === undefined || until === undefined || proof === undefined) return undefined;
    const isProven = timingSafeEqual(Buffer.from(proof, 'base64url'), this.#proof(start, Number(until)));
    const nowMs = clock.nowMs();
    // A session that ends too far in the future was begun while a clock was ahead.
    const isValid = isProven && nowMs < Number(until) && !isFromTheFuture(Number(until), nowMs + LIFE_MS);
    return isValid ? keyring.findByDigest(start) : undefined;
  }

  #proof(start: string, untilMs: number): Buffer {
    const { secret, path } = this.#parts;
    return createHmac('sha256', secret).update(`${path} ${start} ${untilMs}`).digest();
  }
}
