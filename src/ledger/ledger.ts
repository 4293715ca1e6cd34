import type { Payment, PaymentStatus, Totals } from '../core/payment.ts';

/**
 * The books of a deployment: who may dispatch a payment, where it may have been sent, and what has settled.
 *
 * Three implementations pass one conformance suite (`test/ledger/conformance.ts`): a plain in-memory model, which
 * is the oracle, LMDB on one machine, and Redis for many.
 *
 * States of an entry. Only its owner moves it on, but for the first claim of a reserved entry:
 *
 * | from       | by                    | to         | note                                             |
 * |------------|-----------------------|------------|--------------------------------------------------|
 * | (none)     | claim, processor null | accepted   | reserved: known, owned, never yet dispatched     |
 * | (none)     | claim                 | dispatched | new: may have been sent from now on              |
 * | accepted   | claim by any owner    | dispatched | nothing was sent, so whoever comes first owns it |
 * | dispatched | claim by its owner    | dispatched | again: other processor or stamp                  |
 * | dispatched | settle by its owner   | settled    | final; added to the books at `requestedAtMs`     |
 * | dispatched | settle by its owner   | invalid    | final; set aside with its reason, not in books   |
 * | accepted, dispatched | takeOver    | the same   | with another owner                               |
 * | any        | purge                 | (none)     |                                                  |
 *
 * Owners are positive integers given out by the ledger, never twice, one to each seat (a thread of an instance)
 * each time it starts. An owner lives until its lease is taken over; a dead owner can claim nothing and settle
 * only what has not been taken from it.
 */
export interface Ledger {
  /**
   * A new owner for a seat, with a lease until `leaseUntilMs`, by its own wall clock. Others only look whether it rises.
   */
  acquireLease(worker: WorkerId, leaseUntilMs: number): Promise<Reply<number>>;
  /** Extends the lease. False: the owner has been taken over; whatever it holds is another's now. */
  renewLease(owner: number, leaseUntilMs: number): Promise<Reply<boolean>>;
  /** Removes an owner that holds nothing any more; one that holds entries stays, with its lease run out. */
  releaseLease(owner: number): Promise<Reply<void>>;
  /**
   * Every owner that has not been retired or taken over to the end, ascending. One whose take-over has begun
   * stays, its lease run out (0), until a take-over leaves it with nothing: whoever takes over may die as well.
   */
  owners(): Promise<Reply<OwnerRecord[]>>;
  /**
   * Fences owner `from` (it is no owner any more: renew answers false, claims answer `fenced`), and hands up to
   * `limit` of its entries, in state accepted or dispatched, to `to`. When `ifNotRenewedMs` is given and `from` has a
   * lease that ends later, nothing happens and the answer is empty; likewise when `to` is no owner any more.
   * Call again until the answer is empty.
   *
   * Entries at a processor that this ledger was not opened with stay with `from`, and so does its owner record: only
   * an instance that knows the processor can ask about them, and takes them over when there is one.
   */
  takeOver(from: number, to: number, limit: number, ifNotRenewedMs?: number): Promise<Reply<LedgerEntry[]>>;
  /**
   * One atomic write: first every settlement, then every claim, in order. Answers in the same order. All or
   * nothing, also when the reply is `unavailable`; repeating the same commit is harmless.
   */
  commit(
    owner: number,
    settlements: readonly Settlement[],
    claims: readonly Claim[],
  ): Promise<Reply<CommitReply>>;
  /**
   * Settled payments by processor, whose `requestedAtMs` lies within [fromMs, toMs], both inclusive; -Infinity and
   * Infinity leave a side open. First the processors that the ledger was opened with, in their order, zeros included;
   * then every other one that has settled something within the window, in the order in which the books met them.
   * `unavailable` where a sum is beyond 2^53 - 1 cents, which can't be told to the cent.
   */
  summary(fromMs: number, toMs: number): Promise<Reply<ProcessorTotals[]>>;
  /**
   * Open payments that nobody can ask about: sent to a processor that this ledger was not opened with, and held by an
   * owner whose lease has run out by `nowMs`. They wait for an instance that is configured with that processor.
   */
  stranded(nowMs: number): Promise<Reply<StrandedPayments[]>>;
  find(correlationId: string): Promise<Reply<LedgerEntry | undefined>>;
  /**
   * A walk over the payments that may have been sent to a processor within [fromMs, toMs]: accepted by `toMs`, and
   * open still, or final with a stamp of `fromMs` or later. In no order; what stands throughout the walk comes once.
   *
   * `after` is empty at first, and then what the page before calls `next`, which is null at the end. Some `limit`
   * entries are looked at for a page, whether they are of the window or not, so that no page holds anybody up.
   */
  page(fromMs: number, toMs: number, after: string, limit: number): Promise<Reply<LedgerPage>>;
  /**
   * Empties the books: entries, totals, calendar. Owners and health stay. From then on a claim of a payment
   * accepted before `purgedAtMs` answers `purged` (but see `isPurged`), and settlements of what is gone answer `fenced`.
   * The moment never goes back: the later of two purges counts.
   */
  purge(purgedAtMs: number): Promise<Reply<void>>;
  /**
   * Takes the deployment's next turn to make a health call to a processor, unless a turn later than `lastTurn` has been
   * taken already. Turns count up, and 0 is before the first. How long a turn lasts is up to those who take them.
   */
  takeHealthTurn(processor: number, lastTurn: number): Promise<Reply<HealthTurn>>;
  /** Shares what a health call learned with every instance. */
  publishHealth(report: HealthReport): Promise<Reply<void>>;
  /**
   * Calls `listener` with what other instances did: health reports and purges. The state of both at the time of
   * the call comes first. Returns a function that ends the subscription.
   */
  subscribe(listener: (event: LedgerEvent) => void): Promise<Reply<() => void>>;
  /** Cheap: can the ledger be read and written now? */
  ping(): Promise<Reply<void>>;
  close(): Promise<void>;
}

