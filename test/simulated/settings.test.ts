import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readSettings } from '../../src/simulated/settings.ts';

test('has a default for every setting', () => {
  assert.equal(readSettings({}), {
    kind: 'ok',
    settings: {
      contract: 'rinha',
      listen: { kind: 'tcp', host: '127.0.0.1', port: 8001 },
      fee: { units: 5n, scale: 2 },
      token: '123',
      name: 'default',
      booksFile: null,
      callbackUrl: '',
    },
    warnings: [],
  });
});

test('reads every setting from the environment', () => {
  const environment = {
    CONTRACT: 'rest-async',
    LISTEN: 'unix:/run/p.sock',
    FEE: '0.15',
    TOKEN: 'secret',
    NAME: 'fall-back',
    BOOKS_FILE: '/var/lib/p.books',
    CALLBACK_URL: 'http://127.0.0.1:9999/callbacks/p',
  };
  assert.equal(readSettings(environment), {
    kind: 'ok',
    settings: {
      contract: 'rest-async',
      listen: { kind: 'unix', path: '/run/p.sock' },
      fee: { units: 15n, scale: 2 },
      token: 'secret',
      name: 'fall-back',
      booksFile: '/var/lib/p.books',
      callbackUrl: 'http://127.0.0.1:9999/callbacks/p',
    },
    warnings: [],
  });
});

test('warns of a variable that looks like a setting', () => {
  const reading = readSettings({ PORT: '8001' });
  assert.ok(reading.kind === 'ok');
  assert.equal(reading.warnings, ['PORT is not a setting; set LISTEN=host:port.']);
});

test('names the invalid setting in one line, without revealing the token', () => {
  const wrong = [
    { LISTEN: '8001' },
    { FEE: '1.1' },
    { FEE: '-0.1' },
    { FEE: '0.1234567' },
    { FEE: '' },
    { TOKEN: 'two words' },
    { NAME: 'a\nb' },
  ];
  for (const environment of wrong) {
    const reading = readSettings(environment);
    const problem = reading.kind === 'wrong' ? reading.problem : '';
    assert.match(problem, new RegExp(`^${Object.keys(environment)[0]}=.* is invalid: expected .+\\.$`));
    assert.not.match(problem, 'two words');
  }
});

test.run();
