import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  PLAYED,
  playedAddress,
  playedBooksFile,
  playedUrl,
  playsProcessors,
  trialEnvironment,
} from '../../src/config/demo.ts';

test('where nothing is said, processors are played and purging is allowed', () => {
  assert.ok(playsProcessors({}));
  assert.equal(trialEnvironment({ LISTEN: '127.0.0.1:1' }), {
    LISTEN: '127.0.0.1:1',
    ALLOW_PURGE: 'true',
    PAYMENT_PROCESSOR_URL_DEFAULT: 'http://127.0.0.1:8001',
    PAYMENT_PROCESSOR_URL_FALLBACK: 'http://127.0.0.1:8002',
    PROCESSOR_TOKENS: 'default=123,fallback=123',
  });
});

test('where any processor is named, none is played, and what is said stands', () => {
  for (const name of ['PROCESSORS', ...PLAYED.map(({ setting }) => setting)]) {
    const environment = { [name]: 'x', ALLOW_PURGE: 'false' };
    assert.not(playsProcessors(environment));
    assert.equal(trialEnvironment(environment), environment);
  }
  assert.ok(playsProcessors({ PROCESSORS: '' }));
});

test('a URL leads to its address', () => {
  for (const played of PLAYED) {
    const address = playedAddress(played);
    assert.is(address.kind === 'tcp' && `http://${address.host}:${address.port}`, playedUrl(played));
  }
});

test('the books of a processor are beside the ledger, and name no password', () => {
  const [played] = PLAYED;
  const at = (ledger: Parameters<typeof playedBooksFile>[1]) => playedBooksFile(played, ledger);
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
