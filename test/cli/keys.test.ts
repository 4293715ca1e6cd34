import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestOf } from '../../src/config/api-key.ts';
import { parseKeysFile } from '../../src/config/keys-file.ts';
import { dinossauro } from './dinossauro.ts';

test('`keys new` prints a key, and the line for the file', async () => {
  const line = 'keys new shop --scopes read,post --expires 2027-01-31 --per-second 10 --burst 50';
  const { code, out } = await dinossauro(line.split(' '));
  assert.is(code, 0);
  const [key = '', entry = '', ...rest] = out.split('\n');
  assert.equal(rest, ['']);
  assert.match(key, /^dino_[\w-]{43}$/);
  assert.equal(parseKeysFile('keys', entry), {
    kind: 'ok',
    keys: [
      {
        name: 'shop',
        scopes: ['post', 'read'],
        digest: digestOf(key),
        expiresAtMs: Date.UTC(2027, 0, 31),
        limit: { perSecond: 10, burst: 50 },
      },
    ],
  });
});

test('what is wrong is said in one line', async () => {
  const { code, err } = await dinossauro(['keys', 'new', 'shop', '--scopes', 'admin']);
  assert.is(code, 2);
  assert.match(
    err,
    /^dinossauro: .*Expected `post`, `read`, or `operate`.* \(see dinossauro keys new --help\)\n$/,
  );
});

test.run();
