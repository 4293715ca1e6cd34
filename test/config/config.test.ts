import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { settingsPage, settingsTables } from '../../scripts/settings-tables.ts';
import { digestOf } from '../../src/config/api-key.ts';
import { type Config, readConfig, settingProblem, settingsList } from '../../src/config/config.ts';
import { keyLine } from '../../src/config/keys-file.ts';
import { Authority } from '../authority.ts';
import { apiKey } from '../keyring.ts';
import { processorTarget } from '../processor-target.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const PROCESSOR = { PAYMENT_PROCESSOR_URL_DEFAULT: 'http://localhost:8001' };

function redisAt(url: string) {
  return { kind: 'redis', url, shardCount: 1, replicas: 0, allowsUnconfirmed: false };
}

function configOf(environment: Record<string, string>): Config {
  const reading = readConfig({ ...PROCESSOR, ...environment }, 'host');
  if (reading.kind === 'wrong') throw new Error(reading.problems.join('\n'));
  return reading.config;
}

function problemsOf(environment: Record<string, string>): readonly string[] {
  const reading = readConfig({ ...PROCESSOR, ...environment }, 'host');
  return reading.kind === 'wrong' ? reading.problems : [];
}

test('every setting has a default', () => {
  assert.equal(configOf({}), {
    listen: { kind: 'tcp', host: '127.0.0.1', port: 9999 },
    ledger: { kind: 'lmdb', path: './data/ledger' },
    instanceId: 'host',
    journalDir: './data/journal/host',
    takesOverJournals: true,
    callsMax: 1024,
    journalSegmentCount: 64,
    acceptDurability: 'journal',
    processors: [processorTarget({ url: 'http://localhost:8001' })],
    httpThreadCount: 1,
    poolThreadCount: 1,
    maxConnections: 4096,
    queueCapacity: 65_536,
    inFlightLimit: 4096,
    concurrency: 400,
    drainRate: 1000,
    retryAfterMaxMs: 3_600_000,
    outageLookUpRate: 50,
    processorTimeoutMs: 15_000,
    inDoubtHoldMs: 30_000,
    leaseMs: 5000,
    retentionMs: 90 * 86_400_000,
    eventReaderLimit: 32,
    webhooks: [],
    processorFiles: [],
    processorSecretsDir: '',
    failoverDelayMs: 2000,
    latencyBudgetMs: 1250,
    backoff: { baseMs: 50, maxMs: 2000 },
    breaker: { failures: 3, baseMs: 250, maxMs: 5000 },
    health: { intervalMs: 5100, timeoutMs: 1500 },
    batch: { windowMs: 50, limit: 256 },
    bodyLimitBytes: 1024,
    postBatch: { lineLimit: 500, bytes: 131_072 },
    maxAmountCents: 100_000_000_000,
    warmUpPayments: 3000,
    stopTimeoutMs: 10_000,
    allowPurge: false,
    paymentsAccess: 'open',
    apiKeys: { file: '', listed: [], admin: [] },
    sessionSecret: '',
    access: { metrics: 'loopback', dashboard: 'loopback', audit: 'token', operator: 'token' },
    audit: { rate: 100, paymentLimit: 5000 },
    tracing: { otlpUrl: '', queueSpans: 2048, intervalMs: 1000, timeoutMs: 5000, ratio: 0 },
    dashboard: { viewerLimit: 16, currency: '', instanceUrl: '', lab: null },
    logLevel: 'info',
  });
});

test('events are kept in the ledger if they are switched on', () => {
  const lmdb = { kind: 'lmdb', path: './data/ledger' } as const;
  const on = { EVENTS: 'true', EVENTS_RETENTION: '3d', EVENTS_LIMIT: '5000' };
  assert.equal(configOf(on).ledger, { ...lmdb, outbox: { keptMs: 3 * 86_400_000, keptCount: 5000 } });
  assert.is(configOf({ EVENTS: 'true', LEDGER_URL: 'redis://redis' }).ledger.outbox?.keptCount, 1_000_000);
  assert.equal(configOf({ ...on, EVENTS: 'false' }).ledger, lmdb);
  assert.is(problemsOf({ EVENTS_RETENTION: 'forever', EVENTS_LIMIT: '1' }).length, 2);
});

test('an empty variable counts as absent, and the config is deeply frozen', () => {
  const config = configOf({ LISTEN: '', CONCURRENCY: '' });
  assert.is(config.concurrency, 400);
  for (const part of [config, config.listen, config.processors, config.processors[0], config.backoff]) {
    assert.ok(Object.isFrozen(part));
  }
});

