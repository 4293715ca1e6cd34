import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Payment } from '../core/payment.ts';
import type { LedgerEntry } from '../ledger/ledger.ts';
import { MemoryLedger } from '../ledger/memory/ledger.ts';
import { AmountClasses } from '../pool/amount-classes.ts';
import { CircuitBreakers } from '../pool/circuit-breakers.ts';
import { Dispatcher } from '../pool/dispatcher.ts';
import { HealthWatch } from '../pool/health.ts';
import type { QueuedPayment, Source } from '../pool/source.ts';
import type { Processor } from '../processor/processor.ts';
import { MetricsTable } from '../shared-memory/metrics-table.ts';
import { SharedState } from '../shared-memory/state.ts';
import { propagationOnlyTracer } from '../tracing/open.ts';
import type { Times } from './situation.ts';

/** The position of each processor, cheapest first. */
export const CERTIFIED = 0;
export const OTHER = 1;
const NAMES = ['certified', 'other'];
const SHAPE = { processorCount: NAMES.length, threadCount: 1 };

/** The longest rest that is heeded: a processor that asks for an hour is to be seen well again within the situation. */
export const REST_MAX_MS = 1500;
const FAILOVER_DELAY_MS = 250;
/** A slow machine must not look like a slow processor. */
const LATENCY_BUDGET_MS = 5000;
/** Longer than a situation. */
const LEASE_MS = 60_000;
export const HEALTH_INTERVAL_MS = 200;
const BREAKER = { failures: 3, baseMs: 100, maxMs: 300 };
const BACKOFF = { baseMs: 40, maxMs: 400 };
const OUTAGE_LOOK_UPS_PER_SECOND = 20;

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** Payments that are posted to a gateway in this process. */
class Posts implements Source {
  #payments: QueuedPayment[] = [];
  #wake: () => void = () => {};

  post(payment: Payment): void {
    this.#payments.push({ ...payment, journalRef: 0, trace: null });
    this.#wake();
  }

  take(limit: number): QueuedPayment[] {
    return this.#payments.splice(0, limit);
  }

  wait(): Promise<void> {
    if (this.#payments.length > 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  // Nothing keeps a journal or remembers posts.
  release(): void {}
  leaveToLedger(): void {}
}

/** The part of a gateway that delivers payments: one pool thread's dispatcher over a ledger in memory. */
export class Gateway {
  readonly #clock: Clock;
  readonly #ledger = new MemoryLedger(NAMES);
  readonly #posts = new Posts();
  readonly #sharedState = new SharedState(SharedState.allocate(SHAPE), SHAPE);
  readonly #metricsTable = new MetricsTable(MetricsTable.allocate(SHAPE), SHAPE);
  readonly #dispatcher: Dispatcher;
  readonly #health: HealthWatch;
  readonly #running: Promise<void>;
  #isClosed = false;

  /** `processors`: the certified one and the other. */
  constructor(processors: readonly Processor[], clock: Clock, times: Times) {
    this.#clock = {
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      stopwatchMs: () => clock.stopwatchMs(),
      // What is still open at the end must not go on beside the next situations.
      after: (delayMs, run) => clock.after(delayMs, () => (this.#isClosed ? undefined : run())),
    };
    this.#sharedState.setControls(NAMES.map(() => ({ use: 'in-use' })));
    const metrics = this.#metricsTable.thread(0);
    const targets = NAMES.map((name, position) => ({
      name,
      breaker: BREAKER,
      feePpm: position,
      feeFixedCents: 0,
      minAmountCents: 1,
      maxAmountCents: Number.MAX_SAFE_INTEGER,
      timeoutMs: times.timeoutMs,
      healthTimeoutMs: times.timeoutMs,
      inDoubtHoldMs: times.holdMs,
      callLimit: 100,
      callsPerSecond: null,
    }));
    const shared = {
      targets,
      classes: new AmountClasses(targets),
      ledger: this.#ledger,
      processors,
      sharedState: this.#sharedState,
      metrics,
      clock: this.#clock,
      random: Math.random,
      log: SILENT,
    };
    const routing = { failoverDelayMs: FAILOVER_DELAY_MS, latencyBudgetMs: LATENCY_BUDGET_MS };
    const breakers = new CircuitBreakers({
      ...shared,
      policy: {
        ...routing,
        restMaxMs: REST_MAX_MS,
        outageLookUpRate: OUTAGE_LOOK_UPS_PER_SECOND,
      },
    });
    this.#dispatcher = new Dispatcher({
      ...shared,
      worker: { instanceId: 'certify', name: 'pool-0' },
      thread: 0,
      source: this.#posts,
      breakers,
      tracer: propagationOnlyTracer,
      policy: {
        ...routing,
        leaseMs: LEASE_MS,
        backoff: BACKOFF,
        batchWindowMs: 0,
        batchLimit: 256,
        inFlightLimit: 1000,
        drainRate: 1000,
        poolThreadCount: 1,
      },
    });
    const healthPolicy = { healthIntervalMs: HEALTH_INTERVAL_MS };
    this.#health = new HealthWatch({ ...shared, breakers, policy: healthPolicy });
    this.#health.start();
    this.#running = this.#dispatcher.run();
  }

  post(payment: Payment): void {
    this.#posts.post(payment);
  }

  async find(correlationId: string): Promise<LedgerEntry | undefined> {
    const reply = await this.#ledger.find(correlationId);
    return reply.kind === 'ok' ? reply.value : undefined;
  }

  /** What the summary says of the certified processor and of the other. */
  async totals(): Promise<readonly { readonly count: number; readonly amountCents: number }[]> {
    const reply = await this.#ledger.summary(-Infinity, Infinity);
    return reply.kind === 'ok' ? reply.value : [];
  }

  /** Payments that it still has to deliver. */
  get openCount(): number {
    return this.#metricsTable.gauge(0, 'inFlight');
  }

  async close(): Promise<void> {
    this.#health.stop();
    this.#sharedState.stop();
    this.#dispatcher.wake();
    await this.#running;
    this.#isClosed = true;
  }
}
