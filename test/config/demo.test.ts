import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  demoEnvironment,
  playedBooksFile,
  SIMULATED_PROCESSORS,
  simulatedAddress,
  simulatedUrl,
  simulatesProcessors,
} from '../../src/config/demo.ts';

test('by default, processors are simulated, purging is allowed, and this machine may operate', () => {
  assert.ok(simulatesProcessors({}));
  assert.equal(demoEnvironment({ LISTEN: '127.0.0.1:1' }), {
    LISTEN: '127.0.0.1:1',
    ALLOW_PURGE: 'true',
    OPERATOR_ACCESS: 'loopback',
    PAYMENT_PROCESSOR_URL_DEFAULT: 'http://127.0.0.1:8001',
    PAYMENT_PROCESSOR_URL_FALLBACK: 'http://127.0.0.1:8002',
    PROCESSOR_TOKENS: 'default=123,fallback=123',
  });
});

test('when a processor is configured, none is simulated, and the settings stay as they are', () => {
  for (const name of ['PROCESSORS', ...SIMULATED_PROCESSORS.map(({ setting }) => setting)]) {
    const environment = { [name]: 'x', ALLOW_PURGE: 'false', OPERATOR_ACCESS: 'off' };
    assert.not(simulatesProcessors(environment));
    assert.equal(demoEnvironment(environment), environment);
  }
  assert.ok(simulatesProcessors({ PROCESSORS: '' }));
});

test('a URL leads to its address', () => {
  for (const simulated of SIMULATED_PROCESSORS) {
    const address = simulatedAddress(simulated);
    assert.is(address.kind === 'tcp' && `http://${address.host}:${address.port}`, simulatedUrl(simulated));
  }
});

test('the books of a processor are beside the ledger, and their path contains no password', () => {
  const [simulated] = SIMULATED_PROCESSORS;
  const at = (ledger: Parameters<typeof playedBooksFile>[1]) => playedBooksFile(simulated, ledger);
  assert.is(at({ kind: 'lmdb', path: './data/ledger' }), './data/ledger.processors/default.books');
  assert.is(at({ kind: 'lmdb', path: '/a b/l/' }), '/a b/l.processors/default.books');
  assert.is(
    at({ kind: 'redis', url: 'redis://user:secret@cache.local:6380/2' }),
    './data/redis-cache-local-6380-2.processors/default.books',
  );
  assert.is(at({ kind: 'redis', url: 'redis://[::1]' }), './data/redis-1.processors/default.books');
  assert.is(
    at({ kind: 'redis', url: 'unix:///run/r.sock' }),
    './data/redis-run-r-sock.processors/default.books',
  );
});

test.run();
