import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../sim/random.ts';
import { Deployment, type Shape } from './deployment.ts';
import { Load } from './load.ts';
import { RATE_PER_S, SETTLE_MS } from './scale.ts';

const PAYMENTS = 100;
/** The image and installed packages run compiled code, which has to find its threads, ledgers and Redis functions, too. */
const program = 'dist/gateway.js';
const settings = { HTTP_THREADS: '2', POOL_THREADS: '2' };

test.before(() => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const flags = ['--disable-warning=ExperimentalWarning'];
  execFileSync(process.execPath, [...flags, 'scripts/compile.ts', 'dist'], { cwd: root });
});

for (const ledger of ['lmdb', 'redis'] satisfies Shape['ledger'][]) {
  test(`the compiled gateway works like the source: ${ledger}`, () =>
    Deployment.run({ ledger, gatewayCount: 1, program, settings }, async ({ urls, books }) => {
      const load = new Load({ urls, payments: PAYMENTS, ratePerS: RATE_PER_S, random: new Random(PAYMENTS) });
      await load.run();
      assert.is(load.accepted.length, PAYMENTS);
      await books.untilSettled(PAYMENTS, SETTLE_MS);
      assert.equal(await books.faults(load.payments), []);
    }));
}

test.run();
