import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/core/clock.ts';
import { examine } from '../../src/doctor/doctor.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { openLedger } from '../../src/ledger/open.ts';
import { slotOf } from '../../src/ledger/redis/hash-slot.ts';
import { RedisCluster } from '../ledger/redis/redis-cluster.ts';
import { answers } from '../ledger/redis/waiting.ts';

async function findings(environment: Readonly<Record<string, string>>): Promise<Finding[]> {
  const all: Finding[] = [];
  for await (const group of examine(environment, systemClock)) all.push(...group);
  return all;
}

test('each master of a cluster is checked, and a shard that is not whole is named', async () => {
  const cluster = await RedisCluster.start();
  const environment = { LEDGER_URL: cluster.url, LEDGER_REPLICAS: '1', LEDGER_SHARDS: '4' };
  const target = { kind: 'redis', url: cluster.url, replicas: 1, shardCount: 4 } as const;
  const parts = { clock: systemClock, random: Math.random };
  const ledger = await openLedger(target, ['default'], parts, 'here');
  try {
    await answers(ledger);
    const checked = await findings(environment);
    const about = (check: string) => checked.filter((finding) => finding.check === check);
    assert.equal(
      about('rights').map(({ level }) => level),
      ['ok', 'ok', 'ok'],
    );
    const masters = await cluster.masters();
    for (const { host, port } of masters) {
      assert.ok(about('redis').some(({ seen }) => seen.startsWith(`${host}:${port}: `)));
    }
    assert.equal(about('ledger'), []);
    const slot = slotOf('{dinossauro}:');
    const owner = await cluster.ownerOf(slot);
    const other = masters.find((node) => node !== owner);
    assert.ok(other);
    const move = await cluster.beginMove(slot, other);
    await move.step(1);
    const [finding] = (await findings(environment)).filter(({ check }) => check === 'ledger');
    assert.match(finding?.seen ?? '', /^a shard is not whole: /);
  } finally {
    await ledger.close();
    await cluster.stop();
  }
});

test.run();
