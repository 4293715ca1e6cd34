import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { Migration } from '../../src/books/migrate.ts';
import type { LedgerTarget } from '../../src/config/config.ts';
import { systemClock } from '../../src/core/clock.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { ledgerOf } from '../../src/ledger/sharded/ledger.ts';
import { RedisServer } from '../ledger/redis/redis-server.ts';
import { answersOf, fillFolded, randomOf } from './folded-books.ts';
import { exported, imported, inDirectory, withLedger } from './sample-books.ts';

const COUNT = 120;

/** A directory, and ledgers of all kinds in it: each call is a new one. */
export async function inPlaces(
  run: (directory: string, kinds: readonly (() => LedgerTarget)[]) => Promise<void>,
): Promise<void> {
  const redis = await RedisServer.start();
  let made = 0;
  const inRedis = (shardCount: number) => (): LedgerTarget => {
    const url = new URL(redis.url);
    url.pathname = `/${made++}`;
    return { kind: 'redis', url: String(url), shardCount };
  };
  try {
    await inDirectory((directory) =>
      run(directory, [
        () => ({ kind: 'lmdb', path: join(directory, `ledger-${made++}`) }),
        inRedis(1),
        inRedis(4),
      ]),
    );
  } finally {
    await redis.stop();
  }
}

function answersIn(target: LedgerTarget): Promise<unknown> {
  return withLedger(target, (_, ledger) => answersOf(ledger));
}

/** Books of all kinds, filled by these seeds, are exported and imported into other kinds. */
export function checkImports(seeds: readonly number[]): Promise<void> {
  return inPlaces(async (directory, kinds) => {
    for (const [index, seed] of seeds.entries()) {
      const stores = Array.from({ length: index % 2 === 0 ? 1 : 4 }, () => new MemoryStore());
      const model = ledgerOf(stores.map((store) => new MemoryLedger(['default', 'fallback'], store)));
      await fillFolded(model, randomOf(seed), COUNT);
      const expected = await answersOf(model);
      let path = await exported(model, directory);
      for (const kind of kinds) {
        const target = kind();
        const outcome = await imported(path, target);
        assert.is(outcome.kind, 'ok', `seed ${seed}: ${JSON.stringify(outcome)}`);
        assert.equal(await answersIn(target), expected, `seed ${seed}`);
        path = await withLedger(target, (_, ledger) => exported(ledger, directory));
      }
    }
  });
}

/** Books of all kinds, filled by these seeds, are migrated to other kinds. */
export function checkMigrations(seeds: readonly number[]): Promise<void> {
  return inPlaces(async (_, [lmdb, redis, shards]) => {
    const kinds = [lmdb, shards, redis, lmdb] as (() => LedgerTarget)[];
    for (const seed of seeds) {
      let [from, ...others] = kinds.map((kind) => kind()) as [LedgerTarget, ...LedgerTarget[]];
      await withLedger(from, (_shard, ledger) => fillFolded(ledger, randomOf(seed), COUNT));
      const expected = await answersIn(from);
      for (const to of others) {
        const order = { from, to, clock: systemClock, say: () => {}, onProgress: () => {} };
        const outcome = await Migration.run(order);
        assert.is(outcome.kind, 'ok', `seed ${seed}: ${JSON.stringify(outcome)}`);
        assert.equal(await answersIn(to), expected, `seed ${seed}`);
        from = to;
      }
    }
  });
}
