import { answer, BAD_REQUEST, later, type Reply } from './reply.ts';

/**
 * Faults that the official processor does not have, for testing its clients. A fault strikes a payment after the
 * injected delay and failure, in place of the plain insert.
 *
 * | kind               | commits         | the caller sees                                  |
 * |--------------------|-----------------|--------------------------------------------------|
 * | drop-before-commit | no              | the connection ends, no answer                   |
 * | drop-after-commit  | yes             | the connection ends, no answer                   |
 * | hang               | after `delayMs` | the answer of the insert, after 10 s by default  |
 * | 500-after-commit   | yes             | 500                                              |
 * | 400                | no              | 400                                              |
 * | 429                | no              | 429, Retry-After: 1                              |
 * | 503                | no              | 503, Retry-After: 1                              |
 * | garbage            | yes             | a status line that is not HTTP                   |
 * | half-response      | yes             | 200 and half a body, then the connection ends    |
 */
const EFFECTS = {
  'drop-before-commit': { commits: false, reply: { kind: 'drop' } },
  'drop-after-commit': { commits: true, reply: { kind: 'drop' } },
  hang: { commits: true, reply: null },
  '500-after-commit': { commits: true, reply: answer(500) },
  '400': { commits: false, reply: BAD_REQUEST },
  '429': { commits: false, reply: later(429, 1) },
  '503': { commits: false, reply: later(503, 1) },
  garbage: { commits: true, reply: { kind: 'garbage' } },
  'half-response': { commits: true, reply: { kind: 'half' } },
} as const satisfies Record<string, Effect>;

export interface Effect {
  readonly commits: boolean;
  /** Null: the answer of the insert. */
  readonly reply: Reply | null;
}

type FaultKind = keyof typeof EFFECTS;

const HANG_DELAY_MS = 10_000;

export interface Fault {
  readonly kind: FaultKind;
  /** Probability of striking, 0 to 1. */
  readonly rate: number;
  /** How many more payments it strikes; null: no limit. */
  readonly count: number | null;
  /** Delay before it takes effect. */
  readonly delayMs: number;
}

export function effectOf(fault: Fault): Effect {
  return EFFECTS[fault.kind];
}

/** Reads `{"kind", "rate"?, "count"?, "delayMs"?}`; kind 'none' clears all faults; null: invalid. */
export function readFault(body: Readonly<Record<string, unknown>>): Fault | 'none' | null {
  const { kind, rate = 1, count = null } = body;
  const { delayMs = kind === 'hang' ? HANG_DELAY_MS : 0 } = body;
  if (kind === 'none') return 'none';
  if (typeof kind !== 'string' || !Object.hasOwn(EFFECTS, kind)) return null;
  if (typeof rate !== 'number' || !(rate >= 0 && rate <= 1)) return null;
  if (count !== null && !isCount(count)) return null;
  if (!isCount(delayMs)) return null;
  return { kind: kind as FaultKind, rate, count, delayMs };
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

  /** The fault that strikes this payment; null: none. */
  draw(): Fault | null {
    if (this.#byKind.size === 0) return null;
    for (const fault of this.#byKind.values()) {
      if (fault.rate < 1 && this.#random() >= fault.rate) continue;
      if (fault.count !== null) this.set({ ...fault, count: fault.count - 1 });
      return fault;
    }
    return null;
  }
}
