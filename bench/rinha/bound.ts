import { conditionAt, type PerProcessor, type ProcessorName, type Scenario, type Stage } from './scenario.ts';

/**
 * The profit of a perfect backend: it takes no time, always knows the state of each processor, and has no limit on calls
 * in flight (the official limit of 800 is never reached here: 603/s × 1 s).
 *
 * A call that begins at `s` commits at `s + delay`, unless the processor fails then; no call begins while it fails.
 * Everything has to be committed when the totals are read. A processor is unsafe if its delay reaches the age of the
 * checked windows: its charges fall into a window that may be read at that very moment, and no backend can be sure to
 * have recorded them by then, which costs 35%.
 *
 * - *Hindsight* knows all stages: a payment waits for the default processor if that can take it before the totals are
 *   read, and goes to the other one otherwise. It uses safe processors only.
 * - *Daring* also uses unsafe processors. No backend can earn more.
 * - *Patience* knows only the present: a payment waits `failoverDelayMs` for the default processor, then takes the first
 *   usable one. The best patience is what a general policy could have earned.
 */
export interface Split extends PerProcessor<number> {
  readonly unsettled: number;
  readonly profitCents: number;
}

export interface Bound {
  readonly hindsight: Split;
  readonly daring: Split;
  readonly failover: readonly (Split & { readonly failoverDelayMs: number })[];
}

const FAILOVER_DELAYS_MS = [0, 100, 250, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000];

/** `postedAtMs`: when each accepted payment was posted; `totalsAtMs`: when the score was read. */
export function bound(scenario: Scenario, postedAtMs: readonly number[], totalsAtMs: number): Bound {
  const run = { stages: scenario.stages, slowestMs: scenario.books.toAgoMs, totalsAtMs };
  const daring = { ...run, slowestMs: Number.POSITIVE_INFINITY };
  return {
    hindsight: split(scenario, postedAtMs, (atMs) => withHindsight(run, atMs)),
    daring: split(scenario, postedAtMs, (atMs) => withHindsight(daring, atMs)),
    failover: FAILOVER_DELAYS_MS.map((failoverDelayMs) => ({
      failoverDelayMs: failoverDelayMs,
      ...split(scenario, postedAtMs, (atMs) => withFailoverDelay(run, atMs, failoverDelayMs)),
    })),
  };
}

/** The most profitable delay; the shortest one if several are equal. */
export function bestFailoverDelay(failover: Bound['failover']): Bound['failover'][number] | undefined {
  return failover.reduce<Bound['failover'][number] | undefined>(
    (best, each) => (best === undefined || each.profitCents > best.profitCents ? each : best),
    undefined,
  );
}

interface Run {
  readonly stages: readonly Stage[];
  readonly slowestMs: number;
  readonly totalsAtMs: number;
}

type Choice = ProcessorName | 'unsettled';

function split(scenario: Scenario, postedAtMs: readonly number[], choose: (atMs: number) => Choice): Split {
  const counts = { default: 0, fallback: 0, unsettled: 0 };
  for (const atMs of postedAtMs) counts[choose(atMs)] += 1;
  const kept = counts.default * (1 - scenario.fees.default) + counts.fallback * (1 - scenario.fees.fallback);
  return { ...counts, profitCents: kept * scenario.amountCents };
}

function withHindsight(run: Run, atMs: number): Choice {
  if (firstCall(run, 'default', atMs).commitsAtMs <= run.totalsAtMs) return 'default';
  return firstCall(run, 'fallback', atMs).commitsAtMs <= run.totalsAtMs ? 'fallback' : 'unsettled';
}

function withFailoverDelay(run: Run, atMs: number, failoverDelayMs: number): Choice {
  const cheap = firstCall(run, 'default', atMs);
  const dear = firstCall(run, 'fallback', atMs + failoverDelayMs);
  const name = cheap.beginsAtMs <= dear.beginsAtMs ? 'default' : 'fallback';
  const { commitsAtMs } = name === 'default' ? cheap : dear;
  return commitsAtMs <= run.totalsAtMs ? name : 'unsettled';
}

/** The first call since `atMs` that commits: at once, or when a stage begins. Infinity if no call does. */
function firstCall(run: Run, processor: ProcessorName, atMs: number): Call {
  const beginnings = [atMs, ...run.stages.map((stage) => stage.atMs).filter((stageMs) => stageMs > atMs)];
  for (const beginsAtMs of beginnings) {
    const { delayMs, failing } = conditionAt(run.stages, processor, beginsAtMs);
    const commitsAtMs = beginsAtMs + delayMs;
    const committed = !conditionAt(run.stages, processor, commitsAtMs).failing;
    if (!failing && delayMs < run.slowestMs && committed) return { beginsAtMs, commitsAtMs };
  }
  return { beginsAtMs: Number.POSITIVE_INFINITY, commitsAtMs: Number.POSITIVE_INFINITY };
}

interface Call {
  readonly beginsAtMs: number;
  readonly commitsAtMs: number;
}
