import type { PaymentStatus, Totals } from '../core/payment.ts';

/**
 * What an audit found, as `GET /audit` answers it in JSON. Amounts are whole cents, stamps ISO 8601 in UTC.
 *
 * | verdict  | meaning                                                                                       |
 * |----------|-----------------------------------------------------------------------------------------------|
 * | agrees   | every total was read on both sides and is the same, and no payment that was looked up differs |
 * | settling | what differs may still come right by itself: audit again later                                |
 * | differs  | something is wrong                                                                            |
 * | unknown  | nothing is known to be wrong, but not everything could be looked at: `problems` says why      |
 */
export type Verdict = 'agrees' | 'settling' | 'differs' | 'unknown';

export interface AuditReport {
  readonly verdict: Verdict;
  /** As asked; null: open. Payments stamped after the audit began are left to the next one when `to` is open. */
  readonly from: string | null;
  readonly to: string | null;
  readonly startedAt: string;
  readonly tookMs: number;
  /** After so long a settlement that is still missing is wrong. */
  readonly settlesWithinMs: number;
  readonly processors: readonly ProcessorReport[];
  /** The wrong ones first. `GET /audit` answers no more than the first 200. */
  readonly differences: readonly Difference[];
  readonly differenceCount: number;
  /** All differences, those that are alike counted together; in the order of `differences`. */
  readonly differenceGroups: readonly DifferenceGroup[];
  /** Payments looked up at processors. */
  readonly lookedUpCount: number;
  /** Why the audit does not know everything; empty: it does. */
  readonly problems: readonly string[];
}

/** Over the whole period: `here` is our books, `there` the processor's, null when it was not told. */
export interface ProcessorReport {
  readonly name: string;
  readonly here: Totals;
  readonly there: Totals | null;
  /** The periods that were gone through payment by payment, and did not come right meanwhile. */
  readonly windows: readonly WindowReport[];
}

/**
 * A period in which the books differ, both ends inclusive.
 *
 * | state     | meaning                                                                                            |
 * |-----------|----------------------------------------------------------------------------------------------------|
 * | explained | `differences` say all of it                                                                        |
 * | settling  | its end is so young that what is missing may still come                                            |
 * | wrong     | there is a remainder that no payment of ours explains, or our totals are not those of our payments |
 * | unknown   | not everything in it could be looked at                                                            |
 */
export interface WindowReport {
  readonly from: string;
  readonly to: string;
  readonly here: Totals;
  readonly there: Totals | null;
  /** Our own payments that are settled there with a stamp of this period; they should add up to `here`. */
  readonly listed: Totals;
  /** What the processor counts beyond the payments that we know of and it holds. Null when it was not told. */
  readonly remainder: Totals | null;
  readonly state: 'explained' | 'settling' | 'wrong' | 'unknown';
}

/**
 * | kind          | meaning                                                                  |
 * |---------------|--------------------------------------------------------------------------|
 * | charged-twice | more than one processor holds the payment: the payer has paid twice      |
 * | only-here     | settled here, and the processor does not hold it                         |
 * | only-there    | the processor holds it, and here it is not settled at that processor     |
 * | amount        | both have it, with other amounts                                         |
 * | stamp         | both have it, with other stamps                                          |
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
  /** Who holds it, and how; empty when nobody who was asked does. */
  readonly there: readonly Holding[];
  /** One sentence for people. */
  readonly why: string;
}

/** Differences of one kind and state at the same processors. */
export interface DifferenceGroup {
  readonly kind: DifferenceKind;
  readonly state: Difference['state'];
  /** Those that hold the payments; where none does, the one that our books name. */
  readonly processors: readonly string[];
  readonly count: number;
  /** What our books say that these payments amount to. */
  readonly amountCents: number;
}

export interface Holding {
  readonly processor: string;
  readonly amountCents: number;
  readonly requestedAt: string;
}

/** What is wrong outweighs what is not known, and that outweighs what may come right. */
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

/** Whether a difference is counted in a group. */
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
