import type { Clock } from '../../src/core/clock.ts';
import type { Totals } from '../../src/core/payment.ts';
import { type Audited, auditRun } from './audited.ts';
import { Books, type Check } from './books.ts';
import { type Bound, bound } from './bound.ts';
import type { Course } from './course.ts';
import type { Deployment, Entry } from './deployment.ts';
import { Meter, type Metered } from './meter.ts';
import { observe } from './observer.ts';
import { ProcessorAdmin } from './processor-admin.ts';
import { type Latencies, Record, type Second } from './record.ts';
import type { PerProcessor, Scenario } from './scenario.ts';
import { type Score, score } from './score.ts';
import { playStages } from './stages.ts';
import { postAll } from './users.ts';

/** The score's totals cover the run, starting this much before it. */
const TOTALS_MARGIN_MS = 10_000;

/** Runs a scenario against a deployment and scores it. Throws if the scenario cannot be run. */
export async function run(setting: Setting): Promise<Result> {
  const { scenario, deployment, clock } = setting;
  const meter = new Meter(deployment);
  let beganMs = performance.now();
  const nowMs = () => performance.now() - beganMs;
  const record = new Record(nowMs, scenario.warmUpMs);
  const course: Course = { ...setting, target: deployment.target, record, nowMs };
  const books = new Books(course);
  const fees = await reset(course);
  await books.open();

  beganMs = performance.now();
  const beganAtMs = clock.nowMs();
  const cpuBefore = process.cpuUsage();
  let ended = false;
  const observed = observe(
    course,
    meter,
    () => ended,
    () => setting.onSecond(course),
  );
  const [checks] = await Promise.all([books.watch(), playStages(course), postAll(course)]);
  const totalsAtMs = nowMs();
  const totals = await books.compare(beganAtMs - TOTALS_MARGIN_MS, clock.nowMs());
  ended = true;
  await observed;
  const metered = meter.stop(record.acceptedCount);
  const cpu = process.cpuUsage(cpuBefore);
  books.close();
  const audit = await auditRun(deployment, beganAtMs - TOTALS_MARGIN_MS);

  const latencies = record.latencies();
  return {
    site: setting.site,
    entry: setting.entry,
    scenario,
    beganAtMs,
    score: score({
      acceptedCount: record.acceptedCount,
      totals: totals[scenario.totalsFrom],
      fees,
      p99Ms: latencies.p99Ms,
      inconsistencyCount: checks.reduce((sum, each) => sum + each.errorCount, 0),
    }),
    bound: bound(scenario, record.acceptedAtMs, totalsAtMs),
    acceptedCount: record.acceptedCount,
    failedCount: record.failedCount,
    fees,
    backend: totals.backend,
    processors: totals.processors,
    latencies,
    checks,
    seconds: record.seconds,
    metered,
    audit,
    harnessCpuShare: (cpu.user + cpu.system) / 1_000 / nowMs(),
  };
}

export interface Setting {
  readonly site: string;
  readonly entry: Entry;
  readonly scenario: Scenario;
  readonly deployment: Deployment;
  /** URLs. */
  readonly processors: PerProcessor<string>;
  readonly token: string;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly onSecond: (course: Course) => void;
}

export interface Result {
  readonly site: string;
  readonly entry: Entry;
  readonly scenario: Scenario;
  readonly beganAtMs: number;
  readonly score: Score;
  readonly bound: Bound;
  readonly acceptedCount: number;
  readonly failedCount: number;
  readonly fees: PerProcessor<number>;
  /** At the end of the run. */
  readonly backend: PerProcessor<Totals>;
  readonly processors: PerProcessor<Totals>;
  readonly latencies: Latencies;
  readonly checks: readonly Check[];
  readonly seconds: readonly Second[];
  readonly metered: Metered;
  /** Made after the run; does not affect the figures. */
  readonly audit: Audited;
  /** As a share of one core. */
  readonly harnessCpuShare: number;
}

/** Resets both processors to healthy and returns their fees. */
async function reset({ processors, token }: Course): Promise<PerProcessor<number>> {
  const fees = { default: 0, fallback: 0 };
  for (const name of ['default', 'fallback'] as const) {
    const admin = new ProcessorAdmin(processors[name], token);
    await admin.setDelay({ delayMs: 0, failing: false });
    await admin.setFailure({ delayMs: 0, failing: false });
    const summary = await admin.summary();
    admin.close();
    if (summary === undefined)
      throw new Error(`processor ${name} at ${processors[name]} returned no summary`);
    fees[name] = summary.fee;
  }
  return fees;
}
