import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { Repeating } from '../core/repeating.ts';
import { type BooksStatus, type BooksStatusKind, frozenReason } from '../ledger/books-status.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { BOOKS_STATUSES, type ThreadMetrics } from '../shared-memory/metrics-table.ts';

export interface BooksStatusWatchParts {
  readonly ledger: Pick<Ledger, 'booksStatus'>;
  readonly metrics: ThreadMetrics;
  readonly clock: Clock;
  /** Null: another thread of the instance logs it. */
  readonly log: Log | null;
}

/** Each look is one short read of the ledger, and an operator who has unfrozen the books waits no longer. */
const LOOK_EVERY_MS = 2000;
/** Until it is known for the first time, nothing can be sent. */
const LOOK_FIRST_EVERY_MS = 200;
const UNPROVEN =
  'the books are a restored copy that processors may be ahead of: each new payment is looked up before it is sent; run dinossauro audit --adopt';

/** Follows what the books are used for. */
export class BooksStatusWatch extends Repeating {
  readonly #parts: BooksStatusWatchParts;
  #status: BooksStatus | null = null;
  #looked = Promise.withResolvers<void>();
  /** Not known yet is frozen, too. */
  #isFrozen = true;

  constructor(parts: BooksStatusWatchParts) {
    super(parts.clock);
    this.#parts = parts;
  }

  /** Also ends waiting for a look. */
  override stop(): void {
    super.stop();
    this.#looked.resolve();
  }

  /** Null: not known yet. */
  get kind(): BooksStatusKind | null {
    return this.#status?.kind ?? null;
  }

  /** Whether payments may be sent: the ledger refuses to claim them anyway. */
  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** Resolves after the next look, or when the watch stops. */
  looked(): Promise<void> {
    return this.#looked.promise;
  }

  protected override async work(): Promise<number> {
    const reply = await this.#parts.ledger.booksStatus();
    if (this.isStopped) return 0;
    if (reply.kind === 'ok' && reply.value.kind !== this.#status?.kind) this.#change(reply.value);
    this.#looked.resolve();
    this.#looked = Promise.withResolvers();
    return this.#status === null ? LOOK_FIRST_EVERY_MS : LOOK_EVERY_MS;
  }

  #change(status: BooksStatus): void {
    const { metrics, log } = this.#parts;
    const isFirst = this.#status === null;
    this.#status = status;
    metrics.set('booksStatus', BOOKS_STATUSES.indexOf(status.kind) + 1);
    const frozen = frozenReason(status);
    this.#isFrozen = frozen !== null;
    if (frozen !== null)
      log?.error({ reason: frozen }, 'the books are frozen: payments are accepted and wait');
    else if (status.kind === 'unproven') log?.warn({ books: status.detail }, UNPROVEN);
    else if (!isFirst) log?.info({}, 'the books are in use again');
  }
}
