import assert from 'node:assert';
import { randomUUID } from 'node:crypto';
import type { Config, ProcessorTarget } from '../config/config.ts';
import { withCurrentCredentials } from '../config/credentials.ts';
import { systemClock } from '../core/clock.ts';
import { collectGarbage } from '../core/garbage.ts';
import { countDroppedLines, createLogger, flushLogs } from '../core/log.ts';
import { isSetupError } from '../core/setup-error.ts';
import { confirmationReport } from '../ledger/confirmation.ts';
import { holderOf } from '../ledger/exclusive-bookmark.ts';
import { openLedger } from '../ledger/open.ts';
import type { ProcessorDefinition } from '../ledger/processor-controls.ts';
import { HttpProcessor } from '../processor/client.ts';
import type { Contract } from '../processor/contract.ts';
import { openContractOf } from '../processor/open-contract.ts';
import type { SharedMemory } from '../shared-memory/allocate.ts';
import { CallbackRing } from '../shared-memory/callback-ring.ts';
import { DefinitionTable } from '../shared-memory/definition-table.ts';
import { IdempotencyCache } from '../shared-memory/idempotency-cache.ts';
import { MetricsTable } from '../shared-memory/metrics-table.ts';
import { Ring } from '../shared-memory/ring.ts';
import { SegmentTable } from '../shared-memory/segment-table.ts';
import { processorRows, SharedState } from '../shared-memory/state.ts';
import { openTracer } from '../tracing/open.ts';
import { AddedProcessors, type Opened } from './added-processors.ts';
import { AmountClasses } from './amount-classes.ts';
import { BooksStatusWatch } from './books-status-watch.ts';
import { BooksWatch } from './books-watch.ts';
import { CallbackWatch } from './callback-watch.ts';
import { callShare } from './calls.ts';
import { CircuitBreakers } from './circuit-breakers.ts';
import { CircuitReport } from './circuit-report.ts';
import { CircuitWatch } from './circuit-watch.ts';
import { ControlsWatch } from './controls-watch.ts';
import { CredentialsWatch } from './credentials-watch.ts';
import { Dispatcher, type DispatcherPolicy } from './dispatcher.ts';
import { HealthWatch } from './health.ts';
import { NewProcessors, type OpenedProcessor } from './new-processors.ts';
import type { PoolThreadEnd } from './pool.ts';
import { RingSource } from './ring-source.ts';
import { StrandedWatch } from './stranded-payments.ts';
import { UnprovenSource } from './unproven-source.ts';
import { Upkeep } from './upkeep.ts';
import { warmUpLedger, warmUpPool } from './warm-up.ts';

export interface PoolTask {
  readonly thread: number;
  readonly config: Config;
  readonly shared: SharedMemory;
  /** This thread does not replace a dead one, so no payments wait for it yet. */
  readonly isFirst: boolean;
}

