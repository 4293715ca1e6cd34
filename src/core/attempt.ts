/**
 * What the books say about each attempt to have a payment charged: why its processor was chosen, and how it ended. Both
 * are stored by their position here, so these lists only grow at their end.
 */

/**
 * | reason               | the processor was chosen because                                      |
 * |----------------------|-----------------------------------------------------------------------|
 * | unknown              | the books do not say: they were made from others, which did not       |
 * | cheapest-well        | it was the cheapest that was well and fast enough                     |
 * | after-failover-delay | the payment had waited long enough for a cheaper one that failed      |
 * | least-slow           | all were slow, and no other was faster                                |
 * | probe                | one payment was to find out whether it had recovered                  |
 */
export const ATTEMPT_REASONS = [
  'unknown',
  'cheapest-well',
  'after-failover-delay',
  'least-slow',
  'probe',
] as const;
export type AttemptReason = (typeof ATTEMPT_REASONS)[number];

/**
 * | outcome        | how the attempt ended                                                       | charged |
 * |----------------|-----------------------------------------------------------------------------|---------|
 * | unknown        | there is no outcome yet, or the books do not say                            | perhaps |
 * | charged        | the processor has answered that it charged the payment                      | yes     |
 * | found-charged  | a look-up has found it charged                                              | yes     |
 * | rejected       | the processor has answered that it will never take it                       | no      |
 * | found-rejected | a look-up has found that                                                    | no      |
 * | never-held     | the processor called it a duplicate again and again, and never held it      | perhaps |
 * | refused        | the processor did not take it this time                                     | no      |
 * | unfit          | the processor refused every request                                         | no      |
 * | exhausted      | this machine lacked what a call needs                                       | no      |
 * | not-held       | a look-up, after a call could not be running any more, has found nothing    | no      |
 * | not-sent       | the reply of the ledger was lost, so no call was made                       | no      |
 */
export const ATTEMPT_OUTCOMES = [
  'unknown',
  'charged',
  'found-charged',
  'rejected',
  'found-rejected',
  'never-held',
  'refused',
  'unfit',
  'exhausted',
  'not-held',
  'not-sent',
] as const;
export type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number];

export interface Attempt {
  /** The name of the processor. */
  readonly processorName: string;
  readonly requestedAtMs: number;
  readonly why: AttemptReason;
  readonly outcome: AttemptOutcome;
}

/** What the books say about the attempts of a payment. */
export interface Story {
  /** Why the latest attempt was made. The entry has its processor and time. */
  readonly why: AttemptReason;
  readonly outcome: AttemptOutcome;
  /** The attempts before it, oldest first: the last of them, up to `EARLIER_ATTEMPTS_MAX`. */
  readonly earlier: readonly Attempt[];
}

/** The story of a payment that was never sent, or of which nothing is known. */
export const NO_STORY: Story = { why: 'unknown', outcome: 'unknown', earlier: [] };

/** How many attempts before the latest the books keep: more than a few happen only in long outages. */
export const EARLIER_ATTEMPTS_MAX = 8;

const REASON_BITS = 3;
const OUTCOME_BITS = 4;

/** The reason and the outcome of an attempt, in seven bits of a byte. */
export function storyCode(why: AttemptReason, outcome: AttemptOutcome): number {
  return (ATTEMPT_OUTCOMES.indexOf(outcome) << REASON_BITS) | ATTEMPT_REASONS.indexOf(why);
}

export function reasonOfCode(code: number): AttemptReason {
  return ATTEMPT_REASONS[code & (2 ** REASON_BITS - 1)] ?? 'unknown';
}

export function outcomeOfCode(code: number): AttemptOutcome {
  return ATTEMPT_OUTCOMES[(code >> REASON_BITS) & (2 ** OUTCOME_BITS - 1)] ?? 'unknown';
}
