import type { Config } from '../config/config.ts';
import { systemClock } from '../core/clock.ts';
import { countDroppedLines, createLogger, flushLogs } from '../core/log.ts';
import { confirmationReport } from '../ledger/confirmation.ts';
import { openLedger } from '../ledger/open.ts';
import { HttpProcessor } from '../processor/client.ts';
import type { SharedMemory } from '../shared-memory/allocate.ts';
import { MetricsTable } from '../shared-memory/metrics-table.ts';
import { Ring } from '../shared-memory/ring.ts';
import { SegmentTable } from '../shared-memory/segment-table.ts';
import { SharedState } from '../shared-memory/state.ts';
import { openTracer } from '../tracing/open.ts';
import { CircuitBreakers } from './circuit-breakers.ts';
import { Dispatcher, type DispatcherPolicy } from './dispatcher.ts';
import { HealthWatch } from './health.ts';
import { RingSource } from './ring-source.ts';
import { StrandedWatch } from './stranded-payments.ts';
import { warmUpPool } from './warm-up.ts';

export interface PoolTask {
  readonly thread: number;
  readonly config: Config;
  readonly shared: SharedMemory;
  /** This thread does not replace a dead one, so no payments wait for it yet. */
  readonly isFirst: boolean;
}

/** Composition root of a pool thread: drains the ring until the shared state says stop. */
export default async function runPoolThread({ thread, config, shared, isFirst }: PoolTask): Promise<void> {
  const log = createLogger(config.logLevel, { instance: config.instanceId, thread: `pool-${thread}` });
  const clock = systemClock;
  const policy = dispatcherPolicy(config);
  const sharedState = new SharedState(shared.state, shared.shape);
  if (isFirst) await warmUpPool(config.warmUpPayments, policy, () => sharedState.stopping, clock, log);
  const random = Math.random;
  const names = config.processors.map(({ name }) => name);
  countDroppedLines((lineCount) => sharedState.countDroppedLines(lineCount));
  const tracer = await openTracer(config.tracing, { instanceId: config.instanceId, log });
  const metrics = new MetricsTable(shared.metricsTable, shared.shape).thread(thread);
  // Once an instance is enough for people.
  const confirmedBy = confirmationReport(thread === 0 ? log : null, metrics);
  const ledger = await openLedger(config.ledger, names, { clock, random, confirmedBy }, 'here');
  const processors = config.processors.map(
    (target) => new HttpProcessor({ ...target, connectionCount: connectionCount(config), clock, tracer }),
  );
  const breakers = new CircuitBreakers({
    sharedState,
    metrics,
    names,
    policy: breakerPolicy(config),
    clock,
    random,
    log,
  });
  const source = new RingSource(new Ring(shared.ring), new SegmentTable(shared.segments), sharedState);
  const worker = { instanceId: config.instanceId, name: `pool-${thread}` };
  const dispatcher = new Dispatcher({
    worker,
    thread,
    source,
    ledger,
    processors,
    breakers,
    sharedState,
    metrics,
    policy,
    clock,
    random,
    log,
    tracer,
  });
  const health = thread === 0 ? healthWatch() : null;
  health?.start();
  const stranded = thread === 0 ? new StrandedWatch({ ledger, metrics, clock, log }) : null;
  stranded?.start();
  try {
    await dispatcher.run();
  } catch (error) {
    // A bug. The thread must exit with its task, or its timers would keep renewing its lease.
    log.error({ err: error }, 'pool thread failed');
    process.exit(1);
  }
  health?.stop();
  stranded?.stop();
  await Promise.all([...processors.map((processor) => processor.close()), ledger.close(), tracer.close()]);
  flushLogs();

  function healthWatch(): HealthWatch {
    const { intervalMs, timeoutMs } = config.health;
    const healthPolicy = { healthIntervalMs: intervalMs, healthTimeoutMs: timeoutMs };
    return new HealthWatch({
      ledger,
      processors,
      names,
      breakers,
      sharedState,
      metrics,
      policy: healthPolicy,
      clock,
      random,
      log,
    });
  }
}

function breakerPolicy(config: Config) {
  const { failures, baseMs, maxMs } = config.breaker;
  return {
    failoverDelayMs: config.failoverDelayMs,
    latencyBudgetMs: config.latencyBudgetMs,
    breakerFailures: failures,
    breakerBackoff: { baseMs, maxMs },
  };
}

function dispatcherPolicy(config: Config): DispatcherPolicy {
  return {
    failoverDelayMs: config.failoverDelayMs,
    latencyBudgetMs: config.latencyBudgetMs,
    processorTimeoutMs: config.processorTimeoutMs,
    inDoubtHoldMs: config.inDoubtHoldMs,
    leaseMs: config.leaseMs,
    backoff: config.backoff,
    batchWindowMs: config.batch.windowMs,
    batchLimit: config.batch.limit,
    inFlightLimit: config.inFlightLimit,
    callLimit: connectionCount(config),
    drainRate: Math.ceil(config.drainRate / config.poolThreadCount),
  };
}

/** A thread's share of the calls that may be in flight. Each call in flight has its own connection. */
function connectionCount(config: Config): number {
  return Math.max(1, Math.floor(config.concurrency / config.poolThreadCount));
}
