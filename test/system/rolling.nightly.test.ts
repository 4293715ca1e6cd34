import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Deployment, type Gateway } from './deployment.ts';
import { ledgers, SETTLE_MS } from './scale.ts';
import { assertSettled, change, json, underLoad, withThird } from './third-processor.ts';
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

for (const ledger of ledgers('redis')) {
  test(`a processor is added and removed by a rolling restart: no post fails, and sums stay (${ledger})`, () =>
    withThird(async (third, directory) => {
      const path = join(directory, 'processors.yaml');
      const settings = { OPERATOR_ACCESS: 'loopback' };
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
        const order = { urls, directory, payments: PAYMENTS, ratePerS: RATE_PER_S };
        const load = await underLoad(order, async (load) => {
          await load.reached(100);
          await roll([...two, { name: 'third', url: third.url, share: 0.01 }]);
          await until('it gets payments', SETTLE_MS, async () => (await third.summary()).count > 100);
          const pause = { paused: true, why: 'it is to be removed' };
          assert.is(await change(one, 'PATCH', '/processors/third', pause), 200);
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
        });
        await assertSettled(load, [...processors, third], gateways);
        for (const gateway of gateways)
          assert.not.ok(gateway.output.includes('lease lost'), 'each stop was in order');
      });
    }));
}

test.run();
