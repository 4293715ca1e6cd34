import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Call } from '../../../src/processor/http1/call.ts';
import { Deadlines } from '../../../src/processor/http1/deadlines.ts';
import { ManualClock } from '../../manual-clock.ts';

/** `expired`: names of calls, and when they expired, from the start of the test. */
function setUp() {
  const clock = new ManualClock();
  const startMs = clock.nowMs();
  const expired: string[] = [];
  const names = new Map<Call, string>();
  const world = {
    clock,
    expired,
    onExpired: (_name: string): void => {},
    deadlines: new Deadlines(clock, (call) => {
      const name = names.get(call) ?? '';
      world.deadlines.forget(call);
      expired.push(`${name} ${clock.nowMs() - startMs}`);
      world.onExpired(name);
    }),
    watch(name: string, timeoutMs: number): Call {
      const call = new Call('', timeoutMs, clock.monotonicMs(), () => {});
      names.set(call, name);
      world.deadlines.watch(call);
      return call;
    },
  };
  return world;
}

test('each call expires at its own deadline', () => {
  const { clock, expired, watch } = setUp();
  watch('long', 100);
  watch('short', 30);
  clock.pass(20);
  watch('later', 30);
  watch('last', 100);
  clock.pass(9);
  assert.equal(expired, []);
  clock.pass(1000);
  assert.equal(expired, ['short 30', 'later 50', 'long 100', 'last 120']);
  assert.is(clock.pending, 0);
});

test('one timer per timeout, however many calls wait', () => {
  const { clock, expired, watch } = setUp();
  for (let number = 0; number < 10; number++) {
    for (const timeoutMs of [100, 200, 300]) watch(String(number), timeoutMs);
    assert.is(clock.pending, 3);
    clock.pass(5);
  }
  clock.pass(55);
  assert.is(expired.length, 2);
  assert.is(clock.pending, 3);
  clock.pass(1000);
  assert.is(expired.length, 30);
});

test('a call that is over in time does not expire, and the last one leaves no timer behind', () => {
  const { clock, expired, deadlines, watch } = setUp();
  const first = watch('first', 100);
  clock.pass(10);
  watch('second', 100);
  clock.pass(10);
  const third = watch('third', 100);
  deadlines.forget(first);
  clock.pass(80);
  assert.equal(expired, []);
  assert.is(clock.pending, 1, 'that of the second');
  deadlines.forget(third);
  clock.pass(20);
  assert.equal(expired, ['second 110']);
  assert.is(clock.pending, 0);
  watch('fourth', 100);
  clock.pass(100);
  assert.equal(expired, ['second 110', 'fourth 220']);
});

test('forgetting an unknown call does not affect others', () => {
  const { clock, expired, deadlines, watch } = setUp();
  watch('a', 100);
  deadlines.forget(new Call('', 100, 0, () => {}));
  deadlines.forget(new Call('', 5, 0, () => {}));
  assert.is(clock.pending, 1);
  clock.pass(100);
  assert.equal(expired, ['a 100']);
});

test('a call that begins when another expires gets a deadline without a second timer', () => {
  const world = setUp();
  const { clock, expired, watch } = world;
  world.onExpired = (name) => name.length < 3 && watch(`${name}+`, 100);
  watch('a', 100);
  clock.pass(100);
  assert.is(clock.pending, 1);
  clock.pass(1000);
  assert.equal(expired, ['a 100', 'a+ 200', 'a++ 300']);
  assert.is(clock.pending, 0);
});

test('nothing expires after close', () => {
  const { clock, expired, deadlines, watch } = setUp();
  watch('a', 100);
  watch('b', 200);
  deadlines.close();
  assert.is(clock.pending, 0);
  clock.pass(1000);
  assert.equal(expired, []);
});

test('nothing expires after close, even if added when another call expires', () => {
  const world = setUp();
  const { clock, expired, deadlines, watch } = world;
  world.onExpired = () => deadlines.close();
  watch('a', 100);
  watch('at the same time', 100);
  clock.pass(1);
  watch('later', 100);
  clock.pass(1000);
  assert.equal(expired, ['a 100']);
  assert.is(clock.pending, 0);
});

test.run();
