import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bound } from '../../../bench/rinha/bound.ts';
import { page } from '../../../bench/rinha/page.ts';
import { comparisonLines, reportLines } from '../../../bench/rinha/report.ts';
import type { Result } from '../../../bench/rinha/run.ts';
import { preview } from '../../../bench/rinha/scenario.ts';
import { score } from '../../../bench/rinha/score.ts';
import type { AuditReport } from '../../../src/audit/report.ts';

const totals = { default: { count: 3, amountCents: 5_970 }, fallback: { count: 1, amountCents: 1_990 } };
const metered = {
  parts: [
    { part: 'gateway-1', cpuMs: 4, cpuPerPaymentUs: 1_000, throttledShare: 0.02, peakBytes: 64 * 1_048_576 },
    { part: 'nginx', cpuMs: 2, cpuPerPaymentUs: 500, throttledShare: null, peakBytes: 1_048_576 },
  ],
  cpuPerPaymentUs: 1_500,
  peakBytes: 65 * 1_048_576,
  stealShare: 0.01,
};
const check = {
  atMs: 20_000,
  answered: true,
  summaryMs: 3,
  errorCount: 1,
  backend: totals,
  processors: { ...totals, fallback: { count: 2, amountCents: 3_980 } },
};

const gateway: Result = {
  site: 'native',
  entry: 'gateway',
  scenario: preview,
  beganAtMs: 0,
  score: score({
    acceptedCount: 4,
    totals,
    fees: preview.fees,
    p99Ms: 3,
    inconsistencyCount: 1,
  }),
  bound: bound(preview, [0, 1_000, 2_000, 3_000], 61_000),
  acceptedCount: 4,
  failedCount: 0,
  fees: preview.fees,
  backend: totals,
  processors: totals,
  latencies: { count: 50, p50Ms: 1, p99Ms: 3, maxMs: 4 },
  checks: [check],
  seconds: [
    {
      atMs: 1_000,
      users: 1,
      accepted: 4,
      failed: 0,
      p99Ms: 3,
      settled: { default: 3, fallback: 1 },
      backlog: 0,
    },
  ],
  metered,
  audit: { kind: 'none', reason: 'not audited here' },
  harnessCpuShare: 0.05,
};
const floor: Result = {
  ...gateway,
  entry: 'floor',
  latencies: { ...gateway.latencies, p99Ms: 2 },
  metered: { ...metered, cpuPerPaymentUs: 1_000 },
};

test('a report has the score, the perfect profit and every wrong check', () => {
  const text = reportLines(gateway).join('\n');
  // 59.70 less 5%, 19.90 less 15%, and the bonus of 3 ms less the fine.
  assert.match(text, /score +59\.64\n/);
  assert.match(text, '73.63 of 79.60, bonus 16.0%, fine 35.0%');
  assert.match(text, '75.62 (4 + 0): this run has 97.37% of it');
  assert.match(text, 'check at 20 s: off by 1 (default 3, there 3; fallback 1, there 2)');
  assert.match(text, '2.0% of periods throttled');
  assert.match(text, 'agree with the processors');
});

test('the report ends with the audit', () => {
  const sum = { count: 3, amountCents: 5_970 };
  const difference = {
    kind: 'charged-twice',
    state: 'wrong',
    correlationId: 'an-id',
    here: { status: 'settled', processor: 'default', amountCents: 1_990, requestedAt: null, attempts: 1 },
    there: [],
    why: '',
  } as const;
  const report: AuditReport = {
    verdict: 'differs',
    from: null,
    to: null,
    startedAt: '',
    tookMs: 1,
    settlesWithinMs: 1,
    processors: [
      { name: 'default', here: sum, there: { ...sum, count: 2 }, windows: [] },
      { name: 'fallback', here: sum, there: null, windows: [] },
    ],
    differences: [difference],
    differenceGroups: [],
    differenceCount: 4,
    lookedUpCount: 1,
    problems: ['Unread.'],
  };
  const text = reportLines({ ...gateway, audit: { kind: 'report', report } }).join('\n');
  const counts = 'default 3, there 2; fallback 3, there ?';
  assert.match(text, `audit              DIFFERS; ${counts}; 4 differ, such as charged-twice an-id; Unread.`);
  assert.match(reportLines(gateway).join('\n'), 'audit              not audited here');
});

test('the floor has no score', () => {
  const text = reportLines(floor).join('\n');
  assert.not.match(text, 'score');
  assert.match(text, '1000 µs');
});

test('gateway and floor are compared turn by turn', () => {
  const lines = comparisonLines([gateway, floor, gateway, { ...floor, latencies: gateway.latencies }]);
  assert.match(lines[1] ?? '', 'p99 3.00 ms / 2.00 ms = 1.50');
  assert.match(lines[1] ?? '', 'CPU 1500 µs / 1000 µs = 1.50');
  assert.match(lines[2] ?? '', 'p99 3.00 ms / 3.00 ms = 1.00');
  assert.match(lines[3] ?? '', 'median: p99 × 1.25, CPU per payment × 1.50');
});

test('other entries are compared, too, and all are shown by their medians', () => {
  const peer = { ...gateway, entry: '../peer/docker-compose.yml' as const };
  const lines = comparisonLines([gateway, floor, peer]);
  assert.ok(lines.includes('gateway / floor') && lines.includes('gateway / ../peer/docker-compose.yml'));
  assert.equal(
    lines.slice(-4).map((line) => line.split(':')[0]),
    ['medians of 1', '  gateway', '  floor', '  ../peer/docker-compose.yml'],
  );
  assert.match(lines.at(-1) ?? '', 'p99 3.00 ms, CPU 1500 µs');
  assert.match(lines.at(-1) ?? '', 'unsettled');
  assert.not.match(lines.at(-2) ?? '', 'unsettled');
  assert.match(reportLines(peer)[0] ?? '', ', ../peer/docker-compose.yml');
});

test('the page is self-contained', () => {
  const html = page([gateway, floor]);
  assert.not.match(html, /(src|href|url\()=?/);
  assert.is(html.match(/<svg/g)?.length, 8);
  assert.match(html, 'books off by 1');
  assert.match(html, 'light-dark(');
});

test.run();
