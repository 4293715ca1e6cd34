import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { allocateSharedMemory } from '../../src/shared-memory/allocate.ts';
import { IdempotencyCache } from '../../src/shared-memory/idempotency-cache.ts';
import { Ring } from '../../src/shared-memory/ring.ts';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { configOf } from '../settings.ts';

const SETTINGS = {
  PROCESSORS: 'a:0.01:http://127.0.0.1:1,b:0.02:http://127.0.0.1:2,c:0.03:http://127.0.0.1:3',
  QUEUE_CAPACITY: '1024',
};

test('every region has the size that the settings require', () => {
  const config = configOf({ ...SETTINGS, POOL_THREADS: '3', HTTP_THREADS: '2', JOURNAL_SEGMENTS: '4' });
  const shared = allocateSharedMemory(config, 5);
  assert.is(new Ring(shared.ring).capacity, 1024);
  assert.is(new IdempotencyCache(shared.idempotencyCache).capacity, 1024);
  assert.equal(shared.shape, { processorCount: 3, processorsMax: 16, threadCount: 5 });
  assert.equal(new SharedState(shared.state, shared.shape).shape, shared.shape);
  const segments = new SegmentTable(shared.segments);
  assert.is(segments.segmentCount, 4 + 5);
  assert.is(segments.recordsPerSegment, 16_384);
});

test('no two instances hash the same way', () => {
  const config = configOf(SETTINGS);
  const [one, other] = [allocateSharedMemory(config, 0), allocateSharedMemory(config, 0)];
  assert.not.equal(
    [...new Uint8Array(one.idempotencyCache, 0, 8)],
    [...new Uint8Array(other.idempotencyCache, 0, 8)],
  );
});

test.run();
