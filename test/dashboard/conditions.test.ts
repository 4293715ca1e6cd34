import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { canClaim, conditions } from '../../src/dashboard/conditions.ts';
import type { Condition, Situation } from '../../src/dashboard/situation.ts';

const WELL_DEFAULT = { name: 'default', openForMs: null, isUnfit: false, restMs: null, isPaused: false };
const WELL: Situation = {
  processorsNotOpened: 0,
  state: 'ready',
  backlog: 0,
  backlogAgeMs: 0,
  ledger: {
    kind: 'redis',
    unavailable: null,
    failingForMs: null,
    shardCount: 1,
    shardsFailing: 0,
    confirmsAcceptance: false,
    books: 'in-use',
  },
  threads: { count: 2, withLease: 2 },
  journal: { failingForMs: null, usedSegments: 1, segmentCount: 64 },
  queue: { size: 0, capacity: 1000 },
  processors: [WELL_DEFAULT, { ...WELL_DEFAULT, name: 'fallback' }],
  credentialsOutdated: false,
  booksFullInMs: null,
  failoverDelayMs: 2000,
  heldPayments: 0,
  webhooksDisabled: 0,
};

function only(change: Partial<Situation>): Condition {
  const found = conditions({ ...WELL, ...change });
  assert.is(found.length, 1, JSON.stringify(found));
  return found[0] as Condition;
}

const one = suite('one condition');

one('a healthy instance has none', () => {
  assert.equal(conditions(WELL), []);
  assert.ok(canClaim(WELL));
  assert.equal(conditions({ ...WELL, backlog: 900, backlogAgeMs: 50_000 }), [], 'a young backlog');
});

interface Row {
  readonly what: string;
  readonly change: Partial<Situation>;
  readonly severity: Condition['severity'];
  readonly title: string;
  readonly forMs: number | null;
  readonly waiting: number | null;
  /** Found in effect or advice. */
  readonly says: readonly RegExp[];
  readonly canClaim: boolean;
}

