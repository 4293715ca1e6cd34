import { Bench } from 'tinybench';
import { systemClock } from '../../../src/core/clock.ts';
import type { Claim, Shard } from '../../../src/ledger/ledger.ts';
import { RedisLedger } from '../../../src/ledger/redis/ledger.ts';
import { RedisServer } from '../../../test/ledger/redis/redis-server.ts';
import { must } from '../../../test/ledger/samples.ts';
import { claimOf, settlementOf } from '../payments.ts';
import { redisCpuUs } from './redis-cpu.ts';

/**
 * CPU time per payment, claimed by one commit and settled by the next, in gateway and Redis, by payments per commit; and
 * summaries of random windows. Redis appends to its file and syncs it every second.
 */
const BATCHES = [1, 10, 50] as const;
/** Payments one millisecond apart, as at 1,000 per second. */
const APART_MS = 1;

const isSmoke = process.env['BENCH_SMOKE'] === '1';
const server = await RedisServer.start('--appendfsync', 'everysec');
const ledger = await RedisLedger.open(server.socketUrl, {
  processorNames: ['default', 'fallback'],
  clock: systemClock,
  random: Math.random,
  allowsUnconfirmed: true,
});
try {
  await measure(ledger, await must(ledger.acquireLease({ instanceId: 'bench', name: 'pool-0' }, Infinity)));
} finally {
  await ledger.close();
  await server.stop();
}

async function measure(ledger: Shard, owner: number): Promise<void> {
  const bench = new Bench({ time: isSmoke ? 20 : 3000, warmupTime: isSmoke ? 5 : 1000 });
  const costs = new Map<string, { nodeUs: number; redisUs: number }>();
  const startMs = Date.UTC(2025, 6, 15);
  let paymentCount = 0;
  for (const batch of BATCHES) {
    const task = `commit of ${batch}`;
    let claims: Claim[] = [];
    let countBefore = 0;
    let nodeBefore = process.cpuUsage();
    let redisBeforeUs = 0;
    bench.add(
      task,
      async () => {
        const settlements = claims.map(settlementOf);
        claims = Array.from({ length: batch }, () => claimOf(paymentCount++, startMs, APART_MS));
        await must(ledger.commit(owner, settlements, claims));
      },
      {
        beforeAll: () => {
          countBefore = paymentCount;
          nodeBefore = process.cpuUsage();
          redisBeforeUs = redisCpuUs(server);
        },
        afterAll: () => {
          const node = process.cpuUsage(nodeBefore);
          const count = paymentCount - countBefore;
          costs.set(task, {
            nodeUs: (node.user + node.system) / count,
            redisUs: (redisCpuUs(server) - redisBeforeUs) / count,
          });
        },
      },
    );
  }
  bench.add('summary of a window', async () => {
    const fromMs = startMs + Math.floor(Math.random() * paymentCount * APART_MS);
    await must(ledger.summary(fromMs, fromMs + Math.floor(Math.random() * paymentCount * APART_MS)));
  });
  await bench.run();
  console.table(bench.table());
  console.table(
    [...costs].map(([task, { nodeUs, redisUs }]) => ({
      task,
      'node µs/payment': nodeUs.toFixed(1),
      'redis µs/payment': redisUs.toFixed(1),
    })),
  );
}
