import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exchangeKept } from '../contract/kept.ts';
import { listenLocally } from '../listen-locally.ts';
import { Random } from '../sim/random.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { Deployment, type Gateway } from './deployment.ts';
import { Load } from './load.ts';
import { SETTLE_MS } from './scale.ts';
import { pause, until } from './until.ts';

const [FIRST, SECOND] = ['first-key-7f3a', 'second-key-9b1c'] as const;
const PAYMENTS = 3000;
const RATE_PER_S = 200;
const DELAY_MS = 30;
/** After a file has changed, every thread uses what it says. */
const IN_FORCE_MS = 2000;
const NO_URLS = { PAYMENT_PROCESSOR_URL_DEFAULT: '', PAYMENT_PROCESSOR_URL_FALLBACK: '' };

/** A processor that charges for those who have a key that is valid now. */
async function guarded() {
  const valid = new Set([`Bearer ${FIRST}`]);
  const charged: string[] = [];
  const refused: string[] = [];
  const server = createServer(async (request, response) => {
    const { authorization = '' } = request.headers;
    const isAllowed = valid.has(authorization);
    let body = '';
    for await (const chunk of request) body += chunk;
    await pause(DELAY_MS);
    if (!isAllowed) {
      refused.push(`${request.method} ${request.url} ${authorization}`);
      response.writeHead(401).end('{}');
    } else if (request.method === 'POST') {
      charged.push(authorization);
      response.end('{}');
    } else if (request.url === '/payments/service-health') {
      response.end('{"failing":false,"minResponseTime":0}');
    } else {
      response.writeHead(404).end(body);
    }
  });
  const url = `http://127.0.0.1:${await listenLocally(server)}`;
  return { url, valid, charged, refused, server };
}

test('a key is replaced at two instances of two pool threads under load: no post fails, no call is refused', async () => {
  const directory = temporaryDirectory();
  const write = (name: string, text: string) => {
    writeFileSync(join(directory, `${name}.new`), text);
    renameSync(join(directory, `${name}.new`), join(directory, name));
  };
  const bank = await guarded();
  write('key', FIRST);
  write(
    'processors.yaml',
    `processors: [{ name: bank, url: "${bank.url}", contract: rinha, fee: { share: 0.05 }, credentials: { bearer: KEY } }]`,
  );
  const settings = { POOL_THREADS: '2', OPERATOR_ACCESS: 'loopback' };
  try {
    await Deployment.run({ ledger: 'redis', gatewayCount: 2, settings }, async ({ gateways, urls }) => {
      const files = { PROCESSORS_FILE: join(directory, 'processors.yaml'), KEY_FILE: join(directory, 'key') };
      for (const gateway of gateways) {
        await gateway.stop();
        await gateway.start({ ...NO_URLS, ...files });
      }
      const readAt = async ({ url }: Gateway) => {
        const { body } = await exchangeKept('GET', `${url}/processors`);
        return String(JSON.parse(body).credentialsReadAt);
      };
      const before = await Promise.all(gateways.map(readAt));
      const load = new Load({ urls, payments: PAYMENTS, ratePerS: RATE_PER_S, random: new Random(17) });
      const rotate = async () => {
        await load.reached(PAYMENTS * 0.1);
        write('key', '');
        await pause(IN_FORCE_MS);
        bank.valid.add(`Bearer ${SECOND}`);
        write('key', SECOND);
        await pause(IN_FORCE_MS);
        bank.valid.delete(`Bearer ${FIRST}`);
      };
      await Promise.all([load.run(), rotate()]);
      assert.equal(
        load.payments.filter(({ status, posts }) => status !== 202 || posts !== 1),
        [],
      );
      await until('all are charged', SETTLE_MS, () => bank.charged.length >= PAYMENTS);
      assert.equal(bank.refused, []);
      const used = new Set(bank.charged);
      assert.equal([...used].sort(), [`Bearer ${FIRST}`, `Bearer ${SECOND}`]);
      for (const [index, gateway] of gateways.entries()) {
        assert.match(gateway.output, 'credentials replaced');
        assert.match(gateway.output, 'the processors cannot be read again');
        assert.ok((await readAt(gateway)) > (before[index] ?? ''));
        assert.not.ok(
          [FIRST, SECOND].some((secret) => gateway.output.includes(secret)),
          'secrets are not logged',
        );
      }
    });
  } finally {
    bank.server.close();
    bank.server.closeAllConnections();
  }
});

test.run();
