import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { suite, test } from 'uvu';
import * as assert from 'uvu/assert';
import { Ring, RingSlot } from '../../src/shared-memory/ring.ts';
import type { RingWork } from './ring-worker.ts';

const ID = Buffer.alloc(16, 7);
const nowhere = new Int32Array(new SharedArrayBuffer(4));
const NEAR_WRAPS = [0, 2 ** 31 - 3, 2 ** 32 - 3];

function makeRing(capacity: number, firstTicket = 0): Ring {
  return new Ring(Ring.allocate(capacity, firstTicket));
}

function push(ring: Ring, number: number): void {
  ring.push(ID, number + 1, number, number, null);
}

function startWorker(work: Partial<RingWork>): Worker {
  return new Worker(new URL('./ring-worker.ts', import.meta.url), { workerData: work });
}

/** Rejects when the worker throws. */
async function ended(worker: Worker): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => resolve());
  });
}

test('holds as many payments as its capacity, in order, also where tickets wrap', () => {
  for (const firstTicket of NEAR_WRAPS) {
    for (const capacity of [1, 2, 8]) {
      const ring = makeRing(capacity, firstTicket);
      const slot = new RingSlot();
      assert.not.ok(ring.pop(slot));
      for (let round = 0; round < 5; round++) {
        for (let number = 0; number < capacity; number++) {
          assert.ok(ring.reserve());
          push(ring, number);
        }
        assert.not.ok(ring.reserve());
        assert.is(ring.size, capacity);
        assert.is(ring.room, 0);
        for (let number = 0; number < capacity; number++) {
          assert.ok(ring.pop(slot));
          assert.is(slot.journalRef, number);
        }
        assert.not.ok(ring.pop(slot));
        assert.is(ring.room, capacity);
      }
    }
  }
});

test('an empty slot never looks filled, whatever ticket is next', () => {
  for (let firstTicket = 2 ** 32 - 10; firstTicket < 2 ** 32; firstTicket++) {
    const ring = makeRing(8, firstTicket);
    const slot = new RingSlot();
    for (let number = 0; number < 20; number++) {
      assert.not.ok(ring.pop(slot));
      assert.ok(ring.reserve());
      push(ring, number);
      assert.ok(ring.pop(slot));
      assert.is(slot.journalRef, number);
    }
  }
});

test('behaves like a bounded list', () => {
  const anySteps = fc.array(fc.constantFrom('reserve', 'release', 'push', 'pop'), { maxLength: 200 });
  fc.assert(
    fc.property(anySteps, fc.constantFrom(...NEAR_WRAPS), (steps, firstTicket) => {
      const ring = makeRing(4, firstTicket);
      const slot = new RingSlot();
      const queued: number[] = [];
      let reserved = 0;
      for (const [number, step] of steps.entries()) {
        if (step === 'reserve') {
          const fits = queued.length + reserved < 4;
          assert.is(ring.reserve(), fits);
          if (fits) reserved++;
        } else if (step === 'release' && reserved > 0) {
          ring.release();
          reserved--;
        } else if (step === 'push' && reserved > 0) {
          push(ring, number);
          queued.push(number);
          reserved--;
        } else if (step === 'pop') {
          const expected = queued.shift();
          assert.is(ring.pop(slot), expected !== undefined);
          if (expected !== undefined) assert.is(slot.journalRef, expected);
        }
        assert.is(ring.size, queued.length);
        assert.is(ring.room, 4 - queued.length - reserved);
      }
    }),
  );
});

test('carries refs up to the end of u32, and the trace', () => {
  const ring = makeRing(2);
  const slot = new RingSlot();
  const trace = Buffer.from(Array.from({ length: 25 }, (_, index) => index + 1));
  assert.ok(ring.reserve());
  ring.push(ID, Number.MAX_SAFE_INTEGER, 2 ** 41, 2 ** 32 - 1, trace);
  assert.ok(ring.pop(slot));
  assert.equal(slot.id, ID);
  assert.is(slot.amountCents, Number.MAX_SAFE_INTEGER);
  assert.is(slot.acceptedAtMs, 2 ** 41);
  assert.is(slot.journalRef, 2 ** 32 - 1);
  assert.equal(slot.trace, trace);
});

test('a push or a release without a reserve is a bug, and says so', () => {
  const ring = makeRing(1);
  assert.throws(() => ring.release(), /release without reserve/);
  const full = makeRing(1);
  assert.ok(full.reserve());
  push(full, 0);
  assert.throws(() => push(full, 1), /push without reserve/);
});

test('a capacity that is not a power of two is a bug', () => {
  assert.throws(() => Ring.allocate(3), /power of two/);
});

