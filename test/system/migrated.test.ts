import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dinossauro } from '../cli/dinossauro.ts';
import { RedisServer } from '../ledger/redis/redis-server.ts';
import { Random } from '../sim/random.ts';
import { Deployment } from './deployment.ts';
import { Load } from './load.ts';
import { PAYMENTS, RATE_PER_S, REPEAT_RATE_PER_S, SETTLE_MS } from './scale.ts';

test('books move from LMDB to Redis under load: the gateway goes on with its journal, and nothing is lost or charged twice', async () => {
  const redis = await RedisServer.start();
  try {
    await Deployment.run({ ledger: 'lmdb', gatewayCount: 1 }, async (deployment) => {
      const { gateways, books, urls } = deployment;
      const [gateway] = gateways;
      assert.ok(gateway !== undefined);
      const { environment } = gateway;
      const random = new Random(7);
      const load = new Load({ urls, payments: PAYMENTS, ratePerS: RATE_PER_S / 4, random, insists: true });
      const running = load.run();
      await load.reached(PAYMENTS / 4);
      const from = environment['LEDGER_URL'] ?? '';
      const moved = await dinossauro(['migrate', from, redis.url], { environment });
      assert.is(moved.code, 0, moved.err);
      assert.match(moved.err, /every payment are the same in both books/);
      await gateway.stop();
      // Without the migration, the journal would not let the gateway use another ledger.
      await gateway.start({ LEDGER_URL: redis.url });
      await running;
      assert.is(load.accepted.length, PAYMENTS);
      await books.untilSettled(PAYMENTS, SETTLE_MS);
      await load.again(REPEAT_RATE_PER_S).run();
      await books.untilSettled(PAYMENTS, SETTLE_MS);
      assert.equal(await books.faults(load.payments), []);
      assert.equal(await books.differences(), []);
    });
  } finally {
    await redis.stop();
  }
});

test.run();
