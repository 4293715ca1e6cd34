import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { readConfig, settingsList } from '../../src/config/config.ts';
import { Deployment } from '../system/deployment.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));

interface Service {
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly build?: string;
  readonly command?: readonly string[];
}

/** Runs a program to its end, and gives what it printed. */
async function run(command: readonly string[], environment: Record<string, string>) {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { env: { PATH: process.env['PATH'], ...environment } });
  const [output, problem, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number]>,
  ]);
  return { output, problem, code };
}

const ID = '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}';
const PROGRAMS = [
  [process.execPath, '--disable-warning=ExperimentalWarning', join(EXAMPLES, 'post-and-wait.ts')],
  ['bash', join(EXAMPLES, 'post-and-wait.sh')],
];

test('post and wait, from TypeScript and with curl: accepted, settled, and charged', () =>
  Deployment.run({ ledger: 'lmdb', gatewayCount: 1 }, async ({ urls: [url = ''], processors: [cheap] }) => {
    for (const [index, program] of PROGRAMS.entries()) {
      const { output, problem, code } = await run([...program, '12.34'], { GATEWAY_URL: url });
      assert.is(code, 0, problem);
      assert.match(output, new RegExp(`^(${ID}) accepted\n\\1 settled( default)?\n$`));
      assert.equal(await cheap.summary(), { count: index + 1, amountCents: 1234 * (index + 1) });
    }
    const refused = await run([...(PROGRAMS[1] ?? []), '-1'], { GATEWAY_URL: url });
    assert.is.not(refused.code, 0);
    assert.match(refused.output, /"field":"amount"|amount/);
  }));

/** What the one of the operator's day mounts is made by its script: operators-day.test.ts checks it. */
const composeFiles = globSync('*/docker-compose.yml', { cwd: EXAMPLES, exclude: ['operators-day'] });

test('there are compose files to check', () => {
  assert.equal([...composeFiles].sort(), [
    'monitoring/docker-compose.yml',
    'own-processors/docker-compose.yml',
  ]);
});

for (const file of composeFiles) {
  const path = join(EXAMPLES, file);
  const { services } = parse(readFileSync(path, 'utf8'), { merge: true }) as {
    services: Record<string, Service>;
  };

  test(`${file}: what it mounts and builds is there`, () => {
    for (const { volumes = [], build } of Object.values(services)) {
      for (const volume of volumes) {
        const [from = ''] = volume.split(':');
        if (from.startsWith('.')) assert.ok(existsSync(join(dirname(path), from)), volume);
      }
      if (build !== undefined) assert.ok(existsSync(join(dirname(path), build, 'Dockerfile')));
    }
  });

  test(`${file}: its gateways have settings that are known and right`, () => {
    const names = new Set(settingsList().map(({ name }) => name));
    for (const { environment = {}, build } of Object.values(services)) {
      if (build === undefined) continue;
      for (const name of Object.keys(environment)) assert.ok(names.has(name), name);
      const reading = readConfig(environment);
      assert.is(reading.kind, 'ok', JSON.stringify(reading));
    }
  });
}

test('the configuration of Prometheus is right, if promtool is here to say so', () => {
  const path = join(EXAMPLES, 'monitoring/prometheus.yml');
  const { rule_files, scrape_configs } = parse(readFileSync(path, 'utf8'));
  assert.equal(rule_files, ['alerts.yml']);
  assert.equal(scrape_configs[0].static_configs[0].targets, ['127.0.0.1:9999']);
  const checked = spawnSync('promtool', ['check', 'config', '--syntax-only', path], { encoding: 'utf8' });
  if (checked.error === undefined) assert.is(checked.status, 0, checked.stdout + checked.stderr);
});

test.run();