/** For each setting: valid texts with the value they give, and invalid texts. */
const CASES: Record<
  string,
  { valid: readonly (readonly [string, (config: Config) => unknown, unknown])[]; invalid: readonly string[] }
> = {
  LISTEN: {
    valid: [
      ['0.0.0.0:80', (c) => c.listen, { kind: 'tcp', host: '0.0.0.0', port: 80 }],
      ['[::1]:0', (c) => c.listen, { kind: 'tcp', host: '::1', port: 0 }],
      ['unix:/run/gateway.sock', (c) => c.listen, { kind: 'unix', path: '/run/gateway.sock' }],
    ],
    invalid: [
      '9999',
      ':9999',
      'host',
      'host:',
      'host:65536',
      'host:1x',
      'unix:',
      'unix:relative',
      `unix:/${'x'.repeat(107)}`,
    ],
  },
  LEDGER_URL: {
    valid: [
      ['lmdb:/var/books', (c) => c.ledger, { kind: 'lmdb', path: '/var/books' }],
      ['redis://u:p@redis:6379/1', (c) => c.ledger, redisAt('redis://u:p@redis:6379/1')],
      ['rediss://redis', (c) => c.ledger, { ...redisAt('rediss://redis'), tls: {} }],
      ['redis+unix:/run/redis.sock', (c) => c.ledger, redisAt('unix:///run/redis.sock')],
    ],
    invalid: [
      'lmdb:',
      'lmdb://data',
      'lmdb:~/data',
      'redis:',
      'redis://host/1?timeout=5',
      'redis://host#1',
      'redis://',
      'redis://:99999',
      'redis+unix:x',
      'redis+unix:/x?db=1',
      'redis://host/books',
      'redis://u:50%off@redis',
      'http://redis',
      '/var/books',
    ],
  },
  INSTANCE_ID: {
    valid: [['gateway-1', (c) => c.journalDir, './data/journal/gateway-1']],
    invalid: ['a b', '..', 'a/b', 'x'.repeat(65)],
  },
  JOURNAL_DIR: {
    valid: [
      ['/journal', (c) => c.journalDir, '/journal'],
      ['/journal', (c) => c.takesOverJournals, false],
    ],
    invalid: ['~/journal'],
  },
  ACCEPT_DURABILITY: { valid: [['fsync', (c) => c.acceptDurability, 'fsync']], invalid: ['Flush', 'none'] },
  PAYMENT_PROCESSOR_URL_FALLBACK: {
    valid: [
      [
        'https://pay.example/v1/',
        (c) => c.processors[1],
        processorTarget({
          name: 'fallback',
          feePpm: 150_000,
          url: 'https://pay.example/v1',
          tls: {},
        }),
      ],
    ],
    invalid: [
      'pay.example',
      'ftp://pay.example',
      'http://',
      'http://h/?a=b',
      'http://h/#a',
      'http://u:%zz@h',
    ],
  },
  OTLP_URL: {
    valid: [
      ['http://u:p@collector:4318/', (c) => c.tracing.otlpUrl, 'http://u:p@collector:4318'],
      ['', (c) => c.tracing.otlpUrl, ''],
    ],
    invalid: ['collector:4318', 'http://h/?a=b'],
  },
  TRACE_RATIO: {
    valid: [
      ['0.25', (c) => c.tracing.ratio, 0.25],
      ['1', (c) => c.tracing.ratio, 1],
    ],
    invalid: ['1.1', '-0.1', '.5', '50%', '1e-3'],
  },
  PROCESSORS: {
    valid: [
      [
        'slow:1:http://c, b:0.000001:http://b,a:0:http://u:p@a',
        (c) => c.processors,
        [
          processorTarget({
            name: 'a',
            feePpm: 0,
            url: 'http://u:p@a',
            contract: { name: 'rinha', options: {}, authorization: 'Basic dTpw' },
          }),
          processorTarget({ name: 'b', feePpm: 1, url: 'http://b' }),
          processorTarget({ name: 'slow', feePpm: 1_000_000, url: 'http://c' }),
        ],
      ],
    ],
    invalid: [
      'a',
      'a:0.1',
      'a:0.1:',
      'a:1.1:http://a',
      'a:-0.1:http://a',
      'a:0.0000001:http://a',
      'A:0.1:http://a',
      ':0.1:http://a',
      'a:0.1:http://a,',
      'a:0.1:http://a,a:0.2:http://b',
      Array.from({ length: 17 }, (_, index) => `p${index}:0.1:http://h`).join(','),
    ],
  },
  QUEUE_CAPACITY: {
    valid: [
      ['1024', (c) => c.queueCapacity, 1024],
      ['1048576', (c) => c.queueCapacity, 1_048_576],
    ],
    invalid: ['1000', '512', '2097152', '1e4', '0x400', '-1024', ' 1024'],
  },
  CONCURRENCY: {
    valid: [
      ['1', (c) => c.concurrency, 1],
      ['1024', (c) => c.concurrency, 1024],
    ],
    invalid: ['0', '1025', '1.5', 'many', '99999999999999999999'],
  },
  MAX_AMOUNT: {
    valid: [
      ['0.01', (c) => c.maxAmountCents, 1],
      ['12.5', (c) => c.maxAmountCents, 1250],
      ['90071992547409.91', (c) => c.maxAmountCents, Number.MAX_SAFE_INTEGER],
    ],
    invalid: ['0', '0.00', '1.001', '1e3', '90071992547409.92', '-1', '.5'],
  },
  ALLOW_PURGE: { valid: [['true', (c) => c.allowPurge, true]], invalid: ['yes', '1', 'TRUE'] },
  ADMIN_TOKEN: {
    valid: [
      ['a-token-of-16-ch', (c) => c.sessionSecret, 'a-token-of-16-ch'],
      ['~'.repeat(256), (c) => c.apiKeys.admin.map(({ digest }) => digest), [digestOf('~'.repeat(256))]],
    ],
    invalid: ['fifteen-chars-1', 'with a space inside it', 'ein-schlüssel-mit-ü', 'x'.repeat(257)],
  },
  PAYMENTS_ACCESS: { valid: [['open', (c) => c.paymentsAccess, 'open']], invalid: ['on', 'loopback'] },
  METRICS_ACCESS: {
    valid: [
      ['off', (c) => c.access.metrics, 'off'],
      ['open', (c) => c.access.metrics, 'open'],
    ],
    invalid: ['on', 'Loopback'],
  },
  DASHBOARD_ACCESS: { valid: [['off', (c) => c.access.dashboard, 'off']], invalid: ['true'] },
  DASHBOARD_VIEWERS: { valid: [['1', (c) => c.dashboard.viewerLimit, 1]], invalid: ['0', '1001'] },
  CURRENCY: {
    valid: [
      ['BRL', (c) => c.dashboard.currency, 'BRL'],
      ['R$', (c) => c.dashboard.currency, 'R$'],
      ['€', (c) => c.dashboard.currency, '€'],
    ],
    invalid: ['two words', 'ninechars', '<b>', 'a\nb'],
  },
  DASHBOARD_INSTANCE_URL: {
    valid: [
      ['http://{instance}:9999', (c) => c.dashboard.instanceUrl, 'http://{instance}:9999'],
      ['https://pay.example/{instance}/', (c) => c.dashboard.instanceUrl, 'https://pay.example/{instance}'],
    ],
    invalid: ['http://gateway:9999', '{instance}', 'javascript:{instance}', 'http://a:b@{instance}'],
  },
  DASHBOARD_LAB: {
    valid: [
      [
        'http://127.0.0.1:8003/#0123456789abcdef',
        (c) => c.dashboard.lab,
        'http://127.0.0.1:8003/#0123456789abcdef',
      ],
    ],
    invalid: [
      'http://127.0.0.1:8003/',
      'http://lab.example/#0123456789abcdef',
      'http://127.0.0.1:8003/#short',
    ],
  },
  AUDIT_ACCESS: { valid: [['loopback', (c) => c.access.audit, 'loopback']], invalid: ['none'] },
  OPERATOR_ACCESS: { valid: [['loopback', (c) => c.access.operator, 'loopback']], invalid: ['none'] },
  AUDIT_RATE: { valid: [['1', (c) => c.audit.rate, 1]], invalid: ['0', '1001'] },
  AUDIT_LIMIT: { valid: [['100000', (c) => c.audit.paymentLimit, 100_000]], invalid: ['0', '100001'] },
  PROCESSOR_TOKENS: {
    valid: [
      ['default=12=3', (c) => c.processors.map(({ adminToken }) => adminToken), ['12=3']],
      [' default=a ', (c) => c.processors.map(({ adminToken }) => adminToken), ['a']],
    ],
    invalid: [
      '123',
      'default',
      'default=',
      '=123',
      'default=a b',
      'default=1,default=2',
      'fallback=1',
      'other=1',
    ],
  },
  LOG_LEVEL: { valid: [['silent', (c) => c.logLevel, 'silent']], invalid: ['loud'] },
};
/** So that addresses which are open to other machines need no keys. */
const OPEN = { PAYMENTS_ACCESS: 'open' };
for (const [name, { valid, invalid }] of Object.entries(CASES)) {
  test(`${name}: valid texts`, () => {
    const others = { ...(name === 'PROCESSORS' && { PAYMENT_PROCESSOR_URL_DEFAULT: '' }), ...OPEN };
    for (const [text, read, value] of valid) {
      assert.equal(read(configOf({ ...others, [name]: text })), value, text);
    }
  });
  test(`${name}: an invalid text gives a complaint of one line`, () => {
    for (const text of invalid) {
      const problems = problemsOf({ [name]: text });
      assert.is(problems.length, 1, text);
      assert.match(
        problems[0] ?? '',
        new RegExp(`^${name}=.+ is (invalid|out of range)[:;] .*expected .+\\.$`),
      );
    }
  });
}