const sleeping = suite('ring: sleep and wake');
let alive: NodeJS.Timeout;

// A pending sleep does not keep a thread alive, and uvu must not exit before its tests are done.
sleeping.before(() => {
  alive = setInterval(() => {}, 1_000);
});
sleeping.after(() => clearInterval(alive));

sleeping('does not sleep when there is something to pop, or when told not to', async () => {
  const ring = makeRing(2);
  await ring.sleep(Number.POSITIVE_INFINITY, () => true);
  assert.ok(ring.reserve());
  push(ring, 0);
  await ring.sleep();
});

sleeping('a push between the last check and the wait is not missed', async () => {
  const ring = makeRing(2);
  await ring.sleep(Number.POSITIVE_INFINITY, () => {
    assert.ok(ring.reserve());
    push(ring, 0);
    ring.wake();
    return false;
  });
});

sleeping('wake wakes one sleeper, wakeAll wakes all', async () => {
  const ring = makeRing(2);
  let awake = 0;
  const sleepers = [1, 2, 3].map(() => ring.sleep().then(() => awake++));
  ring.wake();
  await Promise.race(sleepers);
  assert.is(awake, 1);
  ring.wakeAll();
  await Promise.all(sleepers);
  assert.is(awake, 3);
});

sleeping('a sleep times out, and the next one works', async () => {
  const ring = makeRing(2);
  await ring.sleep(5);
  const asleep = ring.sleep();
  ring.wake();
  await asleep;
});

sleeping('a pending sleep does not keep its thread alive', async () => {
  const ring = Ring.allocate(2);
  await ended(startWorker({ role: 'sleeper', ring, total: new SharedArrayBuffer(4) }));
  // The sleeper count that it leaves behind must not affect other threads.
  const asleep = new Ring(ring).sleep();
  new Ring(ring).wake();
  await asleep;
});

sleeping('no wake-up is lost between two threads that only ever wait for each other', async () => {
  const there = Ring.allocate(1);
  const back = Ring.allocate(1);
  const count = 1_000;
  const worker = startWorker({ role: 'echo', ring: there, back, count, total: new SharedArrayBuffer(4) });
  const over = ended(worker);
  const [out, home] = [new Ring(there), new Ring(back)];
  const slot = new RingSlot();
  for (let number = 0; number < count; number++) {
    assert.ok(out.reserve());
    push(out, number);
    out.wake();
    while (!home.pop(slot)) await home.sleep();
    assert.is(slot.journalRef, number);
  }
  await over;
});

const racing = suite('ring: threads');

for (const { producers, consumers, capacity, firstTicket } of [
  { producers: 3, consumers: 3, capacity: 8, firstTicket: 2 ** 32 - 6_000 },
  { producers: 2, consumers: 2, capacity: 1, firstTicket: 2 ** 31 - 150 },
  { producers: 4, consumers: 1, capacity: 64, firstTicket: 2 ** 31 - 8_000 },
  { producers: 1, consumers: 4, capacity: 1024, firstTicket: 0 },
]) {
  const name = `${producers} producers, ${consumers} consumers, capacity ${capacity}: each payment once, in order`;
  racing(name, async () => {
    const count = capacity === 1 ? 150 : 4_000;
    const ring = Ring.allocate(capacity, firstTicket);
    const popped = new SharedArrayBuffer(producers * count);
    const total = new SharedArrayBuffer(4);
    const common = { ring, popped, total, count, producerCount: producers };
    const workers = [
      ...Array.from({ length: consumers }, () => startWorker({ ...common, role: 'consumer' })),
      ...Array.from({ length: producers }, (_, producer) =>
        startWorker({ ...common, role: 'producer', producer }),
      ),
    ];
    await Promise.all(workers.map(ended));
    assert.ok(new Uint8Array(popped).every((times) => times === 1));
    assert.is(new Ring(ring).size, 0);
    assert.is(new Ring(ring).room, capacity);
  });
}

racing('a consumer terminated during a pop blocks no other', async () => {
  const buffer = Ring.allocate(4);
  const ring = new Ring(buffer);
  const slot = new RingSlot();
  for (let life = 0; life < 6; life++) {
    const total = new SharedArrayBuffer(4);
    const greedy = startWorker({ role: 'greedy', ring: buffer, total });
    await once(greedy, 'message');
    for (let number = 0; number < 50 + life; number++) {
      while (!ring.reserve()) Atomics.wait(nowhere, 0, 0, 1);
      push(ring, number);
    }
    await greedy.terminate();
    while (ring.pop(slot));
    assert.is(ring.size, 0);
    assert.is(ring.room, 4);
  }
});

test.run();
sleeping.run();
racing.run();
