import type { AttemptOutcome, AttemptReason, Story } from '../core/attempt.ts';
import type { Fee } from '../core/fee.ts';
import { isOpen, type Payment, type PaymentStatus, type Totals } from '../core/payment.ts';
import type {
  Action,
  Cancellation,
  CancelReply,
  HoldReply,
  LoggedAction,
  NamedPayment,
  ReleaseReply,
  Reopening,
  ReopenReply,
} from './actions.ts';
import type { BooksStatus } from './books-status.ts';
import type { EventPlace, ProcessorEvent } from './outbox.ts';
import type { ProcessorControls } from './processor-controls.ts';
import type { Folded, TooFine } from './retention.ts';

/**
 * The books of a deployment, in one or more shards. A shard is a whole ledger, may be away while the others work, and has
 * owners of its own. What belongs to a payment is in one shard.
 *
 * What is read or done here concerns all shards, and is `unavailable` if a shard that it needs is away: a total never
 * leaves out a shard.
 */
export interface Ledger {
  readonly shards: readonly Shard[];
  /** Gives a processor its number in the books of every shard, unless it has one. The ledger does not know it yet. */
  registerProcessor(name: string): Promise<Reply<void>>;
  /**
   * From now on the ledger is as if it had been opened with this registered processor, behind the others. It happens at
   * once, so that the caller can add it to a list of its own in the same moment: what the ledger answers afterwards may
   * name it.
   */
  addProcessor(name: string): void;
  /** The position of the shard in which a payment lives. It never changes. */
  shardOf(correlationId: string): number;
  /**
   * Totals of the settled payments by processor, for `requestedAtMs` within [fromMs, toMs], both inclusive; -Infinity and
   * Infinity leave a side open. The processors that the ledger was opened with come first, in their order, even with
   * zero payments; then all others with payments in the window, in the order in which the books first saw them.
   * `too-large` if a sum exceeds 2^53 - 1 cents, the largest exact sum. `too-fine` if the window begins or ends within
   * folded time, and not at the start or end of a unit that is left there.
   */
  summary(fromMs: number, toMs: number): Promise<SummaryReply>;
  /**
   * Totals of the settled payments by processor and by the fee at which each settled, by name and then by fee. What was
   * restored from other books is not in here, unless `restoreFees` put it there. `unavailable` also if a sum is too large.
   */
  fees(): Promise<Reply<FeeTotals[]>>;
  /** Replaces these totals by those of other books, whose payments were restored here. */
  restoreFees(totals: readonly FeeTotals[]): Promise<Reply<void>>;
  /** Up to where the books are folded: where a bound is exact in all shards. */
  foldedTime(): Promise<Reply<FoldedTime>>;
  /** The totals of a day in the units that books with this `folded` have there (`isLeft`), by time and name. */
  foldedTotals(dayMs: number, folded: Folded): Promise<Reply<UnitTotals[]>>;
  /**
   * Takes over what other books know of their folded time, while these are frozen: sets the totals of these units, changes
   * those above them by the difference, and from then on the books are folded up to `folded` at least. The processors are
   * those that the ledger was opened with. Repeating the call is harmless.
   */
  restoreFolded(folded: Folded, totals: readonly UnitTotals[]): Promise<Reply<void>>;
  /**
   * Open payments that were sent to a processor which this ledger was not opened with, and whose owner's lease has
   * expired by `nowMs`. They wait for an instance that is configured with that processor.
   */
  stranded(nowMs: number): Promise<Reply<ProcessorPayments[]>>;
  /** Open payments that may have been sent to a processor, of all owners. Processors without any are left out. */
  openPayments(): Promise<Reply<ProcessorPayments[]>>;
  find(correlationId: string): Promise<Reply<LedgerEntry | undefined>>;
  /**
   * One page of the payments that may have been sent to a processor within [fromMs, toMs]: accepted by `toMs`, and either
   * still open or final with a stamp of `fromMs` or later. In no particular order; a payment that exists during the whole
   * iteration comes exactly once.
   *
   * `after` is empty for the first page, then `next` of the previous one; `next` is null on the last page. A page looks
   * at about `limit` entries, whether they are in the window or not, so that it never blocks for long.
   */
  page(fromMs: number, toMs: number, after: string, limit: number): Promise<Reply<LedgerPage>>;
  /**
   * One page of the payments in a state that the ledger finds without looking at any others, however large the books are.
   * `after` and `next` are as for `page`, the order is a fixed one of ids, and a payment that is in this state during the
   * whole iteration comes exactly once. A page has at most `limit` payments.
   */
  pageOf(state: IndexedState, after: string, limit: number): Promise<Reply<LedgerPage>>;
  /** What operators have done to payments, newest first: the last `ACTIONS_KEPT` of each shard, also after a purge. */
  actions(): Promise<Reply<LoggedAction[]>>;
  /**
   * Empties the books: entries, totals and time index. Owners and health stay. From then on a claim for a payment accepted
   * before `purgedAtMs` answers `purged` (but see `isPurged`), and settlements of removed entries answer `fenced`. The
   * time never goes back: the later of two purges counts. If the reply is `unavailable`, any of the shards may have been
   * emptied: another purge, with a later time, completes it.
   */
  purge(purgedAtMs: number): Promise<Reply<void>>;
  /** What the books are used for: shards that differ are as restricted as the one that may do least. */
  booksStatus(): Promise<Reply<BooksStatus>>;
  setBooksStatus(status: BooksStatus): Promise<Reply<void>>;
  /** The latest that can be read: while shard 0 is away, the other shards have copies. */
  processorControls(): Promise<Reply<ProcessorControls>>;
  /**
   * Replaces them, unless what is there has this version or a later one: then it answers false, and nothing changes. The
   * same commit writes the events into the outbox.
   */
  setProcessorControls(
    controls: ProcessorControls,
    events?: readonly ProcessorEvent[],
  ): Promise<Reply<boolean>>;
  /**
   * One page of the outbox (`outbox.ts`): events after a cursor, in the order of each shard, about `limit` of them. A cursor
   * that is not one of this ledger begins anew. What a shard that is away has comes on a later page.
   */
  outbox(cursor: string, limit: number): Promise<Reply<OutboxPage>>;
  /** The cursor behind the last event. */
  outboxEnd(): Promise<Reply<string>>;
  /** How far something has come that instances do in turn, by its name. A purge leaves it. */
  bookmark(name: string): Promise<Reply<Bookmark>>;
  /**
   * Replaces it, unless it has this version or a later one: then it answers false, and nothing changes. The same commit
   * writes the events into the outbox.
   */
  setBookmark(name: string, bookmark: Bookmark, events?: readonly ProcessorEvent[]): Promise<Reply<boolean>>;
  /**
   * Takes the deployment's next turn to make a health call to a processor, unless a turn after `lastTurn` has been taken.
   * Turns count up; 0 means before the first. The callers decide how long a turn lasts.
   */
  takeHealthTurn(processor: number, lastTurn: number): Promise<Reply<Turn>>;
  /** Sends a health report to all instances. */
  publishHealth(report: HealthReport): Promise<Reply<void>>;
  /**
   * Calls `listener` with health reports and purges of all instances, beginning with the latest of each. Returns a
   * function that ends the subscription.
   */
  subscribe(listener: (event: LedgerEvent) => void): Promise<Reply<() => void>>;
  /**
   * A cheap check that some shard can be read and written now. One that is away does not matter here: the payments of the
   * others go on, and its own wait at every instance alike.
   */
  ping(): Promise<Reply<void>>;
  close(): Promise<void>;
}

