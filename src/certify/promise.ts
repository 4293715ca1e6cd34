/** The seven promises of the gateway, as far as they concern one processor. */
export const PROMISES = {
  'nothing lost': 'every payment is settled, or rejected by its processor',
  'nothing charged twice':
    'a payment is charged at most once over both processors, and not at all if it was rejected',
  'the summary tells the truth': 'our totals and stamps are those of the processors',
  'cheapest first':
    'what is not kept from the cheaper processor goes there, and it is used again once it is well',
  polite: 'a rest that a processor asks for is heeded, and so is the pause between two health calls',
  bounded: 'calls and look-ups have a backoff, and everything ends',
  idempotent: 'a payment that is posted again causes no other call',
} as const;

export type PromiseName = keyof typeof PROMISES;

/** How a promise was broken in a situation. */
export interface Breach {
  readonly promise: PromiseName;
  readonly detail: string;
  /** The payment that it happened to; empty: no single one. */
  readonly correlationId: string;
}

/** A conclusion of the contract that turned out to be wrong. */
export interface WrongConclusion {
  readonly correlationId: string;
  /** What it concluded from, such as `HTTP 500, then HTTP 404 to the look-up`. */
  readonly seen: string;
  readonly concluded: string;
  readonly truth: string;
  /** The contract states that this is a proof, or the gateway's settings do. */
  readonly proof: string | null;
}

export interface SituationResult {
  readonly kind: string;
  readonly name: string;
  /**
   * `promised`: a promise was broken because a proof that the contract states was untrue here; `broken`: by the gateway, or
   * by a conclusion for which the contract states no proof.
   */
  readonly verdict: 'holds' | 'promised' | 'broken';
  readonly breaches: readonly Breach[];
  readonly wrongConclusions: readonly WrongConclusion[];
  readonly tookMs: number;
}
