import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SharedState } from '../../src/shared-memory/state.ts';

const SHAPE = { processorCount: 2, threadCount: 3 };

/** Two views of the same memory, as in two threads. */
function twoViews(shape = SHAPE): [SharedState, SharedState] {
  const buffer = SharedState.allocate(shape);
  return [new SharedState(buffer, shape), new SharedState(buffer, shape)];
}

test('has the documented size: 8 words, 41 per processor, 2 per call cell, 1 per thread', () => {
  assert.is(SharedState.allocate(SHAPE).byteLength, 8 * (8 + 41 * 2 + 2 * 2 * 3 + 3));
  assert.throws(() => new SharedState(SharedState.allocate(SHAPE), { processorCount: 2, threadCount: 2 }));
});

test('initial state: not stopping, no thread ready, breakers closed, no calls, no counts', () => {
  const [sharedState] = twoViews();
  assert.not(sharedState.stopping);
  assert.is(sharedState.threadsReady, 0);
  assert.is(sharedState.purgedAtMs, 0);
  for (const processor of [0, 1]) {
    assert.not(sharedState.breakerOpen(processor));
    assert.is(sharedState.latencyMs(processor), 0);
    assert.is(sharedState.succeededAtMs(processor), 0);
    assert.is(sharedState.oldestCallAtMs(processor), null);
    assert.is(sharedState.callsInFlight(processor), 0);
    assert.equal(sharedState.reason(processor), { reason: 'none', sinceMs: 0 });
    assert.is(sharedState.reported(processor), null);
  }
});

test('all threads see which processors are paused; until that is known, none may get payments', () => {
  const [one, other] = twoViews();
  assert.is(other.controlsRevision, 0);
  assert.equal([other.mayGetPayments(0), other.mayGetPayments(1)], [false, false]);
  assert.equal([other.use(0), other.use(1)], ['in-use', 'in-use']);
  one.setControls([{ use: 'in-use' }, { use: 'paused' }]);
  assert.is(other.controlsRevision, 1);
  assert.equal([other.use(0), other.use(1)], ['in-use', 'paused']);
  assert.equal([other.mayGetPayments(0), other.mayGetPayments(1)], [true, false]);
  one.setControls([{ use: 'in-use' }, { use: 'in-use' }]);
  assert.is(other.controlsRevision, 2);
  assert.equal([other.use(0), other.use(1)], ['in-use', 'in-use']);
});

test('all threads see what processors cost and take; as configured until that is known', () => {
  const [one, other] = twoViews();
  assert.is(other.terms(1), null);
  const terms = {
    feePpm: 15_000,
    feeFixedCents: 35,
    callLimit: 8,
    callsPerSecond: 50,
    minAmountCents: 50,
    maxAmountCents: Number.MAX_SAFE_INTEGER,
  };
  one.setControls([{ use: 'in-use' }, { use: 'paused', terms }]);
  assert.equal([other.terms(0), other.terms(1)], [null, terms]);
  one.setControls([{ use: 'in-use', terms: { ...terms, callsPerSecond: null } }, { use: 'in-use' }]);
  assert.equal([other.terms(0), other.terms(1)], [{ ...terms, callsPerSecond: null }, null]);
});

test('a routing reason keeps the time since when it holds, for each processor', () => {
  const [one, other] = twoViews();
  one.setReason(1, 'slow', 10);
  one.setReason(1, 'slow', 20);
  assert.equal(other.reason(1), { reason: 'slow', sinceMs: 10 });
  one.setReason(1, 'after-failover-delay', 30);
  assert.equal(other.reason(1), { reason: 'after-failover-delay', sinceMs: 30 });
  assert.equal(other.reason(0), { reason: 'none', sinceMs: 0 });
});

test('the last health answer is kept as it came', () => {
  const [one, other] = twoViews();
  const first = { failing: true, minResponseTimeMs: 40, atMs: 5 };
  const second = { failing: false, minResponseTimeMs: 0, atMs: 9 };
  one.setReported(1, first);
  assert.equal(other.reported(1), first);
  one.setReported(1, second);
  assert.equal(other.reported(1), second);
  assert.is(other.reported(0), null);
});

test('all threads see a stop', () => {
  const [one, other] = twoViews();
  one.stop();
  assert.ok(other.stopping);
});

