import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { harmfulVariables, sanitizeEnvironment } from '../../src/config/environment.ts';

for (const [what, environment, line] of [
  ['no verification', { NODE_TLS_REJECT_UNAUTHORIZED: '0' }, /^NODE_TLS_REJECT_UNAUTHORIZED=0 is ignored: /],
  ['an old TLS', { NODE_OPTIONS: '--max-old-space-size=48 --tls-min-v1.0' }, /^NODE_OPTIONS .* TLS 1\.2/],
  ['a log of TLS keys', { NODE_OPTIONS: '--tls-keylog=/tmp/keys' }, /^NODE_OPTIONS writes the keys/],
  ['a debugger', { NODE_OPTIONS: '--inspect=0.0.0.0:9229' }, /^NODE_OPTIONS opens a debugger/],
  ['traces of internals', { NODE_DEBUG: 'http' }, /^NODE_DEBUG=http .*credentials/],
  ['a single thread for syncs', { UV_THREADPOOL_SIZE: '1' }, /^UV_THREADPOOL_SIZE=1 .*: set 2 or more/],
  ['no thread for syncs', { UV_THREADPOOL_SIZE: 'many' }, /^UV_THREADPOOL_SIZE=many /],
] as const) {
  test(`${what}: one line says what the variable does`, () => {
    const lines = harmfulVariables(environment);
    assert.is(lines.length, 1);
    assert.match(lines[0] ?? '', line);
  });
}

test('harmless values are not mentioned', () => {
  const environment = {
    NODE_TLS_REJECT_UNAUTHORIZED: '1',
    NODE_OPTIONS: '--max-old-space-size=48 --no-memory-reducer --tls-min-v1.2',
    NODE_DEBUG: '',
    UV_THREADPOOL_SIZE: '16',
    NODE_EXTRA_CA_CERTS: '/etc/ssl/ours.pem',
  };
  assert.equal(harmfulVariables(environment), []);
});

test('sanitizing also removes the variable that Node reads at each connection', () => {
  const environment: NodeJS.ProcessEnv = { NODE_TLS_REJECT_UNAUTHORIZED: '0', LISTEN: '127.0.0.1:1' };
  assert.is(sanitizeEnvironment(environment).length, 1);
  assert.equal(environment, { LISTEN: '127.0.0.1:1' });
});

test.run();
