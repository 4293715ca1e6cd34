import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../sim/random.ts';
import { Deployment, type Shape } from './deployment.ts';
import { Load } from './load.ts';
import { ledgers, PAYMENTS, RATE_PER_S, SETTLE_MS } from './scale.ts';
import { pause, until } from './until.ts';

/** Long enough that a crash finds many calls in flight. */
const DELAY_MS = 40;
/** Long enough that a call outlives its gateway and the start of the next one. */
const HANG_MS = 3_000;
/** Doubt about a call lasts a little longer than that; payments not in doubt may go to another processor. */
const IN_DOUBT = {
  FAILOVER_DELAY_MS: '200',
  LEASE_MS: '1000',
  PROCESSOR_TIMEOUT_MS: '4000',
  IN_DOUBT_HOLD_MS: '5000',
};

interface Scene {
  readonly deployment: Deployment;
  readonly load: Load;
}

/** Runs `crash` under a load that retries. Nothing may be lost or charged twice, and health calls stay within budget. */
function survives(what: string, shape: Shape, crash: (scene: Scene) => Promise<void>): void {
  test(`nothing is lost or charged twice: ${what}`, () =>
    Deployment.run(shape, async (deployment) => {
      const { urls, books, processors } = deployment;
      for (const processor of processors) await processor.setDelay(DELAY_MS);
      const random = new Random(what.length);
      const fromMs = Date.now();
      const load = new Load({ urls, payments: PAYMENTS, ratePerS: RATE_PER_S, random, insists: true });
      await Promise.all([load.run(), crash({ deployment, load })]);
      await books.proveRepeated(load, fromMs, random);
      assert.equal(await deployment.healthFaults(), []);
    }));
}

const part = (share: number) => Math.floor(PAYMENTS * share);

for (const shape of [
  { ledger: 'lmdb', gatewayCount: 1 },
  { ledger: 'redis', gatewayCount: 2 },
] as const) {
  survives(
    `two kill -9, ${shape.gatewayCount} gateways: ${shape.ledger}`,
    shape,
    async ({ deployment, load }) => {
      for (const [kills, share] of [0.3, 0.6].entries()) {
        await load.reached(part(share));
        const gateway = deployment.gateways[kills % shape.gatewayCount];
        await gateway?.kill();
        await gateway?.start();
      }
    },
  );
}

for (const ledger of ledgers('redis')) {
  const shape = { ledger, gatewayCount: 2, settings: { LEASE_MS: '1500' } };
  const what = `kill -9 of a gateway that restarts after a takeover: ${ledger}`;
  survives(what, shape, async ({ deployment: { gateways }, load }) => {
    const [dead, living] = gateways;
    if (dead === undefined || living === undefined) throw new Error('expected two gateways');
    await load.reached(part(0.5));
    await dead.kill();
    await until('the other gateway takes over', SETTLE_MS, () =>
      living.output.includes('took over from a former owner'),
    );
    await dead.start();
  });
}

for (const ledger of ledgers('lmdb')) {
  const shape = { ledger, gatewayCount: 1, settings: IN_DOUBT };
  const what = `kill -9 while calls still run at a processor that fails: ${ledger}`;
  survives(what, shape, async ({ deployment: { gateways, processors }, load }) => {
    const [cheap] = processors;
    await load.reached(part(0.3));
    await cheap.setFault({ kind: 'hang', delayMs: HANG_MS });
    await load.reached(part(0.5));
    await cheap.setFailing(true);
    await gateways[0]?.kill();
    await gateways[0]?.start();
    await pause(HANG_MS);
  });
}

survives(
  'kill -9 of Redis',
  { ledger: 'redis', gatewayCount: 2 },
  async ({ deployment: { redis }, load }) => {
    await load.reached(part(0.4));
    await redis.kill();
    await load.reached(part(0.6));
    await redis.start();
  },
);

for (const ledger of ledgers('lmdb')) {
  const preload = new URL('./pool-thread-crash.ts', import.meta.url).href;
  const settings = { POOL_THREADS: '2', NODE_OPTIONS: `--import=${preload}` };
  const crash = async ({ deployment: { gateways }, load }: Scene) => {
    const [gateway] = gateways;
    if (gateway === undefined) throw new Error('expected a gateway');
    for (const [deaths, share] of [0.2, 0.4, 0.6, 0.8].entries()) {
      await load.reached(part(share));
      await gateway.ready();
      gateway.child.send('SIGUSR2');
      const deathCount = () => gateway.output.split('pool thread died').length - 1;
      await until(`death ${deaths + 1} is logged`, SETTLE_MS, () => deathCount() > deaths);
    }
  };
  survives(`crashes of pool threads: ${ledger}`, { ledger, gatewayCount: 1, settings }, crash);
}

test.run();
