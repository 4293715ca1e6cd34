import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../sim/random.ts';
import { Deployment } from './deployment.ts';
import { Load } from './load.ts';
import { RATE_PER_S, SETTLE_MS } from './scale.ts';

const PAYMENTS = 100;
/** A clone runs the source, which has to find its threads, ledgers and Redis functions like the compiled code. */
const program = 'src/gateway.ts';
const settings = { HTTP_THREADS: '2', POOL_THREADS: '2' };

test('the gateway runs from its source', () =>
  Deployment.run({ ledger: 'redis', gatewayCount: 1, program, settings }, async ({ urls, books }) => {
    const load = new Load({ urls, payments: PAYMENTS, ratePerS: RATE_PER_S, random: new Random(PAYMENTS) });
    await load.run();
    assert.is(load.accepted.length, PAYMENTS);
    await books.untilSettled(PAYMENTS, SETTLE_MS);
    assert.equal(await books.faults(load.payments), []);
  }));

test.run();
