import * as assert from 'uvu/assert';
import type { Payment } from '../../src/core/payment.ts';
import { type Terms, termsInForce } from '../../src/core/terms.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { AmountClasses } from '../../src/pool/amount-classes.ts';
import { CircuitBreakers } from '../../src/pool/circuit-breakers.ts';
import { Dispatcher, type DispatcherPolicy } from '../../src/pool/dispatcher.ts';
import type { QueuedPayment, Source } from '../../src/pool/source.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { propagationOnlyTracer } from '../../src/tracing/open.ts';
import { KeptLog } from '../kept-log.ts';
import type { ManualClock } from '../manual-clock.ts';
import { idOf } from '../payment-id.ts';
import { processorTarget } from '../processor-target.ts';
import type { ScriptedProcessor } from './scripted-processor.ts';

export const POLICY: DispatcherPolicy = {
  failoverDelayMs: 1000,
  latencyBudgetMs: 1000,
  leaseMs: 3000,
  // With the luck of 0.5 below: 50, 100, 200, 400, 400 ...
  backoff: { baseMs: 100, maxMs: 800 },
  batchWindowMs: 0,
  batchLimit: 256,
  inFlightLimit: 1000,
  drainRate: 1000,
  poolThreadCount: 1,
};
export const BREAKER = { failures: 3, baseMs: 400, maxMs: 400 };
export const TARGET = processorTarget({
  timeoutMs: 2000,
  inDoubtHoldMs: 5000,
  callLimit: 100,
  breaker: BREAKER,
});
const BOUNDS = { poolThreadCount: 1, callsMax: 1024 };
const BREAKER_POLICY = {
  failoverDelayMs: POLICY.failoverDelayMs,
  latencyBudgetMs: POLICY.latencyBudgetMs,
  restMaxMs: 60_000,
  outageLookUpRate: 10,
};

class ListSource implements Source {
  readonly items: QueuedPayment[] = [];
  readonly released: number[] = [];
  readonly leftToLedger: string[] = [];
  readonly limits: number[] = [];
  #wake: () => void = () => {};

  put(payment: QueuedPayment): void {
    this.items.push(payment);
    this.wake();
  }

  wake(): void {
    this.#wake();
  }

  take(limit: number): QueuedPayment[] {
    this.limits.push(limit);
    return this.items.splice(0, limit);
  }

  wait(): Promise<void> {
    if (this.items.length > 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  release(journalRef: number): void {
    this.released.push(journalRef);
  }

  leaveToLedger(correlationId: string): void {
    this.leftToLedger.push(correlationId);
  }
}

export interface RunningParts {
  readonly clock: ManualClock;
  readonly ledger: Ledger;
  readonly targets: readonly ReturnType<typeof processorTarget>[];
  readonly processors: readonly ScriptedProcessor[];
  readonly policy: Partial<DispatcherPolicy>;
  /** By processor. Default: none is paused. Null: it is not known yet. */
  readonly paused?: readonly boolean[] | null;
}

/** A pool thread's dispatcher at work, with all that it needs. */
export function runDispatcher({ clock, ledger, targets, processors, policy, paused = [] }: RunningParts) {
  const classes = new AmountClasses(targets);
  const log = new KeptLog();
  const random = () => 0.5;
  const shape = { processorCount: targets.length, threadCount: 1 };
  const sharedState = new SharedState(SharedState.allocate(shape), shape);
  const pause = (isPaused: readonly boolean[]) =>
    sharedState.setControls(
      targets.map((_, processor) => ({ use: isPaused[processor] === true ? 'paused' : 'in-use' })),
    );
  if (paused !== null) pause(paused);
  const metricsTable = new MetricsTable(MetricsTable.allocate(shape), shape);
  const common = { sharedState, metrics: metricsTable.thread(0), targets, classes, clock, random, log };
  const source = new ListSource();
  const breakers = new CircuitBreakers({ ...common, policy: BREAKER_POLICY });
  const dispatcher = new Dispatcher({
    ...common,
    worker: { instanceId: 'gateway-1', name: 'pool-0' },
    thread: 0,
    source,
    ledger,
    processors,
    breakers,
    policy: { ...POLICY, ...policy },
    tracer: propagationOnlyTracer,
  });
  let ended = false;
  const running = dispatcher.run().then(() => {
    ended = true;
  });
  return {
    clock,
    log,
    sharedState,
    metricsTable,
    breakers,
    source,
    dispatcher,
    hasEnded: () => ended,
    pause,
    /** An operator changes what processors cost and take; null: as configured. */
    changeTerms(changes: readonly (Partial<Terms> | null)[]) {
      sharedState.setControls(
        targets.map((target, processor) => {
          const terms = termsInForce({ ...target, ...changes[processor] }, undefined, BOUNDS);
          return { use: 'in-use', terms };
        }),
      );
      // As ControlsWatch does.
      source.wake();
    },
    /** A payment of `number` cents, accepted now. */
    put(number: number, more: Partial<Payment> & { readonly journalRef?: number } = {}) {
      source.put({
        correlationId: idOf(number),
        amountCents: number,
        acceptedAtMs: clock.nowMs(),
        journalRef: number,
        trace: null,
        ...more,
      });
    },
    async stop() {
      sharedState.stop();
      dispatcher.wake();
      source.wake();
      for (let turn = 0; turn < 100 && !ended; turn++) await clock.passSlowly(100);
      assert.ok(ended, 'the drain has come to its end');
      await running;
    },
  };
}
