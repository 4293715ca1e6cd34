import assert from 'node:assert';
import { mkdirSync, rmSync } from 'node:fs';
import type { ProcessorTarget } from '../../src/config/config.ts';
import type { Log } from '../../src/core/log.ts';
import { CALLS_AT_ONCE_MAX } from '../../src/core/terms.ts';
import { type Durability, PaymentAcceptor, type Verdict } from '../../src/http/payment-acceptor.ts';
import { Recovery } from '../../src/journal/recovery.ts';
import { journalFileCount, replay } from '../../src/journal/replay.ts';
import { Journal } from '../../src/journal/writer.ts';
import { Lease } from '../../src/ledger/lease.ts';
import type { Ledger, SummaryReply } from '../../src/ledger/ledger.ts';
import { shardsOf } from '../../src/ledger/shard-parts.ts';
import { ledgerOf } from '../../src/ledger/sharded/ledger.ts';
import { AddedProcessors } from '../../src/pool/added-processors.ts';
import { AmountClasses } from '../../src/pool/amount-classes.ts';
import { CircuitBreakers } from '../../src/pool/circuit-breakers.ts';
import { ControlsWatch } from '../../src/pool/controls-watch.ts';
import { Dispatcher, type DispatcherPolicy } from '../../src/pool/dispatcher.ts';
import { HealthWatch } from '../../src/pool/health.ts';
import { NewProcessors, type NewProcessorsParts } from '../../src/pool/new-processors.ts';
import { RingSource } from '../../src/pool/ring-source.ts';
import { Upkeep } from '../../src/pool/upkeep.ts';
import { DefinitionTable } from '../../src/shared-memory/definition-table.ts';
import { IdempotencyCache } from '../../src/shared-memory/idempotency-cache.ts';
import { MetricsTable, type ThreadMetrics } from '../../src/shared-memory/metrics-table.ts';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { propagationOnlyTracer } from '../../src/tracing/open.ts';
import { processorTarget } from '../processor-target.ts';
import { type Audit, nameOf } from './audit.ts';
import { SimFiles } from './journal-files.ts';
import { SimLedger } from './ledger.ts';
import type { LedgerConnections } from './ledger-backend.ts';
import { REST_MAX_MS } from './manners.ts';
import { configuredCount, isOperated, type Plan, type ProcessorPlan } from './plan.ts';
import { ProcessorLink, type SimProcessor } from './processor.ts';
import type { Random } from './random.ts';
import { SimRing } from './ring.ts';
import { Scope, type WallClock } from './scope.ts';
import type { Timeline } from './timeline.ts';
import type { Weather } from './weather.ts';

export interface InstanceParts {
  readonly index: number;
  readonly plan: Plan;
  /** The path of its journal. */
  readonly directory: string;
  readonly timeline: Timeline;
  readonly weather: Weather;
  readonly connections: LedgerConnections;
  readonly processors: readonly SimProcessor[];
  readonly audit: Audit;
  readonly random: Random;
}

/** Time between the death of a thread and its replacement, as in `src/pool/pool.ts`. */
const REPLACE_AFTER_MS = 100;
const RECLAIM_EVERY_MS = 1000;
const STOP_TIMEOUT_MS = 10_000;

/**
 * An instance of the gateway, over all its restarts: wired like the composition roots, with a simulated environment.
 * Everything is real except sockets, processes, the journal's disk and the network.
 */
export class Instance {
  readonly #parts: InstanceParts;
  readonly #wall: WallClock;
  #life: Life | null = null;
  #lives = 0;

  constructor(parts: InstanceParts) {
    this.#parts = parts;
    this.#wall = { offsetMs: this.#skewMs };
  }