test('all invalid settings are reported at once', () => {
  const problems = problemsOf({
    LISTEN: 'x\ny',
    CONCURRENCY: '0',
    IN_DOUBT_HOLD_MS: '5000',
    LOG_LEVEL: 'loud',
  });
  assert.equal(problems, [
    'LISTEN="x\\ny" is invalid: expected `host:port` or `unix:/path`.',
    'CONCURRENCY=0 is out of range: expected a whole number from 1 to 1024.',
    'LOG_LEVEL=loud is invalid: expected `trace`, `debug`, `info`, `warn`, `error`, `fatal`, or `silent`.',
    'IN_DOUBT_HOLD_MS=5000 is invalid: expected at least PROCESSOR_TIMEOUT_MS + LEASE_MS, which is 20000.',
  ]);
});

const QUOTED = 'is invalid: the quotes are taken as part of the value, so leave them out';

test('a complaint names the culprit and says what to write instead', () => {
  const whole = 'expected a whole number from 100 to 120000.';
  const cases: readonly (readonly [Record<string, string>, string])[] = [
    [{ PROCESSOR_TIMEOUT_MS: '5' }, `PROCESSOR_TIMEOUT_MS=5 is out of range: ${whole}`],
    [
      { PROCESSOR_TIMEOUT_MS: '5s' },
      `PROCESSOR_TIMEOUT_MS=5s is invalid: leave out the unit, which is always ms; ${whole}`,
    ],
    [{ PROCESSOR_TIMEOUT_MS: '1e3' }, `PROCESSOR_TIMEOUT_MS=1e3 is invalid: ${whole}`],
    [
      { RETENTION: '90' },
      'RETENTION=90 is invalid: the unit is missing; expected a whole number of `m`, `h` or `d` from 1m to 3650d, such as `90d`, or `forever`.',
    ],
    [{ RETENTION: '0d' }, 'RETENTION=0d is out of range: expected a whole number'],
    [{ RETENTION: '3651d' }, 'RETENTION=3651d is out of range: expected a whole number'],
    [{ RETENTION: '90 days' }, 'RETENTION="90 days" is invalid: expected a whole number'],
    [{ ALLOW_PURGE: 'yes' }, 'ALLOW_PURGE=yes is invalid: expected `false` or `true`.'],
    [
      { LEDGER_URL: 'lmdb://data/books' },
      'LEDGER_URL=lmdb://data/books is invalid: an `lmdb:` URL has no host; write lmdb:./data/books or lmdb:/data/books; expected `lmdb:path`,',
    ],
    [
      { LEDGER_URL: 'redis://h/0?ssl=true' },
      'LEDGER_URL=redis://h/0?*** is invalid: a query or fragment has no effect; ',
    ],
    [
      { JOURNAL_DIR: '~/journal' },
      'JOURNAL_DIR=~/journal is invalid: `~` is not expanded, so write the full path; ',
    ],
    [
      { JOURNAL_DIR: '/journal\r' },
      'JOURNAL_DIR="/journal\\r" is invalid: it starts or ends with white space; expected a path.',
    ],
    [
      { LEDGER_URL: 'lmdb:./data ' },
      'LEDGER_URL="lmdb:./data " is invalid: it starts or ends with white space; ',
    ],
    [{ ADMIN_TOKEN: '"a-token-of-16-chars"' }, `ADMIN_TOKEN=*** ${QUOTED}; expected 16 to 256 `],
    [{ JOURNAL_DIR: "'/journal'" }, `JOURNAL_DIR='/journal' ${QUOTED}; expected a path.`],
    [{ POOL_THREADS: '"2"' }, `POOL_THREADS="2" ${QUOTED}; expected a whole number `],
    [{ PROCESSOR_TOKENS: 'default="123"' }, ' is invalid: entry 1 (`default`) has quotes around its token, '],
    [
      { PROCESSORS: 'a:0.1:http://a, Böse:0.1:http://b' },
      ' is invalid: entry 2 has no valid name, such as `cheap`, ',
    ],
    [
      { PROCESSORS: 'a:0.1:http://a,b:7:http://b' },
      ' is invalid: entry 2 (`b`) has no valid fee, such as 0.05, ',
    ],
    [{ PROCESSORS: 'a:0.1:a,b:7:http://b' }, ' is invalid: entry 1 (`a`) has no valid http or https URL '],
    [{ PROCESSORS: 'a:0.1:http://a,' }, ' is invalid: entry 2 is empty; '],
    [{ PROCESSORS: 'a:0.1:http://a,a:0.2:http://b' }, ' is invalid: `a` is listed more than once; '],
    [
      { PROCESSORS: Array.from({ length: 17 }, (_, index) => `p${index}:0.1:http://h`).join(',') },
      ' is invalid: it has 17 entries; ',
    ],
    [{ PROCESSOR_TOKENS: 'hush' }, 'PROCESSOR_TOKENS=*** is invalid: entry 1 has no valid processor name '],
    [{ PROCESSOR_TOKENS: 'default=a b' }, ' is invalid: entry 1 (`default`) has no valid token '],
    [
      { PROCESSOR_TOKENS: 'defualt=123' },
      'PROCESSOR_TOKENS=*** is invalid: there is no processor `defualt`; expected `default`.',
    ],
  ];
  for (const [environment, words] of cases) {
    const [problem = ''] = problemsOf({
      PAYMENT_PROCESSOR_URL_DEFAULT: 'http://localhost:8001',
      ...environment,
    });
    assert.ok(problem.includes(words), problem);
  }
});

