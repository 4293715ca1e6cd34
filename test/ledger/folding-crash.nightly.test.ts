import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LedgerTarget } from '../../src/config/config.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Ledger, Shard } from '../../src/ledger/ledger.ts';
import { openLedger } from '../../src/ledger/open.ts';
import { Random } from '../sim/random.ts';
import { Child } from '../system/child.ts';
import { until } from '../system/until.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { RedisServer } from './redis/redis-server.ts';
import { answers } from './redis/waiting.ts';
import { claimOf, must, settlementOf, T0_MS } from './samples.ts';

const MINUTE_MS = 60_000;
const MINUTES = 40;
const A_MINUTE = 500;
const COUNT = MINUTES * A_MINUTE;
const BATCH = 250;
const NOW_MS = T0_MS + MINUTES * MINUTE_MS;
const RETENTION_MS = 5 * MINUTE_MS;
/** The last minutes are within the retention. */
const KEPT_COUNT = 5 * A_MINUTE;
/** A step takes a millisecond or a few. Each process gets a little more time than the one before. */
const LIVES_MS = 10;
const BEGUN_MS = 20_000;
const WORKER = 'test/ledger/folding-worker.ts';

/** Of a payment, so that each minute has the same number of them. */
function stampOf(number: number): number {
  return T0_MS + Math.floor((number * MINUTE_MS) / A_MINUTE);
}

async function fill(shard: Shard): Promise<void> {
  const owner = await must(shard.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, T0_MS));
  for (let first = 0; first < COUNT; first += BATCH) {
    const numbers = Array.from({ length: BATCH }, (_, index) => first + index);
    const at = (number: number) => ({ requestedAtMs: stampOf(number) });
    const claims = numbers.map((number) => claimOf(number, { ...at(number), acceptedAtMs: stampOf(number) }));
    await must(shard.commit(owner, [], claims));
    await must(
      shard.commit(
        owner,
        numbers.map((number) => settlementOf(number, at(number))),
        [],
      ),
    );
  }
}

/** The totals of everything and of each minute, folded or not. */
async function assertWhole(ledger: Ledger): Promise<void> {
  const countIn = async (fromMs: number, toMs: number) =>
    (await must(ledger.summary(fromMs, toMs))).reduce((sum, { count }) => sum + count, 0);
  assert.is(await countIn(-Infinity, Infinity), COUNT);
  for (let minute = 0; minute < MINUTES; minute++) {
    const fromMs = T0_MS + minute * MINUTE_MS;
    assert.is(await countIn(fromMs, fromMs + MINUTE_MS - 1), A_MINUTE, `minute ${minute}`);
  }
}

/** Kills what folds again and again, in the midst of it, until all is folded. */
async function foldsUnder(target: LedgerTarget, crashToo: () => Promise<void>): Promise<void> {
  const ledger = await openLedger(
    target,
    ['default', 'fallback'],
    { clock: systemClock, random: Math.random },
    'here',
  );
  const random = new Random(15);
  let kills = 0;
  try {
    const [shard] = ledger.shards as [Shard];
    await fill(shard);
    const environment = {
      TARGET: JSON.stringify(target),
      NOW_MS: String(NOW_MS),
      RETENTION_MS: String(RETENTION_MS),
    };
    for (;;) {
      const worker = new Child(WORKER, environment);
      await until('folding begins', BEGUN_MS, () => worker.output.includes('begun'));
      await new Promise((resolve) => setTimeout(resolve, random.int(0, LIVES_MS * (kills + 1))));
      if (worker.output.includes('folded')) {
        await worker.ended;
        break;
      }
      await worker.kill();
      kills++;
      await crashToo();
      await answers(ledger);
      await assertWhole(ledger);
    }
    assert.ok(kills >= 3, `${kills} kills`);
    await assertWhole(ledger);
    assert.is((await must(shard.size())).payments, KEPT_COUNT);
  } finally {
    await ledger.close();
  }
}

test('LMDB: a process that folds is killed again and again, and no sum is wrong', async () => {
  const directory = temporaryDirectory();
  await foldsUnder({ kind: 'lmdb', path: join(directory, 'books') }, async () => {});
});

test('Redis: it and the process that folds are killed again and again, and no sum is wrong', async () => {
  const redis = await RedisServer.start();
  try {
    await foldsUnder({ kind: 'redis', url: redis.url }, async () => {
      await redis.kill('SIGKILL');
      await redis.start();
    });
  } finally {
    await redis.stop();
  }
});

test.run();
