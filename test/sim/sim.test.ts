import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MUTANTS } from './mutants.ts';
import { planOf } from './plan.ts';
import { runMutant } from './run-mutant.ts';
import { KEPT_SEEDS } from './seeds.ts';
import { type Outcome, runPlan } from './world.ts';

const FRESH_SEEDS = 300;
const SKEWED_SEEDS = 60;

/** The message of a failure says how to reproduce it. */
function check({ plan, broken }: Outcome): void {
  assert.is(broken, null, `npm run sim -- --seed ${plan.seed}: ${broken?.promise}`);
}

test('seeds that once broke a promise keep it', async () => {
  for (const seed of KEPT_SEEDS) check(await runPlan(planOf(seed)));
});

test('random seeds keep every promise', async () => {
  for (let seed = 1; seed <= FRESH_SEEDS; seed++) check(await runPlan(planOf(seed)));
});

test('every promise is kept with clocks an hour apart', async () => {
  for (let seed = 1; seed <= SKEWED_SEEDS; seed++) check(await runPlan(planOf(seed, 3_600_000)));
});

test('the same seed gives the same history', async () => {
  for (const seed of [3, 16, 144]) {
    const [once, again]: string[][] = [[], []];
    await runPlan(planOf(seed), once);
    await runPlan(planOf(seed), again);
    assert.ok(once !== undefined && once.length > 100);
    assert.equal(again, once);
  }
});

test('each mutant matches exactly one place in the gateway', () => {
  for (const { name, file, from } of MUTANTS) {
    const source = readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8');
    assert.is(source.split(from).length, 2, name);
  }
});

/** Today's sample; every mutant is due within two weeks. `npm run sim -- --mutants` tries all of them. */
const SAMPLE = 3;
const today = Math.floor(Date.now() / 86_400_000);
for (let index = 0; index < SAMPLE; index++) {
  const mutant = MUTANTS[(today * SAMPLE + index) % MUTANTS.length];
  if (mutant === undefined) continue;
  test(`the simulator finds this bug: ${mutant.name}`, async () => {
    const report = await runMutant(mutant, 3000);
    assert.ok(report?.broken);
  });
}

test.run();
