import type { OutboxLimits } from '../../config/parsers.ts';
import { type Attempt, NO_STORY } from '../../core/attempt.ts';
import type { Clock } from '../../core/clock.ts';
import { isOpen } from '../../core/payment.ts';
import {
  type Action,
  type Cancellation,
  type CancelReply,
  cancelProblem,
  type HoldReply,
  holdProblem,
  isAwaited,
  isKnown,
  type ReleaseReply,
  type Reopening,
  type ReopenReply,
  rejectedAttempt,
  reopenProblem,
} from '../actions.ts';
import { frozenReason } from '../books-status.ts';
import { cancelReason } from '../cancel.ts';
import { assertProcessor, isPurged, keptReason } from '../commit.ts';
import { feeKey } from '../fees.ts';
import type {
  Claim,
  ClaimReply,
  LedgerEntry,
  RestoredEntry,
  RestoreReply,
  Settlement,
  SettleReply,
} from '../ledger.ts';
import { paymentEventType } from '../outbox.ts';
import { keptStory, restoreDecision, unknownDecision } from '../restored-entry.ts';
import { isCountedAlready } from '../retention.ts';
import { endedOutcome, nextStory, withAttempt } from '../story.ts';
import type { MemoryEntry, MemoryEvent, MemoryStore } from './store.ts';

export interface MemoryOutboxOptions extends OutboxLimits {
  /** Gives events their times. */
  readonly clock: Pick<Clock, 'nowMs'>;
}

/**
 * What happens to a single payment in the books of a store, as one connection sees them: the rules of the ledger, without
 * its replies.
 */
export class MemoryEntries {
  readonly #store: MemoryStore;
  readonly #names: readonly string[];
  readonly #outbox: MemoryOutboxOptions | null;

  /** `names`: of the processors, in the order of their positions; it may grow. */
  constructor(store: MemoryStore, names: readonly string[], outbox: MemoryOutboxOptions | null) {
    this.#store = store;
    this.#names = names;
    this.#outbox = outbox;
  }

  restore(owner: number, { correlationId, chargedCents, ...given }: RestoredEntry): RestoreReply {
    const { entries, charges, folded, status: booksStatus } = this.#store;
    const known = entries.get(correlationId);
    const processor = given.processor === null ? null : this.name(given.processor);
    const reply = known === undefined ? unknownDecision(given, folded, booksStatus) : 'restored';
    if (reply === 'forgotten') return reply;
    if (known !== undefined) {
      const isSameProcessor = known.processor === processor;
      const isFrozen = frozenReason(booksStatus) !== null;
      const decision = restoreDecision(known, given, isSameProcessor, isFrozen);
      if (decision === 'known' || decision === 'different') return decision;
      if (decision === 'note') {
        known.conflictingAmountCents = given.conflictingAmountCents;
        return 'restored';
      }
    }
    const isOwned = given.status === 'accepted' || given.status === 'dispatched';
    const conflictingAmountCents = known?.conflictingAmountCents ?? given.conflictingAmountCents;
    const reason = given.status === 'rejected' ? keptReason(given.reason) : '';
    entries.set(correlationId, {
      ...given,
      story: keptStory(given),
      owner: isOwned ? owner : 0,
      processor,
      reason,
      conflictingAmountCents,
    });
    const { status, requestedAtMs } = given;
    const isCounted = reply === 'restored' && chargedCents !== null;
    if (status === 'settled' && processor !== null && isCounted)
      charges.push({ processor, count: 1, amountCents: chargedCents, requestedAtMs });
    this.#reportFinished(correlationId, chargedCents ?? given.amountCents);
    return reply;
  }

  settle(owner: number, settlement: Settlement): SettleReply {
    const entry = this.#store.entries.get(settlement.correlationId);
    const processor = this.name(settlement.processor);
    const { status, requestedAtMs } = settlement;
    if (entry === undefined) return 'fenced';
    if (!isOpen(entry)) {
      const isSame =
        entry.status === status && entry.processor === processor && entry.requestedAtMs === requestedAtMs;
      return isSame ? 'recorded' : 'fenced';
    }
    if (entry.status !== 'dispatched' || entry.owner !== owner) return 'fenced';
    const isCounted = isCountedAlready(entry, requestedAtMs, this.#store.folded);
    const story = { ...entry.story, outcome: settlement.outcome ?? 'unknown' };
    Object.assign(entry, { status, owner: 0, processor, requestedAtMs, story });
    if (status === 'rejected') entry.reason = keptReason(settlement.reason);
    else if (!isCounted) this.#charge(processor, settlement);
    this.#reportFinished(settlement.correlationId, settlement.amountCents);
    return 'recorded';
  }

  /** If the payment has been settled or rejected. */
  #reportFinished(correlationId: string, chargedCents: number): void {
    const entry = this.#store.entries.get(correlationId);
    if (entry?.status !== 'settled' && entry?.status !== 'rejected') return;
    const type = paymentEventType(entry.status);
    this.report({ type, correlationId, entry: { ...entry }, chargedCents });
  }

  report(event: MemoryEvent): void {
    if (this.#outbox !== null) this.#store.outbox.append(event, this.#outbox.clock.nowMs());
  }

  #charge(processor: string, { amountCents, requestedAtMs, fee }: Settlement): void {
    this.#store.charges.push({ processor, count: 1, amountCents, requestedAtMs });
    if (fee === undefined) return;
    const at = { name: processor, feePpm: fee.feePpm, feeFixedCents: fee.feeFixedCents };
    const before = this.#store.fees.get(feeKey(at)) ?? { count: 0, amountCents: 0 };
    const sums = { count: before.count + 1, amountCents: before.amountCents + amountCents };
    this.#store.fees.set(feeKey(at), { ...at, ...sums });
  }