/** A ledger that can't answer now is an expected thing, and a value. It may or may not have done what was asked. */
export type Reply<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'unavailable'; readonly reason: string };

export function ok<T>(value: T): Reply<T> {
  return { kind: 'ok', value };
}

export function unavailable(reason: string): Reply<never> {
  return { kind: 'unavailable', reason };
}

/** The answer to a summary. Sums of floats stay beyond what is exact once they are, so it is enough to look last. */
export function exactly(totals: ProcessorTotals[]): Reply<ProcessorTotals[]> {
  if (totals.every(({ amountCents }) => Number.isSafeInteger(amountCents))) return ok(totals);
  return unavailable('a sum is beyond what can be told to the cent');
}

/** What one processor has settled, under the name that the books have for it. */
export interface ProcessorTotals extends Totals {
  readonly name: string;
}

export interface StrandedPayments {
  /** Of the processor. */
  readonly name: string;
  readonly count: number;
}

/** A thread of an instance, such as `pool-0` of `gateway-1`. */
export interface WorkerId {
  readonly instanceId: string;
  readonly name: string;
}

export interface OwnerRecord extends WorkerId {
  readonly owner: number;
  readonly leaseUntilMs: number;
}

/** Processors are numbers here: the position of a name in the list the ledger was opened with. */
export interface LedgerEntry extends Payment {
  readonly status: PaymentStatus;
  /** 0 when the entry is settled or invalid. */
  readonly owner: number;
  /** Null while the entry is `accepted`, and when the ledger was not opened with its processor. */
  readonly processor: number | null;
  /** The name of its processor, configured or not; null while the entry is `accepted`. */
  readonly processorName: string | null;
  /** 0 while the entry is `accepted`. */
  readonly requestedAtMs: number;
  /** Claims for a dispatch so far. */
  readonly attempts: number;
  /** Why an `invalid` payment was set aside; else empty. At most 200 characters. */
  readonly reason: string;
  /** The first other amount that was posted under this id, if any. It was never sent. */
  readonly conflictingAmountCents: number | null;
}

export interface LedgerPage {
  readonly entries: readonly LedgerEntry[];
  readonly next: string | null;
}

/** Whether an entry, as it stands, belongs to the walk over a window (`Ledger.page`). */
export function mayHaveBeenSent(
  { status, acceptedAtMs, requestedAtMs }: Pick<LedgerEntry, 'status' | 'acceptedAtMs' | 'requestedAtMs'>,
  fromMs: number,
  toMs: number,
): boolean {
  if (acceptedAtMs > toMs) return false;
  return status === 'accepted' || status === 'dispatched' || requestedAtMs >= fromMs;
}

export interface Claim extends Payment {
  /** Null reserves the id without a dispatch. */
  readonly processor: number | null;
  readonly requestedAtMs: number;
}

/**
 * | reply    | meaning                                                                              |
 * |----------|--------------------------------------------------------------------------------------|
 * | claimed  | it is yours: dispatch it (or, reserved, keep it)                                     |
 * | known    | same id and amount, settled, invalid or another owner's: nothing is left to do       |
 * | conflict | known with another amount: noted in the entry, never to be sent                      |
 * | purged   | accepted before the last purge: drop it                                              |
 * | fenced   | this owner has been taken over: drop what you hold and enlist again                  |
 */
export type ClaimReply = 'claimed' | 'known' | 'conflict' | 'purged' | 'fenced';

export interface Settlement {
  readonly correlationId: string;
  readonly status: 'settled' | 'rejected';
  readonly processor: number;
  /** What the processor charged, and the stamp it holds: they count in the books. */
  readonly amountCents: number;
  readonly requestedAtMs: number;
  /** Why it is `invalid`; else empty. */
  readonly reason: string;
}

/**
 * `recorded`: the books have it, from this call or an earlier one just like it. `fenced`: the entry is not this
 * owner's, is gone by a purge, or was settled otherwise; nothing changed.
 */
export type SettleReply = 'recorded' | 'fenced';

export interface CommitReply {
  readonly settled: readonly SettleReply[];
  readonly claimed: readonly ClaimReply[];
}

export interface HealthTurn {
  /** The latest turn that has been taken, by this call or by another. */
  readonly turn: number;
  readonly isTaken: boolean;
}

export interface HealthReport {
  readonly processor: number;
  readonly failing: boolean;
  readonly minResponseTimeMs: number;
  /** When the answer came. */
  readonly checkedAtMs: number;
}

export type LedgerEvent =
  | { readonly kind: 'health'; readonly report: HealthReport }
  | { readonly kind: 'purged'; readonly purgedAtMs: number };
