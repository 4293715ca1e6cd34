import { isAwaited } from '../actions.ts';
import { isPurged, keptReason } from '../commit.ts';
import type { Claim, ClaimReply, CommitReply, Settlement, SettleReply } from '../ledger.ts';
import { type Folded, isCountedAlready } from '../retention.ts';
import { endedOutcome, withAttempt } from '../story.ts';
import type { LmdbEntries } from './entries.ts';
import type { LmdbFees } from './fees.ts';
import type { Finished, LmdbOutbox } from './outbox.ts';
import type { LmdbOwners } from './owners.ts';
import type { LmdbProcessors } from './processors.ts';
import { entryKey } from './records.ts';
import type { StoredAttempt, StoredEntry } from './stored-entry.ts';
import type { LmdbTimeIndex } from './time-index.ts';

/** What applies to all payments. */
export interface LmdbCommitRules {
  readonly purgedAtMs: number;
  readonly folded: Folded;
}

export interface LmdbCommitParts {
  readonly entries: LmdbEntries;
  readonly owners: LmdbOwners;
  readonly processors: LmdbProcessors;
  readonly timeIndex: LmdbTimeIndex;
  readonly fees: LmdbFees;
  readonly outbox: LmdbOutbox;
}

/** Settlements and claims of one owner, in one transaction of the caller. */
export class LmdbCommit {
  readonly #owner: number;
  readonly #rules: LmdbCommitRules;
  readonly #parts: LmdbCommitParts;
  readonly #charges: Settlement[] = [];
  readonly #finished: Finished[] = [];

  constructor(owner: number, rules: LmdbCommitRules, parts: LmdbCommitParts) {
    this.#owner = owner;
    this.#rules = rules;
    this.#parts = parts;
  }

  run(settlements: readonly Settlement[], claims: readonly Claim[]): CommitReply {
    const { owners, timeIndex, fees, outbox } = this.#parts;
    const settled = settlements.map((settlement) => this.#settle(settlement));
    if (this.#charges.length > 0) {
      timeIndex.add(this.#charges, this.#rules.folded);
      fees.add(this.#charges);
    }
    outbox.addPayments(this.#finished);
    if (claims.length === 0 || !owners.isAlive(this.#owner)) {
      return { settled, claimed: claims.map(() => 'fenced' as const) };
    }
    return { settled, claimed: claims.map((claim) => this.#claim(claim)) };
  }

  #settle(settlement: Settlement): SettleReply {
    const { entries, processors } = this.#parts;
    const id = entryKey(settlement.correlationId);
    const entry = entries.get(id);
    const processorNumber = processors.numberOf(settlement.processor);
    if (entry === undefined) return 'fenced';
    if (entry.status === 'settled' || entry.status === 'rejected') {
      const isSame =
        entry.status === settlement.status &&
        entry.processorNumber === processorNumber &&
        entry.requestedAtMs === settlement.requestedAtMs;
      return isSame ? 'recorded' : 'fenced';
    }
    if (entry.status !== 'dispatched' || entry.owner !== this.#owner) return 'fenced';
    const isCounted = isCountedAlready(entry, settlement.requestedAtMs, this.#rules.folded);
    entry.status = settlement.status;
    entry.owner = 0;
    entry.processorNumber = processorNumber;
    entry.requestedAtMs = settlement.requestedAtMs;
    entry.outcome = settlement.outcome ?? 'unknown';
    if (settlement.status === 'rejected') entry.reason = keptReason(settlement.reason);
    else if (!isCounted) this.#charges.push(settlement);
    entries.put(id, entry);
    entries.release(id, this.#owner);
    this.#finished.push({ id, entry, chargedCents: settlement.amountCents });
    return 'recorded';
  }

  #claim(claim: Claim): ClaimReply {
    const { entries } = this.#parts;
    const id = entryKey(claim.correlationId);
    const entry = entries.get(id);
    if (entry === undefined) return this.#claimUnknown(claim, id);
    if (isAwaited(entry)) return this.#holdAwaited(id, entry, claim);
    if (entry.amountCents !== claim.amountCents) {
      this.#recordConflict(id, entry, claim.amountCents);
      return 'conflict';
    }
    if (entry.status === 'settled' || entry.status === 'rejected') return 'known';
    const mayDispatch = entry.status === 'accepted' && claim.processor !== null;
    if (entry.owner !== this.#owner && !mayDispatch) return 'known';
    if (claim.processor !== null) this.#dispatch(id, entry, claim.processor, claim);
    return 'claimed';
  }

  #claimUnknown(claim: Claim, id: Buffer): ClaimReply {
    const { entries, processors } = this.#parts;
    if (isPurged(claim, this.#rules.purgedAtMs)) return 'purged';
    const isDispatch = claim.processor !== null;
    const entry: StoredEntry = {
      status: isDispatch ? 'dispatched' : 'accepted',
      processorNumber: claim.processor === null ? 0 : processors.numberOf(claim.processor),
      owner: this.#owner,
      attempts: isDispatch ? 1 : 0,
      why: isDispatch ? (claim.why ?? 'unknown') : 'unknown',
      outcome: 'unknown',
      earlier: [],
      acceptedAtMs: claim.acceptedAtMs,
      requestedAtMs: isDispatch ? claim.requestedAtMs : 0,
      amountCents: claim.amountCents,
      conflictingAmountCents: 0,
      reason: '',
    };
    entries.put(id, entry);
    entries.hold(id, this.#owner);
    return 'claimed';
  }

  #holdAwaited(id: Buffer, entry: StoredEntry, claim: Claim): ClaimReply {
    if (isPurged(claim, this.#rules.purgedAtMs)) return 'purged';
    const { amountCents, acceptedAtMs } = claim;
    this.#parts.entries.put(id, { ...entry, amountCents, acceptedAtMs });
    return 'known';
  }

  #recordConflict(id: Buffer, entry: StoredEntry, amountCents: number): void {
    if (entry.conflictingAmountCents !== 0) return;
    entry.conflictingAmountCents = amountCents;
    this.#parts.entries.put(id, entry);
  }

  /** The same processor and stamp mean a repeated commit, which is not another attempt. */
  #dispatch(id: Buffer, entry: StoredEntry, processor: number, claim: Claim): void {
    const { entries, processors } = this.#parts;
    const { requestedAtMs } = claim;
    const processorNumber = processors.numberOf(processor);
    const isRepeated =
      entry.status === 'dispatched' &&
      entry.processorNumber === processorNumber &&
      entry.requestedAtMs === requestedAtMs;
    if (isRepeated) return;
    if (entry.owner !== this.#owner) entries.moveHolding(id, entry.owner, this.#owner);
    if (entry.processorNumber !== 0) entry.earlier = withAttempt(entry.earlier, endedAttempt(entry, claim));
    entry.why = claim.why ?? 'unknown';
    entry.status = 'dispatched';
    entry.processorNumber = processorNumber;
    entry.owner = this.#owner;
    entry.attempts++;
    entry.requestedAtMs = requestedAtMs;
    entries.put(id, entry);
  }
}

function endedAttempt({ processorNumber, requestedAtMs, why }: StoredEntry, claim: Claim): StoredAttempt {
  return { processorNumber, requestedAtMs, why, outcome: endedOutcome(claim, requestedAtMs) };
}
