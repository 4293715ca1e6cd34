import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/core/clock.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { LmdbLedger } from '../../src/ledger/lmdb/ledger.ts';
import { openLedger } from '../../src/ledger/open.ts';
import { RedisLedger } from '../../src/ledger/redis/ledger.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { operate } from './redis/operate.ts';
import { RedisServer } from './redis/redis-server.ts';
import { answers, until } from './redis/waiting.ts';
import { id } from './samples.ts';

const PARTS = { clock: systemClock, random: Math.random };
const NAMES = ['default', 'fallback'];

test('a path opens the embedded ledger with the given processors', async () => {
  const directory = temporaryDirectory();
  const ledger = await openLedger(
    { kind: 'lmdb', path: join(directory, 'deep/ledger') },
    NAMES,
    PARTS,
    'here',
  );
  assert.instance(ledger, LmdbLedger);
  const empty = NAMES.map((name) => ({ name, count: 0, amountCents: 0 }));
  assert.equal(await ledger.summary(-Infinity, Infinity), { kind: 'ok', value: empty });
  await ledger.close();
});

test('a URL opens the Redis ledger, even while Redis is unavailable', async () => {
  const ledger = await openLedger({ kind: 'redis', url: 'redis://127.0.0.1:1' }, NAMES, PARTS, 'here');
  assert.instance(ledger, RedisLedger);
  assert.is((await ledger.ping()).kind, 'unavailable');
  await ledger.close();
});

/** Waits until the ledger says this is why it does not answer. */
function refuses(ledger: Ledger, why: RegExp): Promise<void> {
  return until(async () => {
    const reply = await ledger.ping();
    return reply.kind === 'unavailable' && why.test(reply.reason);
  });
}

test('the books in Redis have the number of shards with which they were made', async () => {
  const server = await RedisServer.start();
  const open = (shardCount: number) =>
    openLedger({ kind: 'redis', url: server.url, shardCount }, NAMES, PARTS, 'here');
  const opened: Ledger[] = [];
  try {
    const four = await open(4);
    opened.push(four);
    await answers(four);
    assert.is(four.shards.length, 4);
    const shards = Array.from({ length: 40 }, (_, number) => four.shardOf(id(number)));
    assert.is(new Set(shards).size, 4);
    const one = await open(1);
    opened.push(one);
    await refuses(one, /^LEDGER_SHARDS is 1, but these books were made with 4: set LEDGER_SHARDS=4$/);
    const eight = await open(8);
    opened.push(eight);
    await refuses(eight.shards[0] as Ledger, /set LEDGER_SHARDS=4$/);
    for (const shard of eight.shards.slice(1)) await refuses(shard, /only shard 0 says/);
    const again = await open(4);
    opened.push(again);
    await answers(again);
  } finally {
    for (const ledger of opened) await ledger.close();
    await server.stop();
  }
});

test('books in Redis that are older than shards have one', async () => {
  const server = await RedisServer.start();
  const open = (shardCount: number) =>
    openLedger({ kind: 'redis', url: server.url, shardCount }, NAMES, PARTS, 'here');
  const first = await open(1);
  await answers(first);
  assert.is(await operate(server, 'HDEL', '{dinossauro}:meta', 'shard'), 1);
  const [same, other] = [await open(1), await open(2)];
  await answers(same);
  const shard = other.shards[0] as Ledger;
  await refuses(shard, /made with 1: set LEDGER_SHARDS=1$/);
  for (const ledger of [first, same, other]) await ledger.close();
  await server.stop();
});

test.run();
