import type { Clock } from '../clock.ts';
import type { Journal } from '../ledger/journal.ts';
import type { Lease } from '../ledger/lease.ts';
import type { Claim, Ledger } from '../ledger/ledger.ts';
import type { Segments } from '../ledger/segments.ts';
import type { Board } from '../pool/board.ts';
import type { Ring } from '../pool/ring.ts';
import { readUuid } from '../uuid.ts';
import type { Recent } from './recent.ts';

/** What becomes of a posted payment. Only `accepted` owes it a settlement. */
export type Verdict =
  | 'accepted'
  | 'amount-conflict'
  | 'queue-full'
  | 'journal-unavailable'
  | 'ledger-unavailable';

export interface IntakeParts {
  readonly recent: Recent;
  readonly ring: Ring;
  readonly journal: Journal;
  readonly segments: Segments;
  readonly board: Board;
  /** This thread's number on the board. */
  readonly thread: number;
  readonly clock: Clock;
  readonly durability: Durability;
}

/**
 * What stands between the journal's write and the 202:
 *
 * - `journal`: nothing. A crash of every process loses nothing.
 * - `flush`: the journal is synced, once for all that gathered meanwhile. A power cut loses nothing.
 * - `ledger`: the ledger has a claim of each. The loss of the machine loses nothing.
 */
export type Durability =
  | { readonly kind: 'journal' }
  | { readonly kind: 'flush' }
  | { readonly kind: 'ledger'; readonly ledger: Ledger; readonly lease: Lease };

type Answer = (verdict: Verdict) => void;

interface Pending {
  readonly id: Buffer;
  readonly amountCents: number;
  readonly acceptedAtMs: number;
  /** Where the journal has it; null for a repetition of a payment that is pending, or was accepted, already. */
  readonly journalRef: number | null;
  readonly answer: Answer;
}

/**
 * The gate: a payment goes in, is remembered, journaled and pushed to the pool, and gets its verdict.
 *
 * With durability `journal` all of that happens before `offer` returns. One write for each payment costs less here
 * than it seems: at the rates where writes could be gathered, the request around it costs five times as much, and
 * an answer within the handler needs no memory, no timer and no care for clients that leave.
 */
export class Intake {
  readonly #parts: IntakeParts;
  #pending: Pending[] = [];
  #confirming = false;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** `id` is lent until this returns. */
  offer(id: Buffer, amountCents: number, answer: Answer): void {
    const { recent, clock, board } = this.#parts;
    const acceptedAtMs = Math.max(clock.nowMs(), board.purgedAtMs);
    switch (recent.remember(id, amountCents, acceptedAtMs)) {
      case 'conflict':
        answer('amount-conflict');
        break;
      case 'same':
        this.#admitted({ id, amountCents, acceptedAtMs, journalRef: null, answer });
        break;
      case 'new':
        this.#offerNew(id, amountCents, acceptedAtMs, answer);
        break;
    }
  }

  #offerNew(id: Buffer, amountCents: number, acceptedAtMs: number, answer: Answer): void {
    const { recent, ring } = this.#parts;
    if (!ring.reserve()) {
      recent.forget(id);
      answer('queue-full');
      return;
    }
    const journalRef = this.#write(id, amountCents, acceptedAtMs);
    if (journalRef === null) {
      ring.release();
      recent.forget(id);
      answer('journal-unavailable');
      return;
    }
    this.#admitted({ id, amountCents, acceptedAtMs, journalRef, answer });
  }

  #write(id: Buffer, amountCents: number, acceptedAtMs: number): number | null {
    const { journal } = this.#parts;
    const journalRef = journal.append(id, amountCents, acceptedAtMs, null);
    if (journalRef < 0) return null;
    return journal.flush().kind === 'ok' ? journalRef : null;
  }

  #admitted(pending: Pending): void {
    if (this.#parts.durability.kind === 'journal') {
      this.#accept(pending);
      return;
    }
    this.#pending.push({ ...pending, id: Buffer.from(pending.id) });
    if (!this.#confirming) void this.#confirm();
  }

  #accept(pending: Pending): void {
    const { ring, board, thread } = this.#parts;
    if (pending.journalRef !== null) {
      ring.push(pending.id, pending.amountCents, pending.acceptedAtMs, pending.journalRef, null);
      ring.wake();
      board.count(thread, 'accepted', 1);
    }
    pending.answer('accepted');
  }

  #refuse(pending: Pending, verdict: Verdict): void {
    const { ring, recent, segments } = this.#parts;
    if (pending.journalRef !== null) {
      ring.release();
      recent.forget(pending.id);
      segments.markDone(pending.journalRef);
    }
    pending.answer(verdict);
  }

  /** One confirmation at a time; whoever comes meanwhile is in the next. */
  async #confirm(): Promise<void> {
    this.#confirming = true;
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      const verdicts = await this.#verdicts(batch);
      for (const [index, pending] of batch.entries()) {
        const verdict = this.#stillKnown(pending)
          ? (verdicts[index] ?? 'ledger-unavailable')
          : 'journal-unavailable';
        if (verdict === 'accepted') this.#accept(pending);
        else this.#refuse(pending, verdict);
      }
    }
    this.#confirming = false;
  }

  /** A repetition is worth no more than the payment that it repeats, which may have been refused meanwhile. */
  #stillKnown({ id, journalRef }: Pending): boolean {
    return journalRef !== null || this.#parts.recent.find(id) !== undefined;
  }

  async #verdicts(batch: readonly Pending[]): Promise<Verdict[]> {
    const { durability, journal } = this.#parts;
    if (durability.kind === 'ledger') return this.#reserve(batch, durability.ledger, durability.lease);
    const synced = await journal.sync();
    return batch.map(() => (synced.kind === 'ok' ? 'accepted' : 'journal-unavailable'));
  }

  async #reserve(batch: readonly Pending[], ledger: Ledger, lease: Lease): Promise<Verdict[]> {
    const owner = lease.owner;
    const reply = await ledger.commit(owner, [], batch.map(reservation));
    if (reply.kind === 'unavailable') return batch.map(() => 'ledger-unavailable');
    if (reply.value.claimed.includes('fenced') && lease.owner === owner) await lease.enlistAgain();
    return reply.value.claimed.map((claimed) => {
      if (claimed === 'conflict') return 'amount-conflict';
      return claimed === 'claimed' || claimed === 'known' ? 'accepted' : 'ledger-unavailable';
    });
  }
}

function reservation({ id, amountCents, acceptedAtMs }: Pending): Claim {
  return { correlationId: readUuid(id, 0), amountCents, acceptedAtMs, processor: null, requestedAtMs: 0 };
}
