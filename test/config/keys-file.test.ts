import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestOf, newKey } from '../../src/config/api-key.ts';
import { keyLine, parseKeysFile, readKeysFile } from '../../src/config/keys-file.ts';
import { apiKey } from '../keyring.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const SHOP = apiKey('shop', ['post', 'read']);
const ANA = {
  ...apiKey('ana', ['operate'], Date.UTC(2027, 0, 31)),
  limit: { perSecond: 10, burst: 50 },
};

function problemsOf(text: string): readonly string[] {
  const reading = parseKeysFile('keys', text);
  return reading.kind === 'ok' ? [] : reading.problems;
}

test('a line that was printed is read as the key that it was printed for', () => {
  const text = `# clients\n${keyLine(SHOP)}\n\n  # operators\n${keyLine(ANA)}\r\n`;
  assert.equal(parseKeysFile('keys', text), { kind: 'ok', keys: [SHOP, ANA] });
});

test('new keys differ, and fit into a header', () => {
  assert.is.not(newKey(), newKey());
  assert.match(newKey(), /^dino_[\w-]{43}$/);
});

test('everything that is wrong is said, with its line', () => {
  const digest = digestOf('x');
  const line = (members: object) =>
    JSON.stringify({ name: 'a', scopes: ['post'], sha256: digest, ...members });
  const cases: readonly (readonly [text: string, words: string])[] = [
    ['', 'keys has 0 keys: expected 1 to 256.'],
    ['name: a', 'keys:1: the line is not a JSON object'],
    ['[]', 'keys:1: the line is not a JSON object'],
    [`#\n${line({ name: 'a b' })}`, 'keys:2: name: "a b" is invalid: expected 1 to 32 of'],
    [line({ scopes: [] }), 'keys:1: scopes has 0 entries'],
    [
      line({ scopes: ['admin'] }),
      'keys:1: scopes[0]: admin is invalid: expected `post`, `read`, or `operate`.',
    ],
    [line({ scopes: 'post' }), 'keys:1: scopes is a scalar: expected a list'],
    [line({ expires: 'soon' }), 'keys:1: expires: soon is invalid: expected an ISO 8601 timestamp'],
    [line({ scope: 'post' }), 'keys:1: scope is not known'],
    [
      line({ perSecond: 0 }),
      'keys:1: perSecond: 0 is out of range: expected a whole number from 1 to 100000.',
    ],
    [line({ burst: 5 }), 'keys:1: burst would not be used: expected perSecond as well.'],
    ['{"name":"a","scopes":["post"]}', 'keys:1: sha256 is missing'],
    [`${line({})}\n${line({ name: 'b' })}`, 'keys:2: the key is in an earlier line as well'],
    [`${line({})}\n{"name":1`, 'keys:2: the line is not a JSON object'],
  ];
  for (const [text, words] of cases) {
    const problems = problemsOf(text);
    assert.is(problems.length, 1, problems.join());
    assert.ok(problems[0]?.includes(words), problems[0]);
  }
  const many = Array.from({ length: 257 }, (_, index) => keyLine(apiKey(`k${index}`, ['post']))).join('\n');
  assert.equal(problemsOf(many), ['keys has 257 keys: expected 1 to 256.']);
});

test('a key that stands where its hash belongs is not repeated', () => {
  const key = newKey();
  const [problem = ''] = problemsOf(JSON.stringify({ name: 'a', scopes: ['post'], sha256: key }));
  assert.match(problem, /^keys:1: sha256: \*\*\* is invalid: expected 64 of/);
  assert.not.match(problem, key);
});

test('a file that cannot be read, or is too large', () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'keys');
  const wrong = () => {
    const reading = readKeysFile(file);
    return reading.kind === 'wrong' ? reading.problems.join() : 'nothing';
  };
  assert.match(wrong(), /^.*keys cannot be read: ENOENT/);
  writeFileSync(file, '#'.repeat(262_145));
  assert.match(wrong(), /larger than 262144 bytes/);
});

test.run();