/**
 * A ledger that claims and settles payments: who may dispatch a payment, where it may have been sent, and which payments
 * have settled. The books of a deployment are one such ledger, or several (`Ledger`).
 *
 * Three implementations pass one conformance suite (`test/ledger/conformance.ts`): a plain in-memory model, which
 * is the oracle, LMDB on one machine, and Redis for many. Each is its own only shard.
 *
 * States of an entry. Only its owner changes it, except for the first dispatch of a reserved entry, and what operators do:
 *
 * | from       | by                    | to         | note                                               |
 * |------------|-----------------------|------------|----------------------------------------------------|
 * | (none)     | claim, processor null | accepted   | reserved: known, owned, not dispatched yet         |
 * | (none)     | claim                 | dispatched | may have been sent from now on                     |
 * | accepted   | claim by any owner    | dispatched | nothing was sent, so the first owner gets it       |
 * | dispatched | claim by its owner    | dispatched | again, with another processor or stamp             |
 * | dispatched | settle by its owner   | settled    | final; counted in the books at `requestedAtMs`     |
 * | dispatched | settle by its owner   | rejected   | final; kept with its reason, not counted           |
 * | accepted, dispatched | takeOver    | the same   | with another owner                                 |
 * | rejected   | reopen                | accepted   | an operator wants it sent again                    |
 * | (none), accepted, held | cancel      | rejected   | an operator wants it never sent; without a processor, and final |
 * | (none), accepted     | hold          | held       | an operator wants it not sent for now; without an owner    |
 * | held       | release               | accepted, or (none) if the books had only been told to hold it |  |
 * | settled, rejected    | upkeep  | (none)     | older than the retention                           |
 * | any        | purge                 | (none)     |                                                    |
 * | (none)     | restoreEntries        | any        | from other books, as it is there                   |
 * | accepted, held, dispatched | restoreEntries | any later or equal | only while the books are frozen     |
 *
 * While the books are frozen (`books-status.ts`), commits and purges are answered `unavailable`, and takeovers move nothing.
 *
 * Owners are positive integers that the ledger never gives out twice. A worker gets one each time it starts. An owner
 * lives until its lease is taken over; a dead owner can claim nothing, and settle only what has not been taken over.
 */
