import { randomInt } from 'node:crypto';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { OutageLog } from '../core/outage-log.ts';
import { Journal } from '../journal/writer.ts';
import { Lease } from '../ledger/lease.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { openLedger } from '../ledger/open.ts';
import { shardsOf } from '../ledger/shard-parts.ts';
import type { SharedMemory } from '../shared-memory/allocate.ts';
import { CallbackRing } from '../shared-memory/callback-ring.ts';
import { DefinitionTable } from '../shared-memory/definition-table.ts';
import { IdempotencyCache } from '../shared-memory/idempotency-cache.ts';
import { MetricsTable } from '../shared-memory/metrics-table.ts';
import { Ring } from '../shared-memory/ring.ts';
import { SegmentTable } from '../shared-memory/segment-table.ts';
import { SharedState } from '../shared-memory/state.ts';
import { openTracer } from '../tracing/open.ts';
import type { Tracer } from '../tracing/tracer.ts';
import type { Webhooks } from '../webhooks/webhooks.ts';
import { Access } from './access.ts';
import { serveAudit } from './audit.ts';
import { type Contracts, serveCallbacks } from './callbacks.ts';
import { Dashboard } from './dashboard.ts';
import { PaymentDecoder } from './decoder.ts';
import { Definitions } from './definitions.ts';
import { serveDocuments } from './documents.ts';
import { eventJson } from './event-json.ts';
import { EventRoutes } from './event-routes.ts';
import { Keyring } from './keyring.ts';
import { KeysWatch } from './keys-watch.ts';
import { KnownProcessors } from './known-processors.ts';
import { serveMetrics } from './metrics.ts';
import { type Durability, PaymentAcceptor } from './payment-acceptor.ts';
import { servePaymentActions } from './payment-actions.ts';
import { servePaymentList } from './payment-list.ts';
import { PaymentRoutes } from './payment-routes.ts';
import { ProcessorRoutes } from './processor-routes.ts';
import { TakenAmounts } from './taken-amounts.ts';
import { createApp, limitConnections, type WebApp } from './uws.ts';
import { serveWebhooks } from './webhook-routes.ts';

/** How often journal files that are no longer needed are removed. */
const RECLAIM_EVERY_MS = 1000;

export interface HttpThreadParts {
  /** The number of this HTTP thread, from 0. */
  readonly index: number;
  readonly config: Config;
  readonly shared: SharedMemory;
  readonly clock: Clock;
  readonly log: Log;
  readonly ledger: Ledger;
  /** One in each shard of the ledger; none unless ACCEPT_DURABILITY=ledger. */
  readonly leases: readonly Lease[];
  readonly tracer: Tracer;
  readonly contracts: Contracts;
  /** Null: another thread delivers them, or there are none. */
  readonly webhooks: Webhooks | null;
}

/**
 * The parts of one HTTP thread, which may be the primary thread: an application with the gateway's routes, not
 * listening yet, and its own journal.
 */
export class HttpThread {
  readonly app: WebApp;
  readonly #ledger: Ledger;
  readonly #journal: Journal;
  readonly #leases: readonly Lease[];
  readonly #tracer: Tracer;
  readonly #dashboard: Dashboard;
  readonly #events: EventRoutes;
  readonly #webhooks: Webhooks | null;
  readonly #known: KnownProcessors;
  /** Null: there is no file with API keys. */
  readonly #keysWatch: KeysWatch | null;
  readonly #cancelReclaim: () => void;

  static async open(
    index: number,
    config: Config,
    shared: SharedMemory,
    clock: Clock,
    log: Log,
    contracts: Contracts,
  ): Promise<HttpThread> {
    const names = config.processors.map(({ name }) => name);
    const ledger = await openLedger(config.ledger, names, { clock, random: Math.random, log }, 'elsewhere');
    const leases =
      config.acceptDurability === 'ledger' ? leasesOf(index, config, shared, ledger, clock, log) : [];
    // Not awaited: while its ledger is unavailable, the gateway starts but reports that it is not ready.
    for (const lease of leases) void lease.start();
    const tracer = await openTracer(config.tracing, { instanceId: config.instanceId, log });
    const webhooks = index === 0 ? await openWebhooks(config, shared, clock, log, ledger) : null;
    return new HttpThread({
      index,
      config,
      shared,
      clock,
      log,
      ledger,
      leases,
      tracer,
      contracts,
      webhooks,
    });
  }