const { ledger, journal } = WELL;
const LOST = /Nothing is lost/;
const ROWS: readonly Row[] = [
  {
    what: 'Redis is down',
    change: { backlog: 10_791, ledger: { ...ledger, unavailable: 'ECONNREFUSED', failingForMs: 90_000 } },
    severity: 'critical',
    title: 'The ledger does not answer: ECONNREFUSED',
    forMs: 90_000,
    waiting: 10_791,
    says: [/still accepted/, /none are sent to a processor/, LOST, /Check that Redis is running/],
    canClaim: false,
  },
  {
    what: 'a master of Redis is down',
    change: {
      backlog: 700,
      ledger: {
        ...ledger,
        unavailable: 'shard 3 of 16: ECONNREFUSED',
        failingForMs: 900,
        shardCount: 16,
        shardsFailing: 5,
      },
    },
    severity: 'critical',
    title: '5 of the 16 shards of the ledger do not answer',
    forMs: 900,
    waiting: 700,
    says: [/Their payments wait/, /summaries are refused/, /other shards are processed/, LOST, /each master/],
    canClaim: true,
  },
  {
    what: 'every master of Redis is down',
    change: {
      ledger: { ...ledger, unavailable: 'gone', failingForMs: 900, shardCount: 16, shardsFailing: 16 },
    },
    severity: 'critical',
    title: 'The ledger does not answer: gone',
    forMs: 900,
    waiting: 0,
    says: [/none are sent to a processor/],
    canClaim: false,
  },
  {
    what: 'Redis is full: it still answers reads',
    change: { backlog: 10_791, ledger: { ...ledger, failingForMs: 1000 } },
    severity: 'critical',
    title: 'The ledger answers, but refuses writes',
    forMs: 1000,
    waiting: 10_791,
    says: [/still accepted/, LOST, /maxmemory/],
    canClaim: false,
  },
  {
    what: 'the disk under LMDB is full',
    change: { ledger: { ...ledger, kind: 'lmdb', failingForMs: 1000 } },
    severity: 'critical',
    title: 'The ledger answers, but refuses writes',
    forMs: 1000,
    waiting: 0,
    says: [LOST, /free space on the disk of LEDGER_URL/],
    canClaim: false,
  },
  {
    what: 'payments are accepted only once the ledger confirms them',
    change: { ledger: { ...ledger, failingForMs: 1000, confirmsAcceptance: true } },
    severity: 'critical',
    title: 'The ledger answers, but refuses writes',
    forMs: 1000,
    waiting: 0,
    says: [/^New payments are refused/, LOST],
    canClaim: false,
  },
  {
    what: 'the books are a restored copy',
    change: { backlog: 3, ledger: { ...ledger, books: 'behind' } },
    severity: 'critical',
    title: 'The books are a restored copy, and may not know every charge',
    forMs: null,
    waiting: 3,
    says: [/none are sent/, LOST, /audit --adopt/],
    canClaim: false,
  },
  {
    what: 'restored books are unproven',
    change: { ledger: { ...ledger, books: 'unproven' } },
    severity: 'warning',
    title: 'The books are a restored copy, and processors may hold payments that they do not know',
    forMs: null,
    waiting: null,
    says: [/looked up/, /--ids/],
    canClaim: true,
  },
  {
    what: 'no thread has a lease',
    change: { backlog: 3, threads: { count: 2, withLease: 0 } },
    severity: 'critical',
    title: 'This instance has no valid lease, so it sends no payments',
    forMs: null,
    waiting: 3,
    says: [/none are sent/, LOST, /clock/],
    canClaim: false,
  },
  {
    what: 'one thread has no lease',
    change: { backlog: 3, threads: { count: 2, withLease: 1 } },
    severity: 'warning',
    title: '1 of 2 pool threads have no valid lease and send no payments',
    forMs: null,
    waiting: 3,
    says: [/fewer are sent/, LOST],
    canClaim: true,
  },
  {
    what: 'the journal cannot be written',
    change: { journal: { ...journal, failingForMs: 5000 } },
    severity: 'critical',
    title: 'New payments are refused: the journal cannot be written',
    forMs: 5000,
    waiting: null,
    says: [/503/, LOST, /JOURNAL_DIR/],
    canClaim: true,
  },
  {
    what: 'the journal is full',
    change: { backlog: 9, journal: { failingForMs: 5000, usedSegments: 64, segmentCount: 64 } },
    severity: 'critical',
    title: 'New payments are refused: the journal is full',
    forMs: 5000,
    waiting: 9,
    says: [/503/, LOST, /JOURNAL_SEGMENTS/],
    canClaim: true,
  },
  {
    what: 'the journal is nearly full',
    change: { backlog: 9, journal: { ...journal, usedSegments: 52 } },
    severity: 'warning',
    title: 'The journal is nearly full: 52 of 64 segments are in use',
    forMs: null,
    waiting: 9,
    says: [/503/, /JOURNAL_SEGMENTS/],
    canClaim: true,
  },
  {
    what: 'one processor fails',
    change: {
      backlog: 9,
      processors: [{ ...WELL_DEFAULT, name: 'default', openForMs: 7000 }, WELL.processors[1] as never],
    },
    severity: 'warning',
    title: 'default is failing',
    forMs: 7000,
    waiting: null,
    says: [/up to 2 s/, /Contact the operators of default/],
    canClaim: true,
  },
  {
    what: 'one processor refuses every request',
    change: {
      backlog: 9,
      processors: [{ ...WELL_DEFAULT, openForMs: 7000, isUnfit: true }, WELL.processors[1] as never],
    },
    severity: 'warning',
    title: 'default refuses every request',
    forMs: 7000,
    waiting: null,
    says: [/None of its payments is rejected/, /up to 2 s/, /Check its URL, its credentials/],
    canClaim: true,
  },
  {
    what: 'one processor rests',
    change: {
      backlog: 9,
      processors: [{ ...WELL_DEFAULT, openForMs: 7000, restMs: 12_400 }, WELL.processors[1] as never],
    },
    severity: 'warning',
    title: 'default has asked for a rest',
    forMs: 7000,
    waiting: null,
    says: [/another 13 s/, /up to 2 s/, /RETRY_AFTER_MAX_MS/],
    canClaim: true,
  },
  {
    what: 'both processors fail, since the second one began to',
    change: {
      backlog: 9,
      processors: [
        { ...WELL_DEFAULT, name: 'default', openForMs: 7000 },
        { ...WELL_DEFAULT, name: 'fallback', openForMs: 4000 },
      ],
    },
    severity: 'critical',
    title: 'Both processors are failing',
    forMs: 4000,
    waiting: 9,
    says: [/still accepted/, LOST, /default and fallback/],
    canClaim: true,
  },
  {
    what: 'the only processor fails',
    change: { processors: [{ ...WELL_DEFAULT, name: 'default', openForMs: 7000 }] },
    severity: 'critical',
    title: 'The only processor is failing',
    forMs: 7000,
    waiting: 0,
    says: [LOST],
    canClaim: true,
  },
  {
    what: 'all of three processors fail',
    change: { processors: ['a', 'b', 'c'].map((name) => ({ ...WELL_DEFAULT, name, openForMs: 1 })) },
    severity: 'critical',
    title: 'All 3 processors are failing',
    forMs: 1,
    waiting: 0,
    says: [/a, b and c/],
    canClaim: true,
  },
  {
    what: 'the queue is nearly full',
    change: { backlog: 850, queue: { size: 850, capacity: 1000 } },
    severity: 'warning',
    title: 'The queue is 85% full',
    forMs: null,
    waiting: 850,
    says: [/503/, /QUEUE_CAPACITY/],
    canClaim: true,
  },
  {
    what: 'the queue is full',
    change: { backlog: 1000, queue: { size: 1000, capacity: 1000 } },
    severity: 'critical',
    title: 'New payments are refused: the queue is full',
    forMs: null,
    waiting: 1000,
    says: [/503/, LOST],
    canClaim: true,
  },
  {
    what: 'the instance is starting',
    change: { state: 'starting', threads: { count: 2, withLease: 0 } },
    severity: 'warning',
    title: 'This instance is starting',
    forMs: null,
    waiting: 0,
    says: [/wait until its pool threads are ready/],
    canClaim: false,
  },
  {
    what: 'the instance is stopping',
    change: { state: 'stopping', backlog: 4, threads: { count: 2, withLease: 0 } },
    severity: 'warning',
    title: 'This instance is stopping',
    forMs: null,
    waiting: 4,
    says: [LOST, /JOURNAL_DIR/],
    canClaim: false,
  },
  {
    what: 'the backlog is old for no other reason',
    change: { backlog: 4, backlogAgeMs: 61_000 },
    severity: 'warning',
    title: 'Payments have been waiting for more than a minute',
    forMs: null,
    waiting: 4,
    says: [LOST],
    canClaim: true,
  },
];