/** Composition root of a pool thread: drains the ring until the shared state says stop. */
export default async function runPoolThread({
  thread,
  config,
  shared,
  isFirst,
}: PoolTask): Promise<PoolThreadEnd> {
  const log = createLogger(config.logLevel, { instance: config.instanceId, thread: `pool-${thread}` });
  const clock = systemClock;
  const policy = dispatcherPolicy(config);
  const { poolThreadCount } = config;
  // A thread that replaces a dead one begins with what has been in force since.
  const targets = [...(await withCurrentCredentials(config, process.env))];
  const sharedState = new SharedState(shared.state, shared.shape);
  if (isFirst) sharedState.credentialsAtMs = clock.nowMs();
  void sharedState.untilCutOff().then(() => process.exit(0));
  // Before the warm-up: an invalid contract ends the instance.
  const opened = await openContracts(targets);
  if (opened.kind === 'misconfigured') return opened;
  if (isFirst) await warmUpPool(config.warmUpPayments, policy, () => sharedState.stopping, clock, log);
  const random = Math.random;
  const classes = new AmountClasses(targets);
  const names = config.processors.map(({ name }) => name);
  countDroppedLines((lineCount) => sharedState.countDroppedLines(lineCount));
  const tracer = await openTracer(config.tracing, { instanceId: config.instanceId, log });
  const metrics = new MetricsTable(shared.metricsTable, shared.shape).thread(thread);
  // Once an instance is enough for people.
  const confirmedBy = confirmationReport(thread === 0 ? log : null, metrics);
  const ledger = await openLedger(config.ledger, names, { clock, random, confirmedBy }, 'here');
  const newProcessor = (target: ProcessorTarget, contract: Contract, processor: number) => {
    // Each call in flight has its own connection.
    const connectionCount = () =>
      callShare(sharedState.terms(processor)?.callLimit ?? target.callLimit, poolThreadCount);
    return new HttpProcessor({ ...target, contract, connectionCount, clock, tracer });
  };
  const processors = targets.map((target, processor) => {
    const contract = opened.contracts[processor];
    assert.ok(contract !== undefined);
    return newProcessor(target, contract, processor);
  });
  const breakers = new CircuitBreakers({
    sharedState,
    metrics,
    targets,
    classes,
    policy: breakerPolicy(config),
    clock,
    random,
    log,
  });
  const books = new BooksStatusWatch({ ledger, metrics, clock, log: thread === 0 ? log : null });
  const ring = new Ring(shared.ring);
  const ringSource = new RingSource(
    ring,
    new SegmentTable(shared.segments),
    new IdempotencyCache(shared.idempotencyCache),
    sharedState,
  );
  const source = new UnprovenSource({
    source: ringSource,
    books,
    ledger,
    instanceId: config.instanceId,
    processors,
    targets,
    believesAbsence: (processor) => breakers.believesAbsence(processor),
    backoff: policy.backoff,
    stopping: () => sharedState.stopping,
    clock,
    random,
    log,
  });
  const worker = { instanceId: config.instanceId, name: `pool-${thread}` };
  const dispatcher = new Dispatcher({
    worker,
    thread,
    source,
    ledger,
    processors,
    targets,
    classes,
    breakers,
    sharedState,
    metrics,
    policy,
    clock,
    random,
    log,
    tracer,
  });
  const callbacks = new CallbackWatch({
    ring: new CallbackRing(shared.callbacks),
    names,
    onCallbacks: (ids) => dispatcher.calledBack(ids),
    stopping: () => sharedState.stopping,
    clock,
  });
  let readsCallbacks = false;
  for (const contract of opened.contracts) readCallbacksOf(contract);
  const hasEvents = config.ledger.outbox !== undefined;
  const circuits = thread === 0 && hasEvents ? circuitWatch() : null;
  const health = thread === 0 ? healthWatch() : null;
  const hasCredentialFiles = config.processorFiles.length > 0 || config.processorSecretsDir !== '';
  const credentials = hasCredentialFiles ? await credentialsWatch() : null;
  const watches = [
    books,
    ...(circuits === null ? [] : [circuits]),
    ...(health === null ? [] : [health, ...watchesOfInstance()]),
    ...(credentials === null ? [] : [credentials]),
  ];
  for (const watch of watches) watch.start();
  const table = new DefinitionTable(shared.definitions);
  void new NewProcessors({ open, ledger, onOpened: addProcessor, table, sharedState, clock, log }).run();
  const [shard] = ledger.shards;
  if (isFirst && shard !== undefined)
    await warmUpLedger(config.warmUpPayments, policy.batchLimit, () => sharedState.stopping, shard, clock);
  // Payments are taken in from the first turn on, so that what this instance has accepted is known, with its trace, before
  // what a former owner had sent is looked up.
  await books.looked();
  if (isFirst) collectGarbage();
  try {
    await dispatcher.run();
  } catch (error) {
    // A bug. The thread must exit with its task, or its timers would keep renewing its lease.
    log.error({ err: error }, 'pool thread failed');
    process.exit(1);
  }
  for (const watch of watches) watch.stop();
  await circuits?.release();
  await Promise.all([...processors.map((processor) => processor.close()), ledger.close(), tracer.close()]);
  flushLogs();
  return { kind: 'done' };

  function readCallbacksOf({ readCallback }: Contract): void {
    if (readCallback === undefined || readsCallbacks) return;
    readsCallbacks = true;
    void callbacks.run();
  }

  async function open(definition: ProcessorDefinition): Promise<Opened<OpenedProcessor>> {
    const { readAddedProcessor } = await import('../config/config.ts');
    const reading = readAddedProcessor(definition, process.env);
    if (reading.kind === 'wrong') return { kind: 'failed', problem: reading.problems.join('; ') };
    const { processor: target } = reading;
    const contracts = await openContracts([target]);
    if (contracts.kind === 'misconfigured') return { kind: 'failed', problem: contracts.reason };
    const [contract] = contracts.contracts;
    assert.ok(contract !== undefined);
    return { kind: 'ok', target: { definition, target, contract } };
  }

  /** All lists that number processors grow at once. */
  function addProcessor({ definition, target, contract }: OpenedProcessor): void {
    const processor = targets.push(target) - 1;
    names.push(target.name);
    processors.push(newProcessor(target, contract, processor));
    dispatcher.processorAdded();
    health?.watch(processor);
    credentials?.added(definition, target);
    readCallbacksOf(contract);
  }

  function circuitWatch(): CircuitWatch {
    const { instanceId } = config;
    const holder = holderOf(instanceId, randomUUID());
    return new CircuitWatch({ ledger, names, instanceId, holder, sharedState, clock });
  }

  async function credentialsWatch(): Promise<CredentialsWatch> {
    const { readProcessors } = await import('../config/config.ts');
    return new CredentialsWatch({
      files: config.processorFiles,
      read: (added) => readProcessors(process.env, added),
      targets,
      callsMax: config.callsMax,
      processors,
      breakers,
      sharedState,
      metrics,
      clock,
      log: thread === 0 ? log : null,
    });
  }

  function healthWatch(): HealthWatch {
    return new HealthWatch({
      ledger,
      processors,
      targets,
      breakers,
      sharedState,
      metrics,
      policy: { healthIntervalMs: config.health.intervalMs },
      clock,
      random,
      log,
    });
  }

  /** One of each is enough for an instance. */
  function watchesOfInstance() {
    const { retentionMs, instanceId } = config;
    const added = new AddedProcessors({
      configured: config.processors,
      rowCount: processorRows(shared.shape),
      open: async (definition) => {
        const opening = await open(definition);
        return opening.kind === 'ok' ? { kind: 'ok', target: opening.target.target } : opening;
      },
      ledger,
      table: new DefinitionTable(shared.definitions),
      sharedState,
      metrics,
      clock,
      log,
    });
    return [
      new ControlsWatch({
        ledger,
        added,
        bounds: config,
        sharedState,
        onChange: () => ring.wakeAll(),
        clock,
        log,
      }),
      new CircuitReport({ ledger, names, instanceId, sharedState, clock }),
      new StrandedWatch({ ledger, metrics, clock, log }),
      new BooksWatch({ ledger, metrics, clock }),
      ...ledger.shards.map((shard) => new Upkeep({ shard, retentionMs, clock })),
    ];
  }
}

