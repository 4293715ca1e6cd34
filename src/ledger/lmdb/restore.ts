import { isOpen } from '../../core/payment.ts';
import { type BooksStatus, booksStatusText, frozenReason, readBooksStatus } from '../books-status.ts';
import { keptReason } from '../commit.ts';
import type { RestoredEntry, RestoreReply, Settlement } from '../ledger.ts';
import { keptStory, restoreDecision, unknownDecision } from '../restored-entry.ts';
import type { Folded } from '../retention.ts';
import type { LmdbCommitParts } from './commit.ts';
import type { Finished } from './outbox.ts';
import { BOOKS_STATUS_KEY, entryKey, NO_OWNER } from './records.ts';
import type { LmdbStore } from './store.ts';
import type { StoredEntry } from './stored-entry.ts';

/** The status of the books of an LMDB ledger. */
export class LmdbBooksStatus {
  readonly #store: LmdbStore;

  constructor(store: LmdbStore) {
    this.#store = store;
  }

  get(): BooksStatus {
    return readBooksStatus(this.#store.records.get(BOOKS_STATUS_KEY)?.toString());
  }

  set(status: BooksStatus): void {
    this.#store.records.putSync(BOOKS_STATUS_KEY, Buffer.from(booksStatusText(status)));
  }
}

/** Writes entries of other books, in one transaction of the caller. */
export class LmdbRestore {
  readonly #owner: number;
  readonly #status: BooksStatus;
  readonly #folded: Folded;
  readonly #parts: LmdbCommitParts;
  readonly #charges: Settlement[] = [];
  readonly #finished: Finished[] = [];

  constructor(owner: number, status: BooksStatus, folded: Folded, parts: LmdbCommitParts) {
    this.#folded = folded;
    this.#owner = owner;
    this.#status = status;
    this.#parts = parts;
  }

  run(entries: readonly RestoredEntry[]): RestoreReply[] {
    const replies = entries.map((entry) => this.#restore(entry));
    if (this.#charges.length > 0) this.#parts.timeIndex.add(this.#charges, this.#folded);
    this.#parts.outbox.addPayments(this.#finished);
    return replies;
  }

  #restore(given: RestoredEntry): RestoreReply {
    const { entries, processors } = this.#parts;
    const id = entryKey(given.correlationId);
    const known = entries.get(id);
    const processorNumber = given.processor === null ? 0 : processors.numberOf(given.processor);
    const reply = known === undefined ? unknownDecision(given, this.#folded, this.#status) : 'restored';
    if (reply === 'forgotten') return reply;
    if (known !== undefined) {
      const shown = entries.shown(given.correlationId, known);
      const isSameProcessor = known.processorNumber === processorNumber;
      const isFrozen = frozenReason(this.#status) !== null;
      const decision = restoreDecision(shown, given, isSameProcessor, isFrozen);
      if (decision === 'known' || decision === 'different') return decision;
      if (decision === 'note') {
        known.conflictingAmountCents = given.conflictingAmountCents ?? 0;
        entries.put(id, known);
        return 'restored';
      }
      entries.release(id, known.owner);
    }
    this.#put(id, known, given, processorNumber);
    if (reply === 'restored') this.#charge(given);
    return reply;
  }

  #put(id: Buffer, known: StoredEntry | undefined, given: RestoredEntry, processorNumber: number): void {
    const { entries, processors } = this.#parts;
    const { status, attempts, acceptedAtMs, requestedAtMs, amountCents } = given;
    const story = keptStory(given);
    const conflictingAmountCents = known?.conflictingAmountCents || (given.conflictingAmountCents ?? 0);
    const entry: StoredEntry = {
      status,
      processorNumber,
      owner: status === 'accepted' || status === 'dispatched' ? this.#owner : NO_OWNER,
      attempts,
      why: story.why,
      outcome: story.outcome,
      earlier: story.earlier.flatMap(({ processorName, ...attempt }) => {
        const number = processors.registeredNumber(processorName);
        return number === undefined ? [] : [{ processorNumber: number, ...attempt }];
      }),
      acceptedAtMs,
      requestedAtMs,
      amountCents,
      conflictingAmountCents,
      reason: status === 'rejected' ? keptReason(given.reason) : '',
    };
    entries.put(id, entry);
    if (isOpen(entry)) entries.hold(id, entry.owner);
    else this.#finished.push({ id, entry, chargedCents: given.chargedCents ?? given.amountCents });
  }

  #charge({ correlationId, status, processor, requestedAtMs, chargedCents }: RestoredEntry): void {
    if (status !== 'settled' || processor === null || chargedCents === null) return;
    const charged = { amountCents: chargedCents, requestedAtMs };
    this.#charges.push({ correlationId, status, processor, ...charged, reason: '' });
  }
}
