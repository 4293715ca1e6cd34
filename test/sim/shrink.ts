import type { LedgerBackend } from './ledger-backend.ts';
import type { Plan } from './plan.ts';
import type { Outcome } from './world.ts';
import { runPlan } from './world.ts';

const RUN_LIMIT = 400;

/** Removes from a plan everything that is not needed to break the promise. */
export async function shrink(first: Outcome, backend: LedgerBackend): Promise<Plan> {
  const promise = kindOf(first);
  let plan = first.plan;
  let runsLeft = RUN_LIMIT;
  const stillBreaks = async (smaller: Plan) => {
    if (runsLeft-- <= 0) return false;
    if (kindOf(await runPlan(smaller, null, backend)) !== promise) return false;
    plan = smaller;
    return true;
  };
  const ids = new Set(plan.posts.map((post) => post.correlationId));
  for (const id of ids) {
    await stillBreaks({ ...plan, posts: plan.posts.filter((post) => post.correlationId !== id) });
  }
  for (const fault of plan.faults) {
    await stillBreaks({ ...plan, faults: plan.faults.filter((other) => other !== fault) });
  }
  for (const pause of plan.pauses) {
    await stillBreaks({ ...plan, pauses: plan.pauses.filter((other) => other !== pause) });
  }
  if (plan.lastAddedAtMs !== null) await stillBreaks({ ...plan, lastAddedAtMs: null });
  if (plan.sendAgainsMs.length > 0) await stillBreaks({ ...plan, sendAgainsMs: [] });
  for (const cancel of plan.cancels) {
    await stillBreaks({ ...plan, cancels: plan.cancels.filter((other) => other !== cancel) });
  }
  for (const hold of plan.holds) {
    await stillBreaks({ ...plan, holds: plan.holds.filter((other) => other !== hold) });
  }
  for (const change of plan.feeChanges) {
    await stillBreaks({ ...plan, feeChanges: plan.feeChanges.filter((other) => other !== change) });
  }
  for (const change of plan.limitChanges) {
    await stillBreaks({ ...plan, limitChanges: plan.limitChanges.filter((other) => other !== change) });
  }
  for (const post of plan.posts) {
    await stillBreaks({ ...plan, posts: plan.posts.filter((other) => other !== post) });
  }
  return plan;
}

/** The broken promise without its numbers, which change with the plan. */
function kindOf({ broken }: Outcome): string | undefined {
  return broken?.promise.split('\n')[0]?.replaceAll(/[\d.]+/g, '#');
}
