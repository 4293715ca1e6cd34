/** A problem of an instance, in sentences for the dashboard. */
export interface Condition {
  /** `critical`: payments wait or are refused because of it. `warning`: they may soon be, or they cost more. */
  readonly severity: 'critical' | 'warning';
  /** What is wrong. */
  readonly title: string;
  /** For how long; null: unknown. */
  readonly forMs: number | null;
  /** Accepted payments that wait because of it; null: it makes no payments wait. */
  readonly waiting: number | null;
  /** What it means for payments. */
  readonly effect: string;
  /** What to do. */
  readonly advice: string;
}

/** The state of one instance, from shared memory and the ledger's answers; conditions are derived from it. */
export interface Situation {
  readonly state: 'starting' | 'ready' | 'stopping';
  /** Accepted and not in the books yet. */
  readonly backlog: number;
  readonly backlogAgeMs: number;
  readonly ledger: {
    readonly kind: 'lmdb' | 'redis';
    /** Why it does not answer reads; null: it answers. */
    readonly unavailable: string | null;
    /** Time since the first failure after its last success; null: it works. */
    readonly failingForMs: number | null;
    readonly shardCount: number;
    /** Shards in which this instance can claim nothing now. */
    readonly shardsFailing: number;
    /** Whether payments are accepted only once the ledger has confirmed them. */
    readonly confirmsAcceptance: boolean;
    /** What the books are used for; null: not known yet. */
    readonly books: BooksUse | null;
  };
  /** Pool threads, and how many of them hold a valid lease. */
  readonly threads: { readonly count: number; readonly withLease: number };
  readonly journal: {
    readonly failingForMs: number | null;
    readonly usedSegments: number;
    readonly segmentCount: number;
  };
  readonly queue: { readonly size: number; readonly capacity: number };
  /** Cheapest first. */
  readonly processors: readonly ProcessorSituation[];
  /** The files that processors come from have changed, and cannot be put in force. */
  readonly credentialsOutdated: boolean;
  /** When the books are full, if they go on growing as they do; null: not known, or never. */
  readonly booksFullInMs: number | null;
  readonly failoverDelayMs: number;
  /** Payments of the deployment that operators hold. */
  readonly heldPayments: number;
  /** Processors that operators have added, and that this instance cannot open. */
  readonly processorsNotOpened: number;
  /** Webhooks that get no events until an operator enables them. */
  readonly webhooksDisabled: number;
}

/** The kinds of `BooksStatus` (`src/ledger/books-status.ts`). */
type BooksUse = 'in-use' | 'filling' | 'moved' | 'behind' | 'unproven';

interface ProcessorSituation {
  readonly name: string;
  /** For how long its breaker has been open or half-open; null: it is closed. */
  readonly openForMs: number | null;
  /** It refuses every request, by its last answers. */
  readonly isUnfit: boolean;
  /** How much longer it rests, as it has asked; null: it does not rest. */
  readonly restMs: number | null;
  /** An operator has paused it. */
  readonly isPaused: boolean;
}

/** A queue or journal counts as nearly full from this share on. */
const NEARLY_FULL = 0.8;
/** The same as in the alert BacklogOld. */
const OLD_MS = 60_000;
const DAY_MS = 86_400_000;
/** The same as in the alert BooksFull. */
const SOON_FULL_MS = 7 * DAY_MS;

const STILL_ACCEPTED = 'Payments are still accepted, but none are sent to a processor.';
const NOTHING_LOST = 'Nothing is lost: accepted payments are in the journal or the ledger.';
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

function processorConditions(situation: Situation): Condition[] {
  const { failoverDelayMs } = situation;
  const paused = situation.processors.filter(({ isPaused }) => isPaused);
  // What is wrong with a paused processor makes no payments wait.
  const processors = situation.processors.filter(({ isPaused }) => !isPaused);
  const goElsewhere = `Payments wait up to ${failoverDelayMs / 1000} s for a cheaper processor that fails, then go to a more expensive one that works.`;
  const open = processors.flatMap((processor) =>
    processor.openForMs === null ? [] : [{ ...processor, openForMs: processor.openForMs }],
  );
  const failing = open.filter(({ isUnfit, restMs }) => !isUnfit && restMs === null);
  return [
    ...(processors.length === 0 ? [allPaused(situation)] : []),
    ...(processors.length > 0 && open.length === processors.length
      ? [allFail(situation, open, paused.length)]
      : []),
    ...(processors.length > 0 ? paused.map(onePaused) : []),
    ...open.filter(({ isUnfit }) => isUnfit).map((processor) => unfit(processor, goElsewhere)),
    ...open
      .filter(({ isUnfit, restMs }) => !isUnfit && restMs !== null)
      .map((processor) => resting(processor, goElsewhere)),
    ...(open.length < processors.length && failing.length > 0 ? [someFail(failing, goElsewhere)] : []),
    ...(situation.processorsNotOpened > 0 ? [notOpened(situation)] : []),
  ];
}

