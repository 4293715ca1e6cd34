import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RedisServer } from '../ledger/redis/redis-server.ts';
import { moveInterrupted } from './moving.ts';
import { inDirectory } from './sample-books.ts';

const COUNT = 200_000;

test('books move under load while they are folded, though the command is killed in a pass and in the stop', () =>
  inDirectory(async (directory) => {
    const redis = await RedisServer.start();
    try {
      const lines: string[] = [];
      const moved = await moveInterrupted({
        path: join(directory, 'ledger'),
        to: { url: redis.url, shardCount: 4 },
        count: COUNT,
        perSecond: 200,
        retentionMs: 60_000,
        say: (line) => lines.push(line),
      });
      assert.ok(moved.settledMeanwhile > 0, lines.join('\n'));
    } finally {
      await redis.stop();
    }
  }));

test.run();
