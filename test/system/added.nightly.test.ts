import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exchangeKept } from '../contract/kept.ts';
import { startNginx } from '../fuzz/site.ts';
import { Random } from '../sim/random.ts';
import { Child } from './child.ts';
import { Deployment, type Gateway } from './deployment.ts';
import { Load } from './load.ts';
import { freePort } from './port.ts';
import { ProcessorAdmin } from './processor-admin.ts';
import { ledgers, SETTLE_MS } from './scale.ts';
import { until } from './until.ts';

const PAYMENTS = 4000;
const RATE_PER_S = 100;
const SETTINGS = { OPERATOR_ACCESS: 'loopback', POOL_THREADS: '2', HTTP_THREADS: '2', EVENTS: 'true' };

interface Shown {
  readonly name: string;
  readonly removed: boolean;
  readonly open: number;
}

async function json({ url }: Gateway, path: string): Promise<Record<string, unknown>> {
  const answer = await exchangeKept('GET', `${url}${path}`);
  assert.is(answer.status, 200, answer.body);
  return JSON.parse(answer.body);
}

async function shown(gateway: Gateway): Promise<Shown | undefined> {
  const { processors } = (await json(gateway, '/processors')) as { processors: Shown[] };
  return processors.find(({ name }) => name === 'third');
}

async function change({ url }: Gateway, method: string, path: string, body: object): Promise<number> {
  return (await exchangeKept(method, `${url}${path}`, { body: JSON.stringify(body) })).status;
}

for (const ledger of ledgers('redis')) {
  test(`a processor is added, removed and added again under load: no post fails, and sums stay (${ledger})`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'added-'));
    const port = await freePort();
    const child = new Child('dist/simulated/main.js', {
      LISTEN: `127.0.0.1:${port}`,
      NAME: 'third',
      FEE: '0.01',
    });
    const third = new ProcessorAdmin('third', `http://127.0.0.1:${port}`);
    const definition = { name: 'third', url: third.url, contract: 'rinha', fee: { share: 0.01 } };
    try {
      await Deployment.run({ ledger, gatewayCount: 2, settings: SETTINGS }, async (deployment) => {
        const { gateways, processors, urls } = deployment;
        const [one, other] = gateways as [Gateway, Gateway];
        const nginxPort = await freePort();
        const nginx = startNginx(directory, nginxPort, urls);
        const url = `http://127.0.0.1:${nginxPort}`;
        await until('nginx serves', SETTLE_MS, async () => {
          return (await exchangeKept('GET', `${url}/readyz`)).status === 200;
        });
        const load = new Load({
          urls: [url],
          payments: PAYMENTS,
          ratePerS: RATE_PER_S,
          random: new Random(17),
        });
        const count = async () => (await third.summary()).count;
        const operate = async () => {
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
          assert.ok(load.accepted.length < PAYMENTS, 'payments were posted all the time');
        };
        await Promise.all([load.run(), operate()]);
        await nginx.stop();
        const all = [...processors, third];
        const sums = () => Promise.all(all.map((processor) => processor.summary()));
        assert.equal(
          load.payments.filter(({ status, posts }) => status !== 202 || posts !== 1),
          [],
        );
        await until('all are settled', SETTLE_MS, async () => {
          return (await sums()).reduce((total, sum) => total + sum.count, 0) === PAYMENTS;
        });
        for (const gateway of gateways) {
          await until('the books agree with the processors', SETTLE_MS, async () => {
            const summary = await json(gateway, '/payments-summary');
            const charged = (await sums()).map((sum) => ({
              totalRequests: sum.count,
              totalAmount: sum.amountCents / 100,
            }));
            return JSON.stringify(all.map(({ name }) => summary[name])) === JSON.stringify(charged);
          });
        }
      });
    } finally {
      await child.kill();
      rmSync(directory, { recursive: true, force: true });
    }
  });
}

test.run();
