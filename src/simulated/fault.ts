import { answer, BAD_REQUEST, later, type Reply } from './reply.ts';

/**
 * Faults that the official processor does not have, for testing its clients. A fault strikes a payment after the
 * injected delay and failure, in place of the plain insert; some strike look-ups, or every request.
 *
 * | kind               | strikes    | commits                  | the caller sees                                  |
 * |--------------------|------------|--------------------------|--------------------------------------------------|
 * | drop-before-commit | payments   | no                       | the connection ends, no answer                   |
 * | drop-after-commit  | payments   | yes                      | the connection ends, no answer                   |
 * | hang               | payments   | after `delayMs`          | the answer of the insert, after 10 s by default  |
 * | 500-after-commit   | payments   | yes                      | 500                                              |
 * | 500-before-commit  | payments   | `delayMs` after it, 1 s  | 500                                              |
 * | 503-before-commit  | payments   | `delayMs` after it, 1 s  | 503, Retry-After                                 |
 * | 408, 409, 423, 425 | payments   | `delayMs` after it, 1 s  | that status: nothing is said about the payment   |
 * | 400, 402           | payments   | no                       | that status                                      |
 * | 429, 503           | payments   | no                       | that status, Retry-After                         |
 * | garbage            | payments   | yes                      | a status line that is not HTTP                   |
 * | half-response      | payments   | yes                      | 200 and half a body, then the connection ends    |
 * | look-up-429        | look-ups   | no                       | 429, Retry-After                                 |
 * | 401, 403, 404, 405 | everything | no                       | that status: the address or the key is wrong     |
 */
const EFFECTS = {
  'drop-before-commit': { commits: 'never', reply: () => ({ kind: 'drop' }) },
  'drop-after-commit': { commits: 'first', reply: () => ({ kind: 'drop' }) },
  hang: { commits: 'first', reply: () => null },
  '500-after-commit': { commits: 'first', reply: () => answer(500) },
  '500-before-commit': { commits: 'later', reply: () => answer(500) },
  '503-before-commit': { commits: 'later', reply: (retryAfterS) => later(503, retryAfterS) },
  '408': { commits: 'later', reply: () => answer(408) },
  '409': { commits: 'later', reply: () => answer(409) },
  '423': { commits: 'later', reply: () => answer(423) },
  '425': { commits: 'later', reply: () => answer(425) },
  '400': { commits: 'never', reply: () => BAD_REQUEST },
  '402': { commits: 'never', reply: () => answer(402) },
  '429': { commits: 'never', reply: (retryAfterS) => later(429, retryAfterS) },
  '503': { commits: 'never', reply: (retryAfterS) => later(503, retryAfterS) },
  garbage: { commits: 'first', reply: () => ({ kind: 'garbage' }) },
  'half-response': { commits: 'first', reply: () => ({ kind: 'half' }) },
  'look-up-429': { strikes: 'look-ups', commits: 'never', reply: (retryAfterS) => later(429, retryAfterS) },
  '401': { strikes: 'everything', commits: 'never', reply: () => refusal(401) },
  '403': { strikes: 'everything', commits: 'never', reply: () => refusal(403) },
  '404': { strikes: 'everything', commits: 'never', reply: () => refusal(404) },
  '405': { strikes: 'everything', commits: 'never', reply: () => refusal(405) },
} as const satisfies Record<string, Effect>;

export interface Effect {
  /** Default: payments. */
  readonly strikes?: 'payments' | 'look-ups' | 'everything';
  /** `first`: after the delay, before the answer. `later`: the answer comes at once, and the insert after the delay. */
  readonly commits: 'never' | 'first' | 'later';
  /** Null: the answer of the insert. */
  readonly reply: (retryAfterS: number) => Reply | null;
}

export type FaultKind = keyof typeof EFFECTS;

/** What a request is, for the faults that may strike it. */
export type Struck = 'payments' | 'look-ups' | 'health';

const REFUSAL_BODY = '{"error":"refused"}';
const HANG_DELAY_MS = 10_000;
const LATER_DELAY_MS = 1000;
const RETRY_AFTER_S = 1;

export interface Fault {
  readonly kind: FaultKind;
  /** Probability of striking, 0 to 1. */
  readonly rate: number;
  /** How many more requests it strikes; null: no limit. */
  readonly count: number | null;
  /** Delay before it takes effect. */
  readonly delayMs: number;
  /** The `Retry-After` of answers that have one. */
  readonly retryAfterS: number;
}

export function effectOf({ kind }: Pick<Fault, 'kind'>): Effect {
  return EFFECTS[kind];
}

/** JSON, as an answer about a payment would be. */
function refusal(status: 401 | 403 | 404 | 405): Reply {
  return answer(status, REFUSAL_BODY);
}

/** Whether this is the body of an answer that refuses every request. */
export function isRefusal(body: string): boolean {
  return body === REFUSAL_BODY;
}

/** Reads `{"kind", "rate"?, "count"?, "delayMs"?, "retryAfterS"?}`; kind 'none' clears all faults; null: invalid. */
export function readFault(body: Readonly<Record<string, unknown>>): Fault | 'none' | null {
  const { kind, rate = 1, count = null, retryAfterS = RETRY_AFTER_S } = body;
  if (kind === 'none') return 'none';
  if (typeof kind !== 'string' || !Object.hasOwn(EFFECTS, kind)) return null;
  const { delayMs = standardDelayMs(kind as FaultKind) } = body;
  if (typeof rate !== 'number' || !(rate >= 0 && rate <= 1)) return null;
  if (count !== null && !isCount(count)) return null;
  if (!isCount(delayMs) || !isCount(retryAfterS)) return null;
  return { kind: kind as FaultKind, rate, count, delayMs, retryAfterS };
}

function standardDelayMs(kind: FaultKind): number {
  if (kind === 'hang') return HANG_DELAY_MS;
  return EFFECTS[kind].commits === 'later' ? LATER_DELAY_MS : 0;
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0x7fff_ffff;
}

/** The active faults, at most one of each kind; the one set first has precedence. */
export class Faults {
  readonly #random: () => number;
  readonly #byKind = new Map<FaultKind, Fault>();

  /** `random` returns numbers from 0 to 1, exclusive. */
  constructor(random: () => number) {
    this.#random = random;
  }

  set(fault: Fault): void {
    if (fault.count === 0) this.#byKind.delete(fault.kind);
    else this.#byKind.set(fault.kind, fault);
  }

  clear(): void {
    this.#byKind.clear();
  }

  list(): Fault[] {
    return [...this.#byKind.values()];
  }

  /** The fault that strikes this request; null: none. */
  draw(struck: Struck = 'payments'): Fault | null {
    if (this.#byKind.size === 0) return null;
    for (const fault of this.#byKind.values()) {
      const { strikes = 'payments' } = effectOf(fault);
      if (strikes !== 'everything' && strikes !== struck) continue;
      if (fault.rate < 1 && this.#random() >= fault.rate) continue;
      if (fault.count !== null) this.set({ ...fault, count: fault.count - 1 });
      return fault;
    }
    return null;
  }
}
