import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../sim/random.ts';
import { Deployment } from './deployment.ts';
import { Load } from './load.ts';
import { PAYMENTS, RATE_PER_S, REPEAT_RATE_PER_S, SETTLE_MS, WINDOWS } from './scale.ts';
import { pause } from './until.ts';

/** Long enough that a crash finds many calls in flight. */
const DELAY_MS = 40;
/** Less than `appendfsync everysec` may lose. */
const FORGOTTEN_MS = 1_000;
/** Enough that the load lasts beyond both data losses. */
const COUNT = 4 * PAYMENTS;

test('nothing is lost or charged twice: Redis loses its last second twice', () =>
  Deployment.run({ ledger: 'redis', gatewayCount: 2 }, async (deployment) => {
    const { urls, gateways, books, processors, redis } = deployment;
    for (const processor of processors) await processor.setDelay(DELAY_MS);
    const random = new Random(7);
    const fromMs = Date.now();
    const load = new Load({ urls, payments: COUNT, ratePerS: RATE_PER_S, random, insists: true });
    const forget = async () => {
      for (const share of [0.2, 0.5]) {
        await load.reached(Math.floor(COUNT * share));
        const { moment } = redis;
        await pause(FORGOTTEN_MS);
        await redis.forgetSince(moment);
      }
    };
    await Promise.all([load.run(), forget()]);
    for (const gateway of gateways) await gateway.ready();
    assert.is(load.accepted.length, COUNT);
    await books.untilSettled(COUNT, SETTLE_MS);
    const again = load.again(REPEAT_RATE_PER_S);
    await again.run();
    await books.untilSettled(COUNT, SETTLE_MS);
    assert.equal(await books.differencesWithin({ fromMs, toMs: Date.now() }, WINDOWS, random), []);
    assert.equal(await books.faults(load.payments), []);
    assert.equal(await deployment.healthFaults(), []);
  }));

test.run();