  constructor(parts: HttpThreadParts) {
    const { index, config, shared, clock, log, ledger, leases, tracer, contracts } = parts;
    const segments = new SegmentTable(shared.segments);
    const sharedState = new SharedState(shared.state, shared.shape);
    const idempotencyCache = new IdempotencyCache(shared.idempotencyCache);
    const metricsTable = new MetricsTable(shared.metricsTable, shared.shape);
    const metrics = metricsTable.thread(config.poolThreadCount + index);
    const durability: Durability =
      config.acceptDurability === 'ledger'
        ? { kind: 'ledger', ledger, leases }
        : { kind: config.acceptDurability };
    this.app = createApp();
    const outage = new OutageLog({
      log,
      began: 'too many connections: new ones are closed',
      ended: 'new connections are accepted again',
    });
    const limit = Math.ceil(config.maxConnections / config.httpThreadCount);
    limitConnections(this.app, limit, {
      onRefused: () => {
        metrics.count('connectionsRefused');
        outage.failed(`${limit} connections are open; see MAX_CONNECTIONS`);
      },
      onRoom: () => outage.recovered(),
    });
    this.#ledger = ledger;
    this.#leases = leases;
    this.#webhooks = parts.webhooks;
    this.#tracer = tracer;
    this.#journal = new Journal({
      directory: config.journalDir,
      writer: `http-${index}`,
      segments,
      durable: durability.kind === 'fsync',
      batchRecords: config.postBatch.lineLimit,
      randomU32: () => randomInt(2 ** 32),
    });
    const { apiKeys } = config;
    const keyring = new Keyring({ keys: [...apiKeys.listed, ...apiKeys.admin], metrics, clock });
    this.#keysWatch =
      apiKeys.file === ''
        ? null
        : new KeysWatch({
            file: apiKeys.file,
            listed: apiKeys.listed,
            others: apiKeys.admin,
            keyring,
            metrics,
            clock,
            log,
          });
    this.#keysWatch?.start();
    const ring = new Ring(shared.ring);
    const journal = this.#journal;
    const { maxAmountCents } = config;
    const definitions = new Definitions(contracts, process.env, clock);
    this.#known = new KnownProcessors({
      configured: config.processors,
      contracts,
      definitions,
      table: new DefinitionTable(shared.definitions),
      sharedState,
      clock,
    });
    void this.#known.follow();
    const processors = this.#known.targets;
    const operators = new Access({ mode: config.access.operator, keyring, scope: 'operate' });
    const paymentRoutes = new PaymentRoutes({
      app: this.app,
      decoder: new PaymentDecoder(
        maxAmountCents,
        new TakenAmounts({ processors, maxAmountCents }, sharedState),
      ),
      acceptor: new PaymentAcceptor({
        idempotencyCache,
        ring,
        journal,
        segments,
        ledger,
        sharedState,
        metrics,
        clock,
        durability,
        log,
      }),
      idempotencyCache,
      ledger,
      sharedState,
      metrics,
      poolThreadCount: config.poolThreadCount,
      bodyLimitBytes: config.bodyLimitBytes,
      postBatch: config.postBatch,
      allowPurge: config.allowPurge,
      access: config.paymentsAccess,
      keyring,
      operators,
      clock,
      log,
      tracer,
    });
    const actionParts = {
      app: this.app,
      ledger,
      idempotencyCache,
      instanceId: config.instanceId,
      clock,
      log,
    };
    servePaymentActions(actionParts, '/actions', operators);
    const listParts = {
      app: this.app,
      ledger,
      instanceId: config.instanceId,
      ring,
      metricsTable,
      metrics,
    };
    servePaymentList(listParts, '/payments', operators);
    const hasEvents = config.ledger.outbox !== undefined;
    this.#events = new EventRoutes({
      app: this.app,
      guard: new Access({ mode: config.access.operator, keyring, scope: 'read' }),
      ledger,
      clock,
      isOn: hasEvents,
      readerLimit: config.eventReaderLimit,
    });
    serveCallbacks({
      app: this.app,
      processors: this.#known,
      ring: new CallbackRing(shared.callbacks),
      metrics,
    });
    const processorRoutes = new ProcessorRoutes({
      app: this.app,
      processors: config.processors,
      definitions,
      bounds: config,
      sharedState,
      ledger,
      clock,
      log,
    });
    processorRoutes.serve('/processors', operators);
    const webhookParts = { app: this.app, webhooks: config.webhooks, hasEvents, ledger, log };
    serveWebhooks(webhookParts, '/webhooks', operators);
    serveDocuments(this.app, log);
    serveAudit({ app: this.app, config, keyring, sharedState, log });
    this.#dashboard = new Dashboard({
      app: this.app,
      config,
      processors,
      keyring,
      sharedState,
      metricsTable,
      ring,
      segments,
      ledger,
      clock,
      log,
    });
    this.#dashboard.serveOperators(operators, (path, guard) => {
      processorRoutes.serve(`${path}/processors`, guard);
      servePaymentList(listParts, `${path}/api/payments`, guard);
      paymentRoutes.serveStories(`${path}/api/payments`, guard);
      servePaymentActions(actionParts, `${path}/api/actions`, guard);
      serveWebhooks(webhookParts, `${path}/api/webhooks`, guard);
    });
    serveMetrics({
      app: this.app,
      config,
      processors,
      keyring,
      metricsTable,
      sharedState,
      ring,
      segments,
      clock,
    });
    journal.prepare();
    this.#cancelReclaim = every(clock, RECLAIM_EVERY_MS, () => {
      journal.prepare();
      const { failure } = journal.reclaim();
      if (failure !== null) log.warn({ reason: failure }, 'a journal file cannot be removed');
    });
  }

  /** Closes every connection, and leaves in the journal only payments that the ledger does not have. */
  async close(): Promise<void> {
    this.#cancelReclaim();
    this.#keysWatch?.stop();
    this.#known.stop();
    this.#dashboard.close();
    this.#events.close();
    this.app.close();
    await this.#journal.close();
    await Promise.all(this.#leases.map((lease) => lease.stop()));
    await this.#tracer.close();
    await this.#webhooks?.close();
    await this.#ledger.close();
  }
}