test('variables that look like settings cause warnings, beside the complaints', () => {
  const environment = { ...PROCESSOR, PROCESSOR_TIMEOUT: '5', PORT: '8080' };
  const warnings = [
    'PROCESSOR_TIMEOUT is not a setting; did you mean PROCESSOR_TIMEOUT_MS?',
    'PORT is not a setting; set LISTEN=host:port.',
  ];
  assert.equal(readConfig(environment).warnings, warnings);
  assert.equal(readConfig({ ...environment, HTTP_THREADS: '0' }).warnings, warnings);
});

test('a single setting can be checked', () => {
  assert.is(settingProblem('POOL_THREADS', '2'), null);
  assert.is(settingProblem('POOL_THREADS', ''), null);
  assert.match(settingProblem('POOL_THREADS', '0') ?? '', 'POOL_THREADS=0 is out of range');
  assert.match(settingProblem('POOL_THREAD', '2') ?? '', 'did you mean POOL_THREADS?');
  assert.is(settingProblem('FOO', '1'), 'FOO is not a setting.');
});

test('settings that contradict each other', () => {
  const cases: readonly (readonly [Record<string, string>, string])[] = [
    [
      { BACKOFF_BASE_MS: '3000' },
      'BACKOFF_BASE_MS=3000 is invalid: expected at most BACKOFF_MAX_MS, which is 2000.',
    ],
    [
      { BREAKER_MAX_MS: '100' },
      'BREAKER_BASE_MS=250 is invalid: expected at most BREAKER_MAX_MS, which is 100.',
    ],
    [
      { POOL_THREADS: '3', CONCURRENCY: '2' },
      'POOL_THREADS=3 is invalid: expected at most CONCURRENCY, which is 2.',
    ],
    [
      { HEALTH_TIMEOUT_MS: '6000' },
      'HEALTH_TIMEOUT_MS=6000 is invalid: expected at most HEALTH_INTERVAL_MS, which is 5100.',
    ],
    [
      { PROCESSORS: 'default:0.05:http://u:secret@other' },
      'PAYMENT_PROCESSOR_URL_DEFAULT=http://localhost:8001 contradicts PROCESSORS: unset it, or give `default` the same URL in PROCESSORS.',
    ],
    [
      { PAYMENT_PROCESSOR_URL_DEFAULT: '' },
      'No processor: set PAYMENT_PROCESSOR_URL_DEFAULT, PAYMENT_PROCESSOR_URL_FALLBACK, PROCESSORS, or PROCESSORS_FILE.',
    ],
    [
      { PAYMENT_PROCESSOR_URL_DEFAULT: '', PROCESSOR_TOKENS: 'default=123' },
      'No processor: set PAYMENT_PROCESSOR_URL_DEFAULT, PAYMENT_PROCESSOR_URL_FALLBACK, PROCESSORS, or PROCESSORS_FILE.',
    ],
  ];
  for (const [environment, problem] of cases) assert.equal(problemsOf(environment), [problem]);
  assert.equal(problemsOf({ PROCESSORS: 'default:0.01:http://localhost:8001/,x:0.5:http://x' }), []);
});