async function openContracts(
  targets: readonly ProcessorTarget[],
): Promise<
  | { readonly kind: 'ok'; readonly contracts: readonly Contract[] }
  | Extract<PoolThreadEnd, { kind: 'misconfigured' }>
> {
  try {
    return { kind: 'ok', contracts: await Promise.all(targets.map(openContractOf)) };
  } catch (error) {
    if (isSetupError(error)) return { kind: 'misconfigured', reason: error.message };
    throw error;
  }
}

function breakerPolicy(config: Config) {
  return {
    failoverDelayMs: config.failoverDelayMs,
    latencyBudgetMs: config.latencyBudgetMs,
    restMaxMs: config.retryAfterMaxMs,
    outageLookUpRate: config.outageLookUpRate,
  };
}

function dispatcherPolicy(config: Config): DispatcherPolicy {
  return {
    failoverDelayMs: config.failoverDelayMs,
    latencyBudgetMs: config.latencyBudgetMs,
    leaseMs: config.leaseMs,
    backoff: config.backoff,
    batchWindowMs: config.batch.windowMs,
    batchLimit: config.batch.limit,
    inFlightLimit: config.inFlightLimit,
    poolThreadCount: config.poolThreadCount,
    drainRate: Math.ceil(config.drainRate / config.poolThreadCount),
  };
}
