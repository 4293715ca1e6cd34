import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { expose, type Family } from '../../src/metrics/openmetrics.ts';
import { Scrape } from '../../src/metrics/scrape.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { Ring } from '../../src/shared-memory/ring.ts';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { ManualClock } from '../manual-clock.ts';
import { processorTarget } from '../processor-target.ts';

const ROOT = new URL('../../', import.meta.url);
const PROMTOOL = spawnSync('promtool', ['--version']).error === undefined;

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8');
}

/** Every metric family that an instance shows once it has asked its processor for its health, and its ledger for its size. */
function families(): Family[] {
  const shape = { processorCount: 1, threadCount: 2 };
  const sharedState = new SharedState(SharedState.allocate(shape), shape);
  sharedState.setReported(0, { failing: false, minResponseTimeMs: 1, atMs: 1 });
  const metricsTable = new MetricsTable(MetricsTable.allocate(shape), shape);
  for (const name of ['booksBytes', 'booksLimitBytes', 'booksFullInMs'] as const)
    metricsTable.thread(0).set(name, 1);
  return new Scrape({
    metricsTable,
    sharedState,
    ring: new Ring(Ring.allocate(8)),
    segments: new SegmentTable(SegmentTable.allocate(2, 16)),
    config: { processors: [processorTarget()], poolThreadCount: 1 },
    refusals: [{ slug: 'queue-full', status: 503 }],
    version: '1',
    clock: new ManualClock(),
  }).families();
}

const SERIES = new Set(expose(families(), 'openmetrics').match(/^[a-z_]+/gm));
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

test('each metric has a row with its labels in the documentation, and each row has a metric', () => {
  const rows = [...read('docs/operations.md').matchAll(/^\| `((?:dinossauro|process)_\w+)` \|([^|]*)\|/gm)];
  const documented = rows.map(([, name, labels]) => `${name} ${labels?.trim()}`.trim());
  const shown = families().map(({ name, samples }) => {
    const labels = Object.keys(samples[0]?.labels ?? {}).map((label) => `\`${label}\``);
    return `${name} ${labels.join(', ')}`.trim();
  });
  const onThisSystem = process.platform === 'linux' ? [] : ['process_open_fds'];
  assert.equal(documented.sort(), [...shown, ...onThisSystem].sort());
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
  run(['check', 'metrics'], expose(families(), 'prometheus'));
});

test.run();
