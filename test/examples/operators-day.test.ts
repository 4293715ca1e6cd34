import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { audit } from '../../src/cli/audit.ts';
import { doctor } from '../../src/cli/doctor.ts';
import { actions, payments } from '../../src/cli/payments.ts';
import { processors } from '../../src/cli/processors.ts';
import { restore } from '../../src/cli/restore.ts';
import { webhooks } from '../../src/cli/webhooks.ts';
import { readConfig, settingsList } from '../../src/config/config.ts';
import { readWebhooksFile } from '../../src/config/webhooks-file.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { ROOT, readSteps } from './day-page.ts';

const EXAMPLE = join(ROOT, 'examples/operators-day');
const SETTINGS = '/etc/dinossauro/';
/** The programs, besides the functions of day.sh, with which a command of the page begins. */
const PROGRAMS = ['.', 'curl', 'docker', 'rm', 'sort', 'touch', 'until'];
/** The commands of Compose that take several services. */
const TAKES_SEVERAL = ['ps', 'rm', 'start', 'stop', 'up'];

interface Service {
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
}

const script = readFileSync(join(EXAMPLE, 'day.sh'), 'utf8');
const { services, volumes } = parse(readFileSync(join(EXAMPLE, 'docker-compose.yml'), 'utf8'), {
  merge: true,
}) as { services: Record<string, Service>; volumes: Record<string, unknown> };
const commands = readSteps().flatMap((step) => (step.kind === 'command' ? [step.command] : []));

/** The words of each call of `name` in the commands of the page, as far as a quote, a pipe or a bracket. */
function callsOf(name: string): string[][] {
  return commands.flatMap((command) =>
    [...command.matchAll(new RegExp(`(?<![\\w/-])${name} ([^'"|()<>]*)`, 'g'))].map(([, words = '']) =>
      words.trim().split(/\s+/),
    ),
  );
}

test('bash can read the script and the commands of the page', () => {
  const { status, stderr } = spawnSync('bash', ['-n'], {
    input: [script, ...commands].join('\n'),
    encoding: 'utf8',
  });
  assert.is(status, 0, stderr);
});

test('each command of the page begins with a function of the script or a known program', () => {
  const functions = [...script.matchAll(/^ *(\w+)\(\) \{/gm)].map(([, name = '']) => name);
  assert.ok(commands.length > 50, String(commands.length));
  for (const command of commands) {
    const [first = ''] = command.split(' ');
    assert.ok([...functions, ...PROGRAMS].includes(first) || /^\w+=/.test(first), command);
  }
});

test('each call of dinossauro is a command with options that it has', () => {
  const known = [actions, audit, doctor, payments, processors, restore, webhooks];
  const calls = callsOf('dinossauro');
  assert.ok(calls.length > 15, String(calls.length));
  for (const [name, second = '', ...others] of calls) {
    const command = known.find((each) => each.name() === name);
    assert.ok(command, name);
    const named = command?.commands.filter((each) => each.name() === second) ?? [];
    const takers = named.length > 0 ? named : [command, ...(command?.commands ?? [])];
    const options = takers.flatMap((each) => each?.options.map(({ long }) => long) ?? []);
    for (const word of [second, ...others])
      if (word.startsWith('-')) assert.ok(options.includes(word), `${name} ${second}: ${word}`);
  }
});

test('the page names services, volumes and ports that the deployment has', () => {
  const calls = [
    ...callsOf('ready'),
    ...callsOf('compose').map(([verb = '', ...words]) => {
      const named = words.filter((word) => !word.startsWith('-'));
      return TAKES_SEVERAL.includes(verb) ? named : named.slice(0, 1);
    }),
  ];
  for (const name of calls.flat()) assert.ok(name in services, name);
  for (const [, name = ''] of commands.join('\n').matchAll(/volume rm operators-day_(\S+)/g))
    assert.ok(name in volumes, name);
  const published = Object.values(services).flatMap(({ ports = [] }) => ports);
  for (const [, port = ''] of `${script}\n${commands.join('\n')}`.matchAll(/127\.0\.0\.1:(\d+)/g))
    assert.ok(
      published.some((each) => each.startsWith(`127.0.0.1:${port}:`)),
      port,
    );
});

test('what it mounts from the clone is there, or the script makes it', () => {
  for (const { volumes: mounted = [] } of Object.values(services)) {
    for (const [from = ''] of mounted.map((each) => each.split(':'))) {
      if (from.startsWith('../../data/')) assert.ok(script.includes(from.slice('../../'.length)), from);
      else if (from.startsWith('.')) assert.ok(existsSync(join(EXAMPLE, from)), from);
    }
  }
});

test('the gateways have settings that are known and right, and reach services of the deployment', () => {
  const directory = temporaryDirectory();
  for (const name of ['processors.yaml', 'webhooks.yaml'])
    copyFileSync(join(EXAMPLE, name), join(directory, name));
  writeFileSync(
    join(directory, 'keys'),
    `{"name":"shop","scopes":["post","read"],"sha256":"${'0'.repeat(64)}"}\n`,
  );
  const secrets: Record<string, string> = {
    ADMIN_TOKEN: 'a'.repeat(64),
    SHOP_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32).toString('base64')}`,
  };
  // Variables that files name, and one of Node's.
  const others = ['PROCESSOR_ADMIN_TOKEN', 'SHOP_WEBHOOK_SECRET', 'NODE_EXTRA_CA_CERTS'];
  const names = new Set([...settingsList().map(({ name }) => name), ...others]);
  const hosts = new Set<string>();
  for (const [name, { environment = {} }] of Object.entries(services)) {
    if (!('PROCESSORS_FILE' in environment)) continue;
    for (const variable of Object.keys(environment)) assert.ok(names.has(variable), variable);
    const filled = Object.fromEntries(
      Object.entries(environment).map(([variable, value]) => [
        variable,
        value
          .replaceAll(/\$\{(\w+)\}/g, (_, secret) => secrets[secret] ?? '')
          .replace(SETTINGS, `${directory}/`),
      ]),
    );
    const reading = readConfig(filled);
    assert.is(reading.kind, 'ok', `${name}: ${JSON.stringify(reading)}`);
    if (reading.kind !== 'ok') continue;
    for (const { url } of reading.config.processors) hosts.add(new URL(url).hostname);
    const endpoints = readWebhooksFile(filled['WEBHOOKS_FILE'] ?? '', filled);
    assert.is(endpoints.kind, 'ok', JSON.stringify(endpoints));
    if (endpoints.kind === 'ok') for (const { url } of endpoints.webhooks) hosts.add(new URL(url).hostname);
  }
  assert.equal([...hosts].sort(), ['default', 'fallback', 'shop']);
  for (const host of hosts) assert.ok(host in services, host);
});

test.run();
