import { contestProcessors, withContracts } from './contracts.ts';
import { withPauses } from './pauses.ts';
import {
  CALL_LIFE_MS,
  type Fault,
  type Plan,
  type Post,
  type ProcessorFault,
  type Sizes,
  SPAN_MS,
} from './plan.ts';
import { uuidOf, withProfiles } from './profiles.ts';
import { Random } from './random.ts';
import { withShards } from './shards.ts';

/** In a storm, all faults happen within this time, most of them to one processor. */
const STORM_MS = 5000;

/** How far wall clocks jump, forward or back: NTP, a resumed laptop, a dead battery. */
const JUMPS_MS = [500, 6000, 60_000, 3_600_000, 365 * 24 * 3_600_000] as const;

/** `skewMs` is the largest difference between wall clocks. */
export function planOf(seed: number, skewMs = 0): Plan {
  const random = new Random(seed);
  const instanceCount = random.pick([1, 2, 2, 2, 3]);
  const threadCount = random.pick([1, 1, 2]);
  const processorCount = random.pick([1, 2, 2, 2, 3]);
  const durability = random.pick(['journal', 'journal', 'journal', 'fsync', 'ledger'] as const);
  const sizes = sizesOf(random.fork('sizes'));
  const shape = { instanceCount, threadCount, processorCount, durability, sizes };
  const stormAtMs = random.chance(0.5) ? random.int(0, SPAN_MS - STORM_MS) : null;
  const posts = postsOf(random.fork('posts'), instanceCount, stormAtMs);
  const faults = [
    ...faultsOf(random.fork('faults'), shape, stormAtMs),
    ...jumpsOf(random.fork('jumps'), instanceCount, stormAtMs),
  ];
  const skewsMs = skewsOf(random.fork('skews'), instanceCount, skewMs);
  const end = random.fork('end');
  const clocksAreSet = end.chance(0.5);
  const cheapestIsLost = processorCount > 1 && end.chance(0.2);
  const calmAtMs = SPAN_MS + 10_000;
  const processors = contestProcessors(processorCount);
  const shards = { shardCount: 1, reads: [], lostShard: null };
  const plan = {
    seed,
    ...shape,
    ...shards,
    processors,
    posts,
    faults,
    calmAtMs,
    skewsMs,
    clocksAreSet,
    retentionMs: null,
    cheapestIsLost,
    pauses: [],
    lastAddedAtMs: null,
    sendAgainsMs: [],
    cancels: [],
    holds: [],
    feeChanges: [],
    limitChanges: [],
  };
  const full = withContracts(withProfiles(plan, random.fork('profiles')), random.fork('contracts'));
  // A shard is away for longer than the shortest retention, which would forget what an instance has yet to repeat.
  const sharded = full.retentionMs === null ? withShards(full, random.fork('shards')) : full;
  const operated = withSendAgains(
    withPauses(sharded, random.fork('paused processors')),
    random.fork('sent again'),
  );
  return withHolds(withCancels(operated, random.fork('cancelled')), random.fork('held'));
}

/** Wall clocks jump in every run, each separately or all together. */
function jumpsOf(random: Random, instanceCount: number, stormAtMs: number | null): Fault[] {
  return Array.from({ length: random.int(1, 6) }, (): Fault => {
    const atMs = stormAtMs === null ? random.int(0, SPAN_MS) : stormAtMs + random.int(0, STORM_MS);
    const instance = random.chance(0.3) ? null : random.int(0, instanceCount - 1);
    const byMs = random.pick([-1, 1]) * random.pick(JUMPS_MS);
    return { kind: 'clock jump', atMs, forMs: 0, instance, byMs };
  });
}

/** One clock is right, one is ahead by `skewMs`, and the rest lie in between. */
function skewsOf(random: Random, instanceCount: number, skewMs: number): number[] {
  const right = random.int(0, instanceCount - 1);
  const ahead = (right + random.int(1, Math.max(1, instanceCount - 1))) % instanceCount;
  return Array.from({ length: instanceCount }, (_, index) => {
    if (index === right) return 0;
    return index === ahead ? skewMs : random.int(0, skewMs);
  });
}

function sizesOf(random: Random): Sizes {
  const leaseMs = random.pick([1000, 3000, 5000]);
  const timeoutMs = random.pick([500, 2000, 5000]);
  return {
    ringCapacity: random.pick([8, 32, 1024]),
    recordsPerSegment: random.pick([16, 32, 128]),
    segmentCount: random.pick([2, 4, 16]),
    inFlightLimit: random.pick([4, 16, 256]),
    batchLimit: random.pick([2, 8, 256]),
    callLimit: random.pick([1, 4, 64]),
    leaseMs,
    timeoutMs,
    inDoubtHoldMs: leaseMs + timeoutMs + CALL_LIFE_MS,
    failoverDelayMs: random.pick([0, 500, 5000]),
    batchWindowMs: random.pick([0, 10, 25]),
    breakerFailures: random.pick([1, 3, 10]),
  };
}

