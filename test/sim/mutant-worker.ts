import assert from 'node:assert';
import { parentPort, workerData } from 'node:worker_threads';
import { hookEdits } from '../edits-hook.ts';
import type { Broken } from './audit.ts';
import type { Mutant } from './mutants.ts';
import { KEPT_SEEDS } from './seeds.ts';

export interface MutantTask {
  readonly mutant: Mutant;
  /** The seeds tried are the kept ones, and `seedCount` from this one on. */
  readonly from: number;
  readonly seedCount: number;
}

/** `seed` 0: no seed broke a promise. */
export interface MutantReport {
  readonly seed: number;
  readonly broken: Broken | null;
}

// The gateway is loaded with the bug, so none of its files may have been loaded before.
const { mutant, from, seedCount }: MutantTask = workerData;
const isIn = hookEdits(new URL('../../src/', import.meta.url), [mutant]);
const { planOf } = await import('./random-plan.ts');
const { runPlan } = await import('./world.ts');
assert.ok(isIn(), `the simulation does not load ${mutant.file}`);

let report: MutantReport = { seed: 0, broken: null };
const seeds = [...KEPT_SEEDS, ...Array.from({ length: seedCount }, (_, index) => from + index)];
for (const seed of seeds) {
  const { broken } = await runPlan(planOf(seed));
  if (broken === null) continue;
  report = { seed, broken };
  break;
}
parentPort?.postMessage(report);
