import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/core/clock.ts';
import type { Tls } from '../../src/core/tls.ts';
import { HttpProcessor } from '../../src/processor/client.ts';
import { rinha } from '../../src/processor/contracts/rinha.ts';
import type { Dispatch, PayOutcome } from '../../src/processor/processor.ts';
import { propagationOnlyTracer } from '../../src/tracing/open.ts';
import { Authority, type Issued, pem, tlsOf } from '../authority.ts';
import { listenLocally } from '../listen-locally.ts';
import { until } from '../system/until.ts';

const TIMEOUT_MS = 20_000;
const PARTS = {
  name: 'default',
  contract: rinha(''),
  connectionCount: 1,
  clock: systemClock,
  tracer: propagationOnlyTracer,
};
const DISPATCH: Dispatch = {
  correlationId: '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3',
  amountCents: 1990,
  acceptedAtMs: 0,
  requestedAtMs: Date.UTC(2025, 6, 15),
  trace: null,
};

const [ours, others] = [new Authority(), new Authority()];
const CA = { ca: pem(ours.caFile) };

/** Pays at a processor with this certificate. Returns the outcome, and how many requests the processor received. */
async function paid(certificate: Issued, tls: Tls, requestCert = false): Promise<[PayOutcome, number]> {
  let requestCount = 0;
  const options = { ...tlsOf(certificate), ...CA, requestCert, rejectUnauthorized: requestCert };
  const server = createServer(options, (_, response) => {
    requestCount++;
    response.end('{}');
  });
  const url = `https://127.0.0.1:${await listenLocally(server)}`;
  const processor = new HttpProcessor({ ...PARTS, url, tls });
  const answer = await processor.pay(DISPATCH, TIMEOUT_MS);
  await processor.close();
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
  return [answer, requestCount];
}

test('accepts a certificate from a trusted authority', async () => {
  assert.equal(await paid(ours.issue(), CA), [{ kind: 'committed' }, 1]);
});

test('presents our certificate to a processor that requires one', async () => {
  assert.equal(await paid(ours.issue(), { ...CA, ...tlsOf(ours.issue()) }, true), [{ kind: 'committed' }, 1]);
});

for (const [what, certificate, tls, reason] of [
  ['of an authority that is not trusted', ours.issue(), {}, /^not sent: \w+ .*certificate/],
  [
    'that has expired',
    ours.issue('IP:127.0.0.1', -1),
    CA,
    /^not sent: CERT_HAS_EXPIRED certificate has expired$/,
  ],
  ['for another host', ours.issue('DNS:elsewhere'), CA, /^not sent: ERR_TLS_CERT_ALTNAME_INVALID /],
] as const) {
  test(`sends nothing to a processor with a certificate ${what}`, async () => {
    const [answer, requestCount] = await paid(certificate, tls);
    assert.is(answer.kind, 'refused');
    if (answer.kind === 'refused') assert.match(answer.reason, reason);
    assert.is(requestCount, 0);
  });
}

test('sends nothing to an untrusted processor, even if the environment turns verification off', async () => {
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  try {
    const [answer, requestCount] = await paid(ours.issue(), {});
    assert.is(answer.kind, 'refused');
    assert.is(requestCount, 0);
  } finally {
    delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
  }
});

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`the second connection resumes the session of the first, with SNI (${maxVersion})`, async () => {
    const options = { ...tlsOf(ours.issue('DNS:localhost')), maxVersion };
    const server = createServer(options, (_, response) =>
      response.setHeader('connection', 'close').end('{}'),
    );
    const names: unknown[] = [];
    const areReused: boolean[] = [];
    server.on('secureConnection', (socket) => {
      names.push(socket.servername);
      areReused.push(socket.isSessionReused());
    });
    const url = `https://localhost:${await listenLocally(server)}`;
    const processor = new HttpProcessor({ ...PARTS, url, tls: CA });
    const answers = [await processor.pay(DISPATCH, TIMEOUT_MS), await processor.pay(DISPATCH, TIMEOUT_MS)];
    await processor.close();
    server.close();
    await once(server, 'close');
    assert.equal(answers, [{ kind: 'committed' }, { kind: 'committed' }]);
    assert.equal(areReused, [false, true]);
    assert.is(names[0], 'localhost');
  });
}

test('a processor that rejects our certificate, after the request was sent, commits nothing', async () => {
  const [answer, requestCount] = await paid(ours.issue(), { ...CA, ...tlsOf(others.issue()) }, true);
  assert.is(requestCount, 0);
  assert.ok(answer.kind === 'unknown' || answer.kind === 'refused');
});

test('with another certificate, a call in flight ends with the old one, and the next calls have the new one', async () => {
  const [oldOne, newOne] = [ours.issue(), ours.issue()];
  const options = { ...tlsOf(ours.issue()), ...CA, requestCert: true, rejectUnauthorized: true };
  const serials: string[] = [];
  let answer = () => {};
  const server = createServer(options, (request, response) => {
    serials.push((request.socket as TLSSocket).getPeerCertificate().serialNumber);
    answer = () => response.end('{}');
    if (serials.length !== 3) answer();
  });
  const url = `https://127.0.0.1:${await listenLocally(server)}`;
  const processor = new HttpProcessor({
    ...PARTS,
    url,
    connectionCount: 2,
    tls: { ...CA, ...tlsOf(oldOne) },
  });
  const pay = () => processor.pay(DISPATCH, TIMEOUT_MS);
  const answers = await Promise.all([pay(), pay()]);
  // One of the two connections is busy, and the other one idle.
  const inFlight = pay();
  await until('the third call is in flight', TIMEOUT_MS, () => serials.length === 3);
  const finish = answer;
  processor.replace(PARTS.contract, { ...CA, ...tlsOf(newOne) });
  answers.push(await pay());
  finish();
  answers.push(await inFlight, await pay());
  await processor.close();
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
  assert.equal(
    answers.map(({ kind }) => kind),
    Array.from({ length: 5 }, () => 'committed'),
  );
  const serialOf = ({ certFile }: Issued) => new X509Certificate(pem(certFile)).serialNumber;
  assert.equal(serials, [oldOne, oldOne, oldOne, newOne, newOne].map(serialOf));
});

test.run();
