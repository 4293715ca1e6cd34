import { randomFillSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { UUID_BYTES } from '../core/uuid.ts';
import type { Claim, Settlement, Shard } from '../ledger/ledger.ts';
import { MemoryLedger } from '../ledger/memory/ledger.ts';
import { HttpProcessor } from '../processor/client.ts';
import { rinha } from '../processor/contracts/rinha.ts';
import { IdempotencyCache } from '../shared-memory/idempotency-cache.ts';
import { MetricsTable } from '../shared-memory/metrics-table.ts';
import { Ring } from '../shared-memory/ring.ts';
import { SegmentTable } from '../shared-memory/segment-table.ts';
import { SharedState } from '../shared-memory/state.ts';
import { propagationOnlyTracer } from '../tracing/open.ts';
import { AmountClasses } from './amount-classes.ts';
import { CircuitBreakers } from './circuit-breakers.ts';
import { QUEUED } from './delivery.ts';
import { Dispatcher, type DispatcherPolicy } from './dispatcher.ts';
import { RingSource } from './ring-source.ts';
import type { DispatchTarget } from './terms-in-force.ts';

/** Two, as most deployments have: code that has seen lists of one is compiled again when it meets longer ones. */
const NAMES = ['warm-up-1', 'warm-up-2'];
const SHAPE = { processorCount: NAMES.length, threadCount: 1 };
const RING_CAPACITY = 1024;
const LATENCY_BUDGET_MS = 1000;
const TIMEOUT_MS = 15_000;
const TARGET: DispatchTarget = {
  feePpm: 50_000,
  feeFixedCents: 0,
  minAmountCents: 1,
  maxAmountCents: Number.MAX_SAFE_INTEGER,
  timeoutMs: TIMEOUT_MS,
  inDoubtHoldMs: 2 * TIMEOUT_MS,
  callLimit: 400,
  callsPerSecond: null,
};
const TARGETS = NAMES.map((name, position) => ({ ...TARGET, name, feePpm: TARGET.feePpm * (1 + position) }));
/** Owners are numbered from 1. */
const NO_OWNER = 0;
const CHARGED = { status: 'settled', reason: '', outcome: 'charged' } as const;
const FREE = { feePpm: 0, feeFixedCents: 0 };
/** The warm-up touches nothing real, so it logs nothing. */
const SILENT: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const COMMITTED = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}';

/**
 * Drains `count` payments like a pool thread, with a throwaway ring, ledger and processor, so that the code is compiled
 * before the first real payment. A failure does not prevent the start, and a stop cuts the warm-up short.
 */
export async function warmUpPool(
  count: number,
  policy: DispatcherPolicy,
  stopping: () => boolean,
  clock: Clock,
  log: Log,
): Promise<void> {
  if (count === 0) return;
  const server = committing();
  try {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await drain(count, policy, stopping, clock, urlOf(server));
  } catch (error) {
    log.warn({ err: error }, 'warm-up failed');
  } finally {
    server.close();
  }
}

/**
 * Commits `count` claims and settlements in the name of an owner that does not exist: the shard refuses them all and writes
 * nothing, but what encodes commits and reads their replies is compiled. Ends when the shard does not answer.
 */
export async function warmUpLedger(
  count: number,
  batchLimit: number,
  stopping: () => boolean,
  shard: Pick<Shard, 'commit'>,
  clock: Clock,
): Promise<void> {
  for (let left = count; left > 0 && !stopping(); left -= batchLimit) {
    const requestedAtMs = clock.nowMs();
    const ids = Array.from({ length: Math.min(left, batchLimit) }, () => randomUUID());
    const settlements = ids.map((correlationId, number): Settlement => {
      return { correlationId, processor: 0, ...CHARGED, amountCents: 1 + number, requestedAtMs, fee: FREE };
    });
    const claims = ids.map((correlationId, number): Claim => {
      const payment = { correlationId, amountCents: 1 + number, acceptedAtMs: requestedAtMs };
      return { ...payment, processor: 0, requestedAtMs, why: 'cheapest-well', before: QUEUED.ended };
    });
    const reply = await shard.commit(NO_OWNER, settlements, claims);
    if (reply.kind === 'unavailable') return;
  }
}

async function drain(
  count: number,
  policy: DispatcherPolicy,
  stopping: () => boolean,
  clock: Clock,
  url: string,
): Promise<void> {
  const random = Math.random;
  const sharedState = new SharedState(SharedState.allocate(SHAPE), SHAPE);
  sharedState.setControls(NAMES.map(() => ({ use: 'in-use' })));
  const metrics = new MetricsTable(MetricsTable.allocate(SHAPE), SHAPE).thread(0);
  const ring = new Ring(Ring.allocate(RING_CAPACITY));
  const segments = new SegmentTable(SegmentTable.allocate(1, RING_CAPACITY));
  const idempotencyCache = new IdempotencyCache(
    IdempotencyCache.allocate(RING_CAPACITY, Uint32Array.of(0, 0)),
  );
  const processors = NAMES.map(
    (name) =>
      new HttpProcessor({
        name,
        url,
        contract: rinha(''),
        connectionCount: TARGET.callLimit,
        clock,
        tracer: propagationOnlyTracer,
      }),
  );
  const { failoverDelayMs } = policy;
  const classes = new AmountClasses(TARGETS);
  const latencyBudgetMs = LATENCY_BUDGET_MS;
  const breakerPolicy = {
    failoverDelayMs: failoverDelayMs,
    latencyBudgetMs,
    restMaxMs: 0,
    outageLookUpRate: 1,
  };
  const drained = new Dispatcher({
    worker: { instanceId: 'warm-up', name: 'pool-0' },
    thread: 0,
    source: new RingSource(ring, segments, idempotencyCache, sharedState),
    ledger: new MemoryLedger(NAMES),
    processors,
    targets: TARGETS,
    classes,
    breakers: new CircuitBreakers({
      sharedState,
      metrics,
      classes,
      targets: NAMES.map((name) => ({ ...TARGET, name, breaker: { failures: count, ...policy.backoff } })),
      policy: breakerPolicy,
      clock,
      random,
      log: SILENT,
    }),
    sharedState,
    metrics,
    policy: { ...policy, batchWindowMs: 1, poolThreadCount: 1 },
    clock,
    random,
    log: SILENT,
    tracer: propagationOnlyTracer,
  }).run();
  for (let number = 0; number < count && !stopping(); number++) {
    while (!ring.reserve()) await sleep(clock, 1);
    ring.push(
      randomFillSync(Buffer.alloc(UUID_BYTES)),
      1 + number,
      clock.nowMs(),
      number % RING_CAPACITY,
      null,
    );
    ring.wake();
  }
  sharedState.stop();
  ring.wakeAll();
  await drained;
  await Promise.all(processors.map((processor) => processor.close()));
}

/** A processor that commits every payment. It answers once for each packet, since a call fits into one. */
function committing(): Server {
  return createServer((socket) => {
    socket.on('data', () => socket.write(COMMITTED));
    // The client closes the connection when it is done.
    socket.on('error', () => socket.destroy());
  });
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a TCP address');
  return `http://127.0.0.1:${address.port}`;
}
