import { shardOf } from '../../src/ledger/sharded/shard-of.ts';
import { type Fault, type LostShard, type Plan, SPAN_MS, type SummaryRead } from './plan.ts';
import { several, spell, uuidOf } from './profiles.ts';
import type { Random } from './random.ts';

/** Most ledgers have one shard. Where there are several, they fail one by one, and one may be away for long. */
export function withShards(plan: Plan, random: Random): Plan {
  const shardCount = random.pick([1, 1, 1, 1, 2, 3, 4]);
  if (shardCount === 1) return plan;
  const shard = () => random.int(0, shardCount - 1);
  const confined = plan.faults.map((fault) =>
    fault.kind === 'ledger' && random.chance(0.5) ? { ...fault, shard: shard() } : fault,
  );
  const faults = several(random, 0, 5, (): Fault => {
    const how = random.pick(['refuses', 'silent', 'slow', 'flaky', 'flaky'] as const);
    const instance = random.chance(0.5) ? null : random.int(0, plan.instanceCount - 1);
    return { kind: 'ledger', ...spell(plan, random), instance, how, shard: shard() };
  });
  const reads = several(random, 5, 20, (): SummaryRead => {
    const { atMs } = spell(plan, random);
    return { atMs, instance: random.int(0, plan.instanceCount - 1) };
  });
  const changed = { ...plan, shardCount, reads, faults: [...confined, ...faults] };
  return random.chance(0.5) ? { ...changed, ...withoutShard(changed, random) } : changed;
}

/**
 * A shard is away until the payments of the others are settled, and so are some that come while it is away. Limits are
 * large enough for those that wait for it: a full queue holds up everything, by design.
 */
function withoutShard(plan: Plan, random: Random): Partial<Plan> {
  const { shardCount, sizes, instanceCount } = plan;
  const shard = random.int(0, shardCount - 1);
  const lostShard: LostShard = {
    shard,
    atMs: random.int(0, SPAN_MS),
    how: random.pick(['refuses', 'silent']),
    posts: several(random, 4, 12, () => ({
      atMs: 0,
      correlationId: uuidOf(random),
      amountCents: random.int(1, 1_000_000),
      instance: random.int(0, instanceCount - 1),
      retries: 0,
    })).filter(({ correlationId }) => random.chance(0.5) || shardOf(correlationId, shardCount) !== shard),
  };
  const roomy = { ringCapacity: 1024, recordsPerSegment: 128, segmentCount: 16, inFlightLimit: 256 };
  return { lostShard, sizes: { ...sizes, ...roomy }, cheapestIsLost: false };
}
