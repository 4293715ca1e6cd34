import { isDeepStrictEqual } from 'node:util';
import { type ApiKey, digestOf, hasScope, SCOPES, type Scope } from '../config/api-key.ts';
import type { Clock } from '../core/clock.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';
import { type Problem, problem } from './problem.ts';
import { TokenBucket } from './token-bucket.ts';

const BEARER = /^bearer +(\S+) *$/i;

/** Rendered once, like every problem that an attacker may ask for again and again. */
const WITHOUT_SCOPE = Object.fromEntries(
  SCOPES.map((scope) => [
    scope,
    problem('scope-missing', {
      detail: `This API key lacks the scope \`${scope}\`.`,
      challenge: `Bearer realm="dinossauro", error="insufficient_scope", scope="${scope}"`,
    }),
  ]),
) as Record<Scope, Problem>;
const EXPIRED = problem('token-unknown', { detail: 'This API key has expired.' });

export interface KeyringParts {
  readonly keys: readonly ApiKey[];
  readonly metrics: ThreadMetrics;
  readonly clock: Clock;
}

/** Nearly always 1 s, as the usual problem says: longer only after a batch. */
function tooMany(retryAfterSeconds: number): Problem {
  return retryAfterSeconds === 1 ? problem('rate-limited') : problem('rate-limited', { retryAfterSeconds });
}

/**
 * The API keys in force, by their hashes. A key that a client sends is looked up by its hash, so how long that takes says
 * nothing about any key. Each HTTP thread of each instance counts requests for itself.
 */
export class Keyring {
  readonly #parts: KeyringParts;
  #keys: ReadonlyMap<string, ApiKey> = new Map();
  /** Keys that have a limit. */
  #buckets: ReadonlyMap<ApiKey, TokenBucket> = new Map();

  constructor(parts: KeyringParts) {
    this.#parts = parts;
    this.replace(parts.keys);
  }

  /** A key whose line has not changed keeps the tokens that it has. */
  replace(keys: readonly ApiKey[]): void {
    const nowMs = this.#parts.clock.monotonicMs();
    const buckets = new Map<ApiKey, TokenBucket>();
    for (const key of keys) {
      if (key.limit === null) continue;
      const former = this.#keys.get(key.digest);
      const kept =
        former !== undefined && isDeepStrictEqual(former.limit, key.limit)
          ? this.#buckets.get(former)
          : undefined;
      buckets.set(key, kept ?? new TokenBucket(key.limit, nowMs));
    }
    this.#keys = new Map(keys.map((key) => [key.digest, key]));
    this.#buckets = buckets;
    this.#parts.metrics.set('apiKeys', this.#keys.size);
  }

  /** Null if the key in this `Authorization` header has the scope; otherwise the response. */
  check(authorization: string, scope: Scope): Problem | null {
    const admitted = this.#admit(authorization, scope);
    return 'slug' in admitted ? admitted : null;
  }

  /** Whether it has the scope. Nothing is counted. */
  allows(authorization: string, scope: Scope): boolean {
    return !('slug' in this.#find(authorization, scope));
  }

  /** The name of the key, if it has the scope; otherwise empty. Nothing is counted. */
  nameOf(authorization: string, scope: Scope): string {
    const key = this.#find(authorization, scope);
    return 'slug' in key ? '' : key.name;
  }

  /** The same as `check` for a request that counts: the key has a token left, which it takes. */
  admit(authorization: string, scope: Scope): ApiKey | Problem {
    const key = this.#admit(authorization, scope);
    if ('slug' in key) return key;
    const waitMs = this.#buckets.get(key)?.take(this.#parts.clock.monotonicMs()) ?? 0;
    if (waitMs === 0) return key;
    this.#parts.metrics.count('rateLimited');
    return tooMany(Math.ceil(waitMs / 1000));
  }

  /** Takes further tokens for a request that was admitted. */
  charge(key: ApiKey, tokens: number): void {
    this.#buckets.get(key)?.charge(tokens);
  }

  #admit(authorization: string, scope: Scope): ApiKey | Problem {
    const admitted = this.#find(authorization, scope);
    if ('slug' in admitted) this.#parts.metrics.count('accessRefused');
    return admitted;
  }

  #find(authorization: string, scope: Scope): ApiKey | Problem {
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) return problem('token-required');
    const key = this.#keys.get(digestOf(token));
    if (key === undefined) return problem('token-unknown');
    if (this.#isExpired(key)) return EXPIRED;
    return hasScope(key, scope) ? key : WITHOUT_SCOPE[scope];
  }

  /** The key in force with this text. */
  find(text: string): ApiKey | undefined {
    return this.#inForce(this.#keys.get(digestOf(text)));
  }

  /** The key in force whose hash begins like this. */
  findByDigest(start: string): ApiKey | undefined {
    for (const [digest, key] of this.#keys) if (digest.startsWith(start)) return this.#inForce(key);
    return undefined;
  }

  #inForce(key: ApiKey | undefined): ApiKey | undefined {
    return key === undefined || this.#isExpired(key) ? undefined : key;
  }

  #isExpired({ expiresAtMs }: ApiKey): boolean {
    return expiresAtMs !== Infinity && this.#parts.clock.nowMs() >= expiresAtMs;
  }
}
