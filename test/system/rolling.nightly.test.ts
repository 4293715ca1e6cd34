import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

const PAYMENTS = 6000;
const RATE_PER_S = 100;
/** Unset, because the file takes their place. */
const NO_URLS = { PAYMENT_PROCESSOR_URL_DEFAULT: '', PAYMENT_PROCESSOR_URL_FALLBACK: '' };

interface Listed {
  readonly name: string;
  readonly url: string;
  readonly share: number;
}

function fileOf(processors: readonly Listed[]): string {
  const entries = processors.map(
    ({ name, url, share }) =>
      `  - { name: ${name}, url: "${url}", contract: rinha, fee: { share: ${share} } }`,
  );
  return `processors:\n${entries.join('\n')}\n`;
}

async function json({ url }: Gateway, path: string, change?: object): Promise<Record<string, unknown>> {
  const answer =
    change === undefined
      ? await exchangeKept('GET', `${url}${path}`)
      : await exchangeKept('PATCH', `${url}${path}`, { body: JSON.stringify(change) });
  assert.is(answer.status, 200, answer.body);
  return JSON.parse(answer.body);
}

for (const ledger of ledgers('redis')) {
  test(`a processor is added and removed by a rolling restart: no post fails, and sums stay (${ledger})`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'rolling-'));
    const path = join(directory, 'processors.yaml');
    const port = await freePort();
    const child = new Child('dist/simulated/main.js', {
      LISTEN: `127.0.0.1:${port}`,
      NAME: 'third',
      FEE: '0.01',
    });
    const third = new ProcessorAdmin('third', `http://127.0.0.1:${port}`);
    const settings = { OPERATOR_ACCESS: 'loopback' };
    try {
      await Deployment.run({ ledger, gatewayCount: 2, settings }, async (deployment) => {
        const { gateways, processors, urls } = deployment;
        const [one, other] = gateways as [Gateway, Gateway];
        const [cheap, dear] = processors;
        const two: Listed[] = [
          { name: 'default', url: cheap.url, share: 0.05 },
          { name: 'fallback', url: dear.url, share: 0.15 },
        ];
        const roll = async (processors: readonly Listed[]) => {
          writeFileSync(path, fileOf(processors));
          for (const gateway of gateways) {
            assert.is((await gateway.stop()).code, 0);
            await gateway.start({ ...NO_URLS, PROCESSORS_FILE: path });
          }
        };
        await roll(two);
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
        const operate = async () => {
          await load.reached(100);
          await roll([...two, { name: 'third', url: third.url, share: 0.01 }]);
          await until('it gets payments', SETTLE_MS, async () => (await third.summary()).count > 100);
          await json(one, '/processors/third', { paused: true, why: 'it is to be removed' });
          await until('it is drained', SETTLE_MS, async () => {
            const { processors } = (await json(other, '/processors')) as {
              processors: { name: string; paused: boolean; open: number }[];
            };
            const shown = processors.find(({ name }) => name === 'third');
            return shown?.paused === true && shown.open === 0;
          });
          const { count } = await third.summary();
          await roll(two);
          assert.is((await third.summary()).count, count, 'a processor that is drained gets nothing');
          assert.ok(load.accepted.length < PAYMENTS, 'payments were posted all the time');
        };
        await Promise.all([load.run(), operate()]);
        await nginx.stop();
        assert.equal(
          load.payments.filter(({ status, posts }) => status !== 202 || posts !== 1),
          [],
        );
        const sums = () => Promise.all([...processors, third].map((processor) => processor.summary()));
        await until('all are settled', SETTLE_MS, async () => {
          return (await sums()).reduce((total, { count }) => total + count, 0) === PAYMENTS;
        });
        const total = load.payments.reduce((cents, { amountCents }) => cents + amountCents, 0);
        assert.is(
          (await sums()).reduce((cents, { amountCents }) => cents + amountCents, 0),
          total,
        );
        for (const gateway of gateways) {
          await until('the books agree with the processors', SETTLE_MS, async () => {
            const summary = await json(gateway, '/payments-summary');
            const shown = ['default', 'fallback', 'third'].map((name) => summary[name]);
            const charged = (await sums()).map(({ count, amountCents }) => ({
              totalRequests: count,
              totalAmount: amountCents / 100,
            }));
            return JSON.stringify(shown) === JSON.stringify(charged);
          });
          assert.not.ok(gateway.output.includes('lease lost'), 'each stop was in order');
        }
      });
    } finally {
      await child.kill();
      rmSync(directory, { recursive: true, force: true });
    }
  });
}

test.run();
