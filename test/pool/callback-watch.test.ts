import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { UUID_BYTES, writeUuid } from '../../src/core/uuid.ts';
import { CallbackWatch } from '../../src/pool/callback-watch.ts';
import { CallbackRing } from '../../src/shared-memory/callback-ring.ts';
import { ManualClock, rest } from '../manual-clock.ts';
import { idOf } from '../payment-id.ts';

test('callbacks are handed over by processor; those that come soon after gather', async () => {
  const buffer = CallbackRing.allocate(8);
  const clock = new ManualClock();
  const writer = new CallbackRing(buffer);
  const handedOver: string[][][] = [];
  let isStopping = false;
  const watch = new CallbackWatch({
    ring: new CallbackRing(buffer),
    names: ['default', 'slow'],
    onCallbacks: (ids) => handedOver.push(ids.map((set) => [...set])),
    stopping: () => isStopping,
    clock,
  });
  const push = (processor: number, number: number) => {
    const id = Buffer.alloc(UUID_BYTES);
    writeUuid(idOf(number), id, 0);
    writer.push(processor, id);
  };
  push(1, 1);
  push(0, 2);
  push(7, 3);
  const running = watch.run();
  await rest();
  assert.equal(handedOver, [[[idOf(2)], [idOf(1)]]]);
  push(0, 4);
  push(0, 4);
  await rest();
  assert.is(handedOver.length, 1);
  await clock.passSlowly(20);
  assert.equal(handedOver.slice(1), [[[idOf(4)], []]]);
  isStopping = true;
  push(0, 5);
  await clock.passSlowly(20);
  await running;
  assert.is(handedOver.length, 2);
});

test.run();
