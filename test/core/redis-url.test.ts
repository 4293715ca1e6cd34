import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nameOf, parseRedisUrl, withAddress, withoutAccount } from '../../src/core/redis-url.ts';

test('a server keeps its URL', () => {
  for (const url of ['redis://h', 'rediss://u:p@h:1/3', 'unix:///run/r.sock', 'unix://:p@/run/r.sock?db=3']) {
    assert.equal(parseRedisUrl(url), { kind: 'server', url });
  }
});

test('sentinels are servers with the account and the TLS of the whole URL', () => {
  assert.equal(parseRedisUrl('redis-sentinel://u:p%40@one,two:26380,[::1]:5/books'), {
    kind: 'sentinel',
    nodes: ['redis://u:p%40@one:26379', 'redis://u:p%40@two:26380', 'redis://u:p%40@[::1]:5'],
    master: 'books',
  });
  assert.equal(parseRedisUrl('rediss-sentinel://one/my-master.1'), {
    kind: 'sentinel',
    nodes: ['rediss://one:26379'],
    master: 'my-master.1',
  });
});

test('so are the nodes of a cluster', () => {
  assert.equal(parseRedisUrl('redis-cluster://:p@one,two:7000'), {
    kind: 'cluster',
    nodes: ['redis://:p@one:6379', 'redis://:p@two:7000'],
  });
  assert.equal(parseRedisUrl('rediss-cluster://one/'), { kind: 'cluster', nodes: ['rediss://one:6379'] });
});

test('what cannot be meant is refused', () => {
  for (const text of [
    'redis-sentinel://one',
    'redis-sentinel://one/',
    'redis-sentinel://one/a b',
    'redis-sentinel:///books',
    'redis-sentinel://one,/books',
    'redis-sentinel://one:99999/books',
    'redis-sentinel://u:50%off@one/books',
    'redis-cluster://one/1',
    'redis-cluster://',
    'redis-cluster://one,two?x=1',
    'redis-clusters://one',
    `redis-cluster://${Array.from({ length: 33 }, (_, index) => `h${index}`).join(',')}`,
    'unix://',
    'http://one',
  ]) {
    assert.is(parseRedisUrl(text), undefined, text);
  }
});

test('another address keeps account, password and TLS', () => {
  assert.is(withAddress('rediss://u:p%40@one:1', '10.0.0.2', 6380), 'rediss://u:p%40@10.0.0.2:6380');
  assert.is(withAddress('redis://one:1', '::1', 2), 'redis://[::1]:2');
  assert.is(withoutAccount('redis://u:p@one:1'), 'redis://one:1');
});

test('a name is the same for the same hosts, without the password', () => {
  const name = (url: string) => {
    const place = parseRedisUrl(url);
    return place && nameOf(place);
  };
  assert.is(name('redis://u:p@h'), 'h:6379/0');
  assert.is(name('unix:///run/r.sock'), '/run/r.sock');
  assert.is(name('redis-sentinel://u:p@b,a/books'), 'sentinel:a:26379,b:26379/books');
  assert.is(name('redis-cluster://:p@b:1,a'), name('rediss-cluster://a,b:1'));
});

test.run();