/** Loaded only if there are any. */
async function openWebhooks(
  config: Config,
  shared: SharedMemory,
  clock: Clock,
  log: Log,
  ledger: Ledger,
): Promise<Webhooks | null> {
  const { webhooks, instanceId } = config;
  if (webhooks.length === 0) return null;
  const { Webhooks } = await import('../webhooks/webhooks.ts');
  const metrics = new MetricsTable(shared.metricsTable, shared.shape).thread(config.poolThreadCount);
  return new Webhooks({ webhooks, instanceId, ledger, textOf: eventJson, metrics, clock, log });
}

function leasesOf(
  index: number,
  config: Config,
  shared: SharedMemory,
  ledger: Ledger,
  clock: Clock,
  log: Log,
): readonly Lease[] {
  const row = new MetricsTable(shared.metricsTable, shared.shape).thread(config.poolThreadCount + index);
  return shardsOf(ledger, log, row).map(
    (parts) =>
      new Lease({
        ...parts,
        worker: { instanceId: config.instanceId, name: `http-${index}` },
        leaseMs: config.leaseMs,
        clock,
        random: Math.random,
        // This thread only reserves; pool threads take over what an earlier owner reserved.
        holder: { ownerChanged: () => {}, leaseRenewed: async () => {} },
      }),
  );
}

function every(clock: Clock, periodMs: number, run: () => void): () => void {
  let cancel: () => void = () => {};
  const again = () => {
    cancel = clock.after(periodMs, () => {
      run();
      again();
    });
  };
  again();
  return () => cancel();
}