test('an access setting of `token` needs an API key', () => {
  for (const name of ['METRICS_ACCESS', 'DASHBOARD_ACCESS', 'AUDIT_ACCESS', 'OPERATOR_ACCESS']) {
    assert.equal(problemsOf({ [name]: 'token' }), [
      `${name}=token needs ADMIN_TOKEN or API_KEYS_FILE: set one, or choose another access.`,
    ]);
    assert.equal(problemsOf({ [name]: 'token', ADMIN_TOKEN: 'a-token-of-16-ch' }), []);
  }
});

test('payments need keys if there is a file of keys, or if LISTEN is open to other machines', () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'keys');
  writeFileSync(file, keyLine(apiKey('shop', ['post'])));
  const accessOf = (environment: Record<string, string>) => configOf(environment).paymentsAccess;
  for (const listen of ['127.0.0.1:1', 'localhost:1', '[::1]:1', 'unix:/run/g.sock']) {
    assert.is(accessOf({ LISTEN: listen }), 'open', listen);
    assert.is(accessOf({ LISTEN: listen, API_KEYS_FILE: file }), 'token', listen);
    assert.is(accessOf({ LISTEN: listen, API_KEYS_FILE: file, PAYMENTS_ACCESS: 'open' }), 'open', listen);
  }
  for (const listen of ['0.0.0.0:1', '[::]:1', '10.0.0.1:1', 'gateway:1', '127.0.0.1.example:1']) {
    assert.match(
      problemsOf({ LISTEN: listen }).join(),
      /^LISTEN=\S+ is open to other machines: set API_KEYS_FILE, /,
    );
    assert.is(problemsOf({ LISTEN: listen, ADMIN_TOKEN: 'a-token-of-16-ch' }).length, 1);
    assert.is(accessOf({ LISTEN: listen, API_KEYS_FILE: file }), 'token');
    assert.is(accessOf({ LISTEN: listen, PAYMENTS_ACCESS: 'open' }), 'open');
  }
  assert.equal(problemsOf({ PAYMENTS_ACCESS: 'token' }), [
    'PAYMENTS_ACCESS=token needs API_KEYS_FILE: set it, or choose another access.',
  ]);
  assert.equal(problemsOf({ METRICS_ACCESS: 'token', API_KEYS_FILE: file }), []);
  writeFileSync(file, '{}');
  assert.match(problemsOf({ API_KEYS_FILE: file }).join(), `${file}:1: name is missing`);
});

