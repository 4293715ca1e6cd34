import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfig } from '../../src/config/config.ts';
import { readWebhooksFile } from '../../src/config/webhooks-file.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const SECRET = `whsec_${Buffer.alloc(24, 'a').toString('base64')}`;
const directory = temporaryDirectory();
const path = join(directory, 'webhooks.yaml');

function read(text: string, environment: Record<string, string> = { ONE: SECRET }) {
  writeFileSync(path, text);
  return readWebhooksFile(path, environment);
}

function problems(text: string, environment?: Record<string, string>): string {
  const reading = read(text, environment);
  return reading.kind === 'wrong' ? reading.problems.join('\n').replaceAll(path, 'F') : '';
}

function one(change: Record<string, string>): string {
  const members = { name: 'shop', url: 'https://shop.example/hook', secrets: '[ONE]', ...change };
  const lines = Object.entries(members).map(([name, value]) => `    ${name}: ${value}`);
  return `webhooks:\n  -\n${lines.join('\n')}\n`;
}

test('an endpoint has a name, a URL, secrets from the environment, and types', () => {
  writeFileSync(join(directory, 'secret'), `${SECRET}\n`);
  const environment = { ONE: SECRET, TWO_FILE: join(directory, 'secret') };
  assert.equal(read(one({ secrets: '[ONE, TWO]', types: '[payment.settled]' }), environment), {
    kind: 'ok',
    webhooks: [
      {
        name: 'shop',
        url: 'https://shop.example/hook',
        secrets: [SECRET, SECRET],
        types: ['payment.settled'],
      },
    ],
  });
  for (const url of ['http://127.0.0.1:8080/x', 'http://localhost/', 'http://[::1]:1/'])
    assert.is(problems(one({ url })), '', url);
});

test('what is wrong is said in a line, without the secret', () => {
  for (const url of [
    'http://shop.example/',
    'ftp://x',
    'shop.example',
    'https://u:p@shop.example/',
    'https://x/#a',
  ])
    assert.match(problems(one({ url })), 'webhooks[0].url', url);
  assert.match(problems(one({ name: 'A B' })), 'webhooks[0].name');
  assert.match(problems(one({ types: '[payment.lost]' })), 'types');
  assert.match(problems(one({ secrets: '[TWO]' })), 'F webhooks[0].secrets: TWO is not set');
  const wrong = problems(one({}), { ONE: 'whsec_tooshort' });
  assert.match(wrong, 'ONE is invalid');
  assert.not.match(wrong, 'tooshort');
  assert.match(problems('webhooks: [{ name: a }]'), 'url');
  const twice = `${one({})}${one({}).replace('webhooks:\n', '')}`;
  assert.match(problems(twice), 'listed more than once');
  assert.is.not(problems('webhooks: ['), '');
});

test('the file needs events', () => {
  read(one({}));
  const settings = {
    PAYMENT_PROCESSOR_URL_DEFAULT: 'http://localhost:8001',
    WEBHOOKS_FILE: path,
    ONE: SECRET,
  };
  const reading = readConfig(settings, 'host');
  assert.equal(reading.kind === 'wrong' && reading.problems, [
    'WEBHOOKS_FILE would not be used: expected EVENTS=true.',
  ]);
  const on = readConfig({ ...settings, EVENTS: 'true' }, 'host');
  assert.is(on.kind === 'ok' && on.config.webhooks[0]?.name, 'shop');
  const missing = readConfig({ ...settings, EVENTS: 'true', WEBHOOKS_FILE: `${path}.no` }, 'host');
  assert.is(missing.kind, 'wrong');
});

test.run();
