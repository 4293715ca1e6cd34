import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Calls } from '../../src/pool/calls.ts';
import { Delivery, QUEUED } from '../../src/pool/delivery.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { ManualClock } from '../manual-clock.ts';
import { processorTarget } from '../processor-target.ts';

const SHAPE = { processorCount: 2, threadCount: 2 };
const PAYMENT = {
  correlationId: '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3',
  amountCents: 1990,
  acceptedAtMs: 1000,
};

function setUp({
  callLimit = 100,
  drainRate = 1000,
  batchWindowMs = 0,
  callsPerSecond = [] as number[],
  poolThreadCount = 1,
} = {}) {
  const sharedState = new SharedState(SharedState.allocate(SHAPE), SHAPE);
  const clock = new ManualClock();
  const targets = [0, 1].map((index) =>
    processorTarget({ callLimit, callsPerSecond: callsPerSecond[index] ?? null }),
  );
  const policy = { drainRate, batchWindowMs, poolThreadCount };
  return { sharedState, clock, calls: new Calls({ sharedState, thread: 1, targets, policy, clock }) };
}

function deliveryAt(processor: number, calledAtMs: number): Delivery {
  const delivery = new Delivery(PAYMENT, 0, null, 0, 0);
  delivery.move({ state: { ...QUEUED, processor, calledAtMs }, effects: [] });
  return delivery;
}

/** How many more calls a processor can get. */
function roomOf(calls: Calls, processor: number): number {
  let room = 0;
  for (; calls.hasRoom(processor); room++) calls.acquire(processor);
  for (let place = 0; place < room; place++) calls.release(processor);
  return room;
}

test('a fast processor gets the minimum number of calls, not zero', () => {
  const { calls } = setUp();
  assert.is(roomOf(calls, 0), 32);
});

test("a slower processor gets as many calls as Little's law requires", () => {
  const { sharedState, calls } = setUp();
  sharedState.setLatency(0, 32);
  assert.is(roomOf(calls, 0), 32);
  sharedState.setLatency(0, 50);
  assert.is(roomOf(calls, 0), 50);
  sharedState.setLatency(0, 50.5);
  assert.is(roomOf(calls, 0), 51);
  assert.is(roomOf(calls, 1), 32);
});

test('a slot is also occupied during the batch window', () => {
  const { sharedState, calls } = setUp({ callLimit: 1000, drainRate: 1000, batchWindowMs: 200 });
  assert.is(roomOf(calls, 0), 200);
  sharedState.setLatency(0, 50.5);
  assert.is(roomOf(calls, 0), 251);
  assert.is(roomOf(calls, 1), 200);
  assert.is(roomOf(setUp({ callLimit: 100, drainRate: 1000, batchWindowMs: 200 }).calls, 0), 100);
});

test('no processor gets more than the limit', () => {
  const { sharedState, calls } = setUp();
  sharedState.setLatency(0, 60_000);
  assert.is(roomOf(calls, 0), 100);
  assert.is(roomOf(setUp({ callLimit: 3, drainRate: 1000, batchWindowMs: 0 }).calls, 0), 3);
});

test('each processor has its own slots', () => {
  const { calls } = setUp({ callLimit: 2, drainRate: 1, batchWindowMs: 0 });
  calls.acquire(0);
  calls.acquire(0);
  assert.not(calls.hasRoom(0));
  assert.ok(calls.hasRoom(1));
  calls.acquire(1);
  assert.is(calls.count, 3);
  calls.release(0);
  assert.ok(calls.hasRoom(0));
  assert.is(calls.count, 2);
});

test('releasing a slot that was not acquired is a bug', () => {
  const { calls } = setUp();
  assert.throws(() => calls.release(0));
});

test('publishes how many calls are running and when the oldest began', () => {
  const { sharedState, calls } = setUp();
  const [first, second, elsewhere] = [deliveryAt(0, 1000), deliveryAt(0, 1500), deliveryAt(1, 1200)];
  for (const held of [first, second, elsewhere]) calls.began(held);
  assert.is(sharedState.callsInFlight(0), 2);
  assert.is(sharedState.oldestCallAtMs(0), 1000);
  assert.is(sharedState.oldestCallAtMs(1), 1200);
  calls.ended(first);
  assert.is(sharedState.callsInFlight(0), 1);
  assert.is(sharedState.oldestCallAtMs(0), 1500);
  calls.ended(second);
  assert.is(sharedState.callsInFlight(0), 0);
  assert.is(sharedState.oldestCallAtMs(0), null);
});

test('ending a call twice is a bug', () => {
  const { calls } = setUp();
  const held = deliveryAt(0, 1000);
  calls.began(held);
  calls.ended(held);
  assert.throws(() => calls.ended(held));
});

test('a new thread clears the calls in flight of the thread that it replaces', () => {
  const sharedState = new SharedState(SharedState.allocate(SHAPE), SHAPE);
  sharedState.setCalls(1, 0, 9, 500);
  sharedState.setCalls(0, 0, 2, 700);
  new Calls({
    sharedState,
    thread: 1,
    targets: [processorTarget(), processorTarget()],
    policy: { drainRate: 1, batchWindowMs: 0, poolThreadCount: 1 },
    clock: new ManualClock(),
  });
  assert.is(sharedState.callsInFlight(0), 2);
  assert.is(sharedState.oldestCallAtMs(0), 700);
});

test('a processor that is not configured is a bug', () => {
  const { calls } = setUp();
  assert.throws(() => calls.hasRoom(2));
  assert.throws(() => calls.began(deliveryAt(2, 1)));
});

test('a processor that has had its calls of this second has no room, not even for a probe', () => {
  const { clock, calls } = setUp({ callsPerSecond: [2] });
  assert.ok(calls.hasRoom(0));
  calls.countRequest(0);
  assert.not(calls.hasRoom(0));
  assert.ok(calls.isFull(0));
  assert.ok(calls.isPaced(0));
  assert.ok(calls.hasRoom(1), 'another processor has its own limit');
  clock.pass(500);
  assert.ok(calls.hasRoom(0));
  assert.not(calls.isPaced(0));
});

test('a limit that falls lets the calls in flight end, and one that rises makes room', () => {
  const { sharedState, calls } = setUp({ callLimit: 3 });
  sharedState.setLatency(0, 60_000);
  for (let call = 0; call < 3; call++) calls.acquire(0);
  calls.follow([processorTarget({ callLimit: 2 }), processorTarget()]);
  assert.not(calls.hasRoom(0));
  assert.ok(calls.isFull(0));
  calls.release(0);
  assert.not(calls.hasRoom(0), 'two are in flight');
  calls.release(0);
  assert.is(roomOf(calls, 0), 1);
  calls.follow([processorTarget({ callLimit: 50 }), processorTarget()]);
  assert.is(roomOf(calls, 0), 49);
});

test('the threads share the limit of calls in flight, each has one at least, and all count the calls of a second', () => {
  const { clock, sharedState, calls } = setUp({ callLimit: 101, poolThreadCount: 2 });
  sharedState.setLatency(0, 60_000);
  assert.is(roomOf(calls, 0), 50);
  calls.follow([processorTarget({ callLimit: 1, callsPerSecond: 1 }), processorTarget()]);
  assert.is(roomOf(calls, 0), 1);
  calls.countRequest(0);
  assert.ok(calls.isPaced(0));
  clock.pass(1000);
  assert.not(calls.isPaced(0));
  calls.countRequest(0);
  calls.follow([processorTarget(), processorTarget()]);
  assert.not(calls.isPaced(0), 'there is no limit any more');
});

test.run();
