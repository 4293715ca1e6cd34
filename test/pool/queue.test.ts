import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Queue } from '../../src/pool/queue.ts';

test('first in, first out', () => {
  const queue = new Queue<string>();
  for (const item of ['a', 'b', 'c']) queue.push(item);
  assert.is(queue.length, 3);
  assert.is(queue.peek(), 'a');
  assert.equal([queue.shift(), queue.shift(), queue.shift()], ['a', 'b', 'c']);
  assert.is(queue.length, 0);
});

test('an empty queue returns nothing', () => {
  const queue = new Queue<string>();
  assert.is(queue.peek(), undefined);
  assert.is(queue.shift(), undefined);
  assert.is(queue.length, 0);
});

test('items put back come first, the last one put back before the others', () => {
  const queue = new Queue<number>();
  for (const item of [1, 2, 3, 4]) queue.push(item);
  const taken = [queue.shift(), queue.shift()];
  assert.equal(taken, [1, 2]);
  queue.push(5);
  queue.pushFront(2);
  queue.pushFront(1);
  assert.is(queue.peek(), 1);
  assert.equal(
    Array.from({ length: 6 }, () => queue.shift()),
    [1, 2, 3, 4, 5, undefined],
  );
});

test('it behaves like an array, whatever the sequence of calls', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('push' as const), item: fc.nat() }),
    fc.record({ kind: fc.constant('pushFront' as const), item: fc.nat() }),
    fc.record({ kind: fc.constant('shift' as const) }),
    fc.record({ kind: fc.constant('peek' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const queue = new Queue<number>();
      const model: number[] = [];
      for (const now of steps) {
        if (now.kind === 'push') {
          queue.push(now.item);
          model.push(now.item);
        } else if (now.kind === 'pushFront') {
          queue.pushFront(now.item);
          model.unshift(now.item);
        } else if (now.kind === 'shift') assert.is(queue.shift(), model.shift());
        else assert.is(queue.peek(), model[0]);
        assert.is(queue.length, model.length);
      }
    }),
  );
});

test.run();
