import type { Config } from '../config/config.ts';
import { RECORD_BYTES } from '../journal/record.ts';
import { BOOKS_STATUSES, CONFIRMATIONS } from '../shared-memory/metrics-table.ts';
import type { Ring } from '../shared-memory/ring.ts';
import type { SegmentTable } from '../shared-memory/segment-table.ts';
import { accessFamilies } from './access.ts';
import { booksFamilies } from './books.ts';
import { counter, durations, gauge, seconds } from './family.ts';
import type { Family, Sample } from './openmetrics.ts';
import { PoolThreads } from './pool-threads.ts';
import { processFamilies } from './process.ts';
import { ProcessorMetrics, type ProcessorMetricsParts } from './processors.ts';
import { webhookFamilies } from './webhooks.ts';

export interface ScrapeParts extends ProcessorMetricsParts {
  readonly ring: Ring;
  readonly segments: SegmentTable;
  readonly config: Pick<Config, 'poolThreadCount' | 'httpThreadCount'>;
  /** The problems that a POST may be refused with, in the order in which the metrics table counts them. */
  readonly refusals: readonly Refusal[];
  readonly version: string;
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
  readonly #poolThreads: PoolThreads;
  readonly #processors: ProcessorMetrics;

  constructor(parts: ScrapeParts) {
    this.#parts = parts;
    this.#poolThreads = new PoolThreads(parts.metricsTable, parts.config);
    this.#processors = new ProcessorMetrics(parts, this.#poolThreads);
  }

  families(): Family[] {
    const processors = this.#processors;
    return [
      ...this.#posts(),
      ...processors.settlements(),
      ...processors.calls(),
      ...processors.breakers(),
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
        [{ value: this.#poolThreads.sum('inFlight') }],
        'payments',
      ),
      gauge(
        'dinossauro_waiting_payments',
        'Payments in flight that wait for a processor that can take them, or for their shard of the ledger.',
        [{ value: this.#poolThreads.sum('waiting') }],
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
        [{ value: this.#poolThreads.sum('stranded') }],
        'payments',
      ),
      gauge(
        'dinossauro_amount_not_taken_payments',
        'Payments in flight whose amounts no configured processor takes: they wait.',
        [{ value: this.#poolThreads.sum('notTaken') }],
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
    const { metricsTable, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
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
        this.#byKind('confirmation', CONFIRMATIONS, 'by'),
      ),
      gauge(
        'dinossauro_books_status',
        'Pool threads by what the books are used for: while they are filling, moved or behind, nothing is sent.',
        this.#byKind('booksStatus', BOOKS_STATUSES, 'status'),
      ),
      gauge(
        'dinossauro_ledger_shards_failing',
        'Shards of the ledger that have not answered the last commit or request for a lease of some pool thread.',
        [{ value: this.#poolThreads.greatest('shardsFailing') }],
      ),
      gauge('dinossauro_leases_valid', 'Pool threads with a valid lease: the others send nothing.', [
        { value: this.#poolThreads.values('leaseUntilMs').filter((atMs) => nowMs < atMs).length },
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

  /** The number of pool threads that show each kind. */
  #byKind(name: 'confirmation' | 'booksStatus', kinds: readonly string[], label: string): Sample[] {
    const counts = this.#poolThreads.byKind(name, kinds);
    return kinds.map((kind, index) => ({ labels: { [label]: kind }, value: counts[index] ?? 0 }));
  }

  #oldestAgeSeconds(): number {
    const { ring, clock } = this.#parts;
    const takenAtMs = this.#poolThreads.values('oldestInFlightAtMs').filter((atMs) => atMs > 0);
    const agesMs = takenAtMs.map((atMs) => clock.monotonicMs() - atMs);
    // Payments in the ring have only a wall-clock timestamp, the one of their journal record.
    const queuedAtMs = ring.oldestAcceptedAtMs() ?? clock.nowMs();
    return seconds(Math.max(0, clock.nowMs() - queuedAtMs, ...agesMs));
  }
}
