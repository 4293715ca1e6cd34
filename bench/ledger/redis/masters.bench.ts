import { systemClock } from '../../../src/core/clock.ts';
import type { Claim, Shard } from '../../../src/ledger/ledger.ts';
import { openLedger } from '../../../src/ledger/open.ts';
import { RedisCluster } from '../../../test/ledger/redis/redis-cluster.ts';
import type { RedisServer } from '../../../test/ledger/redis/redis-server.ts';
import { must } from '../../../test/ledger/samples.ts';
import { claimOf, settlementOf } from '../payments.ts';
import { redisCpuUs } from './redis-cpu.ts';

/**
 * A cluster of one, two and three masters, each with a replica that confirms, and books of six shards: CPU time of a payment
 * (claimed by one commit, settled by the next) in the gateway, in the masters and in the replicas. One shard's commits follow
 * one another, those of different shards run at once. What a cluster carries is bound by its busiest master, which runs
 * functions on one core: the last column is what that core would carry.
 *
 * BENCH_MASTERS=1,2,3, BENCH_BATCH=64 (payments of one commit to one shard), BENCH_PAYMENTS=60000.
 */
const SHARDS = 6;
const START_MS = Date.UTC(2025, 6, 15);

const isSmoke = process.env['BENCH_SMOKE'] === '1';
const MASTERS = isSmoke ? [3] : (process.env['BENCH_MASTERS'] ?? '1,2,3').split(',').map(Number);
const BATCH = Number(process.env['BENCH_BATCH'] ?? 64);
const PAYMENTS = isSmoke ? SHARDS * BATCH : Number(process.env['BENCH_PAYMENTS'] ?? 60_000);

const rows: Record<string, string | number>[] = [];
for (const masterCount of MASTERS) rows.push(await measure(masterCount));
console.table(rows);

async function measure(masterCount: number): Promise<Record<string, string | number>> {
  const cluster = await RedisCluster.start(masterCount);
  const target = {
    kind: 'redis',
    url: cluster.url,
    shardCount: SHARDS,
    replicas: 1,
    timeoutMs: 20_000,
  } as const;
  const parts = { clock: systemClock, random: Math.random };
  const ledger = await openLedger(target, ['default', 'fallback'], parts, 'here');
  try {
    const masters = await cluster.masters();
    const replicas = cluster.nodes.filter((node) => !masters.includes(node));
    const payments = Array.from({ length: SHARDS }, (): Claim[] => []);
    for (let number = 0; number < PAYMENTS; number++) {
      const claim = claimOf(number, START_MS, 1);
      payments[ledger.shardOf(claim.correlationId)]?.push(claim);
    }
    const [beganMs, cpu] = [performance.now(), process.cpuUsage()];
    const [mastersUs, replicasUs] = [masters.map(redisCpuUs), replicas.map(redisCpuUs)];
    await Promise.all(ledger.shards.map((shard, position) => pay(shard, payments[position] ?? [])));
    const { user, system } = process.cpuUsage(cpu);
    const since = (servers: readonly RedisServer[], before: readonly number[]) =>
      servers.map((server, index) => redisCpuUs(server) - (before[index] ?? 0));
    const mastersTook = since(masters, mastersUs);
    const busiest = Math.max(...mastersTook) / PAYMENTS;
    return {
      masters: masterCount,
      'payments/s here': Math.round(PAYMENTS / ((performance.now() - beganMs) / 1000)),
      'gateway µs': ((user + system) / PAYMENTS).toFixed(1),
      'masters µs': (sum(mastersTook) / PAYMENTS).toFixed(1),
      'replicas µs': (sum(since(replicas, replicasUs)) / PAYMENTS).toFixed(1),
      'busiest master µs': busiest.toFixed(1),
      'payments/s at its full core': Math.round(1e6 / busiest),
    };
  } finally {
    await ledger.close();
    await cluster.stop();
  }
}

async function pay(shard: Shard, payments: readonly Claim[]): Promise<void> {
  const owner = await must(shard.acquireLease({ instanceId: 'bench', name: 'pool-0' }, Infinity));
  let last: readonly Claim[] = [];
  for (let from = 0; from < payments.length + BATCH; from += BATCH) {
    const claims = payments.slice(from, from + BATCH);
    await must(shard.commit(owner, last.map(settlementOf), claims));
    last = claims;
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
