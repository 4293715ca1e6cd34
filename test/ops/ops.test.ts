import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { everyFamily, metricsPage } from '../../scripts/metrics-tables.ts';
import { expose } from '../../src/metrics/openmetrics.ts';

const ROOT = new URL('../../', import.meta.url);
const PROMTOOL = spawnSync('promtool', ['--version']).error === undefined;

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8');
}

const SERIES = new Set(expose(everyFamily(), 'openmetrics').match(/^[a-z_]+/gm));
const NAME = /\b(?:dinossauro|process)_[a-z_]+\b/g;

/** The metric names in a text that do not occur in a scrape. */
function unknownNames(text: string): string[] {
  return [...new Set(text.match(NAME) ?? [])].filter((name) => !SERIES.has(name));
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}

const RULES: Rule[] = parse(read('ops/alerts.yml')).groups.flatMap(({ rules }: { rules: Rule[] }) => rules);

test('alerts use existing metrics, and each has a severity', () => {
  assert.ok(RULES.length > 10);
  for (const { alert, expr, labels, annotations } of RULES) {
    assert.equal(unknownNames(expr), [], alert);
    assert.match(labels.severity, /^(critical|warning|info)$/);
    assert.ok(annotations.summary.length > 0);
  }
});

test('each alert has a test and a section in the documentation, and each section has an alert', () => {
  const alerts = RULES.map(({ alert }) => alert).sort();
  const sections = [...read('docs/operations.md').matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
  assert.equal(sections.sort(), alerts);
  const tested = [...read('ops/alerts.test.yml').matchAll(/alertname: (\w+)/g)].map(([, name]) => name);
  assert.equal([...new Set(tested)].sort(), alerts);
});

const onLinux = process.platform === 'linux' ? test : test.skip;
onLinux('docs/metrics.md has every metric with its labels: run `npm run contract` after a change', () => {
  const page = read('docs/metrics.md');
  assert.is(page, metricsPage(page));
});

test('docs/metrics.md explains each value that a label may have', () => {
  const [generated = '', explained = ''] = read('docs/metrics.md').split('<!-- /metrics -->');
  const rows = generated.matchAll(/`(outcome|found|answer|operation)`: ([^|]*)\|/g);
  const values = Array.from(rows, ([, , list = '']) => list.match(/`\w+`/g) ?? []).flat();
  assert.ok(values.length > 15);
  for (const value of values) assert.match(explained, value);
});

test('the dashboard uses existing metrics, and every panel has a description', () => {
  const { panels, uid } = JSON.parse(read('ops/grafana-dashboard.json'));
  assert.is(uid, 'dinossauro');
  const drawn = panels.filter(({ type }: { type: string }) => type !== 'row');
  assert.ok(drawn.length > 15);
  const ids = new Set(panels.map(({ id }: { id: number }) => id));
  assert.is(ids.size, panels.length);
  for (const { title, description, targets } of drawn) {
    assert.ok(description.length > 0, title);
    assert.ok(targets.length > 0, title);
    for (const { expr } of targets) assert.equal(unknownNames(expr), [], title);
  }
});

const checking = PROMTOOL ? test : test.skip;
checking('promtool accepts the rules, their tests pass, and it accepts the names in a scrape', () => {
  const run = (args: readonly string[], input = '') => {
    const { status, stdout, stderr } = spawnSync('promtool', args, {
      cwd: fileURLToPath(ROOT),
      input,
      encoding: 'utf8',
    });
    assert.is(status, 0, stdout + stderr);
  };
  run(['check', 'rules', 'ops/alerts.yml']);
  run(['test', 'rules', 'ops/alerts.test.yml']);
  run(['check', 'config', '--syntax-only', 'ops/prometheus.yml']);
  run(['check', 'metrics'], expose(everyFamily(), 'prometheus'));
});

test.run();