function notOpened({ processorsNotOpened: count }: Situation): Condition {
  return {
    severity: 'warning',
    title: `${count === 1 ? 'A processor that was' : `${count} processors that were`} added cannot be opened here`,
    forMs: null,
    waiting: null,
    effect:
      'This instance sends nothing there, and refuses amounts that only it takes. Other instances may use it.',
    advice:
      'The log of this instance says why (cannot be opened here): a credential or a contract is missing on its machine, for example. It is tried again every 5 seconds.',
  };
}

type OpenProcessor = ProcessorSituation & { readonly openForMs: number };

function allPaused({ backlog }: Situation): Condition {
  return {
    severity: 'critical',
    title: 'Every processor is paused',
    forMs: null,
    waiting: backlog,
    effect: `Payments are still accepted, and wait until a processor is resumed. ${NOTHING_LOST}`,
    advice: 'Resume one here, or with dinossauro processors resume.',
  };
}

function onePaused({ name }: ProcessorSituation): Condition {
  return {
    severity: 'warning',
    title: `${name} is paused`,
    forMs: null,
    waiting: null,
    effect:
      'Payments go to the other processors, and those whose amounts only it takes wait. It is still asked about payments in doubt.',
    advice: `Resume it here, or with dinossauro processors resume ${name}; dinossauro processors says who paused it and why.`,
  };
}

function unfit({ name, openForMs }: OpenProcessor, goElsewhere: string): Condition {
  return {
    severity: 'warning',
    title: `${name} refuses every request`,
    forMs: openForMs,
    waiting: null,
    effect: `None of its payments is rejected. ${goElsewhere}`,
    advice: `Check its URL, its credentials and its contract in the settings; its card and the log of this instance (breaker open) have its answer. It is probed, and gets payments again once it takes one.`,
  };
}

function resting({ name, openForMs, restMs }: OpenProcessor, goElsewhere: string): Condition {
  return {
    severity: 'warning',
    title: `${name} has asked for a rest`,
    forMs: openForMs,
    waiting: null,
    effect: `Nothing is sent to it for another ${Math.ceil((restMs ?? 0) / 1000)} s, not even questions about payments in doubt. ${goElsewhere}`,
    advice: `Wait. If it asks again and again, ask its operators how many requests it takes. RETRY_AFTER_MAX_MS limits the rest.`,
  };
}

/** `forMs`: since the last one began to fail. */
function allFail({ backlog }: Situation, open: readonly OpenProcessor[], pausedCount: number): Condition {
  return {
    severity: 'critical',
    title: allFailing(open.length, pausedCount),
    forMs: Math.min(...open.map(({ openForMs }) => openForMs)),
    waiting: backlog,
    effect: `Payments are still accepted, and wait until a processor recovers. ${NOTHING_LOST}`,
    advice: `Contact the operators of ${namesOf(open)}, and check the network in between. Every processor is probed, and processing resumes once one works.`,
  };
}

function someFail(failing: readonly OpenProcessor[], goElsewhere: string): Condition {
  const names = namesOf(failing);
  return {
    severity: 'warning',
    title: `${names} ${failing.length === 1 ? 'is' : 'are'} failing`,
    forMs: Math.min(...failing.map(({ openForMs }) => openForMs)),
    waiting: null,
    effect: goElsewhere,
    advice: `Contact the operators of ${names}. A processor that recovers gets payments again by itself.`,
  };
}

function namesOf(processors: readonly OpenProcessor[]): string {
  return listed(processors.map(({ name }) => name));
}

function allFailing(count: number, pausedCount: number): string {
  if (pausedCount > 0) return 'Every processor that is not paused is failing';
  if (count === 1) return 'The only processor is failing';
  return count === 2 ? 'Both processors are failing' : `All ${count} processors are failing`;
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

/** `a`, `a and b`, `a, b and c`. */
function listed(names: readonly string[]): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} and ${last}`;
}
