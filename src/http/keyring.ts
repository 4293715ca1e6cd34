import { type ApiKey, digestOf, hasScope, SCOPES, type Scope } from '../config/api-key.ts';
import type { Clock } from '../core/clock.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';
import { type Problem, problem } from './problem.ts';

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

/**
 * The API keys in force, by their hashes. A key that a client sends is looked up by its hash, so how long that takes says
 * nothing about any key: the hash of a guess tells how near the guess was to nothing.
 */
export class Keyring {
  readonly #parts: KeyringParts;
  #keys: ReadonlyMap<string, ApiKey> = new Map();

  constructor(parts: KeyringParts) {
    this.#parts = parts;
    this.replace(parts.keys);
  }

  replace(keys: readonly ApiKey[]): void {
    this.#keys = new Map(keys.map((key) => [key.digest, key]));
    this.#parts.metrics.set('apiKeys', this.#keys.size);
  }

  /** Null if the key in this `Authorization` header has the scope; otherwise the response. */
  check(authorization: string, scope: Scope): Problem | null {
    const refusal = this.#check(authorization, scope);
    if (refusal !== null) this.#parts.metrics.count('accessRefused');
    return refusal;
  }

  #check(authorization: string, scope: Scope): Problem | null {
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) return problem('token-required');
    const key = this.#keys.get(digestOf(token));
    if (key === undefined) return problem('token-unknown');
    if (this.#isExpired(key)) return EXPIRED;
    return hasScope(key, scope) ? null : WITHOUT_SCOPE[scope];
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
