/**
 * The official scenarios as data: who posts when, what happens to the processors, how the books are checked, and
 * where the totals of the score come from. Times are milliseconds since the run began.
 */
export interface Scenario {
  readonly name: string;
  readonly durationMs: number;
  /** Virtual users at the beginning and at the end; between them their number grows linearly. */
  readonly usersFrom: number;
  readonly usersTo: number;
  /** What a user sleeps between two posts. */
  readonly sleepMs: number;
  /**
   * `answer`: it sleeps from the last answer on, as the contest has it. `post`: from the last post on, so that the
   * rate is the same whatever the answers take.
   */
  readonly sleepsFrom: 'answer' | 'post';
  readonly amountCents: number;
  /** Shares of the amount, such as 0.05. */
  readonly fees: PerProcessor<number>;
  readonly stages: readonly Stage[];
  readonly books: BooksRule;
  /** Whose count the score is computed from. */
  readonly totalsFrom: 'backend' | 'processors';
  /** What happens before this moment is neither in the latencies nor in the CPU time. */
  readonly warmUpMs: number;
}

export const PROCESSORS = ['default', 'fallback'] as const;
export type ProcessorName = (typeof PROCESSORS)[number];
export type PerProcessor<T> = Readonly<Record<ProcessorName, T>>;

export interface Condition {
  readonly delayMs: number;
  readonly failing: boolean;
}

/** From `atMs` on, until the next stage, the processors behave like this. */
export interface Stage extends PerProcessor<Condition> {
  readonly atMs: number;
}

/**
 * Every `intervalMs` backend and processors are asked for [now - fromAgoMs, now - toAgoMs]. `net`: the error is
 * |Δdefault + Δfallback|; `gross`: it is |Δdefault| + |Δfallback|.
 */
export interface BooksRule {
  readonly intervalMs: number;
  readonly fromAgoMs: number;
  readonly toAgoMs: number;
  readonly error: 'net' | 'gross';
}

/** What a run of the contest allows any of its calls, to the backend or to the processors. */
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

/** No contest, a measurement: the same rate all along, processors that answer in 5 ms. */
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
 * The same shape in another time: ramp, stages and checks shrink; users, delays and the ages of the windows that
 * are checked don't, since they say how fast a backend has to be.
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
 * When user number `index` (from 0) posts for the first time. Those who are there from the beginning spread over
 * one sleep, so that a steady run is steady and not a herd.
 */
export function userStartsAtMs(scenario: Scenario, index: number): number {
  const { usersFrom, usersTo, durationMs, sleepMs } = scenario;
  if (index < usersFrom) return (index / usersFrom) * sleepMs;
  return ((index + 1 - usersFrom) / (usersTo - usersFrom)) * durationMs;
}

/** What holds at `atMs`; before the first stage both processors are well. */
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
