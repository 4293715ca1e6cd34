import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { processorsPage, processorsSchema } from '../../scripts/processors-schema.ts';
import { type Config, readConfig } from '../../src/config/config.ts';
import type { Environment } from '../../src/core/environment.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

/** Reads settings with such a processors file; `DIR` in its problems is the directory of the file. */
function read(
  text: string,
  environment: Environment = {},
): { config: Config | null; problems: readonly string[] } {
  const directory = temporaryDirectory();
  const path = join(directory, 'p.yaml');
  writeFileSync(path, text);
  writeFileSync(join(directory, 'mine.ts'), '');
  const reading = readConfig({ PROCESSORS_FILE: path, ...environment }, 'host');
  if (reading.kind === 'ok') return { config: reading.config, problems: [] };
  return { config: null, problems: reading.problems.map((line) => line.replaceAll(directory, 'DIR')) };
}

function processorsOf(text: string, environment: Environment = {}) {
  const { config, problems } = read(text, environment);
  assert.equal(problems, []);
  return config?.processors ?? [];
}

const SHORT = `
processors:
  - name: one
    url: http://one.example
    contract: rinha
    fee: { share: 0.05 }
`;
/** One processor with more lines, which begin in line 7. */
const withLines = (...lines: string[]) => SHORT + lines.map((line) => `    ${line}\n`).join('');

test('what the file does not say comes from the settings', () => {
  const [one] = processorsOf(SHORT, {
    CONCURRENCY: '77',
    PROCESSOR_TIMEOUT_MS: '1234',
    HEALTH_TIMEOUT_MS: '321',
    IN_DOUBT_HOLD_MS: '23456',
    BREAKER_FAILURES: '7',
    BREAKER_BASE_MS: '11',
    BREAKER_MAX_MS: '22',
  });
  assert.equal(one, {
    name: 'one',
    url: 'http://one.example',
    contract: { name: 'rinha', options: {}, authorization: '' },
    feePpm: 50_000,
    feeFixedCents: 0,
    minAmountCents: 1,
    maxAmountCents: Number.MAX_SAFE_INTEGER,
    callLimit: 77,
    callsPerSecond: null,
    timeoutMs: 1234,
    healthTimeoutMs: 321,
    inDoubtHoldMs: 23_456,
    breaker: { failures: 7, baseMs: 11, maxMs: 22 },
    adminToken: '',
  });
});

test('everything that the file can say', () => {
  const [card, bank] = processorsOf(
    `# yaml-language-server: $schema=processors.schema.json
processors:
  - name: card
    url: https://card.example/api/
    contract: ./mine.ts
    options: { paths: { pay: /charges }, retries: 3, isStrict: true, label: "0.10" }
    fee: { share: "0.015", fixed: 0.30 }
    limits: { callsAtOnce: 20, callsPerSecond: 50, minAmount: 0.5, maxAmount: 90071992547409.91 }
    timeouts: &slow { callMs: 20000, healthMs: 900 }
    inDoubtHoldMs: 60000
    breaker: { failures: 5, baseMs: 100, maxMs: 10000 }
    credentials: { bearer: CARD_KEY }
    adminToken: CARD_ADMIN
  - name: bank
    url: http://bank.example
    contract: rinha
    fee: { fixed: 1 }
    timeouts: *slow
    credentials:
      basic: { user: BANK_USER, password: BANK_PASSWORD }
`,
    { CARD_KEY: 'k-123', CARD_ADMIN: 'admin', BANK_USER: 'us', BANK_PASSWORD: 'pä:ss' },
  );
  assert.match(card?.contract.name ?? '', /^\/.*\/mine\.ts$/);
  assert.equal(card?.contract.options, {
    paths: { pay: '/charges' },
    retries: 3,
    isStrict: true,
    label: '0.10',
  });
  assert.equal(
    { ...card, contract: card?.contract.authorization },
    {
      name: 'card',
      url: 'https://card.example/api',
      tls: {},
      contract: 'Bearer k-123',
      feePpm: 15_000,
      feeFixedCents: 30,
      minAmountCents: 50,
      maxAmountCents: Number.MAX_SAFE_INTEGER,
      callLimit: 20,
      callsPerSecond: 50,
      timeoutMs: 20_000,
      healthTimeoutMs: 900,
      inDoubtHoldMs: 60_000,
      breaker: { failures: 5, baseMs: 100, maxMs: 10_000 },
      adminToken: 'admin',
    },
  );
  assert.is(bank?.timeoutMs, 20_000);
  assert.is(bank?.feeFixedCents, 100);
  assert.is(bank?.contract.authorization, `Basic ${Buffer.from('us:pä:ss').toString('base64')}`);
});

