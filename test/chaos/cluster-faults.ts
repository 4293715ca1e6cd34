import { slotOf } from '../../src/ledger/redis/hash-slot.ts';
import { hashTags } from '../../src/ledger/redis/hash-tags.ts';
import { RedisCluster } from '../ledger/redis/redis-cluster.ts';
import type { RedisServer } from '../ledger/redis/redis-server.ts';
import type { Random } from '../sim/random.ts';
import { pause } from '../system/until.ts';
import type { Drawn, Kind } from './fault.ts';
import { SHARDS } from './lab.ts';

const BACK_MAX_MS = 4_000;
/** Longer than it takes the others to promote a replica. */
const AWAY_MAX_MS = 6_000;
const AWAY_MIN_MS = 500;
const KEYS_A_STEP = 20;
const STEP_PAUSE_MS = 2;

/**
 * What happens to a cluster. One after another, because some of it in a row would need an operator: a master that dies while
 * a slot moves (test/ledger/redis/cluster-scenarios.ts).
 */
export const CLUSTER_KINDS: readonly Kind[] = [
  { name: 'kill master', ledger: 'cluster', draw: killMaster },
  { name: 'kill master', ledger: 'cluster', draw: killMaster },
  { name: 'stop master', ledger: 'cluster', draw: stopMaster },
  { name: 'move slot', ledger: 'cluster', draw: moveSlot },
  { name: 'move slot', ledger: 'cluster', draw: moveSlot },
  ...(RedisCluster.canCutOff
    ? [{ name: 'cut off master', ledger: 'cluster', draw: cutOffMaster } as const]
    : []),
];

function killMaster(random: Random): Drawn {
  const backMs = random.int(0, BACK_MAX_MS);
  return toMaster(random, `back after ${backMs} ms`, async (master) => {
    await master.kill();
    await pause(backMs);
    await master.start();
  });
}

function stopMaster(random: Random): Drawn {
  const forMs = random.int(AWAY_MIN_MS, AWAY_MAX_MS);
  return toMaster(random, `for ${forMs} ms`, async (master) => {
    master.signal('SIGSTOP');
    await pause(forMs);
    master.signal('SIGCONT');
  });
}

/** The gateways still reach it. */
function cutOffMaster(random: Random): Drawn {
  const forMs = random.int(AWAY_MIN_MS, AWAY_MAX_MS);
  return toMaster(random, `for ${forMs} ms`, async (master, cluster) => {
    const rejoin = cluster.cutOff(master);
    await pause(forMs);
    rejoin();
  });
}

function toMaster(
  random: Random,
  text: string,
  strike: (master: RedisServer, cluster: RedisCluster) => Promise<void>,
): Drawn {
  const choice = random.int(0, 1000);
  return {
    targets: ['cluster'],
    text,
    async strike({ cluster }) {
      const masters = await cluster.masters();
      await strike(masters[choice % masters.length] as RedisServer, cluster);
      await cluster.settled();
    },
  };
}

function moveSlot(random: Random): Drawn {
  const shard = random.int(0, SHARDS - 1);
  const slot = slotOf(`{${hashTags(SHARDS)[shard]}}:`);
  const choice = random.int(0, 1000);
  return {
    targets: ['cluster'],
    text: `of shard ${shard}`,
    async strike({ cluster }) {
      const owner = await cluster.ownerOf(slot);
      const others = (await cluster.masters()).filter((node) => node !== owner);
      const move = await cluster.beginMove(slot, others[choice % others.length] as RedisServer);
      while ((await move.step(KEYS_A_STEP)) > 0) await pause(STEP_PAUSE_MS);
      await move.end();
    },
  };
}
