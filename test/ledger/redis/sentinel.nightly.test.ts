import { test } from 'uvu';
import { openRedis } from './open-redis.ts';
import { RedisServer } from './redis-server.ts';
import { Sentinel } from './sentinel.ts';
import { SteadyLoad } from './steady-load.ts';
import { until as untilIn } from './waiting.ts';

const WORKERS = 4;
const DEADLINE_MS = 60_000;

function until(isSo: () => Promise<boolean>): Promise<void> {
  return untilIn(isSo, DEADLINE_MS);
}

test('a sentinel promotes the replica under load: what was confirmed stays, and nothing counts twice', async () => {
  const master = await RedisServer.start();
  const replica = await RedisServer.start('--replicaof', '127.0.0.1', String(master.port));
  const sentinel = await Sentinel.watching(master.port);
  const open = () => openRedis(sentinel.url, { replicas: 1, timeoutMs: 1000 });
  try {
    await until(() => sentinel.knowsReplica());
    const load = new SteadyLoad(WORKERS, open);
    const { confirmed } = load;
    try {
      await until(async () => confirmed.length > 200);
      await master.kill('SIGKILL');
      const countAtCrash = confirmed.length;
      await until(async () => (await sentinel.masterPort()) === replica.port);
      await master.start('--replicaof', '127.0.0.1', String(replica.port));
      await until(async () => confirmed.length > countAtCrash + 200);
      await load.end();
    } finally {
      await load.close();
    }
  } finally {
    await sentinel.stop();
    await replica.stop();
    await master.stop();
  }
});

test.run();
