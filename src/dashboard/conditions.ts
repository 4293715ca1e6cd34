import { processorConditions } from './processor-conditions.ts';
import { type BooksUse, type Condition, NOTHING_LOST, type Situation } from './situation.ts';

/** A queue or journal counts as nearly full from this share on. */
const NEARLY_FULL = 0.8;
/** The same as in the alert BacklogOld. */
const OLD_MS = 60_000;
const DAY_MS = 86_400_000;
/** The same as in the alert BooksFull. */
const SOON_FULL_MS = 7 * DAY_MS;

const STILL_ACCEPTED = 'Payments are still accepted, but none are sent to a processor.';
const BY_ITSELF = 'Processing resumes by itself once it works again.';

/** What is wrong with an instance, worst first; empty: nothing. */
export function conditions(situation: Situation): Condition[] {
  const found = [
    ...booksConditions(situation),
    ...ledgerConditions(situation),
    ...journalConditions(situation),
    ...processorConditions(situation),
    ...queueConditions(situation),
    ...sizeConditions(situation),
    ...operatorConditions(situation),
  ];
  const { state } = situation;
  if (state === 'stopping') found.push(stopping(situation));
  // An instance whose threads wait for the ledger or a lease counts as starting, but the cause is already listed.
  else if (state === 'starting' && !isCritical(found)) found.push(starting(situation));
  if (!isCritical(found) && situation.backlogAgeMs > OLD_MS) found.push(backlogOld(situation));
  return found.sort((one, other) => weightOf(other) - weightOf(one));
}

/** Whether any payment can be sent: a claim needs a ledger that accepts writes, and a thread with a lease. */
export function canClaim({ state, ledger, threads }: Situation): boolean {
  const isFrozen = ledger.books !== null && FROZEN[ledger.books] !== null;
  const isWorking = ledger.failingForMs === null || failsInPart(ledger);
  return state === 'ready' && isWorking && threads.withLease > 0 && !isFrozen;
}

/** What is wrong with books that are frozen, and what to do. */
const FROZEN: Readonly<Record<BooksUse, readonly [title: string, advice: string] | null>> = {
  'in-use': null,
  unproven: null,
  filling: [
    'The books are being filled by an import or a migration',
    'Run the command that fills them again until it has finished.',
  ],
  moved: ['The books were moved', 'Start this instance with the LEDGER_URL that its log names.'],
  behind: [
    'The books are a restored copy, and may not know every charge',
    'Run dinossauro audit --adopt, which compares them with the processors (docs/books.md).',
  ],
};

function booksConditions({ ledger: { books }, backlog }: Situation): Condition[] {
  if (books === 'unproven') {
    return [
      {
        severity: 'warning',
        title: 'The books are a restored copy, and processors may hold payments that they do not know',
        forMs: null,
        waiting: null,
        effect: 'Each new payment is looked up at every processor before it is sent, which takes longer.',
        advice: 'Run dinossauro audit --adopt, if possible with --ids (docs/books.md).',
      },
    ];
  }
  const frozen = books === null ? null : FROZEN[books];
  if (frozen === null) return [];
  const [title, advice] = frozen;
  const effect = `${STILL_ACCEPTED} ${NOTHING_LOST}`;
  return [{ severity: 'critical', title, forMs: null, waiting: backlog, effect, advice }];
}

function failsInPart({ shardCount, shardsFailing }: Situation['ledger']): boolean {
  return shardsFailing > 0 && shardsFailing < shardCount;
}

