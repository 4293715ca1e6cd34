import type { SimValues } from '../../src/cli/sim.ts';
import { type LedgerBackend, openBackend } from './ledger-backend.ts';
import type { MutantReport } from './mutant-worker.ts';
import { MUTANTS, type Mutant } from './mutants.ts';
import type { Plan } from './plan.ts';
import { planOf } from './random-plan.ts';
import { failsTest, runMutant } from './run-mutant.ts';
import { KEPT_SEEDS } from './seeds.ts';
import { shrink } from './shrink.ts';
import { type Outcome, runPlan } from './world.ts';

const SEEDS = 1000;
const MUTANT_SEEDS = 3000;
const PROGRESS_EVERY_MS = 10_000;

/** `dinossauro sim`. Resolves to the exit code. */
export default async function sim(values: SimValues): Promise<number> {
  const { mutants, only, seed, seeds, from, skew, ledger } = values;
  if (mutants) return (await runMutants(only ?? '', from, seeds ?? MUTANT_SEEDS)) ? 0 : 1;
  const backend = await openBackend(ledger);
  try {
    const isWell =
      seed === undefined
        ? await runSeeds(from, seeds ?? SEEDS, skew, backend)
        : await replay(planOf(seed, skew), backend);
    return isWell ? 0 : 1;
  } finally {
    await backend.stop();
  }
}

async function runSeeds(
  from: number,
  count: number,
  skewMs: number,
  backend: LedgerBackend,
): Promise<boolean> {
  const failures: Outcome[] = [];
  const startedAtMs = performance.now();
  let saidAtMs = startedAtMs;
  let chargeCount = 0;
  let virtualMs = 0;
  const seeds = [...KEPT_SEEDS, ...Array.from({ length: count }, (_, index) => from + index)];
  for (const [index, seed] of seeds.entries()) {
    const outcome = await runPlan(planOf(seed, skewMs), null, backend);
    chargeCount += outcome.chargeCount;
    virtualMs += outcome.virtualMs;
    if (outcome.broken !== null) {
      failures.push(outcome);
      console.log(`seed ${seed}: ${outcome.broken.promise} ${outcome.broken.correlationId ?? ''}`);
    }
    const nowMs = performance.now();
    if (nowMs - saidAtMs < PROGRESS_EVERY_MS && index < seeds.length - 1) continue;
    saidAtMs = nowMs;
    const spentS = (nowMs - startedAtMs) / 1000;
    const rate = ((index + 1) / spentS).toPrecision(3);
    console.log(
      `${index + 1} seeds, ${failures.length} failed, ${rate} seeds/s, ${chargeCount} payments charged, ` +
        `${Math.round(virtualMs / 3_600_000)} h simulated in ${Math.round(spentS)} s`,
    );
  }
  const [first] = failures;
  if (first !== undefined) await explain(first, backend);
  return failures.length === 0;
}

async function replay(plan: Plan, backend: LedgerBackend): Promise<boolean> {
  const outcome = await runPlan(plan, null, backend);
  if (outcome.broken !== null) {
    await explain(outcome, backend);
    return false;
  }
  await tell(plan, null, backend);
  console.log(`seed ${plan.seed} keeps every promise`);
  return true;
}

/** Prints the smallest plan that breaks the same promise, and its history. */
async function explain(outcome: Outcome, backend: LedgerBackend): Promise<void> {
  console.log(`shrinking seed ${outcome.plan.seed} ...`);
  const plan = await shrink(outcome, backend);
  const { broken } = await runPlan(plan, null, backend);
  await tell(plan, broken?.correlationId ?? null, backend);
  console.log(`seed ${plan.seed} breaks a promise: ${broken?.promise} ${broken?.correlationId ?? ''}`);
}

/** Prints the history of a plan, limited to one payment if the broken promise is about one. */
async function tell(plan: Plan, correlationId: string | null, backend: LedgerBackend): Promise<void> {
  const history: string[] = [];
  await runPlan(plan, history, backend);
  const { posts, faults, ...shape } = plan;
  console.log(JSON.stringify(shape, null, 1));
  console.log(`${posts.length} posts, ${faults.length} faults; time in seconds:`);
  const isOfOther = /\b[0-9a-f]{8}-[0-9a-f]{4}-/;
  for (const line of history) {
    if (correlationId === null || line.includes(correlationId) || !isOfOther.test(line)) console.log(line);
  }
}

/** The mutants whose names contain `only`. */
async function runMutants(only: string, from: number, seedCount: number): Promise<boolean> {
  const mutants = MUTANTS.filter(({ name }) => name.includes(only));
  let missed = 0;
  for (const mutant of mutants) {
    const { isCaught, how } = await tryMutant(mutant, from, seedCount);
    if (!isCaught) missed++;
    console.log(`${isCaught ? 'caught' : 'MISSED'}  ${mutant.name}  (${how})`);
  }
  console.log(`${mutants.length - missed} of ${mutants.length} mutants caught`);
  return missed === 0;
}

async function tryMutant(
  mutant: Mutant,
  from: number,
  seedCount: number,
): Promise<{ readonly isCaught: boolean; readonly how: string }> {
  const { test } = mutant;
  if (test !== undefined) return { isCaught: await failsTest(mutant, test), how: `test/${test}.test.ts` };
  const report = await runMutant({ mutant, from, seedCount });
  if (report === null) return { isCaught: false, how: 'timed out' };
  if (report.broken === null) return { isCaught: false, how: `${seedCount} seeds` };
  return { isCaught: true, how: `seed ${report.seed}: ${firstLine(report)}` };
}

function firstLine({ broken }: MutantReport): string {
  return (broken?.promise ?? '').split('\n')[0] ?? '';
}
