import type { PayOutcome } from '../processor.ts';
import type { Option } from './options.ts';

/** What a status of an answer to a payment may mean. */
const MEANINGS = [
  'committed',
  'pending',
  'duplicate',
  'refused',
  'failed',
  'unknown',
  'unfit',
  'rejected',
] as const satisfies readonly PayOutcome['kind'][];

export type StatusMeaning = (typeof MEANINGS)[number];

export interface StatusRule {
  readonly meaning: StatusMeaning;
  readonly statuses: readonly number[];
  readonly why: string;
}

/**
 * What the statuses of HTTP say about a payment if the documentation of the processor promises nothing. Only a request
 * of which no byte was sent is certain, so a status proves something only if it would make no sense otherwise. Every
 * other 4xx means what 400 means (RFC 9110, section 15); all others are `unknown`.
 */
export const CAREFUL_RULES: readonly StatusRule[] = [
  {
    meaning: 'committed',
    statuses: [200, 201, 204],
    why: 'the request was carried out; 202 and the other 2xx do not say that',
  },
  {
    meaning: 'unfit',
    statuses: [301, 307, 308],
    why: 'the request must be sent to another address, so it was not carried out here; 302 and 303 may come after the work is done',
  },
  {
    meaning: 'unfit',
    statuses: [401, 403, 404, 405, 406, 407, 410, 411, 413, 414, 415, 421, 426, 428, 431, 451],
    why: 'credentials, address, method, format or size are refused before the payment is looked at, whatever it is',
  },
  {
    meaning: 'duplicate',
    statuses: [400, 402, 422],
    why: 'this payment is refused, or its id is known already: a look-up tells which; every other 4xx means the same',
  },
  {
    meaning: 'unknown',
    statuses: [408, 409, 423, 425],
    why: 'another try is asked for, and nothing is said about this one, which may be in progress',
  },
  {
    meaning: 'unknown',
    statuses: [429],
    why: 'a proxy may have passed on the request before it gave up; list 429 as `refused` if the processor promises that nothing was charged',
  },
  {
    meaning: 'unknown',
    statuses: [500, 502, 503, 504],
    why: 'it failed or gave up at any moment, perhaps after the charge, perhaps before one that still follows; `Retry-After` changes nothing about that',
  },
];

export type StatusLists = Readonly<Partial<Record<StatusMeaning, readonly number[]>>>;

/** The option `statuses`. */
export const STATUSES: Option<StatusLists> = {
  default: {},
  expected: `lists of statuses from 200 to 599 under any of ${MEANINGS.join(', ')}; each status once, and only 2xx as committed or pending`,
  about:
    'what the processor promises beyond HTTP, such as `rejected: [422]` (final, never charged) or `refused: [429]` (certainly not charged); all others keep their meaning',
  read: (value) => (isStatusLists(value) ? value : undefined),
};

function isStatusLists(value: unknown): value is StatusLists {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const seen = new Set<number>();
  return Object.entries(value).every(([meaning, statuses]: [string, unknown]) => {
    if (!(MEANINGS as readonly string[]).includes(meaning) || !isStatuses(statuses)) return false;
    const last = meaning === 'committed' || meaning === 'pending' ? 299 : 599;
    return statuses.every((status) => status <= last && !seen.has(status) && seen.add(status));
  });
}

export function isStatuses(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((each) => Number.isInteger(each) && each >= 200 && each <= 599);
}

/** The meaning of each status: what `stated` says, else the last of the rules. */
export class StatusTable {
  readonly #meanings = new Map<number, StatusMeaning>();

  constructor(rules: readonly StatusRule[], stated: StatusLists) {
    const lists = MEANINGS.map((meaning) => ({ meaning, statuses: stated[meaning] ?? [] }));
    for (const { meaning, statuses } of [...rules, ...lists]) {
      for (const status of statuses) this.#meanings.set(status, meaning);
    }
  }

  meaningOf(status: number): StatusMeaning {
    const otherwise = status >= 400 && status <= 499 ? 'duplicate' : 'unknown';
    return this.#meanings.get(status) ?? otherwise;
  }

  /** The statuses that are known to mean this, such as `200, 201`; empty: none. */
  listed(meaning: StatusMeaning): string {
    const statuses = [...this.#meanings].flatMap(([status, each]) => (each === meaning ? [status] : []));
    return statuses.sort((one, other) => one - other).join(', ');
  }
}
