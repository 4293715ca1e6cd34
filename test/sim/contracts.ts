import { type Fault, type Plan, type ProcessorFault, type ProcessorPlan, SPAN_MS } from './plan.ts';
import type { Random } from './random.ts';

/** The charge of a payment that was accepted first. The last is longer than every hold time. */
const CHARGE_DELAYS_MS = [0, 300, 2000, 9000, 30_000] as const;
/** Beyond what a gateway in the simulator heeds, too. */
const RETRY_AFTERS_S = [1, 3, 8, 60] as const;
const LATER_MS = [0, 300, 1500, 3500] as const;

type Hows = readonly [ProcessorFault, ...ProcessorFault[]];

/** What every contract allows. */
const ANY: Hows = [
  '401',
  '403',
  '404',
  '404',
  '405',
  '429',
  '503',
  'look-up-429',
  '409',
  '408',
  '423',
  '425',
];
/** What the contest's contract promises away. */
const CAREFUL: Hows = [
  ...ANY,
  '500-before-commit',
  '500-before-commit',
  '503-before-commit',
  '503-before-commit',
  'lagging',
  'lagging',
  'lagging',
];
const HOWS: Readonly<Record<ProcessorPlan['contract'], Hows>> = {
  rinha: ANY,
  rest: [...CAREFUL, '402', '400'],
  'rest-async': [...CAREFUL, 'declines', 'declines', '402'],
};

/**
 * A processor that refuses everything and then fails for ever is never believed again, so what is in doubt there waits
 * for ever.
 */
const BEFORE_LOSS: Hows = ['429', '503', 'look-up-429', '409', '425'];

/** Every processor as the contest has it. */
export function contestProcessors(count: number): ProcessorPlan[] {
  return Array.from({ length: count }, (_, processor) => ({
    contract: 'rinha',
    options: {},
    chargeDelayMs: 0,
    feePpm: 50_000 * (processor + 1),
    feeFixedCents: 0,
    minAmountCents: 1,
    maxAmountCents: Number.MAX_SAFE_INTEGER,
  }));
}

/** In about half of the plans all processors speak the contest's contract. The others mix contracts, costs and limits. */
export function withContracts(plan: Plan, random: Random): Plan {
  if (random.chance(0.5)) return plan;
  const processors = tariffs(
    plan.processors.map((processor): ProcessorPlan => {
      const contract = random.pick(['rinha', 'rest', 'rest', 'rest-async', 'rest-async'] as const);
      const chargeDelayMs = random.pick(CHARGE_DELAYS_MS);
      return { ...processor, contract, chargeDelayMs, options: optionsOf(contract, random) };
    }),
    random,
  );
  const faults = Array.from({ length: random.int(1, 8) }, () => faultOf(plan, processors, random));
  return { ...plan, processors, faults: [...plan.faults, ...faults] };
}

function optionsOf(contract: ProcessorPlan['contract'], random: Random): ProcessorPlan['options'] {
  if (contract === 'rinha') return {};
  const health = random.chance(0.8) ? { healthPath: '/health' } : {};
  // Twins are like that.
  const statuses = random.chance(0.3) ? { statuses: { rejected: [402] } } : {};
  return { ...health, ...statuses };
}

/** The last one takes every amount, because a payment that no processor takes waits for ever. */
function tariffs(processors: readonly ProcessorPlan[], random: Random): ProcessorPlan[] {
  const hasFixedFees = random.chance(0.4);
  const hasLimits = random.chance(0.4);
  return processors.map((processor, index) => {
    const feeFixedCents = hasFixedFees ? random.pick([0, 30, 20_000]) : 0;
    const isLimited = hasLimits && index < processors.length - 1;
    const minAmountCents = isLimited ? random.pick([1, 1, 100_000]) : 1;
    const maxAmountCents = isLimited ? random.pick([300_000, 700_000, 2 ** 30]) : processor.maxAmountCents;
    return { ...processor, feeFixedCents, minAmountCents, maxAmountCents };
  });
}

function faultOf(
  { posts, cheapestIsLost }: Plan,
  processors: readonly ProcessorPlan[],
  random: Random,
): Fault {
  const processor = random.int(0, processors.length - 1);
  const { contract } = processors[processor] ?? { contract: 'rinha' as const };
  const near = posts[random.int(0, posts.length - 1)]?.atMs ?? 0;
  const atMs = Math.min(Math.max(0, near + random.int(-1000, random.pick([500, 3000, 10_000]))), SPAN_MS);
  return {
    kind: 'processor',
    atMs,
    forMs: random.pick([50, 1000, 4000, 10_000]),
    processor,
    how: cheapestIsLost && processor === 0 ? random.pick(BEFORE_LOSS) : random.pick(HOWS[contract]),
    delayMs: random.pick(LATER_MS),
    retryAfterS: random.pick(RETRY_AFTERS_S),
  };
}