test('a secret may be in a file', () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'secret');
  writeFileSync(file, 'a-token-of-16-ch\n');
  assert.is(configOf({ ADMIN_TOKEN_FILE: file }).sessionSecret, 'a-token-of-16-ch');
  assert.equal(problemsOf({ METRICS_ACCESS: 'token', ADMIN_TOKEN_FILE: file }), []);
  assert.equal(problemsOf({ ADMIN_TOKEN_FILE: file, ADMIN_TOKEN: 'b-token-of-16-ch' }), [
    'ADMIN_TOKEN_FILE contradicts ADMIN_TOKEN: unset one of them.',
  ]);
  writeFileSync(file, 'hush\n');
  const [problem = ''] = problemsOf({ ADMIN_TOKEN_FILE: file });
  assert.match(problem, /^ADMIN_TOKEN=\*\*\* is invalid: expected 16 to 256/);
  writeFileSync(file, '\n');
  assert.equal(problemsOf({ ADMIN_TOKEN_FILE: file }), [
    `ADMIN_TOKEN_FILE=${file} is invalid: the file is empty.`,
  ]);
  writeFileSync(file, 'redis://u:p@redis');
  assert.equal(configOf({ LEDGER_URL_FILE: file }).ledger, redisAt('redis://u:p@redis'));
  writeFileSync(file, 'default=12=3');
  assert.is(configOf({ PROCESSOR_TOKENS_FILE: file }).processors[0]?.adminToken, '12=3');
  rmSync(file);
  assert.match(problemsOf({ ADMIN_TOKEN_FILE: file }).join(), /^ADMIN_TOKEN_FILE=\S+ cannot be read: ENOENT/);
});

