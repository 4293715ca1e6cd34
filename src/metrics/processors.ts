import { contractLabel, type ProcessorTarget } from '../config/processor-target.ts';
import type { Clock } from '../core/clock.ts';
import type { MetricsTable, ProcessorCounter } from '../shared-memory/metrics-table.ts';
import type { SharedState } from '../shared-memory/state.ts';
import { counter, durations, gauge, seconds } from './family.ts';
import type { Family, Sample } from './openmetrics.ts';
import type { PoolThreads } from './pool-threads.ts';

export interface ProcessorMetricsParts {
  readonly metricsTable: MetricsTable;
  readonly sharedState: SharedState;
  /** With those that operators have added. It may grow. */
  readonly processors: readonly ProcessorTarget[];
  readonly clock: Clock;
}

/** What is known by processor: settlements, calls, circuit breakers and health. */
export class ProcessorMetrics {
  readonly #parts: ProcessorMetricsParts;
  readonly #poolThreads: PoolThreads;

  constructor(parts: ProcessorMetricsParts, poolThreads: PoolThreads) {
    this.#parts = parts;
    this.#poolThreads = poolThreads;
  }

  settlements(): Family[] {
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

  calls(): Family[] {
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

  breakers(): Family[] {
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
        [{ value: this.#poolThreads.greatest('processorsNotOpened') }],
      ),
      gauge(
        'dinossauro_credentials_outdated',
        'Whether the processors cannot be read again from their files (1), so that older credentials stay in force, or not (0).',
        [{ value: this.#poolThreads.greatest('credentialsOutdated') }],
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
}
