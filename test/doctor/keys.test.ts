import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Address } from '../../src/core/address.ts';
import { checkKeys } from '../../src/doctor/keys.ts';
import { apiKey } from '../keyring.ts';

const NOW_MS = Date.UTC(2026, 10, 30);
const DAY_MS = 86_400_000;
const LOCAL: Address = { kind: 'unix', path: '/run/g.sock' };
const WIDE: Address = { kind: 'tcp', host: '0.0.0.0', port: 9999 };

function check(keys: readonly ReturnType<typeof apiKey>[], access: 'open' | 'token', listen = LOCAL) {
  const apiKeys = { file: '', listed: keys, admin: [] };
  const findings = checkKeys({ apiKeys, paymentsAccess: access, listen }, NOW_MS);
  return findings.map(({ level, seen }) => `${level} ${seen}`);
}

test('says how many keys there are for what', () => {
  const keys = [apiKey('a', ['post', 'read']), apiKey('b', ['operate']), apiKey('c', ['post'], NOW_MS)];
  assert.equal(check(keys, 'token'), ['ok 2 API keys in force: 1 post, 2 read, 1 operate']);
  assert.equal(check([], 'open'), ['ok payments need none; 0 API keys in force: 0 post, 0 read, 0 operate']);
});

test('warns when no client can pay, when anyone may, and before a key ends', () => {
  assert.match(check([apiKey('b', ['operate'])], 'token').join(), /^warn .*so no client can pay$/);
  assert.match(
    check([], 'open', WIDE)[0] ?? '',
    /^warn PAYMENTS_ACCESS=open: every client that reaches the port may post payments$/,
  );
  const ending = check(
    [apiKey('a', ['post'], NOW_MS + 13 * DAY_MS), apiKey('b', ['post'], NOW_MS + 15 * DAY_MS)],
    'token',
  );
  assert.equal(ending.slice(1), ['warn the key of a ends at 2026-12-13T00:00:00.000Z']);
});

test.run();
