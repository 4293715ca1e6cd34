import { test } from 'uvu';
import { systemClock } from '../../../src/core/clock.ts';
import { RedisLedger } from '../../../src/ledger/redis/ledger.ts';
import { conformance } from '../conformance.ts';
import { RedisCluster } from './redis-cluster.ts';

let shared: Promise<RedisCluster> | undefined;
let roots = 0;

conformance('Redis Cluster', async () => {
  shared ??= RedisCluster.start();
  const { url } = await shared;
  const root = `{cluster-${roots++}}:`;
  return {
    open: (processorNames) =>
      RedisLedger.open(url, {
        processorNames,
        clock: systemClock,
        random: Math.random,
        root,
        replicas: 1,
      }),
    dispose: async () => {},
  };
});

test.after(async () => (await shared)?.stop());
test.run();
