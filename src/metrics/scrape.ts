import type { Config } from '../config/config.ts';
import { contractLabel, type ProcessorTarget } from '../config/processor-target.ts';
import type { Clock } from '../core/clock.ts';
import { RECORD_BYTES } from '../journal/record.ts';
import {
  BOOKS_STATUSES,
  CONFIRMATIONS,
  type MetricsTable,
  type ProcessorCounter,
} from '../shared-memory/metrics-table.ts';
import type { Ring } from '../shared-memory/ring.ts';
import type { SegmentTable } from '../shared-memory/segment-table.ts';
import type { SharedState } from '../shared-memory/state.ts';
import { accessFamilies } from './access.ts';
import { booksFamilies } from './books.ts';
import { counter, durations, gauge, seconds } from './family.ts';
import type { Family, Sample } from './openmetrics.ts';
import { processFamilies } from './process.ts';
import { webhookFamilies } from './webhooks.ts';

export interface ScrapeParts {
  readonly metricsTable: MetricsTable;
  readonly sharedState: SharedState;
  readonly ring: Ring;
  readonly segments: SegmentTable;
  readonly config: Pick<Config, 'poolThreadCount' | 'httpThreadCount'>;
  /** With those that operators have added. It may grow. */
  readonly processors: readonly ProcessorTarget[];
  /** The problems that a POST may be refused with, in the order in which the metrics table counts them. */
  readonly refusals: readonly Refusal[];
  readonly version: string;
  readonly clock: Clock;
}

export interface Refusal {
  readonly slug: string;
  readonly status: number;
}

/**
 * Collects the metrics of a whole instance, all its threads, from shared memory: no thread is interrupted.
 */
export class Scrape {
  readonly #parts: ScrapeParts;

  constructor(parts: ScrapeParts) {
    this.#parts = parts;
  }

  families(): Family[] {
    return [
      ...this.#posts(),
      ...this.#settlements(),
      ...this.#calls(),
      ...this.#breakerFamilies(),
      ...this.#backlog(),
      ...this.#journal(),
      ...this.#ledger(),
      ...this.#threads(),
      ...processFamilies(),
    ];
  }

