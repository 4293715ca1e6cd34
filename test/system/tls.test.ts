import { createServer } from 'node:https';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Authority, type Issued, pem } from '../authority.ts';
import { RedisServer } from '../ledger/redis/redis-server.ts';
import { listenLocally } from '../listen-locally.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { Child } from './child.ts';
import { exchange } from './exchange.ts';
import { freePort } from './port.ts';
import { until } from './until.ts';

const WITHIN_MS = 20_000;
const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3';
const BODY = `{"correlationId":"${ID}","amount":19.90}`;

interface Certificates {
  readonly redis: Issued;
  readonly processor: Issued;
}

/** A gateway with a Redis and a processor that both require its certificate. */
async function within(
  certificates: (authority: Authority) => Certificates,
  use: (url: string, gateway: Child) => Promise<void>,
): Promise<void> {
  const directory = temporaryDirectory();
  const authority = new Authority();
  const { redis: ofRedis, processor: ofProcessor } = certificates(authority);
  const tlsPort = await freePort();
  const redis = await RedisServer.start(
    ...['--tls-port', String(tlsPort), '--tls-ca-cert-file', authority.caFile],
    ...['--tls-cert-file', ofRedis.certFile, '--tls-key-file', ofRedis.keyFile],
  );
  const processor = createServer(
    {
      ca: pem(authority.caFile),
      cert: pem(ofProcessor.certFile),
      key: pem(ofProcessor.keyFile),
      requestCert: true,
    },
    (_, response) => response.end('{}'),
  );
  const ours = authority.issue();
  const listen = `127.0.0.1:${await freePort()}`;
  const gateway = new Child('dist/gateway.js', {
    LISTEN: listen,
    LEDGER_URL: `rediss://127.0.0.1:${tlsPort}`,
    JOURNAL_DIR: join(directory, 'journal'),
    PAYMENT_PROCESSOR_URL_DEFAULT: `https://127.0.0.1:${await listenLocally(processor)}`,
    WARM_UP_PAYMENTS: '0',
    ...filesFor('LEDGER', authority, ours),
    ...filesFor('PROCESSOR', authority, ours),
  });
  try {
    await use(`http://${listen}`, gateway);
  } catch (error) {
    console.error(gateway.output);
    throw error;
  } finally {
    await gateway.kill();
    processor.close();
    processor.closeAllConnections();
    await redis.stop();
  }
}

function filesFor(
  whose: string,
  { caFile }: Authority,
  { certFile, keyFile }: Issued,
): Record<string, string> {
  return {
    [`${whose}_CA_FILE`]: caFile,
    [`${whose}_CERT_FILE`]: certFile,
    [`${whose}_KEY_FILE`]: keyFile,
  };
}

const good = (authority: Authority) => ({ redis: authority.issue(), processor: authority.issue() });

const ready = (url: string) =>
  until('it is ready', WITHIN_MS, async () => (await exchange('GET', `${url}/readyz`)).status === 200);

test('a payment is settled over TLS, with client certificates for Redis and processor', () =>
  within(good, async (url) => {
    await ready(url);
    assert.is((await exchange('POST', `${url}/payments`, { body: BODY })).status, 202);
    await until('it is settled', WITHIN_MS, async () =>
      (await exchange('GET', `${url}/payments/${ID}`)).body.includes('"settled"'),
    );
  }));

test('with an expired Redis certificate the gateway is not ready, and answer and log say why', () =>
  within(
    (authority) => ({ ...good(authority), redis: authority.issue('IP:127.0.0.1', -1) }),
    async (url, gateway) => {
      const detail = '"detail":"certificate has expired"';
      await until('the answer says why', WITHIN_MS, async () => {
        const { status, body } = await exchange('GET', `${url}/readyz`);
        return status === 503 && body.includes(detail);
      });
      await until('it is logged', WITHIN_MS, () =>
        gateway.output.includes('"reason":"certificate has expired"'),
      );
    },
  ));

test('a processor with a certificate for another host gets no request, and the log says why', () =>
  within(
    (authority) => ({ ...good(authority), processor: authority.issue('DNS:elsewhere') }),
    async (url, gateway) => {
      await ready(url);
      assert.is((await exchange('POST', `${url}/payments`, { body: BODY })).status, 202);
      await until('it is logged', WITHIN_MS, () =>
        gateway.output.includes('not sent: ERR_TLS_CERT_ALTNAME_INVALID'),
      );
    },
  ));

test.run();
