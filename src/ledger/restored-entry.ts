import assert from 'node:assert/strict';
import { EARLIER_ATTEMPTS_MAX, type Story } from '../core/attempt.ts';
import { isOpen, type PaymentStatus } from '../core/payment.ts';
import { isAwaited } from './actions.ts';
import type { BooksStatus } from './books-status.ts';
import { assertAmount, assertProcessor, assertTime } from './commit.ts';
import type { LedgerEntry, RestoredEntry } from './ledger.ts';
import type { Folded } from './retention.ts';

export const RESTORING_OWNER_GONE = 'the owner of restored entries has been taken over';

type Compared = Pick<LedgerEntry, 'amountCents' | 'status' | 'requestedAtMs' | 'conflictingAmountCents'>;

/** The state that may follow has a higher rank. A payment that is held may be released, and the other way round. */
const RANKS: Readonly<Record<PaymentStatus, number>> = {
  accepted: 1,
  held: 1,
  dispatched: 2,
  settled: 3,
  rejected: 3,
};

/**
 * What becomes of an entry whose id the books have. `note`: the books only lack the other amount that was posted.
 *
 * An open entry is advanced only while the books are frozen: otherwise its owner may be about to do something else. They know
 * nothing about an awaited payment.
 *
 * The same rules are in `functions/restore.lua`.
 */
export function restoreDecision(
  known: Compared,
  given: Compared,
  isSameProcessor: boolean,
  isFrozen: boolean,
): 'known' | 'different' | 'advance' | 'note' {
  if (isAwaited(given)) return 'known';
  if (isAwaited(known)) return 'advance';
  if (known.amountCents !== given.amountCents) return 'different';
  const isSame =
    known.status === given.status && isSameProcessor && known.requestedAtMs === given.requestedAtMs;
  if (isSame) {
    const isNew = known.conflictingAmountCents === null && given.conflictingAmountCents !== null;
    return isNew ? 'note' : 'known';
  }
  if (RANKS[known.status] > RANKS[given.status]) return 'known';
  return isOpen(known) && isFrozen ? 'advance' : 'different';
}

/**
 * What becomes of an entry whose id the books do not have. Books that are folded may have had it, and have forgotten it since:
 * then their totals have its charge already, and to open it again would be to send it again. Books that are being filled have
 * nothing of their own.
 *
 * The same rules are in `functions/restore.lua`.
 */
export function unknownDecision(
  given: Pick<LedgerEntry, 'status' | 'amountCents' | 'acceptedAtMs' | 'requestedAtMs'>,
  { secondsMs }: Folded,
  { kind }: BooksStatus,
): 'restored' | 'uncounted' | 'forgotten' {
  const { status, acceptedAtMs, requestedAtMs } = given;
  if (kind === 'filling') return 'restored';
  if (status === 'settled') return requestedAtMs < secondsMs ? 'uncounted' : 'restored';
  const isOld = Math.max(acceptedAtMs, requestedAtMs) < secondsMs;
  return isOpen(given) && !isAwaited(given) && isOld ? 'forgotten' : 'restored';
}

/** The part of a restored entry's story that a ledger stores: an open payment has no outcome yet. */
export function keptStory({ status, story }: Pick<RestoredEntry, 'status' | 'story'>): Story {
  return {
    why: story.why,
    outcome: isOpen({ status }) ? 'unknown' : story.outcome,
    earlier: story.earlier.slice(-EARLIER_ATTEMPTS_MAX),
  };
}

/** Every ledger checks this before it writes anything, so that a caller's bug changes nothing. */
export function assertRestored(processorCount: number, entries: readonly RestoredEntry[]): void {
  for (const entry of entries) {
    const { status, processor, amountCents, acceptedAtMs, requestedAtMs, chargedCents } = entry;
    if (!isAwaited(entry)) assertAmount(amountCents);
    assertTime(acceptedAtMs);
    assertTime(requestedAtMs);
    if (status === 'accepted' || status === 'held')
      assert(processor === null, 'a payment that was not dispatched is at no processor');
    // One that was cancelled was sent to none.
    else assert(processor !== null || status === 'rejected', 'an entry has a processor once it was claimed');
    if (processor !== null) assertProcessor(processorCount, processor);
    if (status === 'settled' && chargedCents !== null) assertAmount(chargedCents);
  }
}