for (const { what, change, severity, title, forMs, waiting, says, canClaim: may } of ROWS) {
  one(what, () => {
    const found = only(change);
    assert.equal(
      { severity: found.severity, title: found.title, forMs: found.forMs, waiting: found.waiting },
      { severity, title, forMs, waiting },
    );
    for (const text of says) assert.match(`${found.effect} ${found.advice}`, text);
    for (const text of [found.effect, found.advice]) assert.match(text, /^[A-Z].*[.]$/);
    assert.is(canClaim({ ...WELL, ...change }), may);
  });
}
one.run();

const several = suite('several conditions');

several('what waits for an operator is named', () => {
  const titles = (change: Partial<Situation>) =>
    conditions({ ...WELL, ...change }).map(({ severity, title }) => `${severity}: ${title}`);
  const DAY_MS = 86_400_000;
  assert.equal(titles({ booksFullInMs: 7 * DAY_MS }), []);
  for (const [ms, when] of [
    [6.9 * DAY_MS, 'in 6 days'],
    [1.5 * DAY_MS, 'in 1 day'],
    [DAY_MS - 1, 'within a day'],
  ] as const)
    assert.equal(titles({ booksFullInMs: ms }), [
      `warning: The books are full ${when}, if they go on growing as in the last hour`,
    ]);
  assert.equal(titles({ credentialsOutdated: true }), [
    'warning: The files of the processors have changed, and cannot be put in force',
  ]);
  assert.equal(titles({ heldPayments: 1, webhooksDisabled: 1 }), [
    'warning: A webhook is disabled',
    'warning: A payment is held',
  ]);
  assert.equal(titles({ heldPayments: 2, webhooksDisabled: 3 }), [
    'warning: 3 webhooks are disabled',
    'warning: 2 payments are held',
  ]);
});

several('critical conditions come first', () => {
  const found = conditions({
    ...WELL,
    processors: [{ ...WELL_DEFAULT, name: 'default', openForMs: 9 }, WELL.processors[1] as never],
    ledger: { ...ledger, failingForMs: 1 },
    queue: { size: 1000, capacity: 1000 },
  });
  assert.equal(
    found.map(({ severity }) => severity),
    ['critical', 'critical', 'warning'],
  );
});

several('a processor that refuses every request or rests is named beside those that fail', () => {
  const processors = [
    { ...WELL_DEFAULT, name: 'a', openForMs: 9, isUnfit: true, restMs: 100 },
    { ...WELL_DEFAULT, name: 'b', openForMs: 9, restMs: 100 },
    { ...WELL_DEFAULT, name: 'c', openForMs: 9 },
  ];
  const titles = (situation: Situation) => conditions(situation).map(({ title }) => title);
  const [unfit, rests] = ['a refuses every request', 'b has asked for a rest'];
  assert.equal(titles({ ...WELL, processors }), ['All 3 processors are failing', unfit, rests]);
  const more = [...processors, { ...WELL_DEFAULT, name: 'd' }];
  assert.equal(titles({ ...WELL, processors: more }), [unfit, rests, 'c is failing']);
});

several('a paused processor is named, and whether it fails does not matter', () => {
  const paused = { ...WELL_DEFAULT, name: 'a', isPaused: true };
  const found = (...processors: Situation['processors']) =>
    conditions({ ...WELL, processors }).map(({ severity, title }) => `${severity}: ${title}`);
  assert.equal(found(paused, WELL_DEFAULT), ['warning: a is paused']);
  assert.equal(found({ ...paused, openForMs: 9, isUnfit: true }, WELL_DEFAULT), ['warning: a is paused']);
  assert.equal(found(paused, { ...WELL_DEFAULT, openForMs: 9 }), [
    'critical: Every processor that is not paused is failing',
    'warning: a is paused',
  ]);
  assert.equal(found(paused, { ...paused, name: 'b' }), ['critical: Every processor is paused']);
});

several('consequences of a critical condition are not listed beside it', () => {
  const away = { ...ledger, unavailable: 'away', failingForMs: 90_000 };
  const starting = conditions({
    ...WELL,
    state: 'starting',
    ledger: away,
    threads: { count: 2, withLease: 0 },
  });
  const waiting = conditions({ ...WELL, ledger: away, backlog: 9, backlogAgeMs: 90_000 });
  for (const found of [starting, waiting]) {
    assert.equal(
      found.map(({ title }) => title),
      ['The ledger does not answer: away'],
    );
  }
});
several.run();
