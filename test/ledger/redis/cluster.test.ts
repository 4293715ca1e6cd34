import { test } from 'uvu';
import { SCENARIOS } from './cluster-scenarios.ts';
import { RedisCluster } from './redis-cluster.ts';

// The others take longer: cluster.nightly.test.ts.
test('a slot moves key by key: nothing is torn, nothing is claimed twice', async () => {
  const cluster = await RedisCluster.start(2);
  try {
    await SCENARIOS.keyByKey(cluster);
    await SCENARIOS.emptiedBeforeTheMove(cluster);
    await SCENARIOS.onlyMetaHasArrived(cluster);
  } finally {
    await cluster.stop();
  }
});

test.run();
