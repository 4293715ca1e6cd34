import { createServer as createPlainServer } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Authority, tlsOf } from '../authority.ts';
import { dinossauro } from '../cli/dinossauro.ts';
import { RedisServer } from '../ledger/redis/redis-server.ts';
import { listenLocally } from '../listen-locally.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { Child } from './child.ts';
import { exchange } from './exchange.ts';
import { freePort } from './port.ts';
import { until } from './until.ts';

const WITHIN_MS = 20_000;
const BODY = '{"correlationId":"4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3","amount":19.90}';
/** As set by people who had trouble with a certificate. */
const UNVERIFIED = { NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_OPTIONS: '--tls-min-v1.0' };
const IGNORED = 'NODE_TLS_REJECT_UNAUTHORIZED=0 is ignored';

interface Impostor {
  readonly authority: Authority;
  readonly url: string;
  /** The requests it received, as method and path. */
  readonly requests: readonly string[];
}

/** A server with an untrusted certificate. */
async function withImpostor(use: (impostor: Impostor) => Promise<void>): Promise<void> {
  const authority = new Authority();
  const requests: string[] = [];
  const server = createServer(tlsOf(authority.issue()), (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    response.end('{}');
  });
  const url = `https://127.0.0.1:${await listenLocally(server)}`;
  try {
    await use({ authority, url, requests });
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

async function withGateway(
  environment: Readonly<Record<string, string>>,
  use: (url: string, gateway: Child) => Promise<void>,
): Promise<void> {
  const directory = temporaryDirectory();
  const listen = `127.0.0.1:${await freePort()}`;
  const gateway = new Child('dist/primary.js', {
    LISTEN: listen,
    LEDGER_URL: `lmdb:${join(directory, 'ledger')}`,
    JOURNAL_DIR: join(directory, 'journal'),
    WARM_UP_PAYMENTS: '0',
    ...environment,
  });
  try {
    await use(`http://${listen}`, gateway);
  } catch (error) {
    console.error(gateway.output);
    throw error;
  } finally {
    await gateway.kill();
  }
}

test('although the environment turns verification off, an impostor gets neither payments nor traces, and the log says so', () =>
  withImpostor(({ url: impostor, requests }) =>
    withGateway(
      { ...UNVERIFIED, PAYMENT_PROCESSOR_URL_DEFAULT: impostor, OTLP_URL: impostor, TRACE_RATIO: '1' },
      async (url, gateway) => {
        await until('it is ready', WITHIN_MS, async () => {
          return (await exchange('GET', `${url}/readyz`)).status === 200;
        });
        assert.is((await exchange('POST', `${url}/payments`, { body: BODY })).status, 202);
        await until('both are refused', WITHIN_MS, () => {
          return (
            gateway.output.includes('breaker open') && gateway.output.includes('spans cannot be exported')
          );
        });
        assert.equal(requests, []);
        assert.is(gateway.lines.filter((line) => line.includes(IGNORED)).length, 1);
        assert.not.match(gateway.output, 'insecure');
      },
    ),
  ));

test('a Redis with an untrusted certificate is not used either', async () => {
  const authority = new Authority();
  const { certFile, keyFile } = authority.issue();
  const tlsPort = await freePort();
  const redis = await RedisServer.start(
    ...['--tls-port', String(tlsPort), '--tls-auth-clients', 'no', '--tls-ca-cert-file', authority.caFile],
    ...['--tls-cert-file', certFile, '--tls-key-file', keyFile],
  );
  try {
    await withGateway(
      {
        ...UNVERIFIED,
        LEDGER_URL: `rediss://127.0.0.1:${tlsPort}`,
        PAYMENT_PROCESSOR_URL_DEFAULT: 'http://127.0.0.1:1',
      },
      async (url) => {
        await until('the answer says why it is not ready', WITHIN_MS, async () => {
          const { status, body } = await exchange('GET', `${url}/readyz`);
          return status === 503 && body.includes('certificate');
        });
      },
    );
  } finally {
    await redis.stop();
  }
});

test('doctor does not trust the impostor either, and names the variable', () =>
  withImpostor(async ({ url }) => {
    const environment = { ...UNVERIFIED, PAYMENT_PROCESSOR_URL_DEFAULT: url };
    const { out, err } = await dinossauro(['doctor'], { environment });
    assert.match(out, /^fail {2}processor .*certificate/m);
    assert.match(out, new RegExp(`^warn {2}environment .*${IGNORED}`, 'm'));
    assert.not.match(err, 'insecure');
  }));

test('an audit does not send its token to the impostor either', () =>
  withImpostor(async ({ url, requests }) => {
    const { code, err } = await dinossauro(['audit', '--url', url, '--token', 'a'.repeat(32)], {
      environment: UNVERIFIED,
    });
    assert.is.not(code, 0);
    assert.match(err, IGNORED);
    assert.equal(requests, []);
  }));

test('proxies in the environment are not used: only the processor and the collector see their requests', async () => {
  const seen: string[] = [];
  const server = createPlainServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    response.end('{}');
  });
  const proxied: string[] = [];
  const proxy = createPlainServer((request, response) => {
    proxied.push(`${request.method} ${request.url}`);
    response.statusCode = 502;
    response.end();
  });
  const url = `http://127.0.0.1:${await listenLocally(server)}`;
  const proxyUrl = `http://127.0.0.1:${await listenLocally(proxy)}`;
  try {
    await withGateway(
      {
        NODE_USE_ENV_PROXY: '1',
        HTTP_PROXY: proxyUrl,
        http_proxy: proxyUrl,
        PAYMENT_PROCESSOR_URL_DEFAULT: url,
        OTLP_URL: url,
        TRACE_RATIO: '1',
      },
      async (gatewayUrl) => {
        await until('it is ready', WITHIN_MS, async () => {
          return (await exchange('GET', `${gatewayUrl}/readyz`)).status === 200;
        });
        assert.is((await exchange('POST', `${gatewayUrl}/payments`, { body: BODY })).status, 202);
        await until('both receive requests', WITHIN_MS, () => {
          return seen.includes('POST /payments') && seen.includes('POST /v1/traces');
        });
        assert.equal(proxied, []);
      },
    );
  } finally {
    for (const each of [server, proxy]) {
      each.close();
      each.closeAllConnections();
    }
  }
});

test.run();
