import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { idOf } from '../payment-id.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { Child } from './child.ts';
import { Deployment, type Gateway } from './deployment.ts';
import { exchange } from './exchange.ts';
import { freePort } from './port.ts';
import { SETTLE_MS } from './scale.ts';
import { until } from './until.ts';

const EXAMPLE = new URL('../../examples/processors-file/processors.yaml', import.meta.url);
const EXIT_MS = 20_000;
/** Unset, because the file takes their place. */
const NO_URLS = { PAYMENT_PROCESSOR_URL_DEFAULT: '', PAYMENT_PROCESSOR_URL_FALLBACK: '' };
const CREDENTIALS = { TRANSFER_KEY: 'a', CARD_USER: 'b', CARD_PASSWORD: 'c', ADMIN: '123' };

for (const program of ['dist/gateway.js', 'dist/start.js']) {
  test(`${program} with the example: payments go to the processor that is cheapest for their amount`, () =>
    Deployment.run({ ledger: 'lmdb', gatewayCount: 1, program }, async ({ gateways, processors }) => {
      const [gateway] = gateways as [Gateway];
      const [transfer, card] = processors;
      await gateway.stop();
      const path = join(temporaryDirectory(), 'processors.yaml');
      const text = readFileSync(EXAMPLE, 'utf8');
      writeFileSync(
        path,
        text.replace('http://127.0.0.1:8001', transfer.url).replace('http://127.0.0.1:8002', card.url),
      );
      await gateway.start({ ...NO_URLS, ...CREDENTIALS, PROCESSORS_FILE: path });
      const amounts = ['0.50', '13.99', '14.00', '500.00', '500.01'];
      for (const [number, amount] of amounts.entries()) {
        const correlationId = idOf(number);
        const body = `{"correlationId":"${correlationId}","amount":${amount}}`;
        assert.is((await exchange('POST', `${gateway.url}/payments`, { body })).status, 202);
      }
      await until('all are charged', SETTLE_MS, async () => {
        const [one, other] = [await transfer.summary(), await card.summary()];
        return one.count + other.count === amounts.length;
      });
      assert.equal(await card.summary(), { count: 2, amountCents: 1449 });
      assert.equal(await transfer.summary(), { count: 3, amountCents: 1400 + 50_000 + 50_001 });
    }));
}

const CONTRACTS = [
  [
    'export default () => { throw new Error("no port"); };',
    'the contract DIR/mine.ts cannot be set up: no port',
  ],
  ['export const contract = 1;', 'the contract DIR/mine.ts does not export a function by default'],
] as const;

for (const [module, reason] of CONTRACTS) {
  test(`a contract that cannot be opened ends the instance with one line: ${reason}`, async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'mine.ts'), module);
    const entry = '{ name: own, url: "http://127.0.0.1:1", contract: ./mine.ts, fee: { share: 0 } }';
    writeFileSync(join(directory, 'p.yaml'), `processors: [${entry}]`);
    const listen = `127.0.0.1:${await freePort()}`;
    const environment = { LISTEN: listen, PROCESSORS_FILE: join(directory, 'p.yaml') };
    const child = new Child('dist/gateway.js', environment, { directory });
    const overdue = setTimeout(() => void child.kill(), EXIT_MS);
    const { code } = await child.ended;
    clearTimeout(overdue);
    assert.is(code, 1);
    const lines = child.lines.filter((line) => line.startsWith('dinossauro: '));
    const expected = `dinossauro: processor \`own\`: ${reason.replace('DIR', directory)}`;
    assert.ok(lines.length >= 1 && lines.every((line) => line === expected), child.lines.join('\n'));
  });
}

test.run();
