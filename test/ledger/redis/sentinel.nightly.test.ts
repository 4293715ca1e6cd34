import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../../src/core/clock.ts';
import type { Reply, Shard } from '../../../src/ledger/ledger.ts';
import { RedisLedger } from '../../../src/ledger/redis/ledger.ts';
import { claimOf, id, must, settlementOf, sumsOf, T0_MS } from '../samples.ts';
import { RedisServer } from './redis-server.ts';
import { Sentinel } from './sentinel.ts';
import { until as untilIn } from './waiting.ts';

const WORKERS = 4;
const DEADLINE_MS = 60_000;

function until(isSo: () => Promise<boolean>): Promise<void> {
  return untilIn(isSo, DEADLINE_MS);
}

async function persist<T>(ask: () => Promise<Reply<T>>): Promise<T> {
  for (;;) {
    const reply = await ask();
    if (reply.kind === 'ok') return reply.value;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('a sentinel promotes the replica under load: what was confirmed stays, and nothing counts twice', async () => {
  const master = await RedisServer.start();
  const replica = await RedisServer.start('--replicaof', '127.0.0.1', String(master.port));
  const sentinel = await Sentinel.watching(master.port);
  const ledgers: Shard[] = [];
  try {
    await until(() => sentinel.knowsReplica());
    let isOver = false;
    let next = 0;
    const confirmed: number[] = [];
    const work = async (name: string) => {
      const ledger = await RedisLedger.open(sentinel.url, {
        processorNames: ['default', 'fallback'],
        clock: systemClock,
        random: Math.random,
        replicas: 1,
        timeoutMs: 1000,
      });
      ledgers.push(ledger);
      const owner = await persist(() => ledger.acquireLease({ instanceId: name, name: 'pool-0' }, T0_MS));
      while (!isOver) {
        const number = next++;
        const { claimed } = await persist(() => ledger.commit(owner, [], [claimOf(number)]));
        const { settled } = await persist(() => ledger.commit(owner, [settlementOf(number)], []));
        assert.equal([claimed, settled], [['claimed'], ['recorded']], `payment ${number}`);
        confirmed.push(number);
      }
    };
    const working = Promise.all(Array.from({ length: WORKERS }, (_, index) => work(`gateway-${index}`)));
    await until(async () => confirmed.length > 200);
    await master.kill('SIGKILL');
    const countAtCrash = confirmed.length;
    await until(async () => (await sentinel.masterPort()) === replica.port);
    await master.start('--replicaof', '127.0.0.1', String(replica.port));
    await until(async () => confirmed.length > countAtCrash + 200);
    isOver = true;
    await working;
    const [ledger] = ledgers as [Shard];
    for (const number of confirmed) assert.is((await must(ledger.find(id(number))))?.status, 'settled');
    assert.is((await sumsOf(ledger))[0]?.count, confirmed.length);
  } finally {
    for (const ledger of ledgers) await ledger.close();
    await sentinel.stop();
    await replica.stop();
    await master.stop();
  }
});

test.run();
