import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Deployment, type Gateway } from './deployment.ts';
import { ledgers, SETTLE_MS } from './scale.ts';
import { assertSettled, change, json, underLoad, withThird } from './third-processor.ts';
import { until } from './until.ts';

const PAYMENTS = 4000;
const RATE_PER_S = 100;
const SETTINGS = { OPERATOR_ACCESS: 'loopback', POOL_THREADS: '2', HTTP_THREADS: '2', EVENTS: 'true' };

interface Shown {
  readonly name: string;
  readonly removed: boolean;
  readonly open: number;
}

async function shown(gateway: Gateway): Promise<Shown | undefined> {
  const { processors } = (await json(gateway, '/processors')) as { processors: Shown[] };
  return processors.find(({ name }) => name === 'third');
}

for (const ledger of ledgers('redis')) {
  test(`a processor is added, removed and added again under load: no post fails, and sums stay (${ledger})`, () =>
    withThird(async (third, directory) => {
      const definition = { name: 'third', url: third.url, contract: 'rinha', fee: { share: 0.01 } };
      await Deployment.run({ ledger, gatewayCount: 2, settings: SETTINGS }, async (deployment) => {
        const { gateways, processors, urls } = deployment;
        const [one, other] = gateways as [Gateway, Gateway];
        const count = async () => (await third.summary()).count;
        const order = { urls, directory, payments: PAYMENTS, ratePerS: RATE_PER_S };
        const load = await underLoad(order, async (load) => {
          await load.reached(100);
          assert.is(await change(one, 'POST', '/processors', { ...definition, why: 'cheaper' }), 201);
          assert.is(await change(other, 'POST', '/processors', definition), 200);
          await until('it gets payments', SETTLE_MS, async () => (await count()) > 200);
          assert.is(await change(other, 'PATCH', '/processors/third', { removed: true }), 200);
          await until('it is drained', SETTLE_MS, async () => (await shown(one))?.open === 0);
          // Both have heard of it by now, and what they had claimed is settled.
          await load.reached(load.accepted.length + 2 * RATE_PER_S);
          const drained = await count();
          await load.reached(load.accepted.length + RATE_PER_S);
          assert.is(await count(), drained, 'a processor that was removed gets nothing');
          assert.is((await other.stop()).code, 0);
          await other.start();
          assert.is((await shown(other))?.removed, true);
          assert.is(await count(), drained, 'also after a restart');
          assert.is(await change(one, 'PATCH', '/processors/third', { removed: false }), 200);
          await until('it gets payments again', SETTLE_MS, async () => (await count()) > drained + 50);
        });
        await assertSettled(load, [...processors, third], gateways);
      });
    }));
}

test.run();