export interface Shard extends Ledger {
  /**
   * Creates a new owner for a worker, with a lease until `leaseUntilMs` by the worker's own wall clock. Other workers only
   * check whether that value rises.
   */
  acquireLease(worker: WorkerId, leaseUntilMs: number): Promise<Reply<number>>;
  /** Extends the lease. False: the owner has been taken over, and another owns its entries now. */
  renewLease(owner: number, leaseUntilMs: number): Promise<Reply<boolean>>;
  /** Removes an owner that has no entries. One that has entries stays, with an expired lease. */
  releaseLease(owner: number): Promise<Reply<void>>;
  /**
   * All owners that have not been released or completely taken over, ascending. An owner whose takeover has begun stays,
   * with an expired lease (0), until it has no entries left, because its successor may die as well.
   */
  owners(): Promise<Reply<OwnerRecord[]>>;
  /**
   * Fences owner `from` (from then on renewals answer false and claims answer `fenced`), and moves up to `limit` of its
   * entries that are accepted or dispatched to owner `to`. Does nothing and answers with an empty list if the lease of
   * `from` ends after `ifNotRenewedMs`, if `to` has been taken over, or while the books are frozen. Call it again until the
   * list is empty.
   *
   * Entries at a processor that this ledger was not opened with stay with `from`, whose owner record then stays too:
   * only an instance that is configured with the processor can ask about them, and takes them over.
   */
  takeOver(from: number, to: number, limit: number, ifNotRenewedMs?: number): Promise<Reply<LedgerEntry[]>>;
  /**
   * Writes first all settlements, then all claims, in order; the answers have the same order. Each is written as a whole or
   * not at all. If the reply is `unavailable`, any of them may have been written, and repeating the commit is harmless.
   */
  commit(
    owner: number,
    settlements: readonly Settlement[],
    claims: readonly Claim[],
  ): Promise<Reply<CommitReply>>;
  /**
   * Writes entries of other books as they are: settled ones count in the totals at once, and open ones belong to `owner`,
   * for whose lease they then wait. Each is written as a whole or not at all, and repeating the call is harmless. The
   * replies are in the order of the entries, whose ids differ.
   */
  restoreEntries(owner: number, entries: readonly RestoredEntry[]): Promise<Reply<RestoreReply[]>>;
  /**
   * Does one bounded step of upkeep, and answers whether there is more to do. Upkeep folds what is older than `retentionMs`
   * (`foldable`; Infinity: nothing) and does what else keeps the books small and fast. It drops events that are older, or
   * more, than `OutboxLimits` say, oldest first.
   *
   * Folding forgets payments that are settled or rejected, and the finer units of the time index. Open payments stay, and
   * so do all totals: a unit is already counted in those above it. The books never unfold: the latest time up to which
   * they have been folded counts. A forgotten id is new when it is claimed again.
   *
   * Any worker may do the next step, whatever happened to the last; turns only keep several from doing it at once.
   */
  upkeep(nowMs: number, retentionMs: number): Promise<Reply<boolean>>;
  /**
   * Opens rejected payments again, so that they are sent once more: they are accepted, keep the time at which they were
   * accepted first, and belong to `owner`, for whose lease they wait. The same commit writes the action and the payments that
   * it reopens into the log of actions. The replies are in the order of the payments, of which there may be up to
   * `ACTION_PAYMENTS_MAX`; repeating the call is harmless.
   */
  reopen(owner: number, action: Action, payments: readonly Reopening[]): Promise<Reply<ReopenReply[]>>;
  /**
   * Rejects payments that were not dispatched, also those that the books do not have yet: no claim of them is granted from
   * then on. The same commit writes the action and the payments that it cancels into the log of actions. The replies are
   * in the order of the payments, of which there may be up to `ACTION_PAYMENTS_MAX`; repeating the call is harmless.
   */
  cancel(action: Action, payments: readonly Cancellation[]): Promise<Reply<CancelReply[]>>;
  /**
   * Holds payments that were not dispatched: they have no owner, and every claim of them is answered `known`. One that the
   * books do not have is awaited (`isAwaited`) until a claim brings it. The log of actions and the replies are as for `cancel`.
   */
  hold(action: Action, payments: readonly NamedPayment[]): Promise<Reply<HoldReply[]>>;
  /**
   * Releases held payments: they are accepted and belong to `owner`, for whose lease they wait. One that was awaited, and
   * that no claim has brought, is forgotten. The log of actions and the replies are as for `cancel`.
   */
  release(owner: number, action: Action, payments: readonly NamedPayment[]): Promise<Reply<ReleaseReply[]>>;
  /** How large the books are. */
  size(): Promise<Reply<BooksSize>>;
  /** Takes the shard's next turn of upkeep, in the same way as `takeHealthTurn`. */
  takeUpkeepTurn(lastTurn: number): Promise<Reply<Turn>>;
}