test('a credential may be in a file that `<name>_FILE` names', () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'key');
  const text = withLines('credentials: { bearer: CARD_KEY }');
  writeFileSync(file, 'k-123\n');
  const [card] = processorsOf(text, { CARD_KEY_FILE: file });
  assert.is(card?.contract.authorization, 'Bearer k-123');
  rmSync(file);
  assert.match(
    read(text, { CARD_KEY_FILE: file }).problems.join(),
    `processors[0].credentials.bearer: CARD_KEY_FILE=${file} cannot be read: ENOENT`,
  );
  assert.match(
    read(text, { CARD_KEY_FILE: file, CARD_KEY: 'k' }).problems.join(),
    'CARD_KEY_FILE contradicts CARD_KEY: unset one of them.',
  );
});

test('amounts are read as they are written, never as floats', () => {
  const limits = 'limits: { minAmount: 9007199254740.99, maxAmount: 90071992547409.91 }';
  const [one] = processorsOf(withLines(limits), { MAX_AMOUNT: '90071992547409.91' });
  assert.equal([one?.minAmountCents, one?.maxAmountCents], [900_719_925_474_099, 9_007_199_254_740_991]);
});

const CASES: readonly [file: string, problems: readonly string[], environment?: Environment][] = [
  ['', ['DIR/p.yaml is empty.']],
  ['processors: [', ['DIR/p.yaml:1: is not valid YAML: ']],
  ['a: 1\na: 2\nprocessors: 1', ['DIR/p.yaml:2: is not valid YAML: Map keys must be unique.']],
  ['[]', ['DIR/p.yaml:1: the file is a list: expected a mapping with `processors`.']],
  ['processors: []', ['DIR/p.yaml:1: processors has 0 entries: expected a list of 1 to 16 entries.']],
  ['processors:', ['DIR/p.yaml:1: processors is a scalar: expected a list of 1 to 16 entries.']],
  [
    'processor: []',
    ['DIR/p.yaml:1: processor is not known; did you mean `processors`?', 'processors is missing'],
  ],
  ['processors: [x]', ['DIR/p.yaml:1: processors[0] is a scalar: expected a mapping with `name`, `url`, ']],
  [
    'processors:\n  - url: ftp://u:hush@h\n    Name: x\n    fee: 0.05\n',
    [
      'DIR/p.yaml:2: processors[0].name is missing: expected 1 to 32 of `a-z 0-9 -`, each name once.',
      'DIR/p.yaml:2: processors[0].contract is missing: expected the name of a contract, or a path',
      'DIR/p.yaml:2: processors[0].url: ***@h is invalid: expected an http or https URL without a query.',
      'DIR/p.yaml:3: processors[0].Name is not known; did you mean `name`?',
      'DIR/p.yaml:4: processors[0].fee is a scalar: expected a mapping with `share` or `fixed`.',
    ],
  ],
  [
    withLines('timeouts: { call_ms: 5, call: 7 }'),
    [
      'DIR/p.yaml:7: processors[0].timeouts.call_ms is not known; did you mean `callMs`?',
      'DIR/p.yaml:7: processors[0].timeouts.call is not known: expected `callMs` or `healthMs`.',
    ],
  ],
  [
    withLines('timeouts: { callMs: 5s }'),
    [
      'DIR/p.yaml:7: processors[0].timeouts.callMs: 5s is invalid: leave out the unit, which is always ms; expected a whole number from 100 to 120000.',
    ],
  ],
  [withLines('timeouts: { callMs: 1e3 }'), ['processors[0].timeouts.callMs: 1e3 is invalid']],
  [withLines('timeouts: { callMs: }'), ['processors[0].timeouts.callMs is empty: expected a whole number']],
  [
    withLines('timeouts: { healthMs: 6000 }'),
    [
      'DIR/p.yaml:7: processors[0].timeouts.healthMs: 6000 is invalid: expected at most HEALTH_INTERVAL_MS, which is 5100.',
    ],
  ],
  [
    SHORT.replace('0.05', '5%'),
    [
      'DIR/p.yaml:6: processors[0].fee.share: 5% is invalid: write 5% as 0.05; expected a decimal from 0 to 1',
    ],
  ],
  [SHORT.replace('0.05', '.05'), ['processors[0].fee.share: .05 is invalid']],
  [SHORT.replace('0.05', '1.000001'), ['processors[0].fee.share: 1.000001 is invalid']],
  [SHORT.replace('0.05', '0.0000001'), ['processors[0].fee.share: 0.0000001 is invalid']],
  [SHORT.replace('share: 0.05', 'fixed: 0.005'), ['processors[0].fee.fixed: 0.005 is invalid']],
  [
    withLines('limits:', '  minAmount: 10', '  maxAmount: 9.99'),
    [
      'DIR/p.yaml:8: processors[0].limits.minAmount: 10.00 is invalid: expected at most maxAmount, which is 9.99.',
    ],
  ],
  [
    withLines('limits: { callsAtOnce: 2 }'),
    [
      'DIR/p.yaml:7: processors[0].limits.callsAtOnce: 2 is invalid: expected at least POOL_THREADS, which is 3.',
    ],
    { POOL_THREADS: '3' },
  ],
  [withLines('limits: { minAmount: 0 }'), ['processors[0].limits.minAmount: 0 is invalid']],
  [
    withLines('limits: { minAmount: 20 }'),
    ['DIR/p.yaml has no processor that takes an amount up to MAX_AMOUNT, which is 10.00.'],
    { MAX_AMOUNT: '10' },
  ],
  [
    withLines('limits: { callsPerSecond: 0 }'),
    ['processors[0].limits.callsPerSecond: 0 is out of range: expected a whole number from 1'],
  ],
  [
    withLines('inDoubtHoldMs: 19999'),
    [
      'DIR/p.yaml:7: processors[0].inDoubtHoldMs: 19999 is invalid: expected at least timeouts.callMs + LEASE_MS, which is 20000.',
    ],
  ],
  [
    withLines('timeouts: { callMs: 26000 }'),
    [
      'DIR/p.yaml:3: processors[0].inDoubtHoldMs: 30000, the value of IN_DOUBT_HOLD_MS, is invalid: expected at least timeouts.callMs + LEASE_MS, which is 31000.',
    ],
  ],
  [
    withLines('breaker: { baseMs: 6000 }'),
    ['DIR/p.yaml:7: processors[0].breaker.baseMs: 6000 is invalid: expected at most maxMs, which is 5000.'],
  ],
  [
    withLines('credentials: { bearer: MISSING_KEY }'),
    [
      'DIR/p.yaml:7: processors[0].credentials.bearer: MISSING_KEY is not set: expected an environment variable with a value.',
    ],
  ],
  [
    withLines('credentials: { bearer: KEY }'),
    ['processors[0].credentials.bearer: KEY has an invalid value: expected visible ASCII characters.'],
    { KEY: 'hush hush' },
  ],
  [
    withLines('credentials: { bearer: sk-live-hush }'),
    [
      'processors[0].credentials.bearer: sk-live-hush is invalid: expected the name of an environment variable.',
    ],
  ],
  [
    withLines('credentials: { basic: { user: U } }'),
    ['DIR/p.yaml:7: processors[0].credentials.basic.password is missing'],
  ],
  [
    withLines('credentials: { bearer: A, basic: { user: A, password: A } }'),
    ['processors[0].credentials has 2 kinds of credentials, bearer and basic: expected one.'],
    { A: 'a' },
  ],
  [withLines('adminToken: NONE'), ['processors[0].adminToken: NONE is not set']],
  [
    SHORT.replace('rinha', './yours.ts'),
    ['DIR/p.yaml:5: processors[0].contract: ./yours.ts is invalid: DIR/yours.ts does not exist.'],
  ],
  [withLines('options: 7'), ['processors[0].options is a scalar: expected a mapping.']],
  [
    `${SHORT}  - name: one\n    url: http://two.example\n    contract: rinha\n    fee: { share: 0 }\n`,
    ['DIR/p.yaml:7: processors[1].name: one is the name of processors[0] as well: expected each name once.'],
  ],
  [
    SHORT,
    [
      'PROCESSORS contradicts PROCESSORS_FILE: unset one of them.',
      'PROCESSOR_TOKENS contradicts PROCESSORS_FILE: name the variable of each token there',
    ],
    { PROCESSORS: 'a:0:http://a', PROCESSOR_TOKENS: 'one=x' },
  ],
  [
    SHORT,
    ['PAYMENT_PROCESSOR_URL_DEFAULT contradicts PROCESSORS_FILE: unset one of them.'],
    { PAYMENT_PROCESSOR_URL_DEFAULT: 'http://a' },
  ],
  ['processors: &a [*a]', ['nests more than 32 levels deep']],
  [
    `a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\nprocessors: [*d]`,
    ['has more than 10000 values'],
  ],
  // Both are reported: what is wrong with a setting hides nothing in the file.
  [
    withLines('limits: { callsAtOnce: 0 }'),
    ['LEASE_MS=x is invalid', 'processors[0].limits.callsAtOnce: 0 is out of range'],
    { LEASE_MS: 'x' },
  ],
];