  reopen(owner: number, payment: Reopening): ReopenReply {
    const entry = this.#store.entries.get(payment.correlationId);
    const shown = entry && this.shown(payment.correlationId, entry);
    const problem = reopenProblem(shown, payment);
    if (entry === undefined || shown === undefined || problem !== null) return problem ?? 'unknown';
    const attempt = rejectedAttempt(shown);
    const story = { ...NO_STORY, earlier: withAttempt(entry.story.earlier, attempt) };
    Object.assign(entry, { status: 'accepted', owner, processor: null, requestedAtMs: 0, reason: '', story });
    return 'reopened';
  }

  cancel(action: Action, payment: Cancellation): CancelReply {
    const { correlationId, amountCents } = payment;
    const entry = this.#store.entries.get(correlationId);
    const problem = cancelProblem(entry && this.shown(correlationId, entry), payment);
    if (problem !== null) return problem;
    const { atMs: requestedAtMs } = action;
    const rejected = { status: 'rejected', owner: 0, requestedAtMs, reason: cancelReason(action) } as const;
    if (isKnown(entry)) Object.assign(entry, rejected);
    else if (amountCents !== null)
      this.#store.entries.set(correlationId, {
        ...neverSent({ amountCents, acceptedAtMs: requestedAtMs }),
        ...rejected,
      });
    this.#reportFinished(correlationId, 0);
    return 'cancelled';
  }

  hold({ atMs }: Action, correlationId: string): HoldReply {
    const { entries } = this.#store;
    const entry = entries.get(correlationId);
    const problem = holdProblem(entry);
    if (problem !== null) return problem;
    if (entry !== undefined) {
      Object.assign(entry, { status: 'held', owner: 0 });
      return 'held';
    }
    const awaited = neverSent({ amountCents: 0, acceptedAtMs: atMs });
    entries.set(correlationId, { ...awaited, status: 'held' });
    return 'awaited';
  }

  release(owner: number, correlationId: string): ReleaseReply {
    const { entries } = this.#store;
    const entry = entries.get(correlationId);
    if (entry?.status !== 'held') return 'not-held';
    if (isAwaited(entry)) entries.delete(correlationId);
    else Object.assign(entry, { status: 'accepted', owner });
    return 'released';
  }

  claim(owner: number, claim: Claim): ClaimReply {
    if (!this.isAlive(owner)) return 'fenced';
    const entry = this.#store.entries.get(claim.correlationId);
    if (entry === undefined) return this.#claimUnknown(owner, claim);
    if (isAwaited(entry)) return this.#holdAwaited(entry, claim);
    if (entry.amountCents !== claim.amountCents) {
      entry.conflictingAmountCents ??= claim.amountCents;
      return 'conflict';
    }
    if (!isOpen(entry)) return 'known';
    const mayDispatch = entry.status === 'accepted' && claim.processor !== null;
    if (entry.owner !== owner && !mayDispatch) return 'known';
    if (claim.processor !== null) dispatch(entry, owner, this.name(claim.processor), claim);
    return 'claimed';
  }

  #claimUnknown(owner: number, claim: Claim): ClaimReply {
    if (isPurged(claim, this.#store.purgedAtMs)) return 'purged';
    const entry: MemoryEntry = { ...neverSent(claim), owner };
    if (claim.processor !== null) dispatch(entry, owner, this.name(claim.processor), claim);
    this.#store.entries.set(claim.correlationId, entry);
    return 'claimed';
  }

  #holdAwaited(entry: MemoryEntry, claim: Claim): ClaimReply {
    if (isPurged(claim, this.#store.purgedAtMs)) return 'purged';
    entry.amountCents = claim.amountCents;
    entry.acceptedAtMs = claim.acceptedAtMs;
    return 'known';
  }

  isAlive(owner: number): boolean {
    return this.#store.owners.get(owner)?.fenced === false;
  }

  shown(correlationId: string, entry: MemoryEntry): LedgerEntry {
    const { processor: processorName } = entry;
    const position = processorName === null ? -1 : this.#names.indexOf(processorName);
    return { correlationId, ...entry, processor: position === -1 ? null : position, processorName };
  }

  /** Whether the processor is one that this connection was not opened with. */
  isForeign(processor: string | null): processor is string {
    return processor !== null && !this.#names.includes(processor);
  }

  name(processor: number): string {
    assertProcessor(this.#names.length, processor);
    return this.#names[processor] as string;
  }
}

function neverSent({ amountCents, acceptedAtMs }: Pick<Claim, 'amountCents' | 'acceptedAtMs'>): MemoryEntry {
  return {
    amountCents,
    acceptedAtMs,
    status: 'accepted',
    owner: 0,
    processor: null,
    requestedAtMs: 0,
    attempts: 0,
    story: NO_STORY,
    reason: '',
    conflictingAmountCents: null,
  };
}

/** The same processor and stamp mean a repeated commit, which is not another attempt. */
function dispatch(entry: MemoryEntry, owner: number, processor: string, claim: Claim): void {
  const { requestedAtMs } = claim;
  const isRepeated =
    entry.status === 'dispatched' && entry.processor === processor && entry.requestedAtMs === requestedAtMs;
  if (!isRepeated) {
    entry.attempts++;
    entry.story = nextStory(entry.story, claim, endedAttempt(entry, claim));
  }
  Object.assign(entry, { status: 'dispatched', owner, processor, requestedAtMs });
}

function endedAttempt({ processor, requestedAtMs, story }: MemoryEntry, claim: Claim): Attempt | null {
  if (processor === null) return null;
  const outcome = endedOutcome(claim, requestedAtMs);
  return { processorName: processor, requestedAtMs, why: story.why, outcome };
}