function ledgerConditions(situation: Situation): Condition[] {
  const { ledger, threads, state, backlog } = situation;
  const { kind, unavailable, failingForMs, confirmsAcceptance } = ledger;
  const accepted = confirmsAcceptance
    ? 'New payments are refused, and none are sent to a processor.'
    : STILL_ACCEPTED;
  const critical = { severity: 'critical', waiting: backlog } as const;
  if (failsInPart(ledger)) {
    const { shardsFailing, shardCount } = ledger;
    return [
      {
        ...critical,
        title: `${shardsFailing} of the ${shardCount} shards of the ledger ${shardsFailing === 1 ? 'does' : 'do'} not answer`,
        forMs: failingForMs,
        effect: `Their payments ${confirmsAcceptance ? 'are refused' : 'wait'}, and summaries are refused; the payments of the other shards are processed. ${NOTHING_LOST}`,
        advice: `Check that each master of Redis is running, and that this machine can reach it; the log of this instance names the shards and the reason. ${BY_ITSELF}`,
      },
    ];
  }
  if (unavailable !== null) {
    return [
      {
        ...critical,
        title: `The ledger does not answer: ${unavailable}`,
        forMs: failingForMs,
        effect: `${accepted} ${NOTHING_LOST}`,
        advice:
          kind === 'redis'
            ? `Check that Redis is running at the address in LEDGER_URL, and that this machine can reach it. ${BY_ITSELF}`
            : `Check the directory in LEDGER_URL: permissions and free space. ${BY_ITSELF}`,
      },
    ];
  }
  if (failingForMs !== null) {
    return [
      {
        ...critical,
        title: 'The ledger answers, but refuses writes',
        forMs: failingForMs,
        effect: `${accepted} ${NOTHING_LOST}`,
        advice:
          kind === 'redis'
            ? `Check the memory limit of Redis (maxmemory), its disk and its replicas; the log of this instance has the reason. ${BY_ITSELF}`
            : `Check the free space on the disk of LEDGER_URL; the log of this instance has the reason. ${BY_ITSELF}`,
      },
    ];
  }
  const withoutLease = threads.count - threads.withLease;
  if (state !== 'ready' || withoutLease === 0) return [];
  const isAll = threads.withLease === 0;
  return [
    {
      severity: isAll ? 'critical' : 'warning',
      title: isAll
        ? 'This instance has no valid lease, so it sends no payments'
        : `${withoutLease} of ${threads.count} pool threads have no valid lease and send no payments`,
      forMs: null,
      waiting: backlog,
      effect: `${STILL_ACCEPTED.replace('none are', isAll ? 'none are' : 'fewer are')} ${NOTHING_LOST}`,
      advice:
        'A lease is renewed within seconds. If this lasts, check the clock and the CPU load of this machine.',
    },
  ];
}

function journalConditions({ journal, backlog }: Situation): Condition[] {
  const { failingForMs, usedSegments, segmentCount } = journal;
  if (failingForMs !== null) {
    const isFull = usedSegments >= segmentCount;
    return [
      {
        severity: 'critical',
        title: isFull
          ? 'New payments are refused: the journal is full'
          : 'New payments are refused: the journal cannot be written',
        forMs: failingForMs,
        waiting: isFull ? backlog : null,
        effect: `Clients get 503 with Retry-After. ${NOTHING_LOST}`,
        advice: isFull
          ? 'It empties as payments reach the ledger: check the other conditions listed here. JOURNAL_SEGMENTS sets its size.'
          : 'Check the disk of JOURNAL_DIR: free space and permissions; the log of this instance has the reason. This clears with the next payment that can be written.',
      },
    ];
  }
  if (usedSegments < segmentCount * NEARLY_FULL) return [];
  return [
    {
      severity: 'warning',
      title: `The journal is nearly full: ${usedSegments} of ${segmentCount} segments are in use`,
      forMs: null,
      waiting: backlog,
      effect: 'When it is full, new payments are refused with 503.',
      advice: 'It empties as payments reach the ledger. JOURNAL_SEGMENTS sets its size.',
    },
  ];
}

function queueConditions({ queue, backlog }: Situation): Condition[] {
  const { size, capacity } = queue;
  if (size < capacity * NEARLY_FULL) return [];
  const isFull = size >= capacity;
  return [
    {
      severity: isFull ? 'critical' : 'warning',
      title: isFull
        ? 'New payments are refused: the queue is full'
        : `The queue is ${Math.floor((100 * size) / capacity)}% full`,
      forMs: null,
      waiting: backlog,
      effect: isFull
        ? `Clients get 503 with Retry-After. ${NOTHING_LOST}`
        : 'When it is full, new payments are refused with 503.',
      advice:
        'Payments arrive faster than processors take them: check the other conditions listed here. QUEUE_CAPACITY sets its size.',
    },
  ];
}

