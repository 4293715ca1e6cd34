import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exportBooks } from '../../src/books/export.ts';
import { importBooks } from '../../src/books/import.ts';
import type { LedgerTarget } from '../../src/config/config.ts';
import { systemClock } from '../../src/core/clock.ts';
import { operate } from '../ledger/redis/operate.ts';
import { RedisServer } from '../ledger/redis/redis-server.ts';
import { must } from '../ledger/samples.ts';
import { fill, inDirectory, withLedger } from './sample-books.ts';

/** More than fit into the hashes that new books have, at 64 in each. */
const COUNT = 80_000;

test('books in Redis grow while they are imported, as those that are used', () =>
  inDirectory(async (directory) => {
    const redis = await RedisServer.start();
    try {
      const source: LedgerTarget = { kind: 'lmdb', path: join(directory, 'source') };
      const path = join(directory, 'export');
      const range = { fromMs: -Infinity, toMs: Infinity };
      await withLedger(source, async (shard, ledger) => {
        await fill(shard, COUNT);
        const order = { ledger, clock: systemClock, ...range, temporaryDirectory: directory };
        await must(exportBooks({ ...order, out: createWriteStream(path), onProgress: () => {} }));
      });
      const outcome = await importBooks({
        path,
        target: { kind: 'redis', url: redis.url },
        clock: systemClock,
        intoExisting: false,
        asRestore: false,
        onProgress: () => {},
      });
      assert.is(outcome.kind, 'ok');
      const hashes = Number(await operate(redis, 'HGET', '{dinossauro}:meta', 'hashes'));
      assert.ok(hashes >= Math.floor((COUNT - 256) / 64), `${hashes} hashes`);
    } finally {
      await redis.stop();
    }
  }));

test.run();
