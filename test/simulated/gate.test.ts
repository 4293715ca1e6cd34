import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Gate } from '../../src/simulated/gate.ts';

test('runs some, queues some in order, refuses the rest', () => {
  const gate = new Gate(2, 2);
  const ran: number[] = [];
  const entered = [1, 2, 3, 4, 5].map((call) => gate.enter(() => ran.push(call)));
  assert.equal(entered, [true, true, true, true, false]);
  assert.equal(ran, [1, 2]);
  gate.leave();
  assert.equal(ran, [1, 2, 3]);
  gate.leave();
  assert.equal(ran, [1, 2, 3, 4]);
  gate.leave();
  gate.leave();
  assert.is(
    gate.enter(() => ran.push(6)),
    true,
  );
  assert.equal(ran, [1, 2, 3, 4, 6]);
});

test('skips a call that gave up, and frees its place', () => {
  const gate = new Gate(1, 1);
  const ran: string[] = [];
  const waiting = () => ran.push('waiting');
  gate.enter(() => ran.push('first'));
  gate.enter(waiting);
  gate.giveUp(waiting);
  assert.is(
    gate.enter(() => ran.push('next')),
    true,
  );
  gate.leave();
  assert.equal(ran, ['first', 'next']);
});

test.run();
