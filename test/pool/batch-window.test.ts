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
    /** How long the next turn is waited for, at most 1000 ms, with something done at a time before it. */
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

test('with nothing to do no turn begins', async () => {
  assert.is(await setUp(50).waitedMs({}), Number.POSITIVE_INFINITY);
});

test('what comes gathers for a window', async () => {
  const { waitedMs, offerPayment } = setUp(50);
  assert.is(await waitedMs({}, 100, offerPayment), 150);
});

test('without a window it does not', async () => {
  const { waitedMs, offerPayment } = setUp(0);
  assert.is(await waitedMs({}, 100, offerPayment), 100);
});

test('without room the source is left alone, and a wake-up counts', async () => {
  const { waitedMs, offerPayment } = setUp(50);
  assert.is(await waitedMs({ canTake: false }, 100, offerPayment), Number.POSITIVE_INFINITY);
  const other = setUp(50);
  assert.is(await other.waitedMs({ canTake: false }, 100, () => other.window.wake()), 150);
});

test('a wake-up before the wait is not lost, and serves one turn', async () => {
  const { window, waitedMs } = setUp(50);
  window.wake();
  assert.is(await waitedMs({}), 50);
  assert.is(await waitedMs({}), Number.POSITIVE_INFINITY);
});

test('what waits for a processor is routed again after 25 ms and a window', async () => {
  assert.is(await setUp(50).waitedMs({ hasQueued: true }), 75);
});

test('a backlog waits for no window, but pauses', async () => {
  assert.is(await setUp(50).waitedMs({ isBacklogged: true }), 2);
  assert.is(await setUp(1).waitedMs({ isBacklogged: true }), 1);
  assert.is(await setUp(0).waitedMs({ isBacklogged: true }), 0);
});

test('a call that took longer than the window leaves 10 ms of the one that is open', async () => {
  const { window, waitedMs } = setUp(200);
  window.wake();
  assert.is(await waitedMs({}, 50, () => window.callEnded(201)), 60);
});

test('and of the next one, if none is open', async () => {
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

test('while the gateway stops, turns come without a window, and the ring is not listened to', async () => {
  const { waitedMs, stop, offerPayment } = setUp(200);
  stop();
  assert.is(await waitedMs({ isBacklogged: true }, 5, offerPayment), 25);
});

test.run();
