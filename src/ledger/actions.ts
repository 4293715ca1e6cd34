import assert from 'node:assert/strict';
import type { Attempt, Story } from '../core/attempt.ts';
import type { PaymentStatus } from '../core/payment.ts';

/** What an operator wants done to payments, and who wants it (an API key, and a name that the client gave) and why. */
export interface Action {
  readonly atMs: number;
  readonly who: string;
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
 */
export type ReopenReply = 'reopened' | 'unknown' | 'not-rejected' | 'changed' | 'perhaps-charged';

/** What matters of an entry of the ledger here. */
interface RejectedEntry {
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
];

/** Payments of one action: it is one write, and one row of the log. */
export const REOPENED_MAX = 100;
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
  if (entry.attempts !== attempts) return 'changed';
  const { outcome } = entry.story;
  return outcome === 'rejected' || outcome === 'found-rejected' ? null : 'perhaps-charged';
}

/** The latest attempt of a payment that is sent again: one of those before. */
export function rejectedAttempt({ processorName, requestedAtMs, story }: RejectedEntry): Attempt {
  assert(processorName !== null, 'a rejected payment has a processor');
  return { processorName, requestedAtMs, why: story.why, outcome: story.outcome };
}

/** Every ledger checks this before it writes anything. */
export function assertReopenings(payments: readonly Reopening[]): void {
  assert(payments.length <= REOPENED_MAX, 'too many payments for one action');
}

/** The latest actions of several logs, newest first. */
export function latestActions(logs: readonly (readonly LoggedAction[])[]): LoggedAction[] {
  return logs
    .flat()
    .sort((one, other) => other.atMs - one.atMs)
    .slice(0, ACTIONS_KEPT);
}
