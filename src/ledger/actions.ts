import assert from 'node:assert/strict';
import type { Attempt, Story } from '../core/attempt.ts';
import type { Payment, PaymentStatus } from '../core/payment.ts';

/** What an operator wants done to payments, and who wants it (an API key, and a name that the client gave) and why. */
export interface Action {
  readonly what: 'send-again' | 'cancel' | 'hold' | 'release';
  readonly atMs: number;
  readonly by: string;
  readonly why: string;
}

/** An action, and the payments that it was done to. */
export interface LoggedAction extends Action {
  readonly payments: readonly string[];
}

/** A rejected payment that is to be sent again, if it has still been sent this often: a repeated request changes nothing. */
export interface Reopening {
  readonly correlationId: string;
  readonly attempts: number;
}

/**
 * | reply           | meaning                                                                                     |
 * |-----------------|---------------------------------------------------------------------------------------------|
 * | reopened        | it is accepted again, and will be sent                                                      |
 * | unknown         | the books do not have it                                                                    |
 * | not-rejected    | it is open, or settled                                                                      |
 * | changed         | it has been sent more often since, and was rejected again                                   |
 * | perhaps-charged | the books do not say that its processor certainly does not hold it                          |
 * | final           | an operator has cancelled it, for good                                                      |
 */
export type ReopenReply = 'reopened' | 'unknown' | 'not-rejected' | 'changed' | 'perhaps-charged' | 'final';

/** A payment that is never to be sent. */
export interface Cancellation {
  readonly correlationId: string;
  /**
   * The amount that was posted; null: cancel it only if the books have it. With an amount it is cancelled even if only the
   * journal of an instance has it, because the books grant no claim for it afterwards.
   */
  readonly amountCents: number | null;
}

/**
 * | reply            | meaning                                                                                    |
 * |------------------|--------------------------------------------------------------------------------------------|
 * | cancelled        | it is rejected, and will never be sent                                                     |
 * | cancelled-before | it was so already                                                                          |
 * | unknown          | the books do not have it, and the request does not say its amount                          |
 * | other-amount     | the books have it with another amount                                                      |
 * | dispatched       | it may have been sent, and may be charged                                                  |
 * | finished         | it is settled, or its processor has rejected it                                            |
 */
export type CancelReply =
  | 'cancelled'
  | 'cancelled-before'
  | 'unknown'
  | 'other-amount'
  | 'dispatched'
  | 'finished';

/** A payment that is to be held or released. */
export type NamedPayment = Pick<Payment, 'correlationId'>;

/**
 * | reply       | meaning                                                                                         |
 * |-------------|-------------------------------------------------------------------------------------------------|
 * | held        | it is held                                                                                      |
 * | awaited     | the books do not have it: its first claim brings it, and leaves it held                         |
 * | held-before | it is held or awaited already                                                                   |
 * | dispatched  | it may have been sent, and may be charged                                                       |
 * | finished    | it is settled or rejected                                                                       |
 */
export type HoldReply = 'held' | 'awaited' | 'held-before' | 'dispatched' | 'finished';

/** `released`: it goes on as if it had not been held. `not-held`: it is not held, and nothing changed. */
export type ReleaseReply = 'released' | 'not-held';

/** What matters of an entry of the ledger here. */
interface RejectedEntry {
  readonly amountCents: number;
  readonly status: PaymentStatus;
  readonly attempts: number;
  readonly processorName: string | null;
  readonly requestedAtMs: number;
  readonly story: Story;
}

/** The order in which Redis numbers them. */
export const REOPEN_REPLIES: readonly ReopenReply[] = [
  'reopened',
  'unknown',
  'not-rejected',
  'changed',
  'perhaps-charged',
  'final',
];

/** The order in which Redis numbers them. */
export const CANCEL_REPLIES: readonly CancelReply[] = [
  'cancelled',
  'cancelled-before',
  'unknown',
  'other-amount',
  'dispatched',
  'finished',
];

/** The order in which Redis numbers them. */
export const HOLD_REPLIES: readonly HoldReply[] = [
  'held',
  'awaited',
  'held-before',
  'dispatched',
  'finished',
];

/** The order in which Redis numbers them. */
export const RELEASE_REPLIES: readonly ReleaseReply[] = ['released', 'not-held'];

