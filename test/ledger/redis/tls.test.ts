import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../../src/core/clock.ts';
import type { Tls } from '../../../src/core/tls.ts';
import { RedisLedger } from '../../../src/ledger/redis/ledger.ts';
import { Authority, type Issued, pem, tlsOf } from '../../authority.ts';
import { freePort } from '../../system/port.ts';
import { RedisServer } from './redis-server.ts';

const [ours, others] = [new Authority(), new Authority()];
const CA = { ca: pem(ours.caFile) };
test.after(() => {
  ours.dispose();
  others.dispose();
});

/** What a ledger at a Redis that shows this certificate answers to a ping: `ok`, or why not. */
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
  const url = `rediss://127.0.0.1:${port}`;
  const options = { processorNames: ['default'], clock: systemClock, random: Math.random };
  const ledger = await RedisLedger.open(url, { ...options, tls });
  const reply = await ledger.ping();
  await ledger.close();
  await server.stop();
  return reply.kind === 'ok' ? 'ok' : reply.reason;
}

test('a Redis whose certificate is of a trusted authority', async () => {
  assert.is(await pinged(ours.issue(), CA), 'ok');
});

test('a Redis that wants to see our certificate', async () => {
  assert.is(await pinged(ours.issue(), { ...CA, ...tlsOf(ours.issue()) }, 'yes'), 'ok');
});

for (const [what, certificate, tls, clients, reason] of [
  [
    'of an authority that is not trusted',
    ours.issue(),
    {},
    'no',
    /^(unable to verify|self-signed).* certificate/,
  ],
  [
    'of another authority than the one trusted',
    others.issue(),
    CA,
    'no',
    /^unable to verify the first certificate$/,
  ],
  ['that has expired', ours.issue('IP:127.0.0.1', -1), CA, 'no', /^certificate has expired$/],
  [
    'for another host',
    ours.issue('DNS:elsewhere'),
    CA,
    'no',
    /^Hostname\/IP does not match certificate's altnames/,
  ],
  ['that wants ours and gets none', ours.issue(), CA, 'yes', /certificate required/],
  ['that does not trust ours', ours.issue(), { ...CA, ...tlsOf(others.issue()) }, 'yes', /unknown ca/],
] as const) {
  test(`a Redis ${what} is told of in one line`, async () => {
    const said = await pinged(certificate, tls, clients);
    assert.match(said, reason);
    assert.not.match(said, '\n');
  });
}

test.run();
