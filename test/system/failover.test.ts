import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MasterAndReplica } from '../ledger/redis/losing-redis.ts';
import { RedisGate } from '../ledger/redis/redis-gate.ts';
import { Random } from '../sim/random.ts';
import { Deployment } from './deployment.ts';
import { Load } from './load.ts';
import { PAYMENTS, RATE_PER_S } from './scale.ts';
import { pause } from './until.ts';

/** Long enough that a crash finds many calls in flight. */
const DELAY_MS = 40;
/** How long the master goes on without its replica before it dies: what it writes then is lost. */
const UNCONFIRMED_MS = 500;
/** Enough that the load lasts beyond both failovers. */
const COUNT = 4 * PAYMENTS;

test('nothing is lost or charged twice: the master of Redis dies twice, and its replica is promoted by hand', async () => {
  const redis = await MasterAndReplica.start();
  const gate = await RedisGate.before(redis.port);
  const settings = { LEDGER_URL: gate.url, LEDGER_REPLICAS: '1' };
  try {
    await Deployment.run({ ledger: 'lmdb', gatewayCount: 2, settings }, async (deployment) => {
      const { urls, gateways, books, processors } = deployment;
      for (const processor of processors) await processor.setDelay(DELAY_MS);
      const random = new Random(7);
      const fromMs = Date.now();
      const load = new Load({ urls, payments: COUNT, ratePerS: RATE_PER_S, random, insists: true });
      const failOver = async () => {
        for (const share of [0.2, 0.5]) {
          await load.reached(Math.floor(COUNT * share));
          redis.beginLosing(0);
          await pause(UNCONFIRMED_MS);
          gate.shut();
          await redis.crash();
          gate.leadTo(redis.port);
          gate.reopen();
        }
      };
      await Promise.all([load.run(), failOver()]);
      for (const gateway of gateways) await gateway.ready();
      await books.proveRepeated(load, fromMs, random);
      assert.equal(await deployment.healthFaults(), []);
    });
  } finally {
    await gate.close();
    await redis.stop();
  }
});

test.run();
