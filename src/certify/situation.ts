import type { Script } from './fault-proxy.ts';

/** How long things take in a situation: as short as a noisy machine allows. */
export interface Times {
  readonly timeoutMs: number;
  /** `IN_DOUBT_HOLD_MS` of the processor under test. */
  readonly holdMs: number;
  /** A moment within the timeout. */
  readonly soonMs: number;
  /** After the timeout, and well before the hold is over. */
  readonly lateMs: number;
  /** Long after the hold, and before the situation is over. */
  readonly tooLateMs: number;
  /** How long a fault lasts that ends by itself. */
  readonly whileMs: number;
  /** Whatever is broken is well after this time. */
  readonly faultMaxMs: number;
}

/** The kinds of situation. Those with a row in the table of the issue that began this have at least six each. */
export const KINDS = {
  'gave-up': 'a proxy gives up, and the processor charges nevertheless',
  'failed-charged': 'an error is answered, and the payment is charged',
  'false-duplicate': 'a payment is refused as a duplicate, and not held',
  unfit: 'every request is refused: a wrong address, credentials or version',
  unclear: 'a status that asks for another try',
  rest: '`Retry-After` to a payment',
  'look-up-rest': '`Retry-After` to a look-up',
  interim: 'interim answers (1xx) before the answer',
  rejected: 'a payment is rejected, and posted again',
  lost: 'the answer is lost',
  broken: 'the answer is not a valid message',
  connection: 'the connection is closed early, late or never',
  slow: 'the answer takes long',
  'lying-look-up': 'the look-up does not find what is held',
  'strange-look-up': 'the look-up answers something else',
  repeated: 'a request arrives twice',
  health: 'the health route lies, or answers something else',
  'not-the-api': 'something else answers: a redirect, a page, a portal',
  clock: 'the clock of the processor differs',
} as const;

export type Kind = keyof typeof KINDS;

/**
 * One thing that goes wrong between the gateway and a processor. Four payments are posted at once. Whatever happens to them,
 * the promises must hold, unless the contract itself promised otherwise.
 */
export interface Situation {
  readonly kind: Kind;
  readonly name: string;
  readonly script: (times: Times) => Script;
  /** The processor may refuse the payments for good. */
  readonly mayReject?: true;
  /** Nothing is wrong that should keep a payment from this processor. */
  readonly isHarmless?: true;
}
