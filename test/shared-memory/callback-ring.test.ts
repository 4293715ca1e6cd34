import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CallbackRing, CallbackSlot } from '../../src/shared-memory/callback-ring.ts';

const CAPACITY = 4;

function idOf(number: number): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, index) => number * 16 + index);
}

/** A writer and a reader, as two threads have them. `firstTicket`: what the tail has counted before. */
function setUp(firstTicket = 0) {
  const buffer = CallbackRing.allocate(CAPACITY);
  const words = new Int32Array(buffer);
  words[0] = firstTicket;
  // Each slot as the lap before would have left it.
  for (let turn = 0; turn < CAPACITY && firstTicket !== 0; turn++) {
    const ticket = firstTicket + turn;
    words[16 + (ticket & (CAPACITY - 1)) * 8] = ticket + 1 - CAPACITY;
  }
  return { words, writer: new CallbackRing(buffer), reader: new CallbackRing(buffer) };
}

function taken(reader: CallbackRing): [processor: number, first: number][] {
  const slot = new CallbackSlot();
  const all: [number, number][] = [];
  while (reader.take(slot)) {
    assert.equal(slot.id, idOf((slot.id[0] as number) / 16));
    all.push([slot.processor, (slot.id[0] as number) / 16]);
  }
  return all;
}

for (const firstTicket of [0, 2 ** 31 - 2, 2 ** 32 - 2]) {
  test(`every reader takes every callback in order, from ticket ${firstTicket}`, () => {
    const { writer, reader } = setUp(firstTicket);
    assert.equal(taken(reader), []);
    for (const number of [1, 2, 3]) writer.push(number + 10, idOf(number));
    const expected = [
      [11, 1],
      [12, 2],
      [13, 3],
    ];
    assert.equal(taken(reader), expected);
    assert.equal(taken(reader), []);
    assert.equal(taken(writer), expected, 'it has a cursor of its own');
  });

  test(`a reader that is more than a lap behind loses the oldest, from ticket ${firstTicket}`, () => {
    const { writer, reader } = setUp(firstTicket);
    for (let number = 1; number <= CAPACITY + 3; number++) writer.push(0, idOf(number));
    assert.equal(taken(reader), [
      [0, 4],
      [0, 5],
      [0, 6],
      [0, 7],
    ]);
  });
}

test('a slot that is being written is taken once it is written', () => {
  const { words, writer, reader } = setUp();
  writer.push(0, idOf(1));
  writer.push(0, idOf(2));
  const sequence = words[16] as number;
  words[16] = 0;
  assert.equal(taken(reader), []);
  words[16] = sequence;
  assert.equal(taken(reader), [
    [0, 1],
    [0, 2],
  ]);
});

test('a wait ends with the next callback, and at once if there is one', async () => {
  const { writer, reader } = setUp();
  let isOver = false;
  const waiting = reader.wait().then(() => {
    isOver = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(isOver, false);
  writer.push(0, idOf(1));
  // A pending wait alone does not keep Node running.
  const timer = setTimeout(() => {}, 10_000);
  await waiting;
  await reader.wait();
  clearTimeout(timer);
  assert.equal(taken(reader), [[0, 1]]);
});

test.run();