test('no complaint shows a password', () => {
  const values = [
    { LEDGER_URL: 'redis://user:hush@host:99999' },
    { LEDGER_URL: 'redis://user:hush/hush@host' },
    { LEDGER_URL: 'redis//user:hush@host' },
    { LEDGER_URL: 'http://host?password=hush' },
    { PROCESSORS: 'a:0.1:http://a:hush@h,b:7:http://b:hush@h' },
    { PROCESSORS: 'http://a:hush@h' },
    { PROCESSOR_TOKENS: 'hush' },
    { PROCESSOR_TOKENS: 'default=hush,hush' },
    { PAYMENT_PROCESSOR_URL_FALLBACK: 'http://u:hush@h/?a=1' },
    { ADMIN_TOKEN: 'hush' },
    { ADMIN_TOKEN: 'hush hush hush hush hush' },
    { PROCESSORS: 'x:0:http://x', PAYMENT_PROCESSOR_URL_DEFAULT: 'http://u:hush@h' },
  ];
  for (const environment of values) {
    const [problem = 'hush'] = problemsOf(environment);
    assert.not.match(problem, /hush/);
  }
});

test('a complaint about a long value is short', () => {
  const [problem = ''] = problemsOf({ LISTEN: 'x'.repeat(100_000) });
  assert.ok(problem.length < 300);
});

test('the host name is the default instance id, with invalid characters replaced', () => {
  const reading = readConfig(PROCESSOR, `büro pc.${'x'.repeat(80)}`);
  assert.ok(reading.kind === 'ok');
  assert.is(reading.config.instanceId, `b-ro-pc.${'x'.repeat(56)}`);
  assert.is(readConfig(PROCESSOR).kind, 'ok');
});

test('docs/settings.md has a row for each setting', () => {
  const rows = settingsTables()
    .split('\n')
    .filter((line) => line.startsWith('|'));
  for (const row of rows) assert.is(row.split('|').length, 7, row);
  assert.equal(
    rows.flatMap((row) => /^\| `([A-Z_]+)` \|/.exec(row)?.[1] ?? []),
    settingsList().map(({ name }) => name),
  );
});

/** The settings that are whole numbers, with their bounds as the table states them. */
const INTEGERS = settingsTables()
  .split('\n')
  .flatMap((row) => {
    const [, name = '', low, high] =
      /^\| `([A-Z_]+)` .*\| a whole number from (\d+) to (\d+) \|/.exec(row) ?? [];
    return name === '' ? [] : [{ name, low: Number(low), high: Number(high) }];
  });

test('a whole number is accepted within its bounds and nowhere else', () => {
  assert.ok(INTEGERS.length > 10);
  const near = fc.integer({ min: -2, max: 2 });
  const text = fc.oneof(fc.nat(2_000_000).map(String), fc.string(), fc.double().map(String));
  fc.assert(
    fc.property(fc.constantFrom(...INTEGERS), near, text, (setting, distance, any) => {
      const { name, low, high } = setting;
      for (const value of [String(low + distance), String(high + distance), any]) {
        const isAllowed =
          value === '' || (/^\d{1,16}$/.test(value) && Number(value) >= low && Number(value) <= high);
        const isNamed = problemsOf({ [name]: value }).some(
          (problem) => problem.startsWith(`${name}=`) && problem.includes('expected a whole'),
        );
        assert.is(isNamed, !isAllowed, `${name}=${value}`);
      }
    }),
  );
});

test('no environment makes reading throw, and each complaint is one short line', () => {
  const names = settingsList().map(({ name }) => name);
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.constantFrom(
      'lmdb:',
      'redis://h',
      'a:0.5:http://u:p@h',
      'http://[::1]:1/',
      'http://h:99999',
      'unix:/x',
      '[::1]:1',
      '1e3',
    ),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), value), (environment) => {
      for (const problem of problemsOf(environment)) {
        assert.ok(!problem.includes('\n'));
        assert.ok(problem.length < 1_000);
      }
    }),
  );
});

/** The complaints about TLS settings whose files an authority of its own has issued. */
function tlsProblems(environment: (authority: Authority) => Record<string, string>): readonly string[] {
  const authority = new Authority();
  return problemsOf(environment(authority));
}

test('certificates and keys are read into the config, only for targets that use TLS', () => {
  const authority = new Authority();
  const { certFile, keyFile } = authority.issue();
  const files = { CA_FILE: authority.caFile, CERT_FILE: certFile, KEY_FILE: keyFile };
  const both = ['LEDGER', 'PROCESSOR'].flatMap((whose) =>
    Object.entries(files).map(([what, path]) => [`${whose}_${what}`, path] as const),
  );
  const { ledger, processors } = configOf({
    ...Object.fromEntries(both),
    LEDGER_URL: 'rediss://redis',
    PAYMENT_PROCESSOR_URL_FALLBACK: 'https://pay.example',
  });
  if (ledger.kind !== 'redis') throw new Error('not a Redis');
  assert.match(ledger.tls?.ca ?? '', 'BEGIN CERTIFICATE');
  assert.match(ledger.tls?.cert ?? '', 'BEGIN CERTIFICATE');
  assert.match(ledger.tls?.key ?? '', 'BEGIN PRIVATE KEY');
  assert.equal(processors[0]?.tls, undefined);
  assert.equal(processors[1]?.tls, ledger.tls === undefined ? {} : { ...ledger.tls });
});

