import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../sim/random.ts';
import { Deployment, type Shape } from './deployment.ts';
import { Load } from './load.ts';
import { PAYMENTS, RATE_PER_S, SETTLE_MS, WINDOWS } from './scale.ts';

const SMALL = Math.ceil(PAYMENTS / 4);

const SHAPES: readonly { what: string; payments: number; shape: Shape }[] = [
  {
    what: 'one gateway on LMDB, as `npm start` runs it',
    payments: PAYMENTS,
    shape: { ledger: 'lmdb', gatewayCount: 1, program: 'src/start.ts' },
  },
  { what: 'two gateways on one Redis', payments: PAYMENTS, shape: { ledger: 'redis', gatewayCount: 2 } },
  { what: 'two gateways on one LMDB', payments: SMALL, shape: { ledger: 'lmdb', gatewayCount: 2 } },
  ...(['lmdb', 'redis'] as const).flatMap((ledger) => [
    {
      what: `two threads of each kind on ${ledger}`,
      payments: SMALL,
      shape: { ledger, gatewayCount: 2, settings: { HTTP_THREADS: '2', POOL_THREADS: '2' } },
    },
    ...['flush', 'ledger'].map((durability) => ({
      what: `a 202 that waits for the ${durability} on ${ledger}`,
      payments: SMALL,
      shape: { ledger, gatewayCount: 1, settings: { ACCEPT_DURABILITY: durability } },
    })),
  ]),
];

for (const { what, payments, shape } of SHAPES) {
  test(`every payment is accepted, and the books agree: ${what}`, () =>
    Deployment.run(shape, async ({ urls, books }) => {
      const random = new Random(payments);
      const fromMs = Date.now();
      const load = new Load({ urls, payments, ratePerS: RATE_PER_S, random });
      await load.run();
      assert.is(load.accepted.length, payments);
      await books.untilSettled(payments, SETTLE_MS);
      assert.equal(await books.differencesWithin({ fromMs, toMs: Date.now() }, WINDOWS, random), []);
      assert.equal(await books.faults(load.payments), []);
    }));
}

test.run();