/** `unavailable` is an expected failure. The request may or may not have been carried out, except while the books are frozen. */
export type Reply<T> = { readonly kind: 'ok'; readonly value: T } | Unavailable;

export interface Unavailable {
  readonly kind: 'unavailable';
  readonly reason: string;
  /** Why a ledger that answers has not done it; undefined: it does not answer. */
  readonly refusal?: 'frozen' | 'refused';
}

export function ok<T>(value: T): Reply<T> {
  return { kind: 'ok', value };
}

export function unavailable(reason: string): Unavailable {
  return { kind: 'unavailable', reason };
}

/** The ledger answers, and does not do it. */
export function refused(reason: string): Unavailable {
  return { kind: 'unavailable', reason, refusal: 'refused' };
}

/** The books are frozen: nothing was carried out. `reason` says what ends that (`frozenReason`). */
export function frozen(reason: string): Unavailable {
  return { kind: 'unavailable', reason, refusal: 'frozen' };
}

/** The failure in a sentence for people, which blames the ledger only for what it has done. */
export function failureText({ reason, refusal }: Unavailable): string {
  if (refusal === 'frozen') return reason;
  return `the ledger ${refusal === 'refused' ? 'cannot do this' : 'does not answer'}: ${reason}`;
}

/** Why books that can be read have no sum of a window. Another window may have one. */
export type NoSum = TooFine | { readonly kind: 'too-large' };

