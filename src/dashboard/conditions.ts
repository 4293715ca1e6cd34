/** Something about an instance that whoever looks at it should know, in sentences. */
export interface Condition {
  /** `critical`: payments wait or are refused because of it. `warning`: they may soon, or cost more. */
  readonly severity: 'critical' | 'warning';
  /** What is wrong. */
  readonly title: string;
  /** For how long; null where nothing tells. */
  readonly forMs: number | null;
  /** Accepted payments that wait because of it; null where none do. */
  readonly waiting: number | null;
  /** What it means, and that nothing is lost by it. */
  readonly effect: string;
  /** What to do. */
  readonly advice: string;
}

/** What conditions are made of: one instance at one moment, as shared memory and the ledger's answers show it. */
export interface Situation {
  readonly state: 'starting' | 'ready' | 'stopping';
  /** Accepted and not in the books yet. */
  readonly backlog: number;
  readonly backlogAgeMs: number;
  readonly ledger: {
    readonly kind: 'lmdb' | 'redis';
    /** Why it does not answer reads; null: it does. */
    readonly unavailable: string | null;
    /** How long ago its first failure was that no success has followed; null: there is none. */
    readonly failingForMs: number | null;
    /** Whether a payment is accepted only with the ledger's confirmation. */
    readonly confirmsAcceptance: boolean;
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
  readonly processors: readonly { readonly name: string; readonly openForMs: number | null }[];
  readonly failoverDelayMs: number;
}

/** From this share on a queue or a journal is called nearly full. */
const NEARLY_FULL = 0.8;
/** As the alert BacklogOld. */
const OLD_MS = 60_000;

const STILL_ACCEPTED = 'Payments are still accepted, and none is sent to a processor.';
const NOTHING_LOST = 'Nothing is lost: what was accepted is in the journal or the ledger.';
const BY_ITSELF = 'Payments go on by themselves as soon as it works again.';

/** What is wrong with an instance, the worst first; empty: nothing is. */
export function conditions(situation: Situation): Condition[] {
  const found = [
    ...ledgerConditions(situation),
    ...journalConditions(situation),
    ...processorConditions(situation),
    ...queueConditions(situation),
  ];
  const { state } = situation;
  if (state === 'stopping') found.push(stopping(situation));
  // Threads that wait for the ledger or a lease are not all there, and that has been said.
  else if (state === 'starting' && !isCritical(found)) found.push(starting(situation));
  if (!isCritical(found) && situation.backlogAgeMs > OLD_MS) found.push(backlogOld(situation));
  return found.sort((one, other) => weightOf(other) - weightOf(one));
}

/** Whether any payment can be sent: a claim takes a ledger that writes and a thread with a lease. */
export function canClaim({ state, ledger, threads }: Situation): boolean {
  return state === 'ready' && ledger.failingForMs === null && threads.withLease > 0;
}

function ledgerConditions(situation: Situation): Condition[] {
  const { ledger, threads, state, backlog } = situation;
  const { kind, unavailable, failingForMs, confirmsAcceptance } = ledger;
  const accepted = confirmsAcceptance
    ? 'New payments are refused, and none is sent to a processor.'
    : STILL_ACCEPTED;
  const critical = { severity: 'critical', waiting: backlog } as const;
  if (unavailable !== null) {
    return [
      {
        ...critical,
        title: `The ledger does not answer: ${unavailable}`,
        forMs: failingForMs,
        effect: `${accepted} ${NOTHING_LOST}`,
        advice:
          kind === 'redis'
            ? `Check that Redis runs and that this machine reaches it. ${BY_ITSELF}`
            : `Check the directory in LEDGER_URL: permissions and free space. ${BY_ITSELF}`,
      },
    ];
  }
  if (failingForMs !== null) {
    return [
      {
        ...critical,
        title: 'The ledger answers, but refuses what is written',
        forMs: failingForMs,
        effect: `${accepted} ${NOTHING_LOST}`,
        advice:
          kind === 'redis'
            ? `Check the memory limit of Redis (maxmemory), its disk and its replicas; the log of this instance has its reason. ${BY_ITSELF}`
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
      effect: `${STILL_ACCEPTED.replace('none is', isAll ? 'none is' : 'fewer are')} ${NOTHING_LOST}`,
      advice:
        'A lease is renewed within seconds. If this lasts, check the clock of this machine and whether it is short of CPU.',
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
        effect: `Clients get 503 and are told to come back. ${NOTHING_LOST}`,
        advice: isFull
          ? 'It empties as payments reach the ledger: see what else is listed here. JOURNAL_SEGMENTS sets its size.'
          : 'Check the disk of JOURNAL_DIR: free space and permissions; the log of this instance has the reason. The next post that can be written ends this.',
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

function processorConditions({ processors, backlog, failoverDelayMs }: Situation): Condition[] {
  const open = processors.flatMap(({ name, openForMs }) => (openForMs === null ? [] : [{ name, openForMs }]));
  if (open.length === 0) return [];
  const names = listed(open.map(({ name }) => name));
  const isAll = open.length === processors.length;
  // Since the last of them began to fail.
  const forMs = Math.min(...open.map(({ openForMs }) => openForMs));
  if (isAll) {
    return [
      {
        severity: 'critical',
        title: allFailing(open.length),
        forMs,
        waiting: backlog,
        effect: `Payments are still accepted, and wait until a processor works again. ${NOTHING_LOST}`,
        advice: `Ask whoever runs ${names}, and check the network in between. Each is tried again and again, and payments go on as soon as one works.`,
      },
    ];
  }
  return [
    {
      severity: 'warning',
      title: `${names} ${open.length === 1 ? 'is' : 'are'} failing`,
      forMs,
      waiting: null,
      effect: `Payments wait up to ${failoverDelayMs / 1000} s for a cheaper processor that fails, and then go to a dearer one that works.`,
      advice: `Ask whoever runs ${names}. A processor that works again gets payments by itself.`,
    },
  ];
}

function allFailing(count: number): string {
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
        ? `Clients get 503 and are told to come back. ${NOTHING_LOST}`
        : 'When it is full, new payments are refused with 503.',
      advice:
        'Payments come faster than processors take them: see what else is listed here. QUEUE_CAPACITY sets its size.',
    },
  ];
}

function stopping({ backlog }: Situation): Condition {
  return {
    severity: 'warning',
    title: 'This instance is stopping',
    forMs: null,
    waiting: backlog,
    effect: `It accepts no new payments, and lets the calls in flight end. ${NOTHING_LOST}`,
    advice: 'What still waits is settled after its next start, with the same JOURNAL_DIR.',
  };
}

function starting({ backlog, threads }: Situation): Condition {
  return {
    severity: 'warning',
    title: 'This instance is starting',
    forMs: null,
    waiting: backlog,
    effect: `Payments are accepted, and wait until its ${threads.count === 1 ? 'pool thread works' : 'pool threads work'}.`,
    advice: 'This takes a few seconds. If it lasts, look at the log of this instance.',
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
      'Look at the processors below: slow ones, and payments pinned to one that does not say what it holds.',
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
