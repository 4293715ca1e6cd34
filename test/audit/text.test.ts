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
  lookedUpCount: 0,
  problems: [],
};

test('books that agree take four lines', () => {
  assert.equal(reportLines(AGREES), [
    'AGREES: the books are the same on both sides',
    '  from the beginning to 2025-07-15T12:00:00.000Z',
    '  default: 1 payment of 19.90 on both sides',
    '  0 payments looked up, 1.8 s',
  ]);
});

test('what differs is said with both sides, and what is not known at the end', () => {
  const stamp = '2025-07-15T11:50:15.625Z';
  const here = {
    status: 'settled',
    processor: 'default',
    amountCents: 1990,
    requestedAt: stamp,
    attempts: 1,
  };
  const lines = reportLines({
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
    lookedUpCount: 9,
    problems: ['The totals of `fallback` are unread.'],
  });
  assert.equal(lines, [
    'DIFFERS: something is wrong',
    '  from 2025-07-15T00:00:00.000Z to 2025-07-16T00:00:00.000Z',
    '  default: 31 payments of 616.90 here, 30 payments of 600.00 there',
    `    ${stamp} to ${stamp}: 3 payments of 59.70 here, 2 payments of 42.80 there; our payments are 2 payments of 39.80; no payment of ours explains -1 payments of -16.90 (wrong)`,
    '  fallback: 0 payments of 0.00 here, unread there',
    '  charged-twice (wrong) an-id',
    '    CHARGED TWICE.',
    `    here settled at default, 19.90 for ${stamp}; at default 19.90 for ${stamp}; at fallback 19.90 for ${stamp}`,
    '  only-there (wrong) another',
    '    Because.',
    '    here accepted, 19.90; there nothing',
    '  and 3 more',
    '  not known: The totals of `fallback` are unread.',
    '  9 payments looked up, 1.8 s',
  ]);
});

test.run();
