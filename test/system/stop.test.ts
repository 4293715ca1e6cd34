import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exchangeKept } from '../contract/kept.ts';
import { Random } from '../sim/random.ts';
import { Deployment, type Gateway, type Shape } from './deployment.ts';
import { Load } from './load.ts';
import { ledgers, PAYMENTS, RATE_PER_S, SETTLE_MS } from './scale.ts';
import { until } from './until.ts';

const SOME = Math.ceil(PAYMENTS / 2);
const DELAY_MS = 40;
/** The share of hanging calls: high enough that some are always in flight. */
const HANG_RATE = 0.05;
const HANG_MS = 2_000;

const EXITED = { code: 0, signal: null };

/** `stop` ends the gateway under a load that retries; the next start settles the rest. */
function settlesAfter(what: string, shape: Shape, stop: (gateway: Gateway) => Promise<void>): void {
  test(what, () =>
    Deployment.run(shape, async ({ urls, books, processors, gateways }) => {
      const [gateway] = gateways;
      if (gateway === undefined) throw new Error('expected a gateway');
      for (const processor of processors) {
        await processor.setDelay(DELAY_MS);
        await processor.setFault({ kind: 'hang', rate: HANG_RATE, delayMs: HANG_MS });
      }
      const random = new Random(what.length);
      const fromMs = Date.now();
      const load = new Load({ urls, payments: SOME, ratePerS: RATE_PER_S, random, insists: true });
      const run = load.run();
      await load.reached(Math.floor(SOME / 2));
      await stop(gateway);
      await gateway.start();
      await run;
      for (const processor of processors) await processor.setFault({ kind: 'none' });
      assert.is(load.accepted.length, SOME);
      await books.prove(load.payments, fromMs, random);
    }),
  );
}

async function terminate(gateway: Gateway): Promise<void> {
  assert.equal(await gateway.stop(), EXITED);
}

for (const ledger of ledgers('redis')) {
  settlesAfter(
    `SIGTERM finishes the calls in flight of several threads: ${ledger}`,
    { ledger, gatewayCount: 1, settings: { HTTP_THREADS: '2', POOL_THREADS: '2' } },
    terminate,
  );
}

for (const ledger of ledgers('lmdb')) {
  settlesAfter(
    `SIGTERM waits for calls no longer than STOP_TIMEOUT_MS: ${ledger}`,
    { ledger, gatewayCount: 1, settings: { STOP_TIMEOUT_MS: '300' } },
    terminate,
  );
}

const STARTED = { ledger: 'lmdb', gatewayCount: 1, program: 'dist/start.js' } as const;

settlesAfter('Ctrl-C stops everything that `npm start` started', STARTED, async ({ child }) => {
  child.sendToAll('SIGINT');
  assert.equal(await child.ended, EXITED);
  assert.is(child.lines.at(-1), 'stopped');
});

settlesAfter(
  'a SIGTERM to all processes of `npm start` is still a graceful stop',
  STARTED,
  async ({ child }) => {
    child.sendToAll('SIGTERM');
    assert.equal(await child.ended, EXITED);
    assert.is(child.lines.at(-1), 'stopped');
  },
);

settlesAfter('a gateway does not outlive its launcher', STARTED, async ({ child, url }) => {
  child.send('SIGKILL');
  await until(
    'the gateway exits',
    SETTLE_MS,
    async () => (await exchangeKept('GET', `${url}/livez`)).status === 0,
  );
  assert.equal(await child.ended, { code: null, signal: 'SIGKILL' });
});

test.run();