/** Payments of one action: it is one write, and one row of the log. */
export const ACTION_PAYMENTS_MAX = 100;
/** Actions that a shard keeps in its log; older ones are dropped. At most 2 MB on Redis. */
export const ACTIONS_KEPT = 1000;

/**
 * What becomes of a payment that is to be sent again; null: it may be. A payment that its processor called a duplicate, and
 * did not hold, may be charged there all the same, and another processor would charge it twice.
 *
 * The same rules are in `functions/reopen.lua`.
 */
export function reopenProblem(
  entry: RejectedEntry | undefined,
  { attempts }: Reopening,
): Exclude<ReopenReply, 'reopened'> | null {
  if (entry === undefined) return 'unknown';
  if (entry.status !== 'rejected') return 'not-rejected';
  if (isCancelled(entry)) return 'final';
  if (entry.attempts !== attempts) return 'changed';
  const { outcome } = entry.story;
  return outcome === 'rejected' || outcome === 'found-rejected' ? null : 'perhaps-charged';
}

/**
 * What becomes of a payment that is to be cancelled; null: it is cancelled. What was not dispatched is certainly not
 * charged, and no claim of a rejected payment is granted: so it never will be.
 *
 * The same rules are in `functions/cancel.lua`.
 */
export function cancelProblem(
  entry: Pick<RejectedEntry, 'amountCents' | 'status' | 'processorName'> | undefined,
  { amountCents }: Cancellation,
): Exclude<CancelReply, 'cancelled'> | null {
  if (!isKnown(entry)) return amountCents === null ? 'unknown' : null;
  if (amountCents !== null && amountCents !== entry.amountCents) return 'other-amount';
  if (isCancelled(entry)) return 'cancelled-before';
  if (entry.status === 'accepted' || entry.status === 'held') return null;
  return entry.status === 'dispatched' ? 'dispatched' : 'finished';
}

/**
 * What becomes of a payment that is to be held; null: it is held, or awaited. What was not dispatched is not sent, because
 * no claim of a held payment is granted.
 *
 * The same rules are in `functions/hold.lua`.
 */
export function holdProblem(
  entry: Pick<RejectedEntry, 'status'> | undefined,
): Exclude<HoldReply, 'held' | 'awaited'> | null {
  switch (entry?.status) {
    case undefined:
    case 'accepted':
      return null;
    case 'held':
      return 'held-before';
    case 'dispatched':
      return 'dispatched';
    case 'settled':
    case 'rejected':
      return 'finished';
  }
}

/**
 * Whether the books only know that the payment is to be held. The first claim brings its amount and when it was accepted,
 * because an operator cannot create a payment or set its amount.
 */
export function isAwaited({ status, amountCents }: Pick<RejectedEntry, 'status' | 'amountCents'>): boolean {
  return status === 'held' && amountCents === 0;
}

/** Whether the books have the payment. They do not have an awaited one. */
export function isKnown<Entry extends Pick<RejectedEntry, 'status' | 'amountCents'>>(
  entry: Entry | undefined,
): entry is Entry {
  return entry !== undefined && !isAwaited(entry);
}

/** Only a payment that was cancelled was rejected by no processor. */
export function isCancelled({
  status,
  processorName,
}: Pick<RejectedEntry, 'status' | 'processorName'>): boolean {
  return status === 'rejected' && processorName === null;
}

/** The latest attempt of a payment that is sent again: one of those before. */
export function rejectedAttempt({ processorName, requestedAtMs, story }: RejectedEntry): Attempt {
  assert(processorName !== null, 'a rejected payment has a processor');
  return { processorName, requestedAtMs, why: story.why, outcome: story.outcome };
}

/** Every ledger checks this before it writes anything. */
export function assertActionPayments(payments: readonly unknown[]): void {
  assert(payments.length <= ACTION_PAYMENTS_MAX, 'too many payments for one action');
}

/** The latest actions of several logs, newest first. */
export function latestActions(logs: readonly (readonly LoggedAction[])[]): LoggedAction[] {
  return logs
    .flat()
    .sort((one, other) => other.atMs - one.atMs)
    .slice(0, ACTIONS_KEPT);
}