export type SummaryReply = Reply<ProcessorTotals[]> | NoSum;

/** A float sum that has left the exact range stays out of it, so one check at the end is enough. */
function areExact(totals: readonly ProcessorTotals[]): boolean {
  return totals.every(({ amountCents }) => Number.isSafeInteger(amountCents));
}

/** The reply to a summary. */
export function summed(totals: ProcessorTotals[]): SummaryReply {
  return areExact(totals) ? ok(totals) : { kind: 'too-large' };
}

/** The reply to a question about all time, for which there is no shorter window. */
export function exactly<T extends ProcessorTotals>(totals: T[]): Reply<T[]> {
  return areExact(totals) ? ok(totals) : refused(SUM_TOO_LARGE);
}

export const SUM_TOO_LARGE = 'a sum exceeds 2^53 - 1 cents, the largest exact sum';

export interface BooksSize {
  readonly payments: number;
  /** Those of them that are held. */
  readonly held: number;
  /** What the ledger's server or file takes, including what is not of these books. */
  readonly usedBytes: number;
  /** What it may take; Infinity: there is no limit that the ledger knows of. */
  readonly limitBytes: number;
}

/** The totals of one processor, under its name in the books. */
export interface ProcessorTotals extends Totals {
  readonly name: string;
}

/** What was settled at one processor at one fee. */
export interface FeeTotals extends ProcessorTotals, Fee {}

/** What settled at one processor in one unit of the time index (`UNIT_SPANS_MS`). */
export interface UnitTotals extends ProcessorTotals {
  readonly unit: number;
  readonly startMs: number;
}

/** Up to where books are folded, and the starts of the days with totals, ascending. */
export interface FoldedTime {
  readonly folded: Folded;
  readonly daysMs: readonly number[];
}