test('counts the threads that are ready', () => {
  const [one, other] = twoViews();
  one.setReady(0, true);
  one.setReady(2, true);
  one.setReady(2, true);
  assert.is(other.threadsReady, 2);
  other.setReady(0, false);
  assert.is(one.threadsReady, 1);
});

test('the time of the last purge never goes back', () => {
  const [one, other] = twoViews();
  one.raisePurgedAt(5000);
  other.raisePurgedAt(4000);
  assert.is(one.purgedAtMs, 5000);
  other.raisePurgedAt(1_763_800_000_123);
  assert.is(one.purgedAtMs, 1_763_800_000_123);
});

test('of two threads that move a breaker only the first one succeeds', () => {
  const [one, other] = twoViews();
  assert.is(one.breaker(0), 'closed');
  assert.not(one.moveBreaker(0, 'open', 'closed', 1));
  assert.ok(one.moveBreaker(0, 'closed', 'open', 1000));
  assert.not(other.moveBreaker(0, 'closed', 'open', 2000));
  assert.ok(other.breakerOpen(0));
  assert.not(other.breakerOpen(1));
  assert.ok(other.moveBreaker(0, 'open', 'half-open', 3000));
  assert.ok(one.breakerOpen(0), 'only probes go to one that is half-open');
  assert.equal([other.openedAtMs(0), other.closedAtMs(0)], [1000, 0]);
  assert.not(one.moveBreaker(0, 'open', 'closed', 4000));
  assert.ok(one.moveBreaker(0, 'half-open', 'closed', 5000));
  assert.not(other.breakerOpen(0));
  assert.equal([other.openedAtMs(0), other.closedAtMs(0)], [1000, 5000]);
});

test('why a breaker opened is a text of at most 128 bytes, in whole characters', () => {
  const [one, other] = twoViews();
  assert.is(other.openedWhy(0), '');
  one.setOpenedWhy(0, 'connection refused, não');
  assert.is(other.openedWhy(0), 'connection refused, não');
  one.setOpenedWhy(0, 'timeout');
  assert.equal([other.openedWhy(0), other.openedWhy(1)], ['timeout', '']);
  one.setOpenedWhy(0, `${'a'.repeat(127)}ã`);
  assert.is(other.openedWhy(0), 'a'.repeat(127));
  one.setOpenedWhy(1, 'b'.repeat(200));
  assert.equal([other.openedWhy(0), other.openedWhy(1)], ['a'.repeat(127), 'b'.repeat(128)]);
});

test('failures and probes are counted by processor over all threads, and reset', () => {
  const [one, other] = twoViews();
  assert.is(one.countFailure(0), 1);
  assert.is(other.countFailure(0), 2);
  assert.is(other.countFailure(1), 1);
  assert.is(one.countProbe(0), 1);
  assert.is(other.countProbe(0), 2);
  one.resetFailures(0);
  assert.is(other.countFailure(0), 1);
  assert.is(other.countProbe(0), 3);
  one.resetProbes(0);
  assert.is(other.countProbe(0), 1);
  assert.is(other.countFailure(1), 2);
});

test('a probe that is due is taken once, and is due again at the time set', () => {
  const [one, other] = twoViews();
  one.setProbeAt(0, 1000);
  assert.not(other.isProbeDue(0, 999));
  assert.not(other.takeProbe(0, 999, 5000));
  assert.ok(other.isProbeDue(0, 1000));
  assert.ok(other.takeProbe(0, 1000, 3000));
  assert.not(one.takeProbe(0, 1000, 3000));
  assert.not(one.isProbeDue(0, 2999));
  assert.ok(one.takeProbe(0, 3000, 4000));
});

test('the time of a probe is kept where the low 32 bits wrap, and beyond', () => {
  const [sharedState] = twoViews();
  for (const atMs of [2 ** 31 - 5, 2 ** 31, 2 ** 32 - 5, 2 ** 32 + 7, 2 ** 40 + 123]) {
    sharedState.setProbeAt(0, atMs);
    assert.not(sharedState.isProbeDue(0, atMs - 1));
    assert.ok(sharedState.isProbeDue(0, atMs));
    assert.ok(sharedState.takeProbe(0, atMs + 10, atMs + 20));
    assert.not(sharedState.isProbeDue(0, atMs + 19));
    assert.ok(sharedState.isProbeDue(0, atMs + 20));
  }
});

