import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import type { LedgerEvent, Settlement, Shard } from '../../../src/ledger/ledger.ts';
import { LmdbLedger } from '../../../src/ledger/lmdb/ledger.ts';
import { temporaryDirectory } from '../../temporary-directory.ts';
import { conformance } from '../conformance.ts';
import { must } from '../samples.ts';
import { BATCH_SIZE, PURGED_COUNT, writtenCents, writtenId } from './lmdb-writer.ts';

const WRITER = join(import.meta.dirname, 'lmdb-writer.ts');
const NAMES = ['default', 'fallback'];

conformance('LMDB', async () => {
  const path = temporaryDirectory();
  return {
    open: (processorNames, outbox) =>
      LmdbLedger.open(path, { processorNames, clock: systemClock, pollMs: 5, outbox }),
    dispose: () => rm(path, { recursive: true }),
  };
});

/** How many of a writer's payments the ledger has, by looking up each of them. */
interface Written {
  readonly found: number;
  readonly settled: number;
  readonly settledCents: number;
}

async function written(ledger: Shard, writer: number, paymentCount: number): Promise<Written> {
  let [found, settled, settledCents] = [0, 0, 0];
  for (let number = 0; number < paymentCount; number++) {
    const reply = await ledger.find(writtenId(writer, number));
    assert.is(reply.kind, 'ok');
    if (reply.kind !== 'ok' || reply.value === undefined) continue;
    found++;
    if (reply.value.status !== 'settled') continue;
    settled++;
    settledCents += writtenCents(number);
  }
  return { found, settled, settledCents };
}

async function total(ledger: Shard): Promise<{ settled: number; settledCents: number }> {
  const all = await must(ledger.summary(-Infinity, Infinity));
  return {
    settled: all.reduce((sum, totals) => sum + totals.count, 0),
    settledCents: all.reduce((sum, totals) => sum + totals.amountCents, 0),
  };
}

