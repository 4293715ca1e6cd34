import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Pace } from '../../src/pool/pace.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { ManualClock } from '../manual-clock.ts';

const SHAPE = { processorCount: 2, threadCount: 1 };

/** Two threads that share a limit for processor 0. */
function setUp(limit: number, batchWindowMs: number) {
  const clock = new ManualClock();
  const sharedState = new SharedState(SharedState.allocate(SHAPE), SHAPE);
  const parts = { sharedState, clock, batchWindowMs };
  const threads = [new Pace(parts), new Pace(parts)] as const;
  for (const thread of threads) thread.follow([limit, null]);
  return { clock, threads };
}

/** When requests were sent by a thread that sends as many as it may, once a turn. */
function sentAtMs(limit: number, batchWindowMs: number, pausesMs: readonly number[]): number[] {
  const { clock, threads } = setUp(limit, batchWindowMs);
  const times: number[] = [];
  for (const [turn, pauseMs] of pausesMs.entries()) {
    const pace = threads[turn % 2 === 0 ? 0 : 1];
    while (!pace.isReached(0)) {
      pace.count(0);
      times.push(clock.monotonicMs());
    }
    clock.pass(pauseMs);
  }
  return times;
}

test('without a limit there is always another request', () => {
  const { threads } = setUp(1, 0);
  for (let request = 0; request < 1000; request++) threads[0].count(1);
  assert.not(threads[0].isReached(1));
});

test('one request a second is one each second', () => {
  const times = sentAtMs(1, 50, Array<number>(400).fill(25));
  assert.equal(
    times.map((atMs) => atMs - (times[0] ?? 0)),
    [0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000],
  );
});

test('no second has more requests than the limit, whatever the turns', () => {
  let comparedCount = 0;
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3000 }),
      fc.constantFrom(0, 10, 50, 200, 1000),
      fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 40 }),
      (limit, batchWindowMs, pausesMs) => {
        const times = sentAtMs(limit, batchWindowMs, pausesMs);
        for (let first = 0; first + limit < times.length; first++) {
          const spanMs = (times[first + limit] ?? 0) - (times[first] ?? 0);
          assert.ok(spanMs >= 1000, `${limit + 1} requests within ${spanMs} ms`);
          comparedCount++;
        }
      },
    ),
    { seed: 2025 },
  );
  assert.ok(comparedCount > 1000, `only ${comparedCount} spans were compared`);
});

test('a limit that rises holds at once, and one that falls holds from the next second on', () => {
  const { clock, threads } = setUp(1, 0);
  const [pace] = threads;
  const send = () => {
    let sent = 0;
    for (; !pace.isReached(0); sent++) pace.count(0);
    return sent;
  };
  assert.is(send(), 1);
  pace.follow([10, null]);
  clock.pass(1000);
  let inASecond = 0;
  for (let turn = 0; turn < 40; turn++) {
    inASecond += send();
    clock.pass(25);
  }
  assert.ok(inASecond >= 9 && inASecond <= 10, `${inASecond} requests`);
  pace.follow([2, null]);
  let after = 0;
  for (let turn = 0; turn < 40; turn++) {
    after += send();
    clock.pass(25);
  }
  assert.ok(after <= 2, `${after} requests`);
  pace.follow([null, null]);
  assert.not(pace.isReached(0));
});

test('turns that are a batch window apart use most of the limit', () => {
  for (const [limit, batchWindowMs, least] of [
    [10, 50, 9],
    [100, 50, 90],
    [1000, 200, 800],
  ] as const) {
    const times = sentAtMs(limit, batchWindowMs, Array<number>(10_000 / batchWindowMs).fill(batchWindowMs));
    assert.ok(times.length >= least * 10, `${times.length} requests in 10 s with a limit of ${limit}`);
  }
});

test.run();
