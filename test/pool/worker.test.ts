import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/core/clock.ts';
import { UUID_BYTES, writeUuid } from '../../src/core/uuid.ts';
import { unfinished } from '../../src/journal/replay.ts';
import { Journal } from '../../src/journal/writer.ts';
import { openLedger } from '../../src/ledger/open.ts';
import { Pool } from '../../src/pool/pool.ts';
import runPoolThread, { type PoolTask } from '../../src/pool/worker.ts';
import { allocateSharedMemory } from '../../src/shared-memory/allocate.ts';
import { CallbackRing } from '../../src/shared-memory/callback-ring.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { Ring } from '../../src/shared-memory/ring.ts';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { KeptLog } from '../kept-log.ts';
import { listenLocally } from '../listen-locally.ts';
import { idOf } from '../payment-id.ts';
import { configIn } from '../settings.ts';
import { serveSimulated } from '../simulated/serve-simulated.ts';
import { until } from '../system/until.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const PAYMENTS = 200;
/** More than two threads settle before they are told to end. */
const MANY = 4_000;
const DEADLINE_MS = 20_000;
const NAMES = ['default', 'fallback'];

let directory = '';
test.before.each(() => {
  directory = temporaryDirectory();
});

function payments(count: number, from: number): { readonly id: Buffer; readonly amountCents: number }[] {
  return Array.from({ length: count }, (_, index) => {
    const id = Buffer.alloc(UUID_BYTES);
    writeUuid(idOf(from + index), id, 0);
    return { id, amountCents: 100 + index };
  });
}

/** An instance without its HTTP threads. */
async function setUp(environment: Record<string, string> = {}) {
  const [cheap, dear] = [await serveSimulated(), await serveSimulated()];
  const config = configIn(directory, {
    PAYMENT_PROCESSOR_URL_DEFAULT: cheap.url,
    PAYMENT_PROCESSOR_URL_FALLBACK: dear.url,
    ...environment,
  });
  const shared = allocateSharedMemory(config, 0);
  const sharedState = new SharedState(shared.state, shared.shape);
  const ring = new Ring(shared.ring);
  const segments = new SegmentTable(shared.segments);
  const options = { directory, writer: 'http-0', segments, durable: false, batchRecords: 512 };
  const journal = new Journal({ ...options, randomU32: () => 1 });
  const ledger = await openLedger(config.ledger, NAMES, { clock: systemClock, random: Math.random }, 'here');
  return {
    config,
    shared,
    sharedState,
    ring,
    journal,
    ledger,
    accept(count: number, from = 0) {
      for (const { id, amountCents } of payments(count, from)) {
        const acceptedAtMs = Date.now();
        const ref = journal.append(id, amountCents, acceptedAtMs, null);
        assert.ok(ref >= 0);
        assert.is(journal.write().kind, 'ok');
        assert.ok(ring.reserve());
        ring.push(id, amountCents, acceptedAtMs, ref, null);
      }
      ring.wake();
    },
    async settledCount() {
      const totals = await ledger.summary(-Infinity, Infinity);
      return totals.kind === 'ok' ? totals.value.reduce((sum, { count }) => sum + count, 0) : 0;
    },
    unfinished: () => [...unfinished(directory, segments, () => assert.unreachable())].length,
    async close() {
      await journal.close();
      await ledger.close();
      cheap.close();
      dear.close();
    },
  };
}

test('a callback makes the thread look up a pending payment that would be looked up much later', async () => {
  const world = await setUp({ BACKOFF_BASE_MS: '60000', BACKOFF_MAX_MS: '60000' });
  const name = new URL('../processor/calling-contract.ts', import.meta.url).pathname;
  const processors = world.config.processors.map((target) => ({
    ...target,
    contract: { name, options: {}, authorization: '' },
  }));
  const { shared, sharedState } = world;
  const running = runPoolThread({
    thread: 0,
    config: { ...world.config, processors },
    shared,
    isFirst: true,
  });
  await until('it comes about', DEADLINE_MS, () => sharedState.threadsReady === 1);
  // As many as may be looked up at once.
  const paymentCount = 30;
  world.accept(paymentCount);
  const metricsTable = new MetricsTable(shared.metricsTable, shared.shape);
  await until('it comes about', DEADLINE_MS, () => metricsTable.countedAt(0, 'pending') === paymentCount);
  const callbacks = new CallbackRing(shared.callbacks);
  assert.ok((await world.settledCount()) < paymentCount);
  for (const { id } of payments(paymentCount, 0)) callbacks.push(0, id);
  await until('it comes about', DEADLINE_MS, async () => (await world.settledCount()) === paymentCount);
  sharedState.stop();
  world.ring.wakeAll();
  await running;
  await world.close();
});

