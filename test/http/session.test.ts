import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Session } from '../../src/http/session.ts';
import { apiKey, keyringOf } from '../keyring.ts';
import { ManualClock } from '../manual-clock.ts';

const KEY = apiKey('a-key', ['operate']);
const LIFE_MS = 12 * 3600 * 1000;

/** A session of `KEY`. */
function sessionOf(secret: string, path: string, clock: ManualClock) {
  const [session, keyring] = [new Session({ secret, path, clock }), keyringOf([KEY], clock)];
  return {
    begin: () => session.begin(KEY),
    holds: (cookies: string) => session.find(cookies, keyring) === KEY,
  };
}

function setUp(secret = 'a-token-of-16-ch', path = '/dashboard') {
  const clock = new ManualClock();
  return { clock, session: sessionOf(secret, path, clock) };
}

/** The `Cookie` header that a browser sends back. */
function shown(setCookie: string): string {
  return setCookie.split(';')[0] ?? '';
}

test('a session is valid for twelve hours in every instance with the token', () => {
  const { clock, session } = setUp();
  const cookie = shown(session.begin());
  assert.ok(session.holds(cookie));
  assert.ok(session.holds(`other=1; ${cookie}; more=2`));
  assert.ok(sessionOf('a-token-of-16-ch', '/dashboard', clock).holds(cookie));
  clock.jump(LIFE_MS - 1);
  assert.ok(session.holds(cookie));
  clock.jump(1);
  assert.not(session.holds(cookie));
});

test('a session begun while the clock was a year ahead ends once the clock is right', () => {
  const { clock, session } = setUp();
  clock.jump(365 * 24 * 3_600_000);
  const cookie = shown(session.begin());
  assert.ok(session.holds(cookie));
  clock.jump(-365 * 24 * 3_600_000);
  assert.not(session.holds(cookie));
  assert.ok(session.holds(shown(session.begin())));
  clock.jump(-30_000);
  assert.ok(session.holds(shown(session.begin())), 'clocks of two instances differ a little');
});

test('scripts and cross-site requests cannot use the cookie', () => {
  const traits = setUp().session.begin().split('; ').slice(1);
  assert.equal(traits, ['Path=/dashboard', 'Max-Age=43200', 'HttpOnly', 'SameSite=Strict']);
});

test('a session cannot be forged without the token, moved to another path, or extended', () => {
  const { clock, session } = setUp();
  const cookie = shown(session.begin());
  for (const other of [setUp('another-token-16'), setUp('a-token-of-16-ch', '/other'), setUp('')]) {
    assert.not(other.session.holds(cookie));
  }
  assert.not(setUp('').session.holds(shown(setUp('').session.begin())));
  const [key = '', until = '', proof = ''] = cookie.replace('dinossauro=', '').split('.');
  assert.not(session.holds(`dinossauro=${key}.${Number(until) + 1}.${proof}`));
  assert.not(session.holds(`dinossauro=${key}.${until}.${'A'.repeat(proof.length)}`));
  assert.not(session.holds(`dinossauro=${until}.${proof}`));
  assert.not(session.holds(`x${cookie}`));
  for (const nothing of ['', 'dinossauro=', `dinossauro=${until}`, `dinossauro=${until}.short`]) {
    assert.not(session.holds(nothing));
  }
  clock.pass(1);
  assert.ok(session.holds(cookie));
});

test('a session ends with its key, and belongs to no other', () => {
  const clock = new ManualClock();
  const session = new Session({ secret: 'a-token-of-16-ch', path: '/dashboard', clock });
  const other = apiKey('another-key', ['operate']);
  const keyring = keyringOf([KEY, other], clock);
  const cookie = shown(session.begin(KEY));
  assert.is(session.find(cookie, keyring), KEY);
  const start = (key: typeof KEY) => key.digest.slice(0, 16);
  assert.is(session.find(cookie.replace(start(KEY), start(other)), keyring), undefined);
  keyring.replace([other]);
  assert.is(session.find(cookie, keyring), undefined);
});

test.run();
