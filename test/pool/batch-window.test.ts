import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BatchWindow, type TurnEnd } from '../../src/pool/batch-window.ts';
import { ManualClock, rest } from '../manual-clock.ts';

const IDLE: TurnEnd = { isBacklogged: false, canTake: true, hasQueued: false };

function setUp(windowMs: number) {
  const clock = new ManualClock();
  let ready = Promise.withResolvers<void>();
  let isStopping = false;
  const window = new BatchWindow({
    clock,
    windowMs,
    sourceReady: () => ready.promise,
    isStopping: () => isStopping,
  });
  return {
    window,
    offerPayment() {
      ready.resolve();
      ready = Promise.withResolvers<void>();
    },
    stop() {
      isStopping = true;
    },
    /** How long it takes until the next turn, at most 1000 ms, with an action at a given time before it. */
    async waitedMs(turn: Partial<TurnEnd>, atMs?: number, doIt?: () => void): Promise<number> {
      let hasBegun = false;
      void window.nextTurn({ ...IDLE, ...turn }).then(() => {
        hasBegun = true;
      });
      for (let waitedMs = 0; waitedMs <= 1000; waitedMs++) {
        if (waitedMs === atMs) doIt?.();
        await rest();
        if (hasBegun) return waitedMs;
        clock.pass(1);
      }
      return Number.POSITIVE_INFINITY;
    },
  };
}

test('no turn begins when there is nothing to do', async () => {
  assert.is(await setUp(50).waitedMs({}), Number.POSITIVE_INFINITY);
});

test('payments gather for a window', async () => {
  const { waitedMs, offerPayment } = setUp(50);
  assert.is(await waitedMs({}, 100, offerPayment), 150);
});

test('without a window a turn begins at once', async () => {
  const { waitedMs, offerPayment } = setUp(0);
  assert.is(await waitedMs({}, 100, offerPayment), 100);
});

test('without room it does not wait for the source, but a wake-up starts a turn', async () => {
  const { waitedMs, offerPayment } = setUp(50);
  assert.is(await waitedMs({ canTake: false }, 100, offerPayment), Number.POSITIVE_INFINITY);
  const other = setUp(50);
  assert.is(await other.waitedMs({ canTake: false }, 100, () => other.window.wake()), 150);
});

test('a wake-up before the wait is not lost, and starts one turn', async () => {
  const { window, waitedMs } = setUp(50);
  window.wake();
  assert.is(await waitedMs({}), 50);
  assert.is(await waitedMs({}), Number.POSITIVE_INFINITY);
});

test('payments that wait for a processor are routed again after 25 ms and a window', async () => {
  assert.is(await setUp(50).waitedMs({ hasQueued: true }), 75);
});

test('a backlog skips the window, but pauses', async () => {
  assert.is(await setUp(50).waitedMs({ isBacklogged: true }), 2);
  assert.is(await setUp(1).waitedMs({ isBacklogged: true }), 1);
  assert.is(await setUp(0).waitedMs({ isBacklogged: true }), 0);
});

test('a call that took longer than the window shortens the open window to 10 ms', async () => {
  const { window, waitedMs } = setUp(200);
  window.wake();
  assert.is(await waitedMs({}, 50, () => window.callEnded(201)), 60);
});

test('or the next window, if none is open', async () => {
  const { window, waitedMs } = setUp(200);
  window.callEnded(201);
  window.wake();
  assert.is(await waitedMs({}), 10);
  window.wake();
  assert.is(await waitedMs({}), 200);
});

test('a call as long as the window changes nothing', async () => {
  const { window, waitedMs } = setUp(200);
  window.wake();
  assert.is(await waitedMs({}, 50, () => window.callEnded(200)), 200);
});

test('while the gateway stops, turns have no window and do not wait for the ring', async () => {
  const { waitedMs, stop, offerPayment } = setUp(200);
  stop();
  assert.is(await waitedMs({ isBacklogged: true }, 5, offerPayment), 25);
});

test.run();