function postsOf(random: Random, instanceCount: number, stormAtMs: number | null): Post[] {
  const posts: Post[] = [];
  const count = random.int(5, 40);
  // All at once, or spread over the run.
  const spanMs = stormAtMs === null ? random.pick([50, 5000, SPAN_MS]) : random.pick([50, STORM_MS]);
  const fromMs = stormAtMs ?? random.int(0, SPAN_MS - spanMs);
  const repeats = random.pick([0, 0.1, 0.5]);
  const conflicts = random.pick([0, 0, 0.3]);
  for (let index = 0; index < count; index++) {
    const correlationId = uuidOf(random);
    const amountCents = random.chance(0.1) ? random.int(1, 2 ** 40) : random.int(1, 1_000_000);
    const instance = random.int(0, instanceCount - 1);
    const first = { atMs: fromMs + random.int(0, spanMs), correlationId, amountCents, instance };
    posts.push({ ...first, retries: random.int(0, 3) });
    while (random.chance(repeats)) {
      const atMs = first.atMs + random.pick([0, random.int(0, 20), random.int(0, 5000)]);
      const amountOf = random.chance(conflicts) ? random.int(1, 1_000_000) : amountCents;
      const at = random.int(0, instanceCount - 1);
      posts.push({ atMs, correlationId, amountCents: amountOf, instance: at, retries: random.int(0, 1) });
    }
  }
  return posts;
}

type Shape = Pick<Plan, 'instanceCount' | 'threadCount' | 'processorCount' | 'durability'>;

const KINDS = [
  'kill',
  'stop by signal',
  'thread death',
  'pause',
  'ledger',
  'link',
  'processor',
  'disk',
] as const;

/** Many faults of a few kinds find more than a few of every kind. */
function faultsOf(random: Random, shape: Shape, stormAtMs: number | null): Fault[] {
  const isStorm = stormAtMs !== null;
  const kinds = KINDS.filter((kind) => random.chance(isStorm && kind === 'processor' ? 1 : 0.45));
  const faults: Fault[] = [];
  for (const kind of kinds) {
    const count = kind === 'processor' && isStorm ? random.int(2, 6) : random.int(1, isStorm ? 3 : 5);
    for (let index = 0; index < count; index++) faults.push(faultOf(random, kind, shape, stormAtMs));
  }
  return faults;
}

function faultOf(
  random: Random,
  kind: (typeof KINDS)[number],
  shape: Shape,
  stormAtMs: number | null,
): Fault {
  const atMs = stormAtMs === null ? random.int(0, SPAN_MS) : stormAtMs + random.int(0, STORM_MS);
  const spell = { atMs, forMs: random.pick([50, 1000, 4000, 10_000, 25_000]) };
  const instance = random.int(0, shape.instanceCount - 1);
  const isAtFirst = stormAtMs !== null && random.chance(0.7);
  const processor = isAtFirst ? 0 : random.int(0, shape.processorCount - 1);
  const some = random.chance(0.5) ? instance : null;
  switch (kind) {
    case 'kill': {
      const disks = { journal: 'kept', fsync: 'unsynced lost', ledger: 'lost' } as const;
      const inWrite = random.chance(0.3);
      const disk = random.chance(0.5) ? 'kept' : disks[shape.durability];
      return { ...spell, kind, instance, acts: random.int(0, inWrite ? 5 : 30), inWrite, disk };
    }
    case 'stop by signal':
      return { ...spell, kind, instance };
    case 'pause':
      return { ...spell, kind, instance, acts: random.int(0, 10) };
    case 'thread death':
      return { ...spell, kind, instance, thread: random.int(0, shape.threadCount - 1) };
    case 'ledger':
      return { ...spell, kind, instance: some, how: random.pick(['refuses', 'silent', 'slow', 'flaky']) };
    case 'link':
      return {
        ...spell,
        kind,
        instance: some,
        processor,
        how: random.pick(['refuses', 'silent', 'late', 'flaky']),
      };
    case 'processor':
      return { ...spell, kind, processor, how: processorFaultOf(random) };
    case 'disk':
      return { ...spell, kind, instance, how: random.pick(['full', 'short', 'sync fails']) };
  }
}

function processorFaultOf(random: Random): ProcessorFault {
  return random.pick([
    'failing',
    'slow',
    'drop-before-commit',
    'drop-after-commit',
    'drop-after-commit',
    'hang',
    'hang',
    '500-after-commit',
    '400',
    '429',
    '503',
    'garbage',
    'half-response',
  ]);
}

/** In some plans operators have payments sent again. */
function withSendAgains(plan: Plan, random: Random): Plan {
  if (!random.chance(0.25)) return plan;
  const count = random.int(1, 4);
  return { ...plan, sendAgainsMs: Array.from({ length: count }, () => random.int(0, plan.calmAtMs)) };
}

/** In some plans operators cancel payments: most of them while they wait, or before they are posted. */
function withCancels(plan: Plan, random: Random): Plan {
  if (!random.chance(0.2)) return plan;
  const cancels = plan.posts
    .filter(() => random.chance(0.15))
    .map(({ atMs, correlationId, amountCents }) => ({
      atMs: Math.max(0, atMs + random.int(-1000, 5000)),
      correlationId,
      amountCents: random.chance(0.8) ? amountCents : null,
    }));
  return { ...plan, cancels };
}

/** In some plans operators hold payments, most of them while they wait or before they are posted, and release them. */
function withHolds(plan: Plan, random: Random): Plan {
  // The release of a payment may give it to another instance than the one that has its post, so that it comes twice.
  if (!random.chance(0.2) || plan.retentionMs !== null) return plan;
  const holds = plan.posts
    .filter(() => random.chance(0.2))
    .map(({ atMs, correlationId }) => ({
      atMs: Math.max(0, atMs + random.int(-1000, 5000)),
      forMs: random.int(0, plan.calmAtMs),
      correlationId,
    }));
  return { ...plan, holds };
}
