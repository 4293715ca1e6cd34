/**
 * The official scenarios as data: the users, what happens to the processors, how the summaries are checked, and the
 * source of the score's totals. Times are milliseconds since the start of the run.
 */
export interface Scenario {
  readonly name: string;
  readonly durationMs: number;
  /** Virtual users at the start and at the end; their number grows linearly in between. */
  readonly usersFrom: number;
  readonly usersTo: number;
  /** How long a user sleeps between two posts. */
  readonly sleepMs: number;
  /**
   * `answer`: a user sleeps after the last answer, as in the contest. `post`: after the last post, so that the rate does
   * not depend on latency.
   */
  readonly sleepsFrom: 'answer' | 'post';
  readonly amountCents: number;
  /** As a share of the amount, such as 0.05. */
  readonly fees: PerProcessor<number>;
  readonly stages: readonly Stage[];
  readonly books: BooksRule;
  /** Whose totals the score uses. */
  readonly totalsFrom: 'backend' | 'processors';
  /** Latencies and CPU time count only after this time. */
  readonly warmUpMs: number;
}

export const PROCESSORS = ['default', 'fallback'] as const;
export type ProcessorName = (typeof PROCESSORS)[number];
export type PerProcessor<T> = Readonly<Record<ProcessorName, T>>;

export interface Condition {
  readonly delayMs: number;
  readonly failing: boolean;
}

/** How the processors behave from `atMs` until the next stage. */
export interface Stage extends PerProcessor<Condition> {
  readonly atMs: number;
}

/**
 * Every `intervalMs`, backend and processors are asked about [now - fromAgoMs, now - toAgoMs]. The error is
 * |Δdefault + Δfallback| for `net` and |Δdefault| + |Δfallback| for `gross`.
 */
export interface BooksRule {
  readonly intervalMs: number;
  readonly fromAgoMs: number;
  readonly toAgoMs: number;
  readonly error: 'net' | 'gross';
}

/** The contest's timeout for all calls, to the backend and to the processors. */
export const CALL_TIMEOUT_MS = 1_500;

export const preview: Scenario = {
  name: 'preview',
  durationMs: 60_000,
  usersFrom: 1,
  usersTo: 550,
  sleepMs: 1_000,
  sleepsFrom: 'answer',
  amountCents: 1_990,
  fees: { default: 0.05, fallback: 0.15 },
  stages: [
    stage(1, well(0), well(0)),
    stage(10, well(100), well(0)),
    stage(20, failing(100), well(0)),
    stage(30, failing(2_000), failing(1_000)),
    stage(40, well(20), well(20)),
    stage(50, well(0), well(5_000)),
  ],
  books: { intervalMs: 10_000, fromAgoMs: 15_000, toAgoMs: 1_500, error: 'net' },
  totalsFrom: 'backend',
  warmUpMs: 0,
};

export const final: Scenario = {
  name: 'final',
  durationMs: 300_000,
  usersFrom: 1,
  usersTo: 603,
  sleepMs: 1_000,
  sleepsFrom: 'answer',
  amountCents: 2_005,
  fees: { default: 0.07, fallback: 0.1 },
  stages: [
    stage(1, well(0), well(0)),
    stage(30, well(1_000), well(0)),
    stage(60, well(500), well(0)),
    stage(90, failing(2_000), well(1_000)),
    stage(120, failing(5_000), well(5)),
    stage(150, well(0), failing(5)),
    stage(180, well(100), well(5)),
    stage(210, well(50), well(0)),
    stage(240, well(103), well(10)),
    stage(270, well(2_000), well(0)),
  ],
  books: { intervalMs: 10_000, fromAgoMs: 15_000, toAgoMs: 2_000, error: 'gross' },
  totalsFrom: 'processors',
  warmUpMs: 0,
};

/** Not a contest but a measurement: a constant rate, and processors that answer in 5 ms. */
export function steady(perSecond: number, seconds: number): Scenario {
  return {
    ...preview,
    name: 'steady',
    durationMs: seconds * 1_000,
    usersFrom: perSecond,
    usersTo: perSecond,
    sleepsFrom: 'post',
    stages: [stage(0, well(5), well(5))],
    warmUpMs: Math.min(5_000, seconds * 250),
  };
}

/**
 * The same scenario in less time: ramp, stages and checks shrink. Users, delays and the ages of the checked windows do
 * not, because they determine how fast a backend has to be.
 */
export function scaled(scenario: Scenario, seconds: number): Scenario {
  const factor = (seconds * 1_000) / scenario.durationMs;
  return {
    ...scenario,
    durationMs: seconds * 1_000,
    stages: scenario.stages.map((each) => ({ ...each, atMs: each.atMs * factor })),
    books: { ...scenario.books, intervalMs: scenario.books.intervalMs * factor },
  };
}

/**
 * When user number `index` (from 0) posts for the first time. Users present from the start are spread over one sleep,
 * so that they do not all post at once.
 */
export function userStartsAtMs(scenario: Scenario, index: number): number {
  const { usersFrom, usersTo, durationMs, sleepMs } = scenario;
  if (index < usersFrom) return (index / usersFrom) * sleepMs;
  return ((index + 1 - usersFrom) / (usersTo - usersFrom)) * durationMs;
}

/** The condition at `atMs`; before the first stage both processors are healthy. */
export function conditionAt(stages: readonly Stage[], processor: ProcessorName, atMs: number): Condition {
  const current = stages.findLast((each) => each.atMs <= atMs);
  return current?.[processor] ?? well(0);
}

export function describe(condition: Condition): string {
  return `${condition.delayMs} ms${condition.failing ? ', failing' : ''}`;
}

function stage(atSecond: number, whenDefault: Condition, whenFallback: Condition): Stage {
  return { atMs: atSecond * 1_000, default: whenDefault, fallback: whenFallback };
}

function well(delayMs: number): Condition {
  return { delayMs, failing: false };
}

function failing(delayMs: number): Condition {
  return { delayMs, failing: true };
}
