import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LATE, sleep, systemClock, within } from '../../src/core/clock.ts';
import { ManualClock, rest } from '../manual-clock.ts';

test("the wall clock is the machine's, in whole milliseconds", () => {
  const beforeMs = Date.now();
  const nowMs = systemClock.nowMs();
  assert.ok(nowMs >= beforeMs && nowMs <= Date.now());
  assert.ok(Number.isInteger(nowMs));
});

test('the monotonic clock never goes back, and counts whole milliseconds', () => {
  let lastMs = systemClock.monotonicMs();
  for (let look = 0; look < 1000; look++) {
    const nowMs = systemClock.monotonicMs();
    assert.ok(Number.isInteger(nowMs));
    assert.ok(nowMs >= lastMs);
    lastMs = nowMs;
  }
});

test('all threads read the same monotonic clock', async () => {
  const code = `
    import { parentPort } from 'node:worker_threads';
    const { systemClock } = await import(${JSON.stringify(new URL('../../src/core/clock.ts', import.meta.url).href)});
    parentPort.postMessage(systemClock.monotonicMs());
  `;
  const beforeMs = systemClock.monotonicMs();
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
  const thereMs = await new Promise<number>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  await worker.terminate();
  assert.ok(thereMs >= beforeMs);
  assert.ok(thereMs <= systemClock.monotonicMs());
});

test('a call runs once, after its delay', async () => {
  const startMs = systemClock.monotonicMs();
  let calls = 0;
  await new Promise<void>((resolve) =>
    systemClock.after(5, () => {
      calls++;
      resolve();
    }),
  );
  assert.is(calls, 1);
  // A timer rounds its start to a millisecond.
  assert.ok(systemClock.monotonicMs() - startMs >= 4);
});

test('a cancelled call does not run', async () => {
  let calls = 0;
  const cancel = systemClock.after(1, () => calls++);
  cancel();
  cancel();
  await sleep(systemClock, 10);
  assert.is(calls, 0);
});

test('sleep waits on the given clock', async () => {
  const clock = new ManualClock();
  let awake = false;
  const sleeping = sleep(clock, 1000).then(() => {
    awake = true;
  });
  clock.pass(999);
  await rest();
  assert.not(awake);
  clock.pass(1);
  await sleeping;
  assert.ok(awake);
});

test('a wall clock outside the storable range is clamped to it', () => {
  const { now } = Date;
  try {
    Date.now = () => -1;
    assert.is(systemClock.nowMs(), 0);
    Date.now = () => 8.64e15;
    assert.is(systemClock.nowMs(), 2 ** 48 - 1);
  } finally {
    Date.now = now;
  }
});

test('what is waited for is its result, its failure, or late, and leaves no timer', async () => {
  const clock = new ManualClock();
  assert.is(await within(clock, 10, Promise.resolve('done')), 'done');
  const failing = within(clock, 10, Promise.reject(new Error('no'))).catch((error: Error) => error.message);
  assert.is(await failing, 'no');
  const late = within(clock, 10, new Promise<string>(() => {}));
  clock.pass(10);
  assert.is(await late, LATE);
  assert.is(clock.pending, 0);
});

test.run();
