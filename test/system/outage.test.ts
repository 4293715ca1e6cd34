import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../sim/random.ts';
import { Deployment } from './deployment.ts';
import { Load, type Posted } from './load.ts';
import { ledgers, OUTAGE_MS, PAYMENTS, RATE_PER_S, SETTLE_MS } from './scale.ts';
import { pause, until } from './until.ts';

const SOME = Math.ceil(PAYMENTS / 5);
const FAILOVER = { FAILOVER_DELAY_MS: '1000' };

test('payments go to the working processor, none is lost if both fail, and the cheap one is used again once it recovers', () =>
  Deployment.run({ ledger: 'redis', gatewayCount: 2, settings: FAILOVER }, async (deployment) => {
    const { urls, books, processors } = deployment;
    const [cheap, dear] = processors;
    const random = new Random(4);
    const fromMs = Date.now();
    const posts: Posted[] = [];
    const post = async (payments: number) => {
      const load = new Load({ urls, payments, ratePerS: RATE_PER_S, random });
      await load.run();
      assert.is(load.accepted.length, payments);
      posts.push(...load.payments);
    };

    await cheap.setFailing(true);
    await post(SOME);
    await books.untilSettled(posts.length, SETTLE_MS);
    assert.is((await dear.summary()).count, SOME);

    await dear.setFailing(true);
    await post(SOME);
    await pause(OUTAGE_MS);
    await post(SOME);
    assert.is((await dear.summary()).count, SOME);
    await dear.setFailing(false);
    await books.untilSettled(posts.length, SETTLE_MS);
    assert.is((await cheap.summary()).count, 0);

    await cheap.setFailing(false);
    await until('traffic returns', SETTLE_MS, async () => {
      const before = (await cheap.summary()).count;
      await post(SOME);
      await books.untilSettled(posts.length, SETTLE_MS);
      return (await cheap.summary()).count === before + SOME;
    });
    await books.prove(posts, fromMs, random);
    assert.equal(await deployment.healthFaults(), []);
  }));

const HANG_MS = 1_500;

/** Every fault after which a payment may or may not have been charged, or was certainly not. */
const FAULTS = [
  { kind: 'drop-before-commit', rate: 0.1 },
  { kind: 'drop-after-commit', rate: 0.1 },
  { kind: '500-after-commit', rate: 0.1 },
  { kind: 'garbage', rate: 0.05 },
  { kind: 'half-response', rate: 0.05 },
  { kind: '429', rate: 0.05 },
  { kind: '503', rate: 0.05 },
  { kind: 'hang', rate: 0.1, delayMs: HANG_MS },
] as const;
/** A payment not in doubt goes to the other processor at once, and hanging calls time out soon. */
const RESTLESS = {
  FAILOVER_DELAY_MS: '0',
  PROCESSOR_TIMEOUT_MS: '500',
  LEASE_MS: '2000',
  IN_DOUBT_HOLD_MS: '4000',
};

for (const ledger of ledgers('redis')) {
  test(`processors that drop, hang and lie charge each payment once: ${ledger}`, () =>
    Deployment.run({ ledger, gatewayCount: 1, settings: RESTLESS }, async ({ urls, books, processors }) => {
      for (const processor of processors) for (const fault of FAULTS) await processor.setFault(fault);
      const random = new Random(5);
      const fromMs = Date.now();
      const load = new Load({ urls, payments: PAYMENTS / 2, ratePerS: RATE_PER_S, random });
      await load.run();
      assert.is(load.accepted.length, load.payments.length);
      for (const processor of processors) await processor.setFault({ kind: 'none' });
      // A hanging call is charged late, perhaps after the gateway has had the payment charged elsewhere.
      await pause(HANG_MS);
      await books.prove(load.payments, fromMs, random);
    }));
}

test.run();
