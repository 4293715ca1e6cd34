import { randomUUID } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exchangeKept } from '../contract/kept.ts';
import { whileWriterIsStopped } from '../ledger/lmdb/stopped-writer.ts';
import { Deployment } from './deployment.ts';
import { SETTLE_MS } from './scale.ts';
import { until } from './until.ts';

const STOP_TIMEOUT_MS = 500;

for (const threads of ['1', '2']) {
  const settings = { HTTP_THREADS: threads, STOP_TIMEOUT_MS: `${STOP_TIMEOUT_MS}`, ALLOW_PURGE: 'true' };
  test(`${threads} HTTP threads answer while another process is suspended in a commit to LMDB`, () =>
    Deployment.run({ ledger: 'lmdb', gatewayCount: 1, settings }, async ({ gateways: [gateway] }) => {
      assert.ok(gateway);
      const ask = async (method: string, path: string, body?: string) =>
        (await exchangeKept(method, `${gateway.url}${path}`, body === undefined ? {} : { body })).status;
      const post = () =>
        ask('POST', '/payments', JSON.stringify({ correlationId: randomUUID(), amount: 1.5 }));
      const path = (gateway.environment['LEDGER_URL'] ?? '').replace(/^lmdb:/, '');
      assert.is(await post(), 202);
      await whileWriterIsStopped(path, async () => {
        assert.is(await ask('GET', '/readyz'), 503);
        assert.is(await ask('POST', '/purge-payments'), 503);
        assert.is(await ask('GET', '/livez'), 200);
        assert.is(await ask('GET', '/payments-summary'), 200);
        assert.is(await ask('GET', `/payments/${randomUUID()}`), 404);
        assert.is(await post(), 202);
      });
      await until('it is ready again', SETTLE_MS, async () => (await ask('GET', '/readyz')) === 200);
      await whileWriterIsStopped(path, async () => {
        // A pool thread that waits for the lock cannot be terminated, and Node would wait for it.
        assert.equal(await gateway.stop(), { code: null, signal: 'SIGKILL' });
      });
      await gateway.start();
      assert.is(await ask('GET', '/readyz'), 200);
    }));
}

test.run();
