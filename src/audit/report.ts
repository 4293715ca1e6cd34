import type { PaymentStatus, Totals } from '../core/payment.ts';

/**
 * The verdict of an audit. Its report is the JSON of `GET /audit`: amounts in whole cents, timestamps ISO 8601 in UTC.
 *
 * | verdict  | meaning                                                                                       |
 * |----------|-----------------------------------------------------------------------------------------------|
 * | agrees   | all totals were read and are the same on both sides, and no payment that was looked up differs |
 * | settling | the differences may still settle by themselves: audit again later                             |
 * | differs  | something is wrong                                                                            |
 * | unknown  | no difference found, but not everything could be checked: `problems` says why                 |
 */
export type Verdict = 'agrees' | 'settling' | 'differs' | 'unknown';

export interface AuditReport {
  readonly verdict: Verdict;
  /** As requested; null: open. With `to` open, the audit ends at `startedAt`. */
  readonly from: string | null;
  readonly to: string | null;
  readonly startedAt: string;
  readonly tookMs: number;
  /** A settlement that is missing for longer than this is wrong. */
  readonly settlesWithinMs: number;
  readonly processors: readonly ProcessorReport[];
  /** Wrong ones first. `GET /audit` returns at most 200. */
  readonly differences: readonly Difference[];
  readonly differenceCount: number;
  /** All differences, similar ones counted together; in the order of `differences`. */
  readonly differenceGroups: readonly DifferenceGroup[];
  /** Payments looked up at processors. */
  readonly lookedUpCount: number;
  /** Why the audit is incomplete; empty: it is complete. */
  readonly problems: readonly string[];
}

/** Totals of the whole period: `here` in our books, `there` in the processor's (null: not readable). */
export interface ProcessorReport {
  readonly name: string;
  readonly here: Totals;
  readonly there: Totals | null;
  /** The periods that differ. */
  readonly windows: readonly WindowReport[];
}

/**
 * A period in which the books differ, both ends inclusive.
 *
 * | state     | meaning                                                                                            |
 * |-----------|----------------------------------------------------------------------------------------------------|
 * | explained | `differences` explain it completely                                                                |
 * | settling  | it is recent, so missing payments may still settle                                                 |
 * | wrong     | there is a remainder that none of our payments explains, or our totals are not those of our payments |
 * | unknown   | not everything in it could be checked                                                              |
 */
export interface WindowReport {
  readonly from: string;
  readonly to: string;
  readonly here: Totals;
  readonly there: Totals | null;
  /** Our payments that are settled there with a timestamp in this period; they should add up to `here`. */
  readonly listed: Totals;
  /** What the processor counts beyond those of our payments that it holds. Null: not readable. */
  readonly remainder: Totals | null;
  readonly state: 'explained' | 'settling' | 'wrong' | 'unknown';
}

/**
 * | kind          | meaning                                                                  |
 * |---------------|--------------------------------------------------------------------------|
 * | charged-twice | more than one processor holds the payment: the payer has paid twice      |
 * | only-here     | settled here, but the processor does not hold it                         |
 * | only-there    | the processor holds it, but it is not settled at that processor here     |
 * | amount        | both have it, with different amounts                                     |
 * | stamp         | both have it, with different timestamps                                  |
 */
export type DifferenceKind = 'charged-twice' | 'only-here' | 'only-there' | 'amount' | 'stamp';

export interface Difference {
  readonly kind: DifferenceKind;
  readonly state: 'settling' | 'wrong';
  readonly correlationId: string;
  readonly here: {
    readonly status: PaymentStatus;
    readonly processor: string | null;
    readonly amountCents: number;
    readonly requestedAt: string | null;
    readonly attempts: number;
  };
  /** Its records at the processors that hold it. */
  readonly there: readonly Holding[];
  /** A sentence for people. */
  readonly why: string;
}

/** Differences of one kind and state at the same processors. */
export interface DifferenceGroup {
  readonly kind: DifferenceKind;
  readonly state: Difference['state'];
  /** The processors that hold the payments; if none does, the one in our books. */
  readonly processors: readonly string[];
  readonly count: number;
  /** Total amount of these payments in our books. */
  readonly amountCents: number;
}

export interface Holding {
  readonly processor: string;
  readonly amountCents: number;
  readonly requestedAt: string;
}

/** Wrong outweighs unknown, and unknown outweighs settling. */
export function verdictOf(
  processors: readonly ProcessorReport[],
  differences: readonly Difference[],
  problems: readonly string[],
): Verdict {
  const states = new Set<string>(differences.map(({ state }) => state));
  for (const { windows } of processors) for (const { state } of windows) states.add(state);
  if (states.has('wrong')) return 'differs';
  if (states.has('unknown') || problems.length > 0) return 'unknown';
  return states.has('settling') ? 'settling' : 'agrees';
}

function processorsOf({ here, there }: Difference): string[] {
  if (there.length > 0) return there.map(({ processor }) => processor);
  return here.processor === null ? [] : [here.processor];
}

/** Whether a difference belongs to a group. */
export function belongs(difference: Difference, { kind, state, processors }: DifferenceGroup): boolean {
  return (
    difference.kind === kind &&
    difference.state === state &&
    processorsOf(difference).join() === processors.join()
  );
}

export function groupsOf(differences: readonly Difference[]): DifferenceGroup[] {
  const groups = new Map<string, DifferenceGroup>();
  for (const difference of differences) {
    const { kind, state, here } = difference;
    const processors = processorsOf(difference);
    const key = [kind, state, ...processors].join();
    const { count, amountCents } = groups.get(key) ?? { count: 0, amountCents: 0 };
    groups.set(key, {
      kind,
      state,
      processors,
      count: count + 1,
      amountCents: amountCents + here.amountCents,
    });
  }
  return [...groups.values()];
}

export function stampOf(ms: number): string {
  return new Date(ms).toISOString();
}
