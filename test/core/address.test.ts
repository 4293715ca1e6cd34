import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatAddress, parseAddress } from '../../src/core/address.ts';

test('reads host and port, IPv6 in brackets, and unix paths', () => {
  assert.equal(parseAddress('127.0.0.1:9999'), { kind: 'tcp', host: '127.0.0.1', port: 9999 });
  assert.equal(parseAddress('localhost:0'), { kind: 'tcp', host: 'localhost', port: 0 });
  assert.equal(parseAddress('[::1]:80'), { kind: 'tcp', host: '::1', port: 80 });
  assert.equal(parseAddress('unix:/run/a.sock'), { kind: 'unix', path: '/run/a.sock' });
});

test('refuses any other text', () => {
  const wrong = [
    '',
    '9999',
    ':9999',
    'a:',
    'a:65536',
    'a:-1',
    '::1:80',
    '[a]',
    'a b:1',
    'http://a:1',
    'a:1/',
  ];
  for (const text of wrong) assert.is(parseAddress(text), null, text);
  for (const text of ['unix:', 'unix:a.sock', 'unix:/a\0b']) assert.is(parseAddress(text), null, text);
});

test('refuses a unix path that the system would truncate', () => {
  assert.is.not(parseAddress(`unix:/${'x'.repeat(106)}`), null);
  assert.is(parseAddress(`unix:/${'x'.repeat(107)}`), null);
  assert.is(parseAddress(`unix:/${'é'.repeat(54)}`), null);
});

test('formats an address as it was parsed', () => {
  for (const text of ['127.0.0.1:9999', '[::1]:80', 'unix:/run/a.sock']) {
    const address = parseAddress(text);
    assert.ok(address);
    assert.is(formatAddress(address), text);
  }
});

test.run();