/** Resolves with the last batch that a writer acknowledged before it was killed at its `killAt`th line. */
async function killedWriter(path: string, writer: number, killAt: number): Promise<number> {
  const child: ChildProcess = spawn(process.execPath, [WRITER, path, `${writer}`, '100000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = once(child, 'close');
  let lastBatch = -1;
  if (child.stdout === null) throw new Error('the writer has no output');
  for await (const line of createInterface({ input: child.stdout })) {
    lastBatch = Number(line);
    if (lastBatch === killAt) child.kill('SIGKILL');
  }
  await gone;
  assert.is(child.signalCode, 'SIGKILL');
  return lastBatch;
}

test('acknowledged commits survive kill -9, and the totals match the entries', async () => {
  const path = temporaryDirectory();
  const expected = { settled: 0, settledCents: 0 };
  for (const [round, killAt] of [3, 40, 17].entries()) {
    const writers = [2 * round, 2 * round + 1];
    const lastBatches = await Promise.all(
      writers.map((writer, index) => killedWriter(path, writer, killAt + 9 * index)),
    );
    const ledger = await LmdbLedger.open(path, { processorNames: NAMES, clock: systemClock });
    for (const [index, writer] of writers.entries()) {
      const batchCount = (lastBatches[index] ?? -1) + 1;
      const had = await written(ledger, writer, (batchCount + 3) * BATCH_SIZE);
      assert.ok(had.found >= batchCount * BATCH_SIZE, 'every acknowledged claim is there');
      assert.ok(had.settled >= (batchCount - 1) * BATCH_SIZE, 'every acknowledged settlement is there');
      assert.is(had.found, had.settled + BATCH_SIZE, 'and no commit is half there');
      expected.settled += had.settled;
      expected.settledCents += had.settledCents;
    }
    assert.equal(await total(ledger), expected);
    await takeOverAll(ledger, writers.length * BATCH_SIZE);
    await ledger.close();
  }
});

test('readers in another process see all of a purge or nothing', async () => {
  const path = temporaryDirectory();
  const ledger = await LmdbLedger.open(path, { processorNames: NAMES, clock: systemClock });
  const child = spawn(process.execPath, [WRITER, path, 'purging', '40'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const gone = once(child, 'close');
  const seen = new Set<number>();
  while (child.exitCode === null) {
    seen.add((await total(ledger)).settled);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await gone;
  assert.is(child.exitCode, 0);
  assert.equal([...seen].sort(), [0, PURGED_COUNT]);
  await ledger.close();
});

/** Takes over from all owners as a new one, and expects the given number of payments. */
async function takeOverAll(ledger: Shard, paymentCount: number): Promise<void> {
  const [successor, owners] = [
    await ledger.acquireLease({ instanceId: 'successor', name: 'pool-0' }, 0),
    await ledger.owners(),
  ];
  if (successor.kind === 'unavailable' || owners.kind === 'unavailable') throw new Error('no ledger');
  let taken = 0;
  for (const { owner, instanceId } of owners.value) {
    if (instanceId === 'successor') continue;
    const reply = await ledger.takeOver(owner, successor.value, 1000);
    if (reply.kind === 'ok') taken += reply.value.length;
  }
  assert.is(taken, paymentCount);
}

test('on a full disk a commit is unavailable and changes nothing', async () => {
  const path = temporaryDirectory();
  const limited = ['-c', 'ulimit -f 3000; exec "$@"', 'sh', process.execPath, WRITER, path, '1', '100000'];
  const child = spawn('sh', limited, { stdio: ['ignore', 'pipe', 'ignore'] });
  const gone = once(child, 'close');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) lines.push(line);
  await gone;
  assert.is(child.exitCode, 0);
  assert.match(lines.at(-1) ?? '', /^unavailable: (File too large|Input\/output error)/);
  const ledger = await LmdbLedger.open(path, { processorNames: NAMES, clock: systemClock });
  const batchCount = lines.length - 1;
  const had = await written(ledger, 1, (batchCount + 2) * BATCH_SIZE);
  assert.is(had.found, batchCount * BATCH_SIZE);
  assert.is(had.settled, (batchCount - 1) * BATCH_SIZE);
  assert.equal(await total(ledger), { settled: had.settled, settledCents: had.settledCents });
  await takeOverAll(ledger, BATCH_SIZE);
  await ledger.close();
});

test('the main thread and its workers share one ledger', async () => {
  const path = temporaryDirectory();
  const ledger = await LmdbLedger.open(path, { processorNames: NAMES, clock: systemClock });
  const batchCount = 20;
  const threads = [1, 2, 3].map(
    (writer) => new Worker(WRITER, { argv: [path, `${writer}`, `${batchCount}`], stdout: true }),
  );
  const exits = await Promise.all(threads.map((thread) => once(thread, 'exit')));
  assert.equal(exits, [[0], [0], [0]]);
  const each = ((batchCount - 1) * BATCH_SIZE * ((batchCount - 1) * BATCH_SIZE + 1)) / 2;
  assert.equal(await total(ledger), { settled: 3 * (batchCount - 1) * BATCH_SIZE, settledCents: 3 * each });
  await ledger.close();
});

test('a commit that throws halfway changes nothing', async () => {
  const path = temporaryDirectory();
  const ledger = await LmdbLedger.open(path, { processorNames: NAMES, clock: systemClock });
  const acquired = await ledger.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, 0);
  if (acquired.kind === 'unavailable') throw new Error(acquired.reason);
  const payment = { amountCents: 5, acceptedAtMs: 0, processor: 0, requestedAtMs: 0 };
  const claims = [0, 1].map((number) => ({ ...payment, correlationId: writtenId(9, number) }));
  await ledger.commit(acquired.value, [], claims);
  const settlements = claims.map((claim) => ({ ...claim, status: 'settled' as const, reason: '' }));
  let broke = false;
  const wrong = { ...settlements[1], status: 'rejected', reason: null } as unknown as Settlement;
  await ledger.commit(acquired.value, [...settlements.slice(0, 1), wrong], []).catch(() => {
    broke = true;
  });
  assert.ok(broke, 'a reason is text');
  assert.equal(await total(ledger), { settled: 0, settledCents: 0 });
  const reply = await ledger.find(writtenId(9, 0));
  assert.is(reply.kind === 'ok' && reply.value?.status, 'dispatched');
  assert.is((await ledger.commit(acquired.value, settlements.slice(0, 1), [])).kind, 'ok');
  await ledger.close();
});

test('a directory that cannot be used is rejected at once', async () => {
  const path = temporaryDirectory();
  await writeFile(join(path, 'file'), '');
  const opened = LmdbLedger.open(join(path, 'file', 'ledger'), {
    processorNames: NAMES,
    clock: systemClock,
  });
  const refused = await opened.then(
    () => false,
    () => true,
  );
  assert.ok(refused);
});

test('a directory with a dot works, and so does one whose parent does not exist yet', async () => {
  const path = temporaryDirectory();
  const inner = join(path, 'data', 'ledger.v1');
  const ledger = await LmdbLedger.open(inner, { processorNames: NAMES, clock: systemClock });
  assert.is((await ledger.ping()).kind, 'ok');
  await ledger.close();
});

test('a subscription polls when its time has come, and leaves no timer behind', async () => {
  const path = temporaryDirectory();
  const timers = new Map<() => void, number>();
  const clock: Clock = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    stopwatchMs: () => 0,
    after: (delayMs, run) => {
      timers.set(run, delayMs);
      return () => timers.delete(run);
    },
  };
  const ledger = await LmdbLedger.open(path, { processorNames: NAMES, clock });
  const other = await LmdbLedger.open(path, { processorNames: NAMES, clock });
  const heard: LedgerEvent[] = [];
  const subscribed = await ledger.subscribe((event) => heard.push(event));
  assert.equal([...timers.values()], [250]);
  await other.purge(7);
  assert.equal(heard, []);
  for (const [run] of [...timers]) {
    timers.delete(run);
    run();
  }
  await Promise.resolve();
  await new Promise(setImmediate);
  assert.equal(heard, [{ kind: 'purged', purgedAtMs: 7 }]);
  assert.equal([...timers.values()], [250]);
  if (subscribed.kind === 'ok') subscribed.value();
  assert.is(timers.size, 0);
  await ledger.close();
  await other.close();
});

test.run();