function sizeConditions({ booksFullInMs, ledger }: Situation): Condition[] {
  if (booksFullInMs === null || booksFullInMs >= SOON_FULL_MS) return [];
  const days = Math.floor(booksFullInMs / DAY_MS);
  const when = days === 0 ? 'within a day' : `in ${days} ${days === 1 ? 'day' : 'days'}`;
  return [
    {
      severity: 'warning',
      title: `The books are full ${when}, if they go on growing as in the last hour`,
      forMs: null,
      waiting: null,
      effect:
        'Once they are full, no payment is claimed: payments wait in the journals, and are refused when these are full, too.',
      advice: `Give ${ledger.kind === 'redis' ? 'Redis more maxmemory' : 'LMDB a larger disk'}, or set a shorter RETENTION (docs/books.md).`,
    },
  ];
}

/** What an operator has to decide. */
function operatorConditions({ credentialsOutdated, heldPayments, webhooksDisabled }: Situation): Condition[] {
  const found: Condition[] = [];
  if (credentialsOutdated) {
    found.push({
      severity: 'warning',
      title: 'The files of the processors have changed, and cannot be put in force',
      forMs: null,
      waiting: null,
      effect:
        'The credentials that were read before stay in force, and payments go on with them for as long as the processors accept them.',
      advice:
        'The log of this instance says what is wrong (the processors cannot be read again). Correct the file; it is read again by itself. If more than credentials was to change, restart this instance.',
    });
  }
  if (webhooksDisabled > 0) {
    found.push({
      severity: 'warning',
      title: webhooksDisabled === 1 ? 'A webhook is disabled' : `${webhooksDisabled} webhooks are disabled`,
      forMs: null,
      waiting: null,
      effect:
        'No events are posted there. They are kept for EVENTS_RETENTION, and no payment waits for them.',
      advice:
        'The page of webhooks says which, and why. Correct the cause, then enable the webhook there or with dinossauro webhooks enable.',
    });
  }
  if (heldPayments > 0) {
    found.push({
      severity: 'warning',
      title: heldPayments === 1 ? 'A payment is held' : `${heldPayments} payments are held`,
      forMs: null,
      waiting: null,
      effect: 'None of them is sent until an operator releases or cancels it. Other payments go on.',
      advice:
        'Look at them on the page of payments, or with dinossauro payments --status held; dinossauro actions says who holds them and why.',
    });
  }
  return found;
}

function stopping({ backlog }: Situation): Condition {
  return {
    severity: 'warning',
    title: 'This instance is stopping',
    forMs: null,
    waiting: backlog,
    effect: `It accepts no new payments, and waits for its calls in flight. ${NOTHING_LOST}`,
    advice: 'Payments that are still waiting are settled after its next start with the same JOURNAL_DIR.',
  };
}

function starting({ backlog, threads }: Situation): Condition {
  return {
    severity: 'warning',
    title: 'This instance is starting',
    forMs: null,
    waiting: backlog,
    effect: `Payments are accepted, and wait until its ${threads.count === 1 ? 'pool thread is' : 'pool threads are'} ready.`,
    advice: 'This takes a few seconds. If it lasts longer, check the log of this instance.',
  };
}

function backlogOld({ backlog }: Situation): Condition {
  return {
    severity: 'warning',
    title: 'Payments have been waiting for more than a minute',
    forMs: null,
    waiting: backlog,
    effect: NOTHING_LOST,
    advice:
      'Check the processors below: one may be slow, or payments may be in doubt at one that does not answer look-ups.',
  };
}

function isCritical(found: readonly Condition[]): boolean {
  return found.some(({ severity }) => severity === 'critical');
}

function weightOf({ severity }: Condition): number {
  return severity === 'critical' ? 1 : 0;
}
