import { test } from 'uvu';
import { ledgerOf } from '../../../src/ledger/sharded/ledger.ts';
import { conformance } from '../conformance.ts';
import { openRedis } from './open-redis.ts';
import { RedisServer } from './redis-server.ts';

// Nightly, because the same with one shard, and with four in memory, runs always, and this takes as long as both.

const SHARD_COUNT = 4;
/** A busy machine is not a shard that is away. */
const TIMEOUT_MS = 20_000;

let shared: Promise<RedisServer> | undefined;
let books = 0;

conformance(`Redis with ${SHARD_COUNT} shards`, async () => {
  shared ??= RedisServer.start();
  const { socketUrl } = await shared;
  books++;
  const shards = Array.from({ length: SHARD_COUNT }, (_, position) => {
    return { root: `{sharded-${books}-${position}}:`, place: { position, count: SHARD_COUNT } };
  });
  return {
    open: async (processorNames, outbox) => {
      const options = { processorNames, outbox, timeoutMs: TIMEOUT_MS };
      return ledgerOf(
        await Promise.all(shards.map((shard) => openRedis(socketUrl, { ...options, ...shard }))),
      );
    },
    dispose: async () => {},
  };
});

test.after(async () => (await shared)?.stop());
test.run();
