import { type Fault, type FeeChange, type LimitChange, type Pause, type Plan, SPAN_MS } from './plan.ts';
import { several, spell } from './profiles.ts';
import type { Random } from './random.ts';

/** What makes a processor refuse every request, so that it is not believed until it takes one. */
const UNFIT: ReadonlySet<string> = new Set(['401', '402', '403', '404', '405']);

/** In some plans operators pause processors, and resume them, or one of them never; and they change fees and limits. */
export function withPauses(plan: Plan, random: Random): Plan {
  if (!random.chance(0.15)) return plan;
  const operated = withFeeChanges(paused(plan, random), random.fork('fees'));
  return withAddition(withRemovals(withLimitChanges(operated, random.fork('limits')), random), random);
}

/** Some processors are removed instead, but not the last one: it takes the amounts that the others do not take any more. */
function withRemovals(plan: Plan, random: Random): Plan {
  const of = random.fork('removals');
  const last = plan.processorCount - 1;
  const { minAmountCents, maxAmountCents } = plan.processors[last] ?? NO_AMOUNTS;
  if (minAmountCents > 1 || maxAmountCents < Number.MAX_SAFE_INTEGER) return plan;
  const pauses = plan.pauses.map((pause) =>
    pause.processor < last && of.chance(0.5) ? { ...pause, removes: true as const } : pause,
  );
  return { ...plan, pauses };
}

const NO_AMOUNTS = { minAmountCents: 1, maxAmountCents: 0 };

/** The last processor takes every amount, so that some payments wait until it is added: in every shard. */
function withAddition(plan: Plan, random: Random): Plan {
  const of = random.fork('addition');
  if (plan.processorCount === 1 || plan.lostShard !== null || !of.chance(0.5)) return plan;
  return { ...plan, lastAddedAtMs: of.int(0, SPAN_MS) };
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

/** The last processor takes every amount, because a payment that no processor takes waits for ever. */
function withLimitChanges(plan: Plan, random: Random): Plan {
  const last = plan.processorCount - 1;
  const limitChanges = several(random, 0, 6, (): LimitChange => {
    const { atMs } = spell(plan, random);
    const processor = random.int(0, last);
    const callLimit = random.pick([1, 2, 8, 64]);
    const callsPerSecond = random.pick([2, 20, 1000]);
    const amounts = {
      minAmountCents: random.pick([1, 1, 100_000]),
      maxAmountCents: random.pick([300_000, 700_000, Number.MAX_SAFE_INTEGER]),
    };
    const limits = {
      ...(random.chance(0.5) && { callLimit }),
      ...(random.chance(0.3) && { callsPerSecond }),
      ...(processor < last && random.chance(0.6) && amounts),
    };
    return { atMs, processor, limits };
  });
  return { ...plan, limitChanges };
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