test('certificates and keys that are unreadable, incomplete, mismatched, or unused are reported', () => {
  const rediss = { LEDGER_URL: 'rediss://redis' };
  assert.equal(
    tlsProblems(({ caFile }) => ({ ...rediss, LEDGER_CA_FILE: `${caFile}.none` })).map((line) =>
      line.replace(/=\S*/, '=…'),
    ),
    ['LEDGER_CA_FILE=… is invalid: expected a PEM file with certificates.'],
  );
  assert.equal(
    tlsProblems((authority) => ({ ...rediss, LEDGER_CERT_FILE: authority.issue().certFile })),
    ['LEDGER_CERT_FILE and LEDGER_KEY_FILE must be set together.'],
  );
  assert.equal(
    tlsProblems((authority) => ({
      ...rediss,
      LEDGER_CERT_FILE: authority.issue().certFile,
      LEDGER_KEY_FILE: authority.issue().keyFile,
    })),
    ['LEDGER_KEY_FILE is not the key of LEDGER_CERT_FILE.'],
  );
  assert.equal(
    tlsProblems(({ caFile }) => ({ PROCESSOR_CA_FILE: caFile })),
    ['PROCESSOR_CA_FILE would not be used: expected a processor URL that begins with `https://`.'],
  );
  assert.equal(
    tlsProblems(({ caFile }) => ({ LEDGER_CA_FILE: caFile })),
    ['LEDGER_CA_FILE would not be used: expected LEDGER_URL to begin with `rediss://`.'],
  );
});

function fileOf(name: string): string {
  return readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
}

test('docs/settings.md has every setting: run `npm run contract` after a change', () => {
  const page = fileOf('docs/settings.md');
  assert.ok(page.includes(settingsTables()));
  assert.is(page, settingsPage(page));
});

test('the settings that the README shows exist, with these defaults', () => {
  const shown = Array.from(
    fileOf('README.md').matchAll(/^\| `([A-Z_]+)` \| (?:`(.*)` )?\| /gm),
    ([, name, fallback = '']) => ({ name, fallback }),
  );
  assert.ok(shown.length > 0);
  const all = settingsList();
  assert.equal(
    shown,
    shown.map(({ name }) => all.find((setting) => setting.name === name)),
  );
});

test('the books have one shard by default, 16 in a cluster, or as many as LEDGER_SHARDS says', () => {
  const shardCountOf = (environment: Record<string, string>) => {
    const { ledger } = configOf(environment);
    return ledger.kind === 'redis' ? ledger.shardCount : null;
  };
  const [server, cluster] = [
    { LEDGER_URL: 'redis://redis' },
    { LEDGER_URL: 'redis-cluster://one:7000,two:7000' },
  ];
  assert.is(shardCountOf(server), 1);
  assert.is(shardCountOf(cluster), 16);
  assert.is(shardCountOf({ ...server, LEDGER_SHARDS: '4' }), 4);
  assert.is(shardCountOf({ ...cluster, LEDGER_SHARDS: '64' }), 64);
  assert.equal(problemsOf({ LEDGER_SHARDS: '2' }), [
    'LEDGER_SHARDS would not be used: expected LEDGER_URL to be a Redis.',
  ]);
});

test('settings about the confirmation of Redis must be used', () => {
  const redis = { LEDGER_URL: 'redis://redis' };
  assert.equal(problemsOf({ ...redis, LEDGER_REPLICAS: '2' }), []);
  assert.equal(problemsOf({ ...redis, LEDGER_ALLOW_UNCONFIRMED: 'true' }), []);
  assert.match(
    problemsOf({ ...redis, LEDGER_REPLICAS: '1', LEDGER_ALLOW_UNCONFIRMED: 'true' })[0] ?? '',
    'confirms each write',
  );
  assert.equal(problemsOf({ LEDGER_REPLICAS: '1', LEDGER_ALLOW_UNCONFIRMED: 'true' }), [
    'LEDGER_REPLICAS, LEDGER_ALLOW_UNCONFIRMED would not be used: expected LEDGER_URL to be a Redis.',
  ]);
});

test.run();