  get #skewMs(): number {
    return this.#parts.plan.skewsMs[this.#parts.index] ?? 0;
  }

  /** The current run of the process, or null. */
  get life(): Life | null {
    return this.#life?.scope.alive ? this.#life : null;
  }

  /** All records are done, and only the open file is left. */
  get isJournalEmpty(): boolean {
    return this.life?.isJournalEmpty === true && journalFileCount(this.#parts.directory) <= 1;
  }

  jump(byMs: number): void {
    this.#wall.offsetMs += byMs;
  }

  /** Resets the wall clock to its constant error. */
  setClock(): void {
    this.#wall.offsetMs = this.#skewMs;
  }

  start(): void {
    if (this.life !== null) return;
    const { index, timeline, audit, random, directory } = this.#parts;
    mkdirSync(directory, { recursive: true });
    this.#lives++;
    audit.tell(`instance ${index}`, `starts (run ${this.#lives})`);
    const scope = new Scope(timeline, this.#wall);
    this.#life = new Life(this.#parts, scope, random.fork(`life ${this.#lives}`));
  }

  kill(): void {
    this.#life?.scope.kill();
  }

  /** Leaves the disk as the last run and the fault left it. */
  spoilDisk(disk: 'kept' | 'unsynced lost' | 'lost'): void {
    const { directory } = this.#parts;
    if (disk === 'lost') rmSync(directory, { recursive: true, force: true });
    if (disk === 'unsynced lost') this.#life?.files.losePower(directory);
  }
}

/** An instance from one start to its end. */
export class Life {
  readonly scope: Scope;
  readonly files: SimFiles;
  /** The payments that this run has answered 202. */
  readonly accepted = new Map<string, number>();
  readonly #parts: InstanceParts;
  readonly #random: Random;
  readonly #log: Log;
  readonly #sharedState: SharedState;
  readonly #definitions = new DefinitionTable(DefinitionTable.allocate(1));
  /** Threads that wait until operators have decided something. */
  #controlsWaiters: (() => void)[] = [];
  readonly #metricsTable: MetricsTable;
  readonly #ring: SimRing;
  readonly #segments: SegmentTable;
  readonly #recovery: Recovery;
  readonly #journal: Journal;
  readonly #idempotencyCache: IdempotencyCache;
  readonly #acceptor: PaymentAcceptor;
  readonly #ledger: Ledger;
  readonly #leases: readonly Lease[];
  readonly #threads: Thread[] = [];

  constructor(parts: InstanceParts, scope: Scope, random: Random) {
    const { plan, directory, index, weather, audit } = parts;
    const { sizes } = plan;
    this.#parts = parts;
    this.scope = scope;
    this.#random = random;
    this.#log = logOf(audit, `instance ${index}`, plan.lastAddedAtMs === null ? [] : [NOT_TAKEN]);
    const processorCount = configuredCount(plan);
    const shape = { processorCount, processorsMax: plan.processorCount, threadCount: plan.threadCount + 1 };
    this.#sharedState = new SharedState(SharedState.allocate(shape), shape);
    if (isOperated(plan)) audit.manners.asksForPauses(scope);
    // Plans without pauses keep their histories.
    else this.#sharedState.setControls(plan.processors.map(() => ({ use: 'in-use' })));
    this.#metricsTable = new MetricsTable(MetricsTable.allocate(shape), shape);
    this.#ring = new SimRing(sizes.ringCapacity);
    const segmentCount = sizes.segmentCount + journalFileCount(directory);
    this.#segments = new SegmentTable(SegmentTable.allocate(segmentCount, sizes.recordsPerSegment));
    const replayed = replay(directory, this.#segments);
    assert.ok(replayed.kind === 'ok');
    if (replayed.damaged.length > 0) audit.broken('a record is damaged', null);
    this.#idempotencyCache = new IdempotencyCache(
      IdempotencyCache.allocate(1024, Uint32Array.of(random.u32(), random.u32())),
    );
    this.#recovery = new Recovery({
      directory,
      segments: this.#segments,
      idempotencyCache: this.#idempotencyCache,
      ring: this.#ring,
      clock: scope,
      log: this.#log,
      stopping: () => this.#sharedState.stopping,
      journalAccepts: plan.durability === 'journal',
    });
    this.#recovery.fillCache();
    this.files = new SimFiles({ instance: index, scope, weather, random: random.fork('disk'), audit });
    this.#journal = new Journal({
      directory,
      writer: 'http-0',
      segments: this.#segments,
      durable: plan.durability === 'fsync',
      batchRecords: 1,
      randomU32: () => random.u32(),
      files: this.files,
    });
    const ledger = this.#ledgerOf(scope, 'http-0');
    this.#ledger = ledger;
    this.#leases = plan.durability === 'ledger' ? this.#leasesOf(ledger) : [];
    for (const lease of this.#leases) void lease.start();
    this.#acceptor = new PaymentAcceptor({
      idempotencyCache: this.#idempotencyCache,
      ring: this.#ring,
      journal: this.#journal,
      segments: this.#segments,
      ledger,
      sharedState: this.#sharedState,
      metrics: this.#metricsTable.thread(plan.threadCount),
      clock: scope,
      durability: this.#durability(ledger),
      log: this.#log,
    });
    for (let thread = 0; thread < plan.threadCount; thread++) this.#startThread(thread, 1);
    void this.#recovery.pushAgain();
    this.#reclaimLater();
  }

  /** Refuses if the instance is stopping. `answer` is never called if the instance dies first. */
  post(id: Buffer, amountCents: number, answer: (verdict: Verdict | 'stopping') => void): void {
    if (this.#sharedState.stopping) answer('stopping');
    else this.#acceptor.accept(id, amountCents, null, answer);
  }

  /** As in `GET /payments-summary`. Never answered if the instance dies first. */
  summary(): Promise<SummaryReply> {
    return this.#ledger.summary(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
  }

  /** A processor calls back about a payment, or somebody claims so. */
  calledBack(processor: number, body: string): void {
    const { processors } = this.#parts;
    const correlationId = processors[processor]?.contract.readCallback?.(body) ?? null;
    if (correlationId === null) return;
    const ids = processors.map((_, index) => new Set(index === processor ? [correlationId] : []));
    for (const { scope, dispatcher } of this.#threads) scope.deliver(() => dispatcher.calledBack(ids));
  }

  /** Positions of the processors whose breakers are not closed. One that was removed gets no health calls. */
  get openBreakers(): number[] {
    const isOpen = (processor: number) =>
      this.#sharedState.breakerOpen(processor) && this.#sharedState.use(processor) !== 'removed';
    return [...this.#parts.processors.keys()].filter(isOpen);
  }

  get isJournalEmpty(): boolean {
    return this.#segments.live().every(({ segment }) => this.#segments.allDone(segment));
  }

  killThread(index: number): void {
    const thread = this.#threads[index];
    if (thread === undefined || !thread.scope.alive || this.#sharedState.stopping) return;
    thread.scope.kill();
    this.#parts.audit.tell(`instance ${this.#parts.index}`, `thread ${index} dies`);
    this.#sharedState.threadDied(index);
    void this.#recovery.pushAgain();
    this.scope.after(REPLACE_AFTER_MS, () => this.#startThread(index, thread.life + 1));
  }

  /** As after SIGTERM: drains, then ends. */
  async stop(): Promise<void> {
    if (this.#sharedState.stopping) return;
    this.#sharedState.stop();
    this.#ring.wakeAll();
    const drained = Promise.all(this.#threads.map((thread) => thread.done));
    const overdue = new Promise((resolve) => this.scope.after(STOP_TIMEOUT_MS, () => resolve(null)));
    await Promise.race([drained, overdue]);
    for (const { scope } of this.#threads) scope.kill();
    await this.#journal.close();
    await Promise.all(this.#leases.map((lease) => lease.stop()));
    this.scope.kill();
  }

  #startThread(index: number, life: number): void {
    const { plan, timeline, weather, audit, processors } = this.#parts;
    const random = this.#random.fork(`thread ${index}.${life}`);
    const scope = this.scope.child();
    const ledger = this.#ledgerOf(scope, `pool-${index}.${life}`);
    const linkTo = (processor: number) => {
      const target = processors[processor];
      assert.ok(target !== undefined);
      return new ProcessorLink({
        target,
        instance: this.#parts.index,
        processor,
        life: this.scope,
        scope,
        timeline,
        weather,
        random: random.fork(`link ${processor}`),
        audit,
      });
    };
    const isThere = (_: unknown, processor: number) => processor < configuredCount(plan);
    const links = processors.filter(isThere).map((_, processor) => linkTo(processor));
    const [sharedState, log, clock] = [this.#sharedState, this.#log, scope];
    const metrics = this.#metricsTable.thread(index);
    const policy = dispatcherPolicy(plan);
    const allTargets = plan.processors.map((processor, index) => targetOf(nameOf(index), processor, plan));
    const targets = allTargets.filter(isThere);
    const classes = new AmountClasses(targets);
    const breakers = new CircuitBreakers({
      sharedState,
      metrics,
      targets,
      classes,
      policy: {
        failoverDelayMs: policy.failoverDelayMs,
        latencyBudgetMs: policy.latencyBudgetMs,
        restMaxMs: REST_MAX_MS,
        outageLookUpRate: 50,
      },
      clock,
      random: random.next,
      log,
    });
    const dispatcher = new Dispatcher({
      worker: { instanceId: `instance-${this.#parts.index}`, name: `pool-${index}` },
      thread: index,
      source: new RingSource(this.#ring.seenBy(scope), this.#segments, this.#idempotencyCache, sharedState),
      ledger,
      processors: links,
      targets,
      classes,
      breakers,
      sharedState,
      metrics,
      policy,
      clock,
      random: random.next,
      log,
      tracer: propagationOnlyTracer,
    });
    const done = dispatcher.run();
    this.#threads[index] = { scope, life, dispatcher, done };
    let health: HealthWatch | null = null;
    const added = new NewProcessors({
      open: async () => ({ kind: 'ok', target: null }),
      ledger,
      onOpened: () => {
        const processor = links.push(linkTo(links.length)) - 1;
        targets.push(...allTargets.slice(processor));
        dispatcher.processorAdded();
        health?.watch(processor);
      },
      table: this.#definitions,
      sharedState: this.#seenBy(scope),
      clock,
      log,
    });
    if (plan.lastAddedAtMs !== null) void added.run();
    if (index !== 0) return;
    health = new HealthWatch({
      ledger,
      processors: links,
      targets,
      breakers,
      sharedState,
      metrics,
      policy: { healthIntervalMs: 5100 },
      clock,
      random: random.next,
      log,
    });
    health.start();
    const { retentionMs } = plan;
    const upkeeps =
      retentionMs === null ? [] : ledger.shards.map((shard) => new Upkeep({ shard, retentionMs, clock }));
    for (const upkeep of upkeeps) upkeep.start();
    const controls = isOperated(plan) ? this.#controlsWatch(ledger, clock, metrics) : null;
    controls?.start();
    void done.then(() => {
      health?.stop();
      controls?.stop();
      for (const upkeep of upkeeps) upkeep.stop();
    });
  }

  /** A waiter hears of a change when its thread can. */
  #seenBy(scope: Scope): NewProcessorsParts<null>['sharedState'] {
    const [state, waiters] = [this.#sharedState, () => this.#controlsWaiters];
    return {
      shape: state.shape,
      get processorCount() {
        return state.processorCount;
      },
      get controlsRevision() {
        return state.controlsRevision;
      },
      get stopping() {
        return state.stopping;
      },
      untilControlsChange: (revision) =>
        state.controlsRevision === revision
          ? new Promise((resolve) => void waiters().push(() => scope.deliver(resolve)))
          : Promise.resolve(),
    };
  }

  #controlsWatch(ledger: Ledger, clock: Scope, metrics: ThreadMetrics): ControlsWatch {
    const { plan, audit } = this.#parts;
    const targets = plan.processors.map((processor, index) => targetOf(nameOf(index), processor, plan));
    const processorControls = async () => {
      const reply = await ledger.processorControls();
      if (reply.kind === 'ok') {
        const controls = targets.map(({ name }) => reply.value.processors[name]);
        audit.manners.pausesHeard(
          this.scope,
          controls.map(
            (control, processor) =>
              control?.isPaused === true ||
              control?.isRemoved === true ||
              (processor >= configuredCount(plan) && control?.definition === undefined),
          ),
        );
        audit.limits.heard(this.scope, controls);
      }
      return reply;
    };
    const log = this.#log;
    const target = targets.at(-1);
    assert.ok(target !== undefined);
    const added = new AddedProcessors({
      configured: targets.slice(0, configuredCount(plan)),
      rowCount: plan.processorCount,
      open: async () => ({ kind: 'ok', target }),
      ledger,
      table: this.#definitions,
      sharedState: this.#sharedState,
      metrics,
      clock,
      log,
    });
    return new ControlsWatch({
      ledger: { processorControls },
      added,
      bounds: { poolThreadCount: plan.threadCount, callsMax: CALLS_AT_ONCE_MAX },
      sharedState: this.#sharedState,
      onChange: () => {
        this.#ring.wakeAll();
        const waiters = this.#controlsWaiters;
        this.#controlsWaiters = [];
        for (const wake of waiters) wake();
      },
      clock,
      log,
    });
  }

  #ledgerOf(scope: Scope, worker: string): Ledger {
    const { connections, index, timeline, weather, audit } = this.#parts;
    const connect = (shard: number) => {
      const label = shard === 0 ? worker : `${worker} ${shard}`;
      const { next } = this.#random.fork(`connection ${label}`);
      return new SimLedger({
        inner: timeline.during(connections.connect(shard, scope, next)),
        shard,
        instance: index,
        scope,
        timeline,
        weather,
        random: this.#random.fork(`ledger ${label}`),
        audit,
      });
    };
    return ledgerOf(Array.from({ length: connections.shardCount }, (_, shard) => connect(shard)));
  }

  #leasesOf(ledger: Ledger): readonly Lease[] {
    const metrics = this.#metricsTable.thread(this.#parts.plan.threadCount);
    const random = this.#random.fork('http lease').next;
    return shardsOf(ledger, this.#log, metrics).map(
      (shardParts) =>
        new Lease({
          ...shardParts,
          worker: { instanceId: `instance-${this.#parts.index}`, name: 'http-0' },
          leaseMs: this.#parts.plan.sizes.leaseMs,
          clock: this.scope,
          random,
          holder: { ownerChanged: () => {}, leaseRenewed: async () => {} },
        }),
    );
  }

  #durability(ledger: Ledger): Durability {
    if (this.#leases.length > 0) return { kind: 'ledger', ledger, leases: this.#leases };
    return { kind: this.#parts.plan.durability === 'fsync' ? 'fsync' : 'journal' };
  }

  #reclaimLater(): void {
    this.scope.after(RECLAIM_EVERY_MS, () => {
      this.#journal.reclaim();
      this.#reclaimLater();
    });
  }
}

interface Thread {
  readonly scope: Scope;
  readonly life: number;
  readonly dispatcher: Dispatcher;
  readonly done: Promise<void>;
}

function dispatcherPolicy({ sizes, threadCount }: Plan): DispatcherPolicy {
  return {
    failoverDelayMs: sizes.failoverDelayMs,
    latencyBudgetMs: 1000,
    leaseMs: sizes.leaseMs,
    backoff: { baseMs: 50, maxMs: 2000 },
    batchWindowMs: sizes.batchWindowMs,
    batchLimit: sizes.batchLimit,
    inFlightLimit: sizes.inFlightLimit,
    poolThreadCount: threadCount,
    drainRate: 1000,
  };
}

function targetOf(name: string, processor: ProcessorPlan, { sizes, threadCount }: Plan): ProcessorTarget {
  const { timeoutMs, inDoubtHoldMs, breakerFailures } = sizes;
  // So many for each thread.
  const callLimit = sizes.callLimit * threadCount;
  const { feePpm, feeFixedCents, minAmountCents, maxAmountCents } = processor;
  const breaker = { failures: breakerFailures, baseMs: 250, maxMs: 5000 };
  const tariff = { feePpm, feeFixedCents, minAmountCents, maxAmountCents };
  return processorTarget({ name, ...tariff, timeoutMs, inDoubtHoldMs, callLimit, breaker });
}

/** An error in the log breaks a promise. */
/** Expected until the last processor is added, which may be the only one that takes some amounts. */
const NOT_TAKEN = 'payments are waiting whose amounts no processor takes';

/** Nothing else may be an error. */
function logOf(audit: Audit, who: string, expected: readonly string[]): Log {
  const tell = (fields: object, message: string) => audit.tell(who, `${message} ${JSON.stringify(fields)}`);
  return {
    debug: tell,
    info: tell,
    warn: tell,
    error: (fields, message) => {
      tell(fields, message);
      if (!expected.some((beginning) => message.startsWith(beginning))) audit.broken(message, null);
    },
  };
}
