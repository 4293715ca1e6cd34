import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Descriptors, openFileLimit, shareDescriptors } from '../../src/config/descriptors.ts';
import { processorTarget } from '../processor-target.ts';

const PROCESSOR = processorTarget();
const WANTED: Descriptors = {
  maxConnections: 4096,
  concurrency: 400,
  processors: [PROCESSOR, { ...PROCESSOR, name: 'fallback' }],
  httpThreadCount: 1,
  poolThreadCount: 1,
};

test('a high limit reduces nothing, and the wanted limit is the lowest that does so', () => {
  const { maxConnections, concurrency, reduced, wantedLimit } = shareDescriptors(WANTED, Infinity);
  assert.equal([maxConnections, concurrency, reduced], [4096, 400, []]);
  assert.equal(shareDescriptors(WANTED, wantedLimit).reduced, []);
  assert.equal(shareDescriptors(WANTED, wantedLimit - 2).reduced, ['MAX_CONNECTIONS=4096 to 4095']);
});

test('a low limit is shared between clients and calls, after what the instance needs itself', () => {
  for (const limit of [100, 128, 256, 1024, 4096]) {
    const { maxConnections, concurrency } = shareDescriptors(WANTED, limit);
    const usedByAll = maxConnections + concurrency * WANTED.processors.length;
    assert.ok(limit - usedByAll >= 74, String(limit));
    assert.ok(maxConnections >= 8 && concurrency >= 1);
  }
  assert.equal(shareDescriptors(WANTED, 1024).reduced, [
    'MAX_CONNECTIONS=4096 to 475',
    'CONCURRENCY=400 to 237',
  ]);
});

test('a limit that is far too low still leaves some for clients and for calls', () => {
  const { maxConnections, concurrency } = shareDescriptors(WANTED, 20);
  assert.equal([maxConnections, concurrency], [8, 4]);
});

test('the limit of this process, or Infinity where the system does not report it', () => {
  assert.ok(openFileLimit() > 0);
  assert.is(openFileLimit('/nowhere'), Infinity);
});

test.run();
