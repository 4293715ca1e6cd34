import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Tls } from '../../../src/core/tls.ts';
import { Authority, type Issued, pem, tlsOf } from '../../authority.ts';
import { freePort } from '../../system/port.ts';
import { openRedis } from './open-redis.ts';
import { RedisServer } from './redis-server.ts';

const [ours, others] = [new Authority(), new Authority()];
const CA = { ca: pem(ours.caFile) };

/** The reply to a ping of a Redis with this certificate: `ok`, or the error. */
async function pinged(
  { certFile, keyFile }: Issued,
  tls: Tls,
  clients: 'yes' | 'no' = 'no',
): Promise<string> {
  const port = await freePort();
  const server = await RedisServer.start(
    ...['--tls-port', String(port), '--tls-cert-file', certFile, '--tls-key-file', keyFile],
    ...['--tls-ca-cert-file', ours.caFile, '--tls-auth-clients', clients],
  );
  const ledger = await openRedis(`rediss://127.0.0.1:${port}`, { tls });
  const reply = await ledger.ping();
  await ledger.close();
  await server.stop();
  return reply.kind === 'ok' ? 'ok' : reply.reason;
}

test('a Redis with a certificate from a trusted authority is accepted', async () => {
  assert.is(await pinged(ours.issue(), CA), 'ok');
});

test('a Redis that requires a client certificate gets ours', async () => {
  assert.is(await pinged(ours.issue(), { ...CA, ...tlsOf(ours.issue()) }, 'yes'), 'ok');
});

for (const [what, certificate, tls, clients, reason] of [
  [
    'with a certificate from an untrusted authority',
    ours.issue(),
    {},
    'no',
    /^(unable to verify|self-signed).* certificate/,
  ],
  [
    'with a certificate from another authority than the trusted one',
    others.issue(),
    CA,
    'no',
    /^unable to verify the first certificate$/,
  ],
  ['with an expired certificate', ours.issue('IP:127.0.0.1', -1), CA, 'no', /^certificate has expired$/],
  [
    'with a certificate for another host',
    ours.issue('DNS:elsewhere'),
    CA,
    'no',
    /^Hostname\/IP does not match certificate's altnames/,
  ],
  ['that requires a client certificate and gets none', ours.issue(), CA, 'yes', /certificate required/],
  [
    'that does not trust our certificate',
    ours.issue(),
    { ...CA, ...tlsOf(others.issue()) },
    'yes',
    /unknown ca/,
  ],
] as const) {
  test(`a Redis ${what} is reported in one line`, async () => {
    const reply = await pinged(certificate, tls, clients);
    assert.match(reply, reason);
    assert.not.match(reply, '\n');
  });
}

test.run();