/** How many payments there are of some kind at a processor. */
export interface ProcessorPayments {
  /** The processor's name. */
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

/** A processor is a number: the index of its name in the list that the ledger was opened with. */
export interface LedgerEntry extends Payment {
  readonly status: PaymentStatus;
  /** 0 when the entry is held, settled or rejected. */
  readonly owner: number;
  /** Null while the entry is `accepted` or `held`, if it was cancelled, and when the ledger was not opened with its processor. */
  readonly processor: number | null;
  /** The name of the processor, configured or not; null while the entry is `accepted` or `held`, and if it was cancelled. */
  readonly processorName: string | null;
  /** 0 while the entry is `accepted` or `held`. When it was cancelled, if it was. */
  readonly requestedAtMs: number;
  /** How many times it was claimed for a dispatch. */
  readonly attempts: number;
  readonly story: Story;
  /** Why the payment was rejected or cancelled, at most 200 characters; empty in other states. */
  readonly reason: string;
  /** The first different amount that was posted under this id, if any. It was never sent. */
  readonly conflictingAmountCents: number | null;
}

/** `open` is accepted, held or dispatched: what the gateway still owes an outcome. */
export type IndexedState = 'open' | 'held' | 'rejected';

export interface LedgerPage {
  readonly entries: readonly LedgerEntry[];
  readonly next: string | null;
}

/** Whether an entry belongs to a page for this window (`Ledger.page`). */
export function mayHaveBeenSent(
  { status, acceptedAtMs, requestedAtMs }: Pick<LedgerEntry, 'status' | 'acceptedAtMs' | 'requestedAtMs'>,
  fromMs: number,
  toMs: number,
): boolean {
  if (acceptedAtMs > toMs) return false;
  return isOpen({ status }) || requestedAtMs >= fromMs;
}

export interface Claim extends Payment {
  /** Null: reserve the id without a dispatch. */
  readonly processor: number | null;
  readonly requestedAtMs: number;
  /** Why this processor. Default: unknown. */
  readonly why?: AttemptReason;
  /**
   * What has come of the attempt before, which had this stamp. If the ledger knows a later one, that was a claim whose reply
   * was lost: nothing was sent.
   */
  readonly before?: EndedAttempt;
}

export interface EndedAttempt {
  readonly requestedAtMs: number;
  readonly outcome: AttemptOutcome;
}

/**
 * | reply    | meaning                                                                              |
 * |----------|--------------------------------------------------------------------------------------|
 * | claimed  | the caller owns it: dispatch it (or keep it, if it is only reserved)                 |
 * | known    | same id and amount, settled, rejected or owned by another: nothing is left to do     |
 * | conflict | known with another amount: recorded in the entry, never to be sent                   |
 * | purged   | accepted before the last purge: drop it                                              |
 * | fenced   | this owner has been taken over: drop all payments and acquire a new lease            |
 */
export type ClaimReply = 'claimed' | 'known' | 'conflict' | 'purged' | 'fenced';

export interface Settlement {
  readonly correlationId: string;
  readonly status: 'settled' | 'rejected';
  readonly processor: number;
  /** The amount and stamp in the processor's own records: the books count these. */
  readonly amountCents: number;
  readonly requestedAtMs: number;
  /** Why it was `rejected`; else empty. */
  readonly reason: string;
  /** How that is known. Default: unknown. */
  readonly outcome?: AttemptOutcome;
  /** What the payment costs at its processor, if that is known. Only a `settled` one has a cost. */
  readonly fee?: Fee;
}

/**
 * `recorded`: the books have it, from this call or an identical earlier one. `fenced`: the entry belongs to another
 * owner, was purged, or was settled differently; nothing changed.
 */
export type SettleReply = 'recorded' | 'fenced';

export interface CommitReply {
  readonly settled: readonly SettleReply[];
  readonly claimed: readonly ClaimReply[];
}

/** An entry of other books, to be written as it is. */
export interface RestoredEntry extends Omit<LedgerEntry, 'owner' | 'processorName'> {
  /**
   * What the processor charged, which the totals count. Null: they have it already, from `restoreFolded`. Meaningless unless
   * the entry is settled.
   */
  readonly chargedCents: number | null;
}

/**
 * | reply     | meaning                                                                                            |
 * |-----------|----------------------------------------------------------------------------------------------------|
 * | restored  | the books did not know it, or less than this: now they have it                                     |
 * | known     | the books have it, or know more of it than this; nothing changed                                   |
 * | different | the books contradict it: another amount, or another end; nothing changed                           |
 * | uncounted | written, but its charge is not counted: it is of folded time, so that the totals may have it       |
 * | forgotten | it is open and of folded time, so that the books may have finished and forgotten it; nothing changed |
 *
 * Books that are being filled (`books-status.ts`) have nothing of their own: they never answer the last two.
 */
export type RestoreReply = 'restored' | 'known' | 'different' | 'uncounted' | 'forgotten';

/** A payment that was settled or rejected: the entry as it was then. */
export interface PaymentEvent {
  readonly type: 'payment.settled' | 'payment.rejected';
  readonly payment: LedgerEntry;
  /** What the processor charged; meaningless unless it is settled. */
  readonly chargedCents: number;
}

export interface Bookmark {
  /** Rises with each change; 0: it was never set. */
  readonly version: number;
  readonly text: string;
}

/** An event of the outbox. */
export type OutboxEvent = (PaymentEvent | ProcessorEvent) & EventPlace;

export interface OutboxPage {
  readonly events: readonly OutboxEvent[];
  /** The cursor behind this page. */
  readonly next: string;
  /** Whether these were the last events at that time, of every shard. */
  readonly isLast: boolean;
}

export interface Turn {
  /** The latest turn taken, by this call or another. */
  readonly turn: number;
  readonly isTaken: boolean;
}

export interface HealthReport {
  readonly processor: number;
  readonly failing: boolean;
  readonly minResponseTimeMs: number;
  /** When the answer arrived. */
  readonly checkedAtMs: number;
}

export type LedgerEvent =
  | { readonly kind: 'health'; readonly report: HealthReport }
  | { readonly kind: 'purged'; readonly purgedAtMs: number };
