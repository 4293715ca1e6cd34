import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Finding } from '../../src/doctor/finding.ts';
import { checkContract, checkProcessor } from '../../src/doctor/processors.ts';
import { listenLocally } from '../listen-locally.ts';
import { processorTarget } from '../processor-target.ts';
import { freePort } from '../system/port.ts';

/** Self-signed, for these tests only. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQggH09R63zLwqqsyfo
+pgv0gpYOCpInHmnvIyaUr3MOR+hRANCAASBmG2PfEHPmu47qVMovQjWnbuJznb9
75kEUJngWGHlACwyGHAjub+nBM5HIllXyfZ316b2FjHrADcSCu0w/E8p
-----END PRIVATE KEY-----`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUWgxoShwp9tGejjN0tU/YIjW6XDEwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJcHJvY2Vzc29yMCAXDTI2MTEyMjE5MTEwOFoYDzIxMjYxMDI5
MTkxMTA4WjAUMRIwEAYDVQQDDAlwcm9jZXNzb3IwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASBmG2PfEHPmu47qVMovQjWnbuJznb975kEUJngWGHlACwyGHAjub+n
BM5HIllXyfZ316b2FjHrADcSCu0w/E8po1MwUTAdBgNVHQ4EFgQUSj8aYXagMkzA
Mq34TzW4FU7YOj4wHwYDVR0jBBgwFoAUSj8aYXagMkzAMq34TzW4FU7YOj4wDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiAc8ISfVk55+ifUbUyzFI9U
DaSDAbKOnGCmfEO65itwYQIhAPtTjnM55l9ukApGpa66dTPhMuHj3rKUExDcwNRG
zNsz
-----END CERTIFICATE-----`;

function check(url: string): Promise<Finding> {
  return checkProcessor(processorTarget({ name: 'cheap', url }));
}

/** Runs `server` on a free port during `use`. */
async function serving(server: Server, use: (authority: string) => Promise<void>): Promise<void> {
  const port = await listenLocally(server);
  try {
    await use(`127.0.0.1:${port}`);
  } finally {
    server.close();
  }
}

test('sends nothing to a processor that accepts connections', async () => {
  let received = '';
  const server = createServer((socket) => {
    socket.on('data', (chunk) => {
      received += chunk;
    });
  });
  await serving(server, async (authority) => {
    const { level, seen } = await check(`http://user:secret@${authority}/base`);
    assert.is(level, 'ok');
    assert.is(seen, `cheap at http://${authority} accepts connections`);
  });
  await once(server, 'close');
  assert.is(received, '');
});

test('reports a refused connection and an unknown host name', async () => {
  const refused = await check(`http://127.0.0.1:${await freePort()}`);
  assert.is(refused.level, 'fail');
  assert.match(refused.remedy, 'start the processor');
  const unknown = await check('http://nowhere.invalid');
  assert.is(unknown.level, 'fail');
  assert.match(unknown.remedy, 'cannot be resolved');
  const unnamed = await check('https://[::ffff:127.0.0.1]:1');
  assert.is(unnamed.level, 'fail');
});

test('reports an untrusted certificate, and a server without TLS', async () => {
  await serving(createTlsServer({ key: KEY, cert: CERTIFICATE }), async (authority) => {
    const { level, remedy } = await check(`https://${authority}`);
    assert.is(level, 'fail');
    assert.match(remedy, 'PROCESSOR_CA_FILE');
  });
  await serving(
    createServer((socket) => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    async (authority) => {
      const { level, remedy } = await check(`https://${authority}`);
      assert.is(level, 'fail');
      assert.match(remedy, 'correct the URL');
    },
  );
});

test('names the processor whose contract cannot be opened, and why', async () => {
  const { contract } = processorTarget();
  const findings = await checkContract(
    processorTarget({ name: 'bank', contract: { ...contract, name: 'rest', options: { payPth: '/pay' } } }),
  );
  assert.equal(
    findings.map(({ level, check }) => [level, check]),
    [['fail', 'contract']],
  );
  assert.match(findings[0]?.seen ?? '', /^processor `bank`: .*payPth/);
  assert.match(findings[0]?.remedy ?? '', 'PROCESSORS_FILE');
  assert.equal(await checkContract(processorTarget()), []);
});

test.run();