test('every mistake is named with its line, its place and what was expected', () => {
  for (const [file, expected, environment] of CASES) {
    const { problems } = read(file, environment);
    assert.is(problems.length, expected.length, `${file}\n${problems.join('\n')}`);
    for (const [index, part] of expected.entries())
      assert.ok(problems[index]?.includes(part), `${problems[index]}\n${part}`);
    assert.not.match(problems.join(), 'hush hush');
    assert.not.match(problems.join(), 'u:hush');
  }
});

test('a file that cannot be read', () => {
  const reading = readConfig({ PROCESSORS_FILE: './nowhere.yaml' }, 'host');
  assert.is(reading.kind, 'wrong');
  const [problem = ''] = reading.kind === 'wrong' ? reading.problems : [];
  assert.ok(problem.startsWith('./nowhere.yaml cannot be read: ENOENT'), problem);
  const directory = readConfig({ PROCESSORS_FILE: tmpdir() }, 'host');
  assert.is(directory.kind, 'wrong');
});

test('the processors keep the order of the file', () => {
  const second = '  - { name: two, url: http://two.example, contract: rinha, fee: { share: 0.01 } }\n';
  assert.equal(
    processorsOf(SHORT + second).map(({ name }) => name),
    ['one', 'two'],
  );
});

const ROOT = new URL('../../', import.meta.url);
const rootFile = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');

