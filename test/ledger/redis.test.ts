import { test } from 'uvu';
import { systemClock } from '../../src/clock.ts';
import { RedisLedger } from '../../src/ledger/redis.ts';
import { conformance } from './conformance.ts';
import { RedisServer } from './redis-server.ts';

let shared: RedisServer | undefined;
let roots = 0;

conformance('Redis', async () => {
  shared ??= await RedisServer.start();
  const url = shared.socketUrl;
  const root = `{test-${roots++}}:`;
  return {
    open: (processorNames) =>
      RedisLedger.open(url, { processorNames, clock: systemClock, random: Math.random, root }),
    dispose: async () => {},
  };
});

test.after(() => shared?.stop());
test('x', () => {});
test.run();
