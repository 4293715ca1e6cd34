import { hash, randomBytes } from 'node:crypto';

/** What a key may do: `operate` includes `read`. */
export const SCOPES = ['post', 'read', 'operate'] as const;
export type Scope = (typeof SCOPES)[number];

/** A key of a client or an operator, as the gateway knows it: by its hash. */
export interface ApiKey {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** SHA-256 of the key, in lower-case hexadecimal. */
  readonly digest: string;
  /** Since the Unix epoch; Infinity: never. */
  readonly expiresAtMs: number;
  /** Null: none. */
  readonly limit: RateLimit | null;
}

/** How many requests for payments a key may make. */
export interface RateLimit {
  readonly perSecond: number;
  /** How many at once. */
  readonly burst: number;
}

/** Lets people and scanners of leaked secrets recognize a key. */
const PREFIX = 'dino_';
const KEY_BYTES = 32;

/** A new random key of 256 bits. It is shown once, and only its hash is kept. */
export function newKey(): string {
  return PREFIX + randomBytes(KEY_BYTES).toString('base64url');
}

/**
 * The hash by which a key is known. A password needs a slow hash, because people choose passwords that can be guessed.
 * Nothing can guess a random key of 256 bits, however fast the hash, and a slow one would be paid with every request.
 */
export function digestOf(key: string): string {
  return hash('sha256', key, 'hex');
}

export function hasScope({ scopes }: ApiKey, scope: Scope): boolean {
  return scopes.includes(scope) || (scope === 'read' && scopes.includes('operate'));
}