test('the JSON Schema and the documentation describe the fields that are read', () => {
  assert.is(rootFile('processors.schema.json'), processorsSchema(), 'run `npm run contract`');
  const page = rootFile('docs/processors-file.md');
  assert.is(page, processorsPage(page), 'run `npm run contract`');
});

test('the JSON Schema agrees with what is read, except for what no schema can say', () => {
  const validate = new Ajv({ allErrors: true, allowUnionTypes: true, strict: false }).compile(
    JSON.parse(processorsSchema()),
  );
  const [, example = ''] = /```yaml\n(.*?)```/s.exec(rootFile('docs/processors-file.md')) ?? [];
  for (const file of [SHORT, example, rootFile('examples/processors-file/processors.yaml')])
    assert.ok(validate(parse(file)), JSON.stringify(validate.errors));
  const onlyRules =
    /contradicts|at most maxAmount|at most maxMs|LEASE_MS|HEALTH_INTERVAL_MS|POOL_THREADS|MAX_AMOUNT|is not set|invalid value|kinds of|does not exist|as well|write 5%|valid YAML|1.000001|0.0000001|: \.05|0.005|1e3/;
  for (const [file, [problem = '']] of CASES) {
    if (onlyRules.test(problem) || file === '' || file.includes('*')) continue;
    assert.not.ok(validate(parse(file)), file);
  }
});

test.run();