  #posts(): Family[] {
    const { metricsTable, refusals } = this.#parts;
    const refused = refusals.map(({ slug, status }, place) => ({
      labels: { problem: slug, status: String(status) },
      value: metricsTable.refused(place),
    }));
    return [
      counter('dinossauro_payments_accepted', 'New payments answered 202.', [
        { value: metricsTable.counted('accepted') },
      ]),
      counter('dinossauro_posts_repeated', 'Repeated posts of known payments, answered 202.', [
        { value: metricsTable.counted('repeated') },
      ]),
      counter('dinossauro_posts_refused', 'Posts of payments answered with a problem.', refused),
      counter(
        'dinossauro_connections_refused',
        'Client connections closed at once because `MAX_CONNECTIONS` was reached.',
        [{ value: metricsTable.counted('connectionsRefused') }],
      ),
      ...accessFamilies(this.#parts),
      ...webhookFamilies(this.#parts),
      durations('dinossauro_accept_duration_seconds', 'From the complete request to its 202.', [
        [{}, metricsTable.histogram('accept')],
      ]),
      counter('dinossauro_purges', 'Purges of the books requested at this instance.', [
        { value: metricsTable.counted('purges') },
      ]),
    ];
  }

  #settlements(): Family[] {
    const { sharedState, processors, metricsTable } = this.#parts;
    const feeOf = (processor: number) => sharedState.terms(processor) ?? processors[processor];
    return [
      counter('dinossauro_payments_settled', 'Payments settled by this instance.', this.#counted('settled')),
      counter(
        'dinossauro_settled_amount_cents',
        'Total amount of the payments settled by this instance.',
        this.#counted('settledCents'),
        'cents',
      ),
      counter(
        'dinossauro_fees_cents',
        'Fees of the payments settled by this instance, each at the fee in force when it settled.',
        this.#counted('feeCents'),
        'cents',
      ),
      gauge(
        'dinossauro_processor_fee_ratio',
        'Fee of a processor now, as a fraction of the amount.',
        this.#byProcessor((processor, labels) => ({ labels, value: (feeOf(processor)?.feePpm ?? 0) / 1e6 })),
        'ratio',
      ),
      gauge(
        'dinossauro_processor_fixed_fee_cents',
        'Fee of a processor now for each payment, in addition to the fraction of its amount.',
        this.#byProcessor((processor, labels) => ({
          labels,
          value: feeOf(processor)?.feeFixedCents ?? 0,
        })),
        'cents',
      ),
      counter(
        'dinossauro_payments_rejected',
        'Payments that a processor has rejected for good.',
        this.#counted('paymentsRejected'),
      ),
      durations(
        'dinossauro_settle_duration_seconds',
        'From the 202 of a payment to its settlement in the ledger, in whole milliseconds.',
        [[{}, metricsTable.histogram('settle')]],
      ),
    ];
  }

  #calls(): Family[] {
    const { metricsTable, sharedState, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    return [
      counter('dinossauro_calls', 'Calls that sent a payment to a processor, by outcome.', [
        ...this.#counted('committed', { outcome: 'committed' }),
        ...this.#counted('duplicate', { outcome: 'duplicate' }),
        ...this.#counted('refused', { outcome: 'refused' }),
        ...this.#counted('exhausted', { outcome: 'exhausted' }),
        ...this.#counted('failed', { outcome: 'failed' }),
        ...this.#counted('unknown', { outcome: 'unknown' }),
        ...this.#counted('rejected', { outcome: 'rejected' }),
        ...this.#counted('pending', { outcome: 'pending' }),
        ...this.#counted('unfit', { outcome: 'unfit' }),
      ]),
      counter('dinossauro_lookups', 'Look-ups of payments at a processor, by result.', [
        ...this.#counted('foundHeld', { found: 'held' }),
        ...this.#counted('foundAbsent', { found: 'absent' }),
        ...this.#counted('foundUnknown', { found: 'unknown' }),
        ...this.#counted('foundPending', { found: 'pending' }),
        ...this.#counted('foundRejected', { found: 'rejected' }),
      ]),
      counter(
        'dinossauro_callbacks',
        'Callbacks of a processor that its contract could read. They are not believed.',
        this.#counted('callbacks'),
      ),
      durations(
        'dinossauro_call_duration_seconds',
        'One call that sent a payment to a processor, answered or not.',
        this.#byProcessor((processor, labels) => [labels, metricsTable.calls(processor)] as const),
      ),
      gauge(
        'dinossauro_calls_in_flight',
        'Calls to a processor that are not answered yet.',
        this.#byProcessor((processor, labels) => ({ labels, value: sharedState.callsInFlight(processor) })),
      ),
      gauge(
        'dinossauro_oldest_call_age_seconds',
        'Age of the oldest call in flight; 0: there are none.',
        this.#byProcessor((processor, labels) => {
          const atMs = sharedState.oldestCallAtMs(processor);
          return { labels, value: atMs === null ? 0 : seconds(nowMs - atMs) };
        }),
        'seconds',
      ),
      gauge(
        'dinossauro_in_doubt_payments',
        'Payments whose outcome is unknown: they stay with their processor until it says what it holds.',
        this.#byProcessor((processor, labels) => ({ labels, value: metricsTable.inDoubt(processor) })),
        'payments',
      ),
    ];
  }

  #breakerFamilies(): Family[] {
    const { sharedState, clock, processors } = this.#parts;
    const nowMs = clock.monotonicMs();
    const reports = this.#byKept((processor, labels) => ({
      labels,
      report: sharedState.reported(processor),
    }));
    const reported = reports.flatMap(({ labels, report }) => (report === null ? [] : [{ labels, report }]));
    return [
      {
        type: 'info',
        name: 'dinossauro_processor',
        help: 'The contract that a processor speaks.',
        samples: processors.map(({ name, contract }) => ({
          labels: { processor: name, contract: contractLabel(contract) },
          value: 1,
        })),
      },
      gauge(
        'dinossauro_processor_unfit',
        'Whether a processor refuses every request (1), by its last answers, or not (0).',
        this.#byKept((processor, labels) => ({
          labels,
          value: Number(sharedState.isUnfit(processor) && sharedState.breakerOpen(processor)),
        })),
      ),
      gauge(
        'dinossauro_processor_paused',
        'Whether an operator has paused a processor (1), so that it gets no payments, or not (0).',
        this.#byKept((processor, labels) => ({
          labels,
          value: Number(sharedState.use(processor) === 'paused'),
        })),
      ),
      gauge(
        'dinossauro_processor_removed',
        'Whether an operator has removed a processor (1), so that it gets no payments any more, or not (0).',
        this.#byProcessor((processor, labels) => ({
          labels,
          value: Number(sharedState.use(processor) === 'removed'),
        })),
      ),
      gauge(
        'dinossauro_processors_not_opened',
        'Processors that operators have added and that this instance cannot open, so that it does not use them.',
        [{ value: this.#greatest('processorsNotOpened') }],
      ),
      gauge(
        'dinossauro_credentials_outdated',
        'Whether the processors cannot be read again from their files (1), so that older credentials stay in force, or not (0).',
        [{ value: this.#greatest('credentialsOutdated') }],
      ),
      gauge(
        'dinossauro_processor_rest_seconds',
        'How much longer nothing is sent to a processor, because it has asked for a rest.',
        this.#byKept((processor, labels) => ({
          labels,
          value: seconds(Math.max(0, sharedState.restUntilMs(processor) - nowMs)),
        })),
        'seconds',
      ),
      gauge(
        'dinossauro_breaker_open',
        'Circuit breaker of a processor: 1 open or half-open, so that only probes go there; 0 closed.',
        this.#byKept((processor, labels) => ({
          labels,
          value: Number(sharedState.breakerOpen(processor)),
        })),
      ),
      counter(
        'dinossauro_breaker_changes',
        'Times that the circuit breaker of a processor opened or closed.',
        [
          ...this.#counted('breakerOpened', { to: 'open' }),
          ...this.#counted('breakerClosed', { to: 'closed' }),
        ],
      ),
      gauge(
        'dinossauro_processor_latency_seconds',
        'Expected duration of a call: as observed lately, or as reported if that is newer.',
        this.#byKept((processor, labels) => ({
          labels,
          value: seconds(sharedState.latencyMs(processor)),
        })),
        'seconds',
      ),
      counter('dinossauro_health_calls', 'Health calls made by this instance, by answer.', [
        ...this.#counted('healthWell', { answer: 'healthy' }),
        ...this.#counted('healthFailing', { answer: 'failing' }),
        ...this.#counted('healthLimited', { answer: 'limited' }),
        ...this.#counted('healthUnknown', { answer: 'unknown' }),
      ]),
      gauge(
        'dinossauro_processor_reported_failing',
        'Whether the last health report, of any instance, said failing (1) or not (0).',
        reported.map(({ labels, report }) => ({ labels, value: Number(report.failing) })),
      ),
      gauge(
        'dinossauro_processor_reported_delay_seconds',
        'Minimum response time in the last health report.',
        reported.map(({ labels, report }) => ({ labels, value: seconds(report.minResponseTimeMs) })),
        'seconds',
      ),
      gauge(
        'dinossauro_processor_report_age_seconds',
        'Age of the last health report.',
        reported.map(({ labels, report }) => ({ labels, value: seconds(nowMs - report.atMs) })),
        'seconds',
      ),
    ];
  }

  #backlog(): Family[] {
    const { ring } = this.#parts;
    return [
      gauge(
        'dinossauro_queue_payments',
        'Accepted payments that no pool thread has taken yet.',
        [{ value: ring.size }],
        'payments',
      ),
      gauge(
        'dinossauro_queue_capacity_payments',
        'Capacity of the queue (`QUEUE_CAPACITY`).',
        [{ value: ring.capacity }],
        'payments',
      ),
      gauge(
        'dinossauro_in_flight_payments',
        'Payments that pool threads have taken and not settled yet.',
        [{ value: this.#poolSum('inFlight') }],
        'payments',
      ),
      gauge(
        'dinossauro_waiting_payments',
        'Payments in flight that wait for a processor that can take them, or for their shard of the ledger.',
        [{ value: this.#poolSum('waiting') }],
        'payments',
      ),
      gauge(
        'dinossauro_backlog_oldest_age_seconds',
        'Age of the oldest payment queued or in flight; 0: there are none.',
        [{ value: this.#oldestAgeSeconds() }],
        'seconds',
      ),
      gauge(
        'dinossauro_unconfigured_processor_payments',
        'Open payments of the deployment at processors that are not configured here: they wait.',
        [{ value: this.#poolSum('stranded') }],
        'payments',
      ),
      gauge(
        'dinossauro_amount_not_taken_payments',
        'Payments in flight whose amounts no configured processor takes: they wait.',
        [{ value: this.#poolSum('notTaken') }],
        'payments',
      ),
    ];
  }

  #journal(): Family[] {
    const { metricsTable, segments, sharedState } = this.#parts;
    const live = segments.live();
    const records = live.reduce((sum, { written }) => sum + written, 0);
    return [
      counter('dinossauro_journal_writes', 'Writes to the journal, one before each 202.', [
        { value: metricsTable.counted('journalWrites') },
      ]),
      counter('dinossauro_journal_syncs', 'Syncs of the journal to disk, with `ACCEPT_DURABILITY=fsync`.', [
        { value: metricsTable.counted('journalSyncs') },
      ]),
      counter(
        'dinossauro_journal_failures',
        'Failed writes and syncs of the journal, including writes to a full journal.',
        [{ value: metricsTable.counted('journalFailures') }],
      ),
      gauge(
        'dinossauro_journal_segments',
        'Journal segments with payments that are not in the ledger yet, or were not until recently.',
        [{ value: live.length }],
        'segments',
      ),
      gauge(
        'dinossauro_journal_capacity_segments',
        'Maximum number of journal segments (`JOURNAL_SEGMENTS`).',
        [{ value: segments.segmentCount }],
        'segments',
      ),
      gauge(
        'dinossauro_journal_bytes',
        'Size of the journal segments that hold payments.',
        [{ value: records * RECORD_BYTES }],
        'bytes',
      ),
      gauge(
        'dinossauro_journals_left_behind',
        'Journals of other instances, beside this one, that hold payments but are not in use; checked once a minute.',
        [{ value: sharedState.leftJournals }],
      ),
    ];
  }

  #ledger(): Family[] {
    const { metricsTable } = this.#parts;
    return [
      durations(
        'dinossauro_commit_duration_seconds',
        'One atomic write of settlements and claims to the ledger.',
        [[{}, metricsTable.histogram('commit')]],
      ),
      counter(
        'dinossauro_ledger_failures',
        'Requests that the ledger did not answer, or refused as a whole.',
        [
          { labels: { operation: 'commit' }, value: metricsTable.counted('commitFailures') },
          { labels: { operation: 'read' }, value: metricsTable.counted('readFailures') },
          { labels: { operation: 'renew' }, value: metricsTable.counted('renewalFailures') },
        ],
      ),
      ...booksFamilies(metricsTable),
      gauge(
        'dinossauro_ledger_confirmation',
        'Pool threads by what makes their writes to the ledger count: a sync, replicas, or none of both.',
        this.#confirmations(),
      ),
      gauge(
        'dinossauro_books_status',
        'Pool threads by what the books are used for: while they are filling, moved or behind, nothing is sent.',
        this.#booksStatuses(),
      ),
      gauge(
        'dinossauro_ledger_shards_failing',
        'Shards of the ledger that have not answered the last commit or request for a lease of some pool thread.',
        [{ value: this.#greatest('shardsFailing') }],
      ),
      gauge('dinossauro_leases_valid', 'Pool threads with a valid lease: the others send nothing.', [
        { value: this.#leasesValid() },
      ]),
      counter('dinossauro_leases_lost', 'Leases of this instance that another owner took over.', [
        { value: metricsTable.counted('leasesLost') },
      ]),
      counter('dinossauro_takeovers', 'Owners whose payments this instance took over.', [
        { value: metricsTable.counted('takeOvers') },
      ]),
      counter('dinossauro_payments_taken_over', 'Payments that this instance took over.', [
        { value: metricsTable.counted('paymentsTakenOver') },
      ]),
    ];
  }

  #threads(): Family[] {
    const { metricsTable, sharedState, config, version } = this.#parts;
    return [
      gauge('dinossauro_pool_threads', 'Pool threads that this instance is configured with.', [
        { value: config.poolThreadCount },
      ]),
      gauge('dinossauro_pool_threads_ready', 'Pool threads that are ready.', [
        { value: sharedState.threadsReady },
      ]),
      counter('dinossauro_pool_thread_deaths', 'Pool threads that died and were replaced.', [
        { value: metricsTable.counted('deaths') },
      ]),
      counter('dinossauro_log_lines_dropped', 'Log lines dropped because standard output was not read.', [
        { value: sharedState.droppedLines },
      ]),
      gauge(
        'dinossauro_stopping',
        'Whether this instance is stopping, and waits for calls in flight (1), or not (0).',
        [{ value: Number(sharedState.stopping) }],
      ),
      {
        type: 'info',
        name: 'dinossauro_build',
        help: 'Versions of the gateway and of Node.',
        samples: [{ labels: { version, node: process.versions.node }, value: 1 }],
      },
    ];
  }

  #counted(name: ProcessorCounter, more: Readonly<Record<string, string>> = {}): Sample[] {
    return this.#byProcessor((processor, labels) => ({
      labels: { ...labels, ...more },
      value: this.#parts.metricsTable.countedAt(processor, name),
    }));
  }

  #byProcessor<T>(read: (processor: number, labels: { readonly processor: string }) => T): T[] {
    return this.#parts.processors.map(({ name }, processor) => read(processor, { processor: name }));
  }

  /** Without those that operators have removed: how they are is of no interest, and must raise no alert. */
  #byKept<T>(read: (processor: number, labels: { readonly processor: string }) => T): T[] {
    const { sharedState } = this.#parts;
    return this.#byProcessor((processor, labels) =>
      sharedState.use(processor) === 'removed' ? [] : [read(processor, labels)],
    ).flat();
  }

  #poolSum(name: 'inFlight' | 'waiting' | 'stranded' | 'notTaken'): number {
    return this.#poolThreads().reduce((sum, thread) => sum + this.#parts.metricsTable.gauge(thread, name), 0);
  }

  #confirmations(): Sample[] {
    const counts = this.#threadsBy('confirmation', CONFIRMATIONS);
    return CONFIRMATIONS.map((by, index) => ({ labels: { by }, value: counts[index] ?? 0 }));
  }

  #booksStatuses(): Sample[] {
    const counts = this.#threadsBy('booksStatus', BOOKS_STATUSES);
    return BOOKS_STATUSES.map((status, index) => ({ labels: { status }, value: counts[index] ?? 0 }));
  }

  /** How many pool threads show each kind, by its place from 1. */
  #threadsBy(name: 'confirmation' | 'booksStatus', kinds: readonly string[]): number[] {
    const codes = this.#poolThreads().map((thread) => this.#parts.metricsTable.gauge(thread, name));
    return kinds.map((_, index) => codes.filter((code) => code === index + 1).length);
  }

  /** Over the pool threads. */
  #greatest(name: 'shardsFailing' | 'credentialsOutdated' | 'processorsNotOpened'): number {
    const { metricsTable } = this.#parts;
    return Math.max(0, ...this.#poolThreads().map((thread) => metricsTable.gauge(thread, name)));
  }

  #leasesValid(): number {
    const { metricsTable, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    return this.#poolThreads().filter((thread) => nowMs < metricsTable.gauge(thread, 'leaseUntilMs')).length;
  }

  #oldestAgeSeconds(): number {
    const { metricsTable, ring, clock } = this.#parts;
    const acceptedAtMs = this.#poolThreads().map((thread) =>
      metricsTable.gauge(thread, 'oldestInFlightAtMs'),
    );
    const agesMs = acceptedAtMs.filter((atMs) => atMs > 0).map((atMs) => clock.monotonicMs() - atMs);
    // Payments in the ring have only a wall-clock timestamp, the one of their journal record.
    const queuedAtMs = ring.oldestAcceptedAtMs() ?? clock.nowMs();
    return seconds(Math.max(0, clock.nowMs() - queuedAtMs, ...agesMs));
  }

  #poolThreads(): number[] {
    return Array.from({ length: this.#parts.config.poolThreadCount }, (_, thread) => thread);
  }
}
