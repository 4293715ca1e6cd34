/** A problem of an instance, in sentences for the dashboard. */
export interface Condition {
  /** `critical`: payments wait or are refused because of it. `warning`: they may soon be, or they cost more. */
  readonly severity: 'critical' | 'warning';
  /** What is wrong. */
  readonly title: string;
  /** For how long; null: unknown. */
  readonly forMs: number | null;
  /** Accepted payments that wait because of it; null: it makes no payments wait. */
  readonly waiting: number | null;
  /** What it means for payments. */
  readonly effect: string;
  /** What to do. */
  readonly advice: string;
}

/** The state of one instance, from shared memory and the ledger's answers; conditions are derived from it. */
export interface Situation {
  readonly state: 'starting' | 'ready' | 'stopping';
  /** Accepted and not in the books yet. */
  readonly backlog: number;
  readonly backlogAgeMs: number;
  readonly ledger: {
    readonly kind: 'lmdb' | 'redis';
    /** Why it does not answer reads; null: it answers. */
    readonly unavailable: string | null;
    /** Time since the first failure after its last success; null: it works. */
    readonly failingForMs: number | null;
    readonly shardCount: number;
    /** Shards in which this instance can claim nothing now. */
    readonly shardsFailing: number;
    /** Whether payments are accepted only once the ledger has confirmed them. */
    readonly confirmsAcceptance: boolean;
    /** What the books are used for; null: not known yet. */
    readonly books: BooksUse | null;
  };
  /** Pool threads, and how many of them hold a valid lease. */
  readonly threads: { readonly count: number; readonly withLease: number };
  readonly journal: {
    readonly failingForMs: number | null;
    readonly usedSegments: number;
    readonly segmentCount: number;
  };
  readonly queue: { readonly size: number; readonly capacity: number };
  /** Cheapest first. */
  readonly processors: readonly ProcessorSituation[];
  /** The files that processors come from have changed, and cannot be put in force. */
  readonly credentialsOutdated: boolean;
  /** When the books are full, if they go on growing as they do; null: not known, or never. */
  readonly booksFullInMs: number | null;
  readonly failoverDelayMs: number;
  /** Payments of the deployment that operators hold. */
  readonly heldPayments: number;
  /** Processors that operators have added, and that this instance cannot open. */
  readonly processorsNotOpened: number;
  /** Webhooks that get no events until an operator enables them. */
  readonly webhooksDisabled: number;
}

/** The kinds of `BooksStatus` (`src/ledger/books-status.ts`). */
export type BooksUse = 'in-use' | 'filling' | 'moved' | 'behind' | 'unproven';

export interface ProcessorSituation {
  readonly name: string;
  /** For how long its breaker has been open or half-open; null: it is closed. */
  readonly openForMs: number | null;
  /** It refuses every request, by its last answers. */
  readonly isUnfit: boolean;
  /** How much longer it rests, as it has asked; null: it does not rest. */
  readonly restMs: number | null;
  /** An operator has paused it. */
  readonly isPaused: boolean;
}

export const NOTHING_LOST = 'Nothing is lost: accepted payments are in the journal or the ledger.';
