import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readUuid, UUID_BYTES, writeUuid } from '../../src/core/uuid.ts';
import { Recovery } from '../../src/journal/recovery.ts';
import { replay } from '../../src/journal/replay.ts';
import { Journal } from '../../src/journal/writer.ts';
import { IdempotencyCache } from '../../src/shared-memory/idempotency-cache.ts';
import { Ring, RingSlot } from '../../src/shared-memory/ring.ts';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';
import { KeptLog } from '../kept-log.ts';
import { ManualClock } from '../manual-clock.ts';
import { idOf } from '../payment-id.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

let directory = '';
test.before.each(() => {
  directory = temporaryDirectory();
});

function bytesOf(number: number): Buffer {
  const id = Buffer.alloc(UUID_BYTES);
  writeUuid(idOf(number), id, 0);
  return id;
}

function setUp(capacity = 8, journalAccepts = true) {
  const segments = new SegmentTable(SegmentTable.allocate(4, 16));
  const idempotencyCache = new IdempotencyCache(IdempotencyCache.allocate(64, Uint32Array.of(1, 2)));
  const ring = new Ring(Ring.allocate(capacity));
  const clock = new ManualClock();
  const log = new KeptLog();
  const state = { stopping: false };
  const stopping = () => state.stopping;
  const recovery = new Recovery({
    directory,
    segments,
    idempotencyCache,
    ring,
    clock,
    log,
    stopping,
    journalAccepts,
  });
  const journal = (writer: string) =>
    new Journal({ directory, writer, segments, durable: false, batchRecords: 16, randomU32: () => 1 });
  const popAll = (): [id: string, amountCents: number, acceptedAtMs: number, ref: number][] => {
    const slot = new RingSlot();
    const popped: [string, number, number, number][] = [];
    while (ring.pop(slot)) {
      popped.push([readUuid(slot.id, 0), slot.amountCents, slot.acceptedAtMs, slot.journalRef]);
    }
    return popped;
  };
  return { segments, idempotencyCache, ring, clock, log, state, recovery, journal, popAll };
}

/** An earlier run accepts that many payments and is killed. */
function earlierLife(count: number): void {
  const { journal } = setUp();
  const writer = journal('http-0');
  for (let number = 1; number <= count; number++) writer.append(bytesOf(number), number, 5000 + number, null);
  assert.is(writer.write().kind, 'ok');
}

test('payments accepted by an earlier run are pushed unchanged', async () => {
  earlierLife(3);
  const { segments, recovery, popAll } = setUp();
  assert.is(replay(directory, segments).kind, 'ok');
  await recovery.pushAgain();
  const popped = popAll();
  assert.equal(
    popped.map(([id, amountCents, acceptedAtMs]) => [id, amountCents, acceptedAtMs]),
    [1, 2, 3].map((number) => [readUuid(bytesOf(number), 0), number, 5000 + number]),
  );
  for (const [, , , ref] of popped) assert.not(segments.isDone(ref));
});

test('they are in the idempotency cache again, so that a repeated post is recognized', () => {
  earlierLife(2);
  const { segments, idempotencyCache, recovery } = setUp();
  replay(directory, segments);
  recovery.fillCache();
  assert.equal(idempotencyCache.find(bytesOf(1)), { amountCents: 1, acceptedAtMs: 5001 });
  assert.is(idempotencyCache.reserve(bytesOf(2), 2, 9000), 'same');
  assert.is(idempotencyCache.reserve(bytesOf(2), 3, 9000), 'conflict');
  assert.is(idempotencyCache.reserve(bytesOf(3), 3, 9000), 'new');
});

test('what takes more than a journal write to accept goes all the way when it is posted again', () => {
  earlierLife(1);
  const { segments, idempotencyCache, recovery } = setUp(8, false);
  replay(directory, segments);
  recovery.fillCache();
  assert.is(idempotencyCache.reserve(bytesOf(1), 1, 9000), 'pending');
  assert.is(idempotencyCache.reserve(bytesOf(1), 2, 9000), 'conflict');
});

test('payments that the ledger has are not pushed', async () => {
  earlierLife(3);
  const { segments, recovery, popAll } = setUp();
  replay(directory, segments);
  await recovery.pushAgain();
  segments.markDone(popAll()[1]?.[3] ?? 0);
  await recovery.pushAgain();
  assert.equal(
    popAll().map(([, amountCents]) => amountCents),
    [1, 3],
  );
});

test('payments accepted by this run are pushed again after the death of a thread', async () => {
  const { journal, recovery, popAll } = setUp();
  const [one, other] = [journal('http-0'), journal('http-1')];
  const ref = one.append(bytesOf(1), 1, 6001, null);
  one.write();
  other.append(bytesOf(2), 2, 6002, null);
  other.write();
  await recovery.pushAgain();
  const popped = popAll();
  assert.is(popped.length, 2);
  assert.is(popped[0]?.[3], ref);
  await one.close();
  await other.close();
});

test('waits for room while the ring is full', async () => {
  earlierLife(5);
  const { segments, ring, clock, recovery, popAll } = setUp(2);
  replay(directory, segments);
  let ended = false;
  const pushing = recovery.pushAgain().then(() => {
    ended = true;
  });
  await clock.passSlowly(100);
  assert.not(ended);
  assert.is(ring.size, 2);
  const popped = popAll();
  while (!ended) {
    await clock.passSlowly(5);
    popped.push(...popAll());
  }
  await pushing;
  assert.equal(
    popped.map(([, amountCents]) => amountCents),
    [1, 2, 3, 4, 5],
  );
});

test('a stop ends the wait', async () => {
  earlierLife(5);
  const { segments, ring, clock, state, recovery } = setUp(2);
  replay(directory, segments);
  const pushing = recovery.pushAgain();
  await clock.passSlowly(100);
  state.stopping = true;
  await clock.passSlowly(5);
  await pushing;
  assert.is(ring.size, 2);
});

test('passes run one after another', async () => {
  earlierLife(3);
  const { segments, clock, recovery, popAll } = setUp(2);
  replay(directory, segments);
  const both = Promise.all([recovery.pushAgain(), recovery.pushAgain()]);
  const popped: number[] = [];
  for (let turn = 0; turn < 10; turn++) {
    await clock.passSlowly(5);
    popped.push(...popAll().map(([, amountCents]) => amountCents));
  }
  await both;
  assert.equal(popped, [1, 2, 3, 1, 2, 3]);
});

test('wakes all threads that sleep at the ring', async () => {
  earlierLife(1);
  const { segments, ring, recovery } = setUp();
  replay(directory, segments);
  const awake = Promise.all([ring.sleep(), ring.sleep()]);
  await recovery.pushAgain();
  await awake;
});

test('a damaged record is logged, and the others are pushed', async () => {
  earlierLife(3);
  const { segments, log, recovery, popAll } = setUp();
  replay(directory, segments);
  const [name] = readdirSync(directory);
  const path = join(directory, name ?? '');
  const bytes = readFileSync(path);
  bytes[70] = (bytes[70] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  await recovery.pushAgain();
  assert.equal(
    popAll().map(([, amountCents]) => amountCents),
    [1, 3],
  );
  assert.equal(log.lines, ['error a journal record is damaged']);
});

test.run();
