import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../sim/random.ts';
import { Deployment, type Shape } from './deployment.ts';
import { Load } from './load.ts';
import { ledgers, PAYMENTS, RATE_PER_S } from './scale.ts';

interface Scene {
  readonly what: string;
  readonly payments: number;
  readonly shape: Shape;
}

const SMALL = Math.ceil(PAYMENTS / 2);
const TWO_OF_EACH = { HTTP_THREADS: '2', POOL_THREADS: '2' };

const SCENES: readonly Scene[] = [
  {
    what: 'one gateway on LMDB, as `npm start` runs it',
    payments: PAYMENTS,
    shape: { ledger: 'lmdb', gatewayCount: 1, program: 'dist/start.js' },
  },
  {
    what: 'two gateways on one Redis',
    payments: PAYMENTS,
    shape: { ledger: 'redis', gatewayCount: 2 },
  },
  ...ledgers('lmdb').map((ledger) => severalThreads(ledger, 'ledger')),
  ...ledgers('redis').map((ledger) => severalThreads(ledger, 'fsync')),
];

function severalThreads(ledger: Shape['ledger'], durability: string): Scene {
  return {
    what: `two threads of each kind, a 202 that waits for the ${durability}, on ${ledger}`,
    payments: SMALL,
    shape: { ledger, gatewayCount: 2, settings: { ...TWO_OF_EACH, ACCEPT_DURABILITY: durability } },
  };
}

for (const { what, payments, shape } of SCENES) {
  test(`every payment is accepted, and the ledger agrees with the processors: ${what}`, () =>
    Deployment.run(shape, async ({ urls, books }) => {
      const random = new Random(payments);
      const fromMs = Date.now();
      const load = new Load({ urls, payments, ratePerS: RATE_PER_S, random });
      await load.run();
      assert.is(load.accepted.length, payments);
      await books.prove(load.payments, fromMs, random);
    }));
}

test.run();
