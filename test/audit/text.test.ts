import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AuditReport } from '../../src/audit/report.ts';
import { reportLines } from '../../src/audit/text.ts';

const AGREES: AuditReport = {
  verdict: 'agrees',
  from: null,
  to: null,
  startedAt: '2025-07-15T12:00:00.000Z',
  tookMs: 1830,
  settlesWithinMs: 52_000,
  processors: [
    {
      name: 'default',
      here: { count: 1, amountCents: 1990 },
      there: { count: 1, amountCents: 1990 },
      windows: [],
    },
  ],
  differences: [],
  differenceCount: 0,
  differenceGroups: [],
  lookedUpCount: 0,
  problems: [],
};

test('four lines for books that agree', () => {
  assert.equal(reportLines(AGREES, false), [
    'AGREES: the books are the same on both sides',
    '  from the beginning to 2025-07-15T12:00:00.000Z',
    '  default: 1 payment of 19.90 on both sides',
    '  0 payments looked up, 1.8 s',
  ]);
});

test('shows differences with both sides, and at the end why it is incomplete', () => {
  const stamp = '2025-07-15T11:50:15.625Z';
  const here = {
    status: 'settled',
    processor: 'default',
    amountCents: 1990,
    requestedAt: stamp,
    attempts: 1,
  };
  const report: AuditReport = {
    ...AGREES,
    verdict: 'differs',
    from: '2025-07-15T00:00:00.000Z',
    to: '2025-07-16T00:00:00.000Z',
    processors: [
      {
        name: 'default',
        here: { count: 31, amountCents: 61_690 },
        there: { count: 30, amountCents: 60_000 },
        windows: [
          {
            from: stamp,
            to: stamp,
            here: { count: 3, amountCents: 5970 },
            there: { count: 2, amountCents: 4280 },
            listed: { count: 2, amountCents: 3980 },
            remainder: { count: -1, amountCents: -1690 },
            state: 'wrong',
          },
        ],
      },
      { name: 'fallback', here: { count: 0, amountCents: 0 }, there: null, windows: [] },
    ],
    differences: [
      {
        kind: 'charged-twice',
        state: 'wrong',
        correlationId: 'an-id',
        here: { ...here, status: 'settled' },
        there: [
          { processor: 'default', amountCents: 1990, requestedAt: stamp },
          { processor: 'fallback', amountCents: 1990, requestedAt: stamp },
        ],
        why: 'CHARGED TWICE.',
      },
      {
        kind: 'only-there',
        state: 'wrong',
        correlationId: 'another',
        here: { ...here, status: 'accepted', processor: null, requestedAt: null },
        there: [],
        why: 'Because.',
      },
    ],
    differenceCount: 5,
    differenceGroups: [
      {
        kind: 'charged-twice',
        state: 'wrong',
        processors: ['default', 'fallback'],
        count: 1,
        amountCents: 1990,
      },
      { kind: 'only-there', state: 'wrong', processors: [], count: 4, amountCents: 7960 },
    ],
    lookedUpCount: 9,
    problems: ['The totals of `fallback` could not be read.'],
  };
  const lines = reportLines(report, false);
  assert.equal(lines, [
    'DIFFERS: something is wrong',
    '  from 2025-07-15T00:00:00.000Z to 2025-07-16T00:00:00.000Z',
    '  default: 31 payments of 616.90 here, 30 payments of 600.00 there',
    `    ${stamp} to ${stamp}: 3 payments of 59.70 here, 2 payments of 42.80 there; our payments add up to 2 payments of 39.80; none of our payments explains -1 payments of -16.90 (wrong)`,
    '  fallback: 0 payments of 0.00 here, not readable there',
    '  charged-twice (wrong) at default and fallback: 1 payment of 19.90',
    '    an-id: CHARGED TWICE.',
    `      here settled at default, 19.90 at ${stamp}; held by default, 19.90 at ${stamp}; held by fallback, 19.90 at ${stamp}`,
    '  only-there (wrong): 4 payments of 79.60',
    '    another: Because.',
    '      here accepted, 19.90; nothing there',
    '    and 3 more',
    '  use --all to list every one, or --json for programs',
    '  incomplete: The totals of `fallback` could not be read.',
    '  9 payments looked up, 1.8 s',
  ]);
});

/** The report on a processor that has lost all of `count` payments, each in a period of its own. */
function lost(count: number): AuditReport {
  const stampAt = (index: number) => new Date(Date.UTC(2025, 6, 15) + index).toISOString();
  const all = { count, amountCents: count * 1990 };
  const none = { count: 0, amountCents: 0 };
  const one = { count: 1, amountCents: 1990 };
  const numbers = Array.from({ length: count }, (_, index) => index);
  return {
    ...AGREES,
    verdict: 'differs',
    processors: [
      {
        name: 'default',
        here: all,
        there: none,
        windows: numbers.map((index) => ({
          from: stampAt(index),
          to: stampAt(index),
          here: one,
          there: none,
          listed: one,
          remainder: none,
          state: 'explained',
        })),
      },
    ],
    differences: numbers.map((index) => ({
      kind: 'only-here',
      state: 'wrong',
      correlationId: `id-${index}`,
      here: {
        status: 'settled',
        processor: 'default',
        amountCents: 1990,
        requestedAt: stampAt(index),
        attempts: 1,
      },
      there: [],
      why: 'Gone.',
    })),
    differenceCount: count,
    differenceGroups: [{ kind: 'only-here', state: 'wrong', processors: ['default'], ...all }],
    lookedUpCount: count,
  };
}

test('sums up similar differences, with the first few', () => {
  assert.equal(reportLines(lost(737), false), [
    'DIFFERS: something is wrong',
    '  from the beginning to 2025-07-15T12:00:00.000Z',
    '  default: 737 payments of 14666.30 here, 0 payments of 0.00 there',
    '    737 periods within 2025-07-15T00:00:00.000Z to 2025-07-15T00:00:00.736Z: 737 payments of 14666.30 here, 0 payments of 0.00 there (explained)',
    '  only-here (wrong) at default: 737 payments of 14666.30',
    ...[0, 1, 2].flatMap((index) => [
      `    id-${index}: Gone.`,
      `      here settled at default, 19.90 at 2025-07-15T00:00:00.00${index}Z; nothing there`,
    ]),
    '    and 734 more',
    '  use --all to list every one, or --json for programs',
    '  737 payments looked up, 1.8 s',
  ]);
});

test('lists up to three of a kind, and all on request', () => {
  assert.not.match(reportLines(lost(3), false).join('\n'), /more|--all|periods/);
  const lines = reportLines(lost(737), true);
  assert.is(lines.length, 3 + 737 + 1 + 2 * 737 + 1);
  const bounded = { ...lost(737), differences: lost(200).differences };
  assert.ok(reportLines(bounded, true).includes('    and 537 more, not included in the report'));
});

test.run();
