import { type Fault, type FeeChange, type Pause, type Plan, SPAN_MS } from './plan.ts';
import { several, spell } from './profiles.ts';
import type { Random } from './random.ts';

/** What makes a processor refuse every request, so that it is not believed until it takes one. */
const UNFIT: ReadonlySet<string> = new Set(['401', '402', '403', '404', '405']);

/** In some plans operators pause processors, and resume them, or one of them never; and they change fees. */
export function withPauses(plan: Plan, random: Random): Plan {
  if (!random.chance(0.15)) return plan;
  return withFeeChanges(paused(plan, random), random.fork('fees'));
}

function withFeeChanges(plan: Plan, random: Random): Plan {
  const feeChanges = several(random, 0, 6, (): FeeChange => {
    const { atMs } = spell(plan, random);
    const feePpm = random.pick([10_000, 60_000, 200_000]);
    const feeFixedCents = random.pick([0, 30, 20_000]);
    return { atMs, processor: random.int(0, plan.processorCount - 1), feePpm, feeFixedCents };
  });
  return { ...plan, feeChanges };
}

function paused(plan: Plan, random: Random): Plan {
  const { processorCount, faults } = plan;
  const pauses = several(random, 1, 5, (): Pause => {
    const { atMs } = spell(plan, random);
    const processor = random.int(0, processorCount - 1);
    return { atMs, forMs: random.pick([50, 1000, 4000, 15_000]), processor };
  });
  if (processorCount === 1 || random.chance(0.3)) return { ...plan, pauses };
  // Not the last one, which takes every amount. What is in doubt at one that is not believed waits until it is resumed.
  const lost = random.int(0, processorCount - 2);
  const atMs = random.chance(0.5) ? spell(plan, random).atMs : random.int(0, SPAN_MS);
  const makesUnfit = (fault: Fault) =>
    fault.kind === 'processor' && fault.processor === lost && UNFIT.has(fault.how);
  return {
    ...plan,
    pauses: [...pauses, { atMs, forMs: null, processor: lost }],
    faults: faults.filter((fault) => !makesUnfit(fault)),
  };
}