test('a thread sends its payments with the credentials that their file has now', async () => {
  const sent: string[] = [];
  const server = createServer((request, response) => {
    if (request.method === 'POST') sent.push(request.headers.authorization ?? '');
    response.end('{}');
  });
  const url = `http://127.0.0.1:${await listenLocally(server)}`;
  const [file, keyFile] = [join(directory, 'p.yaml'), join(directory, 'key')];
  const entry = `{ name: default, url: "${url}", contract: rinha, fee: { share: 0 }, credentials: { bearer: BANK_KEY } }`;
  writeFileSync(file, `processors: [${entry}]`);
  writeFileSync(keyFile, 'first');
  const files = { PROCESSORS_FILE: file, BANK_KEY_FILE: keyFile };
  const world = await setUp({
    PAYMENT_PROCESSOR_URL_DEFAULT: '',
    PAYMENT_PROCESSOR_URL_FALLBACK: '',
    ...files,
  });
  const { config, shared, sharedState, ring } = world;
  // A thread inherits the environment of its instance.
  Object.assign(process.env, files);
  try {
    const running = runPoolThread({ thread: 0, config, shared, isFirst: true });
    await until('the thread is ready', DEADLINE_MS, () => sharedState.threadsReady === 1);
    world.accept(1);
    await until('it is sent', DEADLINE_MS, () => sent.length === 1);
    const readAtMs = sharedState.credentialsAtMs;
    writeFileSync(keyFile, 'second');
    await until('the file is read', DEADLINE_MS, () => sharedState.credentialsAtMs > readAtMs);
    world.accept(1, 1);
    await until('another is sent', DEADLINE_MS, () => sent.length === 2);
    assert.equal(sent, ['Bearer first', 'Bearer second']);
    sharedState.stop();
    ring.wakeAll();
    await running;
  } finally {
    for (const name of Object.keys(files)) delete process.env[name];
    await world.close();
    server.close();
    server.closeAllConnections();
  }
});

test('a thread drains the ring into the books until it is told to stop', async () => {
  const world = await setUp();
  const { config, shared, sharedState, ring } = world;
  const running = runPoolThread({ thread: 0, config, shared, isFirst: true });
  await until('it comes about', DEADLINE_MS, () => sharedState.threadsReady === 1);
  world.accept(PAYMENTS);
  await until('it comes about', DEADLINE_MS, async () => (await world.settledCount()) === PAYMENTS);
  const metricsTable = new MetricsTable(shared.metricsTable, shared.shape);
  assert.is(metricsTable.countedAt(0, 'settled') + metricsTable.countedAt(1, 'settled'), PAYMENTS);
  assert.is(world.unfinished(), 0, 'the journal need not keep them any more');
  sharedState.stop();
  ring.wakeAll();
  await running;
  assert.is(sharedState.threadsReady, 0);
  await world.close();
});

test('the pool runs such threads, and another pool continues with the payments they leave', async () => {
  const world = await setUp({ POOL_THREADS: '2' });
  const { config, shared, sharedState, ring } = world;
  const log = new KeptLog();
  const pool = new Pool({
    onSetupError: assert.unreachable,
    cutOff: assert.unreachable,
    threadCount: 2,
    taskOf: (thread, isFirst): PoolTask => ({ thread, config, shared, isFirst }),
    onDeath: (thread) => sharedState.threadDied(thread),
    clock: systemClock,
    log,
  });
  pool.start();
  await until('it comes about', DEADLINE_MS, () => sharedState.threadsReady === 2);
  world.accept(PAYMENTS);
  await until('it comes about', DEADLINE_MS, async () => (await world.settledCount()) === PAYMENTS);
  sharedState.stop();
  ring.wakeAll();
  assert.is(await pool.stop(DEADLINE_MS), 'drained');
  assert.equal(log.lines, []);
  assert.is(sharedState.threadsReady, 0);
  await world.close();
});

for (const round of [1, 2, 3]) {
  test(`threads that are cut off in the midst of commits to LMDB leave its lock to others: ${round}`, async () => {
    const world = await setUp({ POOL_THREADS: '2', QUEUE_CAPACITY: '4096' });
    const { config, shared, sharedState } = world;
    const pool = new Pool({
      onSetupError: assert.unreachable,
      cutOff: () => sharedState.cutOff(),
      threadCount: 2,
      taskOf: (thread, isFirst): PoolTask => ({ thread, config, shared, isFirst }),
      onDeath: () => assert.unreachable(),
      clock: systemClock,
      log: new KeptLog(),
    });
    world.accept(MANY);
    pool.start();
    await until('they settle', DEADLINE_MS, async () => (await world.settledCount()) > PAYMENTS);
    assert.is(await pool.stop(0), 'cut off');
    assert.is((await world.ledger.ping()).kind, 'ok');
    assert.ok((await world.settledCount()) < MANY, 'they were not in the midst of anything');
    await world.close();
  });
}

test.run();
