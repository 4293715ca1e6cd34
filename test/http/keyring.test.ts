import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestOf, newKey } from '../../src/config/api-key.ts';
import { apiKey, keyringOf } from '../keyring.ts';
import { ManualClock } from '../manual-clock.ts';

const POST = apiKey('key-to-post', ['post']);
const READ = apiKey('key-to-read', ['read']);
const OPERATE = apiKey('key-to-operate', ['operate']);

test('a key passes where it has the scope; `operate` includes `read`', () => {
  const keyring = keyringOf([POST, READ, OPERATE]);
  const passes = { 'key-to-post': ['post'], 'key-to-read': ['read'], 'key-to-operate': ['read', 'operate'] };
  for (const [key, scopes] of Object.entries(passes)) {
    for (const scope of ['post', 'read', 'operate'] as const) {
      const refusal = keyring.check(`Bearer ${key}`, scope);
      assert.is(refusal === null, scopes.includes(scope), `${key} ${scope}`);
      if (refusal === null) continue;
      assert.is(refusal.slug, 'scope-missing');
      assert.match(refusal.body, `lacks the scope \`${scope}\``);
      const challenge = `Bearer realm="dinossauro", error="insufficient_scope", scope="${scope}"`;
      assert.is(new Map(refusal.headers).get('WWW-Authenticate'), challenge);
    }
  }
});

test('no key, something else than a key, and an unknown key', () => {
  const keyring = keyringOf([POST]);
  for (const header of ['', 'Bearer', 'Bearer ', 'Basic key-to-post', 'key-to-post', 'Bearer key-to-post x'])
    assert.is(keyring.check(header, 'post')?.slug, 'token-required', header);
  for (const key of ['key-to-pos', 'key-to-post1', 'KEY-TO-POST', digestOf('key-to-post'), newKey()])
    assert.is(keyring.check(`Bearer ${key}`, 'post')?.slug, 'token-unknown', key);
  for (const header of ['bearer key-to-post', 'Bearer   key-to-post '])
    assert.is(keyring.check(header, 'post'), null, header);
});

test('a key ends when it expires, by the wall clock', () => {
  const clock = new ManualClock();
  const keyring = keyringOf([apiKey('ends', ['post'], clock.nowMs() + 1000)], clock);
  clock.jump(999);
  assert.is(keyring.check('Bearer ends', 'post'), null);
  assert.is(keyring.find('ends')?.name, 'ends');
  clock.jump(1);
  const refusal = keyring.check('Bearer ends', 'post');
  assert.is(refusal?.slug, 'token-unknown');
  assert.match(refusal?.body ?? '', 'has expired');
  assert.is(keyring.find('ends'), undefined);
  assert.is(keyring.findByDigest(digestOf('ends').slice(0, 16)), undefined);
});

test('a key with a limit makes no more requests than that; a reread file gives it nothing', () => {
  const clock = new ManualClock();
  const limited = { ...POST, limit: { perSecond: 2, burst: 2 } };
  const keyring = keyringOf([limited, READ], clock);
  const slugOf = (key: string, scope: 'post' | 'read') => {
    const admitted = keyring.admit(`Bearer ${key}`, scope);
    return 'slug' in admitted ? admitted.slug : 'admitted';
  };
  const posts = (count: number) => Array.from({ length: count }, () => slugOf('key-to-post', 'post'));
  assert.equal(posts(3), ['admitted', 'admitted', 'rate-limited']);
  keyring.replace([{ ...limited, name: 'renamed' }, READ]);
  assert.equal(posts(1), ['rate-limited']);
  clock.pass(500);
  assert.equal(posts(2), ['admitted', 'rate-limited']);
  assert.equal([slugOf('key-to-read', 'read'), slugOf('key-to-read', 'read')], ['admitted', 'admitted']);
  clock.pass(500);
  const admitted = keyring.admit('Bearer key-to-post', 'post');
  assert.ok(!('slug' in admitted));
  keyring.charge(admitted, 9);
  const refusal = keyring.admit('Bearer key-to-post', 'post');
  assert.is('slug' in refusal && new Map(refusal.headers).get('Retry-After'), '5');
  keyring.replace([{ ...limited, limit: { perSecond: 2, burst: 1 } }]);
  assert.equal(posts(2), ['admitted', 'rate-limited']);
});

test('replaced keys end at once, and others begin', () => {
  const keyring = keyringOf([POST]);
  keyring.replace([READ]);
  assert.is(keyring.check('Bearer key-to-post', 'post')?.slug, 'token-unknown');
  assert.is(keyring.check('Bearer key-to-read', 'read'), null);
  assert.is(keyring.findByDigest(READ.digest.slice(0, 16)), READ);
});

test.run();
