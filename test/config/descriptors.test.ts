import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Descriptors, openFileLimit, shareDescriptors } from '../../src/config/descriptors.ts';
import { processorTarget } from '../processor-target.ts';

const PROCESSOR = processorTarget();
const WANTED: Descriptors = {
  maxConnections: 4096,
  concurrency: 400,
  callsMax: 1024,
  processors: [PROCESSOR, { ...PROCESSOR, name: 'fallback' }],
  httpThreadCount: 1,
  poolThreadCount: 1,
};

test('a high limit reduces nothing, and the wanted limit is the lowest that does so', () => {
  const { maxConnections, callsMax, processors, reduced, wantedLimit } = shareDescriptors(WANTED, Infinity);
  assert.equal([maxConnections, processors, reduced], [4096, WANTED.processors, []]);
  assert.is(callsMax, 1024, 'an operator may allow more calls than are configured');
  assert.is(shareDescriptors(WANTED, 1024).callsMax, 237, 'but no more than there are descriptors');
  assert.equal(shareDescriptors(WANTED, wantedLimit).reduced, []);
  assert.equal(shareDescriptors(WANTED, wantedLimit - 2).reduced, ['MAX_CONNECTIONS=4096 to 4095']);
});

test('a low limit is shared between clients and calls, after what the instance needs itself', () => {
  for (const limit of [100, 128, 256, 1024, 4096]) {
    const { maxConnections, processors } = shareDescriptors(WANTED, limit);
    const callLimits = processors.map(({ callLimit }) => callLimit);
    const usedByAll = maxConnections + callLimits.reduce((sum, callLimit) => sum + callLimit, 0);
    assert.ok(limit - usedByAll >= 74, String(limit));
    assert.ok(maxConnections >= 8 && Math.min(...callLimits) >= 1);
  }
  assert.equal(shareDescriptors(WANTED, 1024).reduced, [
    'MAX_CONNECTIONS=4096 to 475',
    'CONCURRENCY=400 to 237',
  ]);
});

test('a limit that is far too low still leaves some for clients and for calls', () => {
  const { maxConnections, processors } = shareDescriptors(WANTED, 20);
  assert.equal([maxConnections, ...processors.map(({ callLimit }) => callLimit)], [8, 4, 4]);
});

test('a processor with a lower limit of its own keeps it, and one with a higher limit is named', () => {
  const limits = { ...WANTED, processors: [20, 900].map((callLimit) => processorTarget({ callLimit })) };
  const { processors, reduced } = shareDescriptors(limits, 1024);
  assert.equal(
    processors.map(({ callLimit }) => callLimit),
    [20, 237],
  );
  assert.equal(reduced, ['MAX_CONNECTIONS=4096 to 475', 'callsAtOnce of default=900 to 237']);
});

test('the limit of this process, or Infinity where the system does not report it', () => {
  assert.ok(openFileLimit() > 0);
  assert.is(openFileLimit('/nowhere'), Infinity);
});

test.run();
