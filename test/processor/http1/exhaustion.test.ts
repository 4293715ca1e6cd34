import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isExhausted } from '../../../src/processor/http1/exhaustion.ts';

function failure(code: string, syscall = 'connect'): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code, syscall });
}

test('tells local shortages from faults of the processor or the network', () => {
  for (const code of ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EAGAIN'])
    assert.ok(isExhausted(failure(code), false), code);
  for (const code of ['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ETIMEDOUT', 'CERT_HAS_EXPIRED'])
    assert.not.ok(isExhausted(failure(code), true), code);
});

test('EADDRNOTAVAIL: out of ports if a connection worked before, otherwise unreachable', () => {
  assert.ok(isExhausted(failure('EADDRNOTAVAIL'), true));
  assert.not.ok(isExhausted(failure('EADDRNOTAVAIL'), false));
});

test('an unknown name is no local shortage while descriptors are available', () => {
  assert.not.ok(isExhausted(failure('ENOTFOUND', 'getaddrinfo'), true));
  assert.not.ok(isExhausted(failure('EAI_AGAIN', 'getaddrinfo'), true));
});

test('without descriptors a call is exhausted, by address and by name', () => {
  const script = `
    import { openSync } from 'node:fs';
    import { systemClock } from '${new URL('../../../src/core/clock.ts', import.meta.url).href}';
    import { HttpProcessor } from '${new URL('../../../src/processor/client.ts', import.meta.url).href}';
    import { rinha } from '${new URL('../../../src/processor/contracts/rinha.ts', import.meta.url).href}';
    import { propagationOnlyTracer } from '${new URL('../../../src/tracing/open.ts', import.meta.url).href}';
    const processors = ['http://127.0.0.1:1', 'http://processor.invalid:1'].map((url) =>
      new HttpProcessor({ name: 'default', contract: rinha(''), url, connectionCount: 1, clock: systemClock, tracer: propagationOnlyTracer }));
    const ask = (processor) => processor.pay({ correlationId: '', amountCents: 1, acceptedAtMs: 0, requestedAtMs: 0, trace: null }, 20000);
    const kinds = [];
    const refill = () => { try { for (;;) openSync('/dev/null'); } catch {} };
    setInterval(refill, 1);
    // Node's own threads close files for a while after the start.
    await new Promise((resolve) => setTimeout(resolve, 300));
    for (const processor of processors) { refill(); kinds.push((await ask(processor)).kind); }
    process._rawDebug(kinds.join(' '));
    process.exit();
  `;
  const { stderr } = spawnSync(
    'sh',
    ['-c', 'ulimit -n 64; exec "$0" "$@"', process.execPath, '--input-type=module', '-e', script],
    { encoding: 'utf8' },
  );
  assert.match(stderr, /^exhausted exhausted$/m);
});

test.run();
