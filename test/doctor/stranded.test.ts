import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Config, LedgerTarget } from '../../src/config/config.ts';
import { systemClock } from '../../src/core/clock.ts';
import { checkStranded } from '../../src/doctor/stranded.ts';
import { openLedger } from '../../src/ledger/open.ts';
import { RedisServer } from '../ledger/redis/redis-server.ts';
import { claimOf, must } from '../ledger/samples.ts';
import { configOf } from '../settings.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const PARTS = { clock: systemClock, random: Math.random };

function readSettings(ledgerUrl: string, processors: string): Config {
  return configOf({ LEDGER_URL: ledgerUrl, PROCESSORS: processors });
}

async function leave(target: LedgerTarget): Promise<void> {
  const ledger = await openLedger(target, ['default', 'old'], PARTS, 'here');
  const [shard] = ledger.shards;
  if (shard === undefined) throw new Error('a ledger has a shard');
  const owner = await must(shard.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, 0));
  await must(
    shard.commit(owner, [], [claimOf(1), claimOf(2, { processor: 1 }), claimOf(3, { processor: 1 })]),
  );
  await ledger.close();
}

async function checkOn(ledgerUrl: string): Promise<void> {
  const config = readSettings(ledgerUrl, 'default:0.05:http://127.0.0.1:1');
  assert.equal(await checkStranded(config, systemClock), [], 'no books yet');
  await leave(config.ledger);
  assert.equal(await checkStranded(config, systemClock), [
    {
      check: 'ledger',
      level: 'fail',
      seen: '2 payments wait for processor old, which is not configured',
      remedy: 'add it to PROCESSORS or PROCESSORS_FILE until they are settled',
    },
  ]);
  const both = readSettings(ledgerUrl, 'default:0.05:http://127.0.0.1:1,old:0.05:http://127.0.0.1:2');
  assert.equal(await checkStranded(both, systemClock), []);
}

test('finds open payments at a processor that is not configured, in LMDB', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'ledger');
  assert.equal(
    await checkStranded(readSettings(`lmdb:${path}`, 'default:0.05:http://127.0.0.1:1'), systemClock),
    [],
  );
  assert.not(existsSync(path), 'and it is not created');
  await checkOn(`lmdb:${path}`);
});

test('finds them in Redis, and reports nothing when Redis does not answer', async () => {
  const redis = await RedisServer.start();
  try {
    await checkOn(redis.url);
  } finally {
    await redis.stop();
  }
  assert.equal(
    await checkStranded(readSettings(redis.url, 'default:0.05:http://127.0.0.1:1'), systemClock),
    [],
  );
});

test.run();
