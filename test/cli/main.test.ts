import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exchange } from '../system/exchange.ts';
import { freePort } from '../system/port.ts';
import { dinossauro } from './dinossauro.ts';

const { version, scripts } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string; scripts: Record<string, string> };

const COMMANDS = [
  'start',
  'doctor',
  'gateway',
  'processor',
  'keys',
  'certify',
  'rinha',
  'audit',
  'processors',
  'export',
  'import',
  'backup',
  'restore',
  'migrate',
  'sim',
  'chaos',
  'fuzz',
  'bench',
];

test('without a command, or with --help, it lists its commands and exit codes', async () => {
  const { code, out, err } = await dinossauro([]);
  assert.is(code, 0);
  assert.is(err, '');
  for (const name of COMMANDS) assert.match(out, new RegExp(`^  ${name} `, 'm'));
  assert.match(out, /^Exit codes:\n {2}0 .*\n {2}1 .*\n {2}2 .*\n {2}3 /m);
  for (const args of [['--help'], ['-h'], ['help']]) assert.is((await dinossauro(args)).out, out);
});

test('each command has help with examples, and an npm script', async () => {
  for (const name of COMMANDS) {
    const { code, out } = await dinossauro([name, '--help']);
    assert.is(code, 0);
    assert.match(out, new RegExp(`^Usage: dinossauro ${name}`));
    assert.match(out, /^Examples:\n {2}# .+\n.*dinossauro /m);
    assert.is(scripts[name], `exec node bin/dinossauro.js ${name}`);
  }
  assert.match((await dinossauro(['help', 'sim'])).out, /^Usage: dinossauro sim /);
  assert.match((await dinossauro(['gateway', '--help'])).out, /^ {2}LISTEN +127\.0\.0\.1:9999$/m);
});

test('--version', async () => {
  for (const arg of ['--version', '-v']) {
    assert.equal(await dinossauro([arg]), { code: 0, out: `${version}\n`, err: '' });
  }
});

test('a usage error is one line, and the exit code is 2', async () => {
  for (const [args, line] of [
    [['strat'], "unknown command 'strat'; did you mean start? (see dinossauro --help)"],
    [['banana'], "unknown command 'banana' (see dinossauro --help)"],
    [['help', 'doctro'], "unknown command 'doctro'; did you mean doctor? (see dinossauro --help)"],
    [['doctro', '--help'], "unknown command 'doctro'; did you mean doctor? (see dinossauro --help)"],
    [['help', 'sim', 'chaos'], "unexpected argument 'chaos' (see dinossauro help)"],
    [['--versoin'], "unknown option '--versoin'; did you mean --version? (see dinossauro --help)"],
    [['sim', '--sed', '3'], "unknown option '--sed'; did you mean --seed? (see dinossauro sim --help)"],
    [
      ['rinha', '--native', '--compose'],
      "option '--native' cannot be used with option '--compose' (see dinossauro rinha --help)",
    ],
    [
      ['audit', '--from', 'never'],
      "option '--from <timestamp>' argument 'never' is invalid. Expected an ISO 8601 timestamp, such as 2025-07-15T12:34:56Z. (see dinossauro audit --help)",
    ],
    [['processors', 'pause'], "missing required argument 'name' (see dinossauro processors pause --help)"],
    [
      ['processors', 'resume', 'No Name'],
      "command-argument value 'No Name' is invalid for argument 'name'. Expected the name of a processor, such as default. (see dinossauro processors resume --help)",
    ],
    [
      ['processors', 'limits', 'default'],
      'expected one of the limits, or --as-configured (see dinossauro processors limits --help)',
    ],
    [
      ['processors', 'limits', 'default', '--calls-at-once', '2000'],
      "option '--calls-at-once <calls>' argument '2000' is invalid. Expected a whole number from 1 to 1024. (see dinossauro processors limits --help)",
    ],
    [
      ['processors', 'limits', 'default', '--max-amount', '10', '--as-configured'],
      "option '--as-configured' cannot be used with option '--max-amount <amount>' (see dinossauro processors limits --help)",
    ],
    [
      ['audit', '--url', '127.0.0.1'],
      "option '--url <url>' argument '127.0.0.1' is invalid. Expected an http or https URL. (see dinossauro audit --help)",
    ],
    [
      ['chaos', '--set', 'POOL_THREADS=2', '--set', 'POOL'],
      "option '--set <NAME=VALUE>' argument 'POOL' is invalid. Expected NAME=VALUE. (see dinossauro chaos --help)",
    ],
    [
      ['chaos', '--set', 'FOO=1'],
      "option '--set <NAME=VALUE>' argument 'FOO=1' is invalid. FOO is not a setting. (see dinossauro chaos --help)",
    ],
    [
      ['chaos', '--set', 'POOL_THREAD=2'],
      "option '--set <NAME=VALUE>' argument 'POOL_THREAD=2' is invalid. POOL_THREAD is not a setting; did you mean POOL_THREADS? (see dinossauro chaos --help)",
    ],
    [
      ['chaos', '--set', 'POOL_THREADS=0'],
      "option '--set <NAME=VALUE>' argument 'POOL_THREADS=0' is invalid. POOL_THREADS=0 is out of range: expected a whole number from 1 to 16. (see dinossauro chaos --help)",
    ],
    [
      ['chaos', '--minutes', '0'],
      "option '--minutes <n>' argument '0' is invalid. Expected a whole number from 1 to 1440. (see dinossauro chaos --help)",
    ],
    [['bench', 'a', 'b'], "unexpected argument 'b' (see dinossauro bench --help)"],
    [['doctor', 'please'], "unexpected argument 'please' (see dinossauro doctor --help)"],
    [
      ['gateway', '--port', '80'],
      "unknown option '--port'; settings come from the environment (see dinossauro gateway --help)",
    ],
  ] as const) {
    assert.equal(await dinossauro(args), { code: 2, out: '', err: `dinossauro: ${line}\n` });
  }
});

test('output has no colour without a terminal, unless forced', async () => {
  const colour = '\x1b[';
  assert.not((await dinossauro([])).out.includes(colour));
  const forced = await dinossauro([], { environment: { FORCE_COLOR: '1' } });
  assert.ok(forced.out.includes(colour));
});

test('a program runs in this process, and handles its signals', async () => {
  let health = 0;
  const port = await freePort();
  const { code, out } = await dinossauro(['processor'], {
    environment: { LISTEN: `127.0.0.1:${port}` },
    once: {
      says: 'listens on',
      act: async () => {
        health = (await exchange('GET', `http://127.0.0.1:${port}/payments/service-health`)).status;
      },
    },
  });
  assert.is(health, 200);
  assert.is(code, 0);
  assert.match(out, /^Simulated processor default listens on /);
});

test('an invalid setting is named, and the exit code is 1', async () => {
  const { code, err } = await dinossauro(['gateway'], { environment: { LISTEN: 'nowhere' } });
  assert.is(code, 1);
  assert.match(err, /^dinossauro: LISTEN=nowhere is invalid: /);
});

test('it exits silently when the reader of its output has gone', () => {
  const bin = fileURLToPath(new URL('../../bin/dinossauro.js', import.meta.url));
  const script = '("$0" "$1" sim --seed 3; echo $? >&2) | true';
  const { stderr } = spawnSync('sh', ['-c', script, process.execPath, bin], { encoding: 'utf8' });
  assert.is(stderr, '141\n');
});

test('commands that need a clone run here', async () => {
  const { code, out } = await dinossauro(['sim', '--seed', '3']);
  assert.is(code, 0);
  assert.match(out, /seed 3 keeps every promise\n$/);
  const fuzzed = await dinossauro(['fuzz', '--requests', '20', '--seed', '1', '--ledger', 'lmdb']);
  assert.is(fuzzed.code, 0, fuzzed.out + fuzzed.err);
  assert.match(fuzzed.out, /^seed 1, ledger lmdb\n/);
  assert.match(fuzzed.out, /\n0 faults\n$/);
  const { code: none, err } = await dinossauro(['bench', 'no-such-bench']);
  assert.is(none, 2);
  assert.match(
    err,
    /^dinossauro: no benchmark matches 'no-such-bench'; expected part of one of: .*http\/decoder, /,
  );
});

test.run();