test('keeps the latency and the last success of each processor', () => {
  const [one, other] = twoViews();
  one.setLatency(0, 12.5);
  one.setSucceededAt(1, 2 ** 40);
  assert.is(other.latencyMs(0), 12.5);
  assert.is(other.latencyMs(1), 0);
  assert.is(other.succeededAtMs(1), 2 ** 40);
});

test('has the oldest call to a processor and the number of calls, over all threads', () => {
  const [one, other] = twoViews();
  one.setCalls(0, 1, 4, 2000);
  one.setCalls(2, 1, 1, 1500);
  assert.is(other.oldestCallAtMs(1), 1500);
  assert.is(other.callsInFlight(1), 5);
  assert.is(other.oldestCallAtMs(0), null);
  one.setCalls(2, 1, 0, 0);
  assert.is(other.oldestCallAtMs(1), 2000);
  assert.is(other.callsInFlight(1), 4);
});

test('a dead thread has no calls and is not ready; other threads keep theirs', () => {
  const [sharedState] = twoViews();
  for (const thread of [0, 1]) {
    sharedState.setReady(thread, true);
    sharedState.setCalls(thread, 0, 3, 100 + thread);
    sharedState.setCalls(thread, 1, 2, 200 + thread);
  }
  sharedState.threadDied(0);
  assert.is(sharedState.threadsReady, 1);
  assert.is(sharedState.callsInFlight(0), 3);
  assert.is(sharedState.oldestCallAtMs(0), 101);
  assert.is(sharedState.callsInFlight(1), 2);
  assert.is(sharedState.oldestCallAtMs(1), 201);
});

test('no field shares a word with another', () => {
  const [sharedState] = twoViews();
  sharedState.stop();
  sharedState.raisePurgedAt(1);
  for (const processor of [0, 1]) {
    sharedState.moveBreaker(processor, 'closed', 'open', 1);
    sharedState.countFailure(processor);
    sharedState.countProbe(processor);
    sharedState.setProbeAt(processor, 70 + processor);
    sharedState.setLatency(processor, 80 + processor);
    sharedState.setSucceededAt(processor, 90 + processor);
    for (const thread of [0, 1, 2]) sharedState.setCalls(thread, processor, thread + 1, 1000 + thread);
  }
  for (const thread of [0, 1, 2]) {
    sharedState.setReady(thread, true);
  }
  assert.ok(sharedState.stopping);
  assert.is(sharedState.purgedAtMs, 1);
  assert.is(sharedState.threadsReady, 3);
  for (const processor of [0, 1]) {
    assert.ok(sharedState.breakerOpen(processor));
    assert.is(sharedState.countFailure(processor), 2);
    assert.is(sharedState.countProbe(processor), 2);
    assert.not(sharedState.isProbeDue(processor, 69 + processor));
    assert.ok(sharedState.isProbeDue(processor, 70 + processor));
    assert.is(sharedState.latencyMs(processor), 80 + processor);
    assert.is(sharedState.succeededAtMs(processor), 90 + processor);
    assert.is(sharedState.callsInFlight(processor), 6);
    assert.is(sharedState.oldestCallAtMs(processor), 1000);
  }
});

test('when two threads race for probes, each probe is taken by one', async () => {
  const buffer = SharedState.allocate(SHAPE);
  const code = `
    import { parentPort, workerData } from 'node:worker_threads';
    const { SharedState } = await import(${JSON.stringify(new URL('../../src/shared-memory/state.ts', import.meta.url).href)});
    const sharedState = new SharedState(workerData.buffer, workerData.shape);
    let taken = 0;
    for (let nowMs = 1; nowMs <= 20000; nowMs++) if (sharedState.takeProbe(0, nowMs, nowMs + 1)) taken++;
    parentPort.postMessage(taken);
  `;
  const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
  const workers = [0, 1].map(() => new Worker(url, { workerData: { buffer, shape: SHAPE } }));
  const taken = await Promise.all(
    workers.map((worker) => new Promise<number>((resolve) => worker.once('message', resolve))),
  );
  await Promise.all(workers.map((worker) => worker.terminate()));
  // Times only rise, so each of the 20,000 can be taken at most once, and the last one is taken.
  const sum = taken.reduce((total, count) => total + count, 0);
  assert.ok(sum >= 1);
  assert.ok(sum <= 20_000, `${sum} taken`);
});

test.run();
