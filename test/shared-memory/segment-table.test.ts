import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';
import type { MarkWork } from './segment-table-worker.ts';

const RECORDS = 32;

function makeSegments(segmentCount = 2, recordsPerSegment = RECORDS): SegmentTable {
  return new SegmentTable(SegmentTable.allocate(segmentCount, recordsPerSegment));
}

/** A sealed segment with that many records. */
function fill(segments: SegmentTable, written: number): number {
  const segment = segments.acquire();
  segments.setWritten(segment, written);
  segments.seal(segment);
  return segment;
}

function markAll(segments: SegmentTable, segment: number, written: number): void {
  for (let record = 0; record < written; record++) segments.markDone(segments.ref(segment, record));
}

test('gives each segment to one writer, until none is free', () => {
  const segments = makeSegments();
  const [one, other] = [segments.acquire(), segments.acquire()];
  assert.is.not(one, other);
  assert.is.not(segments.fileNumber(one), segments.fileNumber(other));
  assert.is(segments.acquire(), -1);
});

test('a segment is all done when each of its records is, whatever their number', () => {
  for (const written of [0, 1, 15, 16, 17, 31, 32]) {
    const segments = makeSegments();
    const segment = fill(segments, written);
    for (let record = 0; record < written; record++) {
      assert.not.ok(segments.allDone(segment), `${record} of ${written}`);
      segments.markDone(segments.ref(segment, record));
    }
    assert.ok(segments.allDone(segment));
  }
});

test('done marks behave like a set', () => {
  const anyRecords = fc.array(fc.nat(2 * RECORDS - 1), { maxLength: 60 });
  fc.assert(
    fc.property(anyRecords, (marked) => {
      const segments = makeSegments();
      const opened = [segments.acquire(), segments.acquire()];
      const refs = opened.flatMap((segment) =>
        Array.from({ length: RECORDS }, (_, record) => segments.ref(segment, record)),
      );
      for (const index of marked) segments.markDone(refs[index] as number);
      const done = new Set(marked);
      for (const [index, ref] of refs.entries()) assert.is(segments.isDone(ref), done.has(index));
    }),
  );
});

test('a segment is reclaimed once, when it is sealed and all done', () => {
  const segments = makeSegments();
  const open = segments.acquire();
  assert.not.ok(segments.beginReclaim(open));
  segments.setWritten(open, 1);
  segments.seal(open);
  assert.not.ok(segments.beginReclaim(open));
  markAll(segments, open, 1);
  assert.ok(segments.beginReclaim(open));
  assert.not.ok(segments.beginReclaim(open), 'another thread has it');
  segments.keep(open);
  assert.ok(segments.beginReclaim(open));
  segments.free(open);
  assert.not.ok(segments.beginReclaim(open));
  assert.equal(segments.live(), []);
});

test('a late mark never affects a newer record in the same place', () => {
  const segments = makeSegments(1);
  const early = fill(segments, 1);
  const earlyRef = segments.ref(early, 0);
  markAll(segments, early, 1);
  assert.ok(segments.beginReclaim(early));
  segments.free(early);
  const late = fill(segments, 1);
  const lateRef = segments.ref(late, 0);
  assert.is.not(lateRef, earlyRef);
  segments.markDone(earlyRef);
  assert.not.ok(segments.isDone(lateRef));
  assert.not.ok(segments.allDone(late));
  assert.ok(segments.isDone(earlyRef), 'what has been reclaimed was done');
});

test('refs stay within u32 however often a segment is used', () => {
  const segments = makeSegments(1024, 16_384);
  const seen = new Set<number>();
  for (let lap = 0; lap < 600; lap++) {
    const segment = fill(segments, 1);
    const ref = segments.ref(segment, 16_383);
    assert.ok(ref < 2 ** 32 - 1);
    seen.add(ref);
    assert.not.ok(segments.isDone(ref));
    markAll(segments, segment, 1);
    assert.ok(segments.beginReclaim(segment));
    segments.free(segment);
  }
  assert.ok(seen.size >= 254);
});

test('adopts files of earlier runs, and gives new files higher numbers', () => {
  const segments = makeSegments(3);
  const adopted = segments.adopt(41, 5);
  segments.adopt(7, 2);
  const open = segments.acquire();
  segments.setWritten(open, 1);
  assert.is(segments.fileNumber(open), 42);
  assert.is(segments.adopt(43, 1), -1);
  assert.equal(
    segments.live().map(({ fileNumber, written }) => ({ fileNumber, written })),
    [
      { fileNumber: 7, written: 2 },
      { fileNumber: 41, written: 5 },
      { fileNumber: 42, written: 1 },
    ],
  );
  assert.is(segments.live()[1]?.firstRef, segments.ref(adopted, 0));
});

test('no mark is lost when threads mark the same words', async () => {
  const count = 16_384;
  const buffer = SegmentTable.allocate(1, count);
  const segments = new SegmentTable(buffer);
  const segment = fill(segments, count);
  const work = { segments: buffer, step: 3, count, firstRef: segments.ref(segment, 0) };
  const workers = [0, 1, 2].map(
    (first) =>
      new Worker(new URL('./segment-table-worker.ts', import.meta.url), {
        workerData: { ...work, first } satisfies MarkWork,
      }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
  assert.ok(segments.allDone(segment));
});

test('a transition from the wrong state is a bug', () => {
  const segments = makeSegments();
  const segment = fill(segments, 1);
  assert.throws(() => segments.seal(segment));
  assert.throws(() => segments.setWritten(segment, 2));
  assert.throws(() => segments.free(segment));
  assert.throws(() => segments.ref(segment, RECORDS));
  assert.throws(() => SegmentTable.allocate(1, 20));
});

test.run();
