import assert from 'node:assert';
import { parentPort, workerData } from 'node:worker_threads';
import { Ring, RingSlot } from '../../src/shared-memory/ring.ts';

/** Producers push `count` payments each; consumers pop until all payments are popped. */
export interface RingWork {
  readonly role: 'producer' | 'consumer' | 'echo' | 'sleeper' | 'greedy';
  readonly ring: SharedArrayBuffer;
  readonly producer: number;
  readonly producerCount: number;
  readonly count: number;
  /** One byte for each payment: how often it was popped. */
  readonly popped: SharedArrayBuffer;
  /** i32: how many were popped in total. */
  readonly total: SharedArrayBuffer;
  /** The ring that an echo pushes its payments to. */
  readonly back: SharedArrayBuffer;
}

const work = workerData as RingWork;
const ring = new Ring(work.ring);
const total = new Int32Array(work.total);
const nowhere = new Int32Array(new SharedArrayBuffer(4));

if (work.role === 'producer') produce();
else if (work.role === 'consumer') await consume();
else if (work.role === 'echo') await echo();
else if (work.role === 'sleeper') void ring.sleep();
else grab();

function produce(): void {
  const id = Buffer.alloc(16);
  const trace = Buffer.alloc(25, work.producer + 1);
  for (let number = 0; number < work.count; number++) {
    while (!ring.reserve()) Atomics.wait(nowhere, 0, 0, 1);
    id.fill(number & 0xff);
    id.writeUInt32LE(work.producer, 0);
    id.writeUInt32LE(number, 4);
    ring.push(id, number + 1, number * 1_000_000, number, number % 3 === 0 ? trace : null);
    if (number % 8 === 7 || number === work.count - 1 || ring.room === 0) ring.wake();
  }
}

async function consume(): Promise<void> {
  const slot = new RingSlot();
  const popped = new Uint8Array(work.popped);
  const last = new Map<number, number>();
  const all = work.producerCount * work.count;
  const isOver = () => Atomics.load(total, 0) === all;
  // A pending sleep does not keep a thread alive, and this one must finish its work.
  const alive = setInterval(() => {}, 1_000);
  while (!isOver()) {
    if (!ring.pop(slot)) {
      await ring.sleep(Number.POSITIVE_INFINITY, isOver);
      continue;
    }
    const producer = slot.id.readUInt32LE(0);
    const number = slot.id.readUInt32LE(4);
    assert.ok((last.get(producer) ?? -1) < number, 'one producer in order');
    last.set(producer, number);
    assert.equal(slot.id[8], number & 0xff);
    assert.equal(slot.id[15], number & 0xff);
    assert.equal(slot.amountCents, number + 1);
    assert.equal(slot.acceptedAtMs, number * 1_000_000);
    assert.equal(slot.journalRef, number);
    assert.equal(slot.trace?.[24], number % 3 === 0 ? producer + 1 : undefined);
    Atomics.add(popped, producer * work.count + number, 1);
    if (Atomics.add(total, 0, 1) + 1 === all) ring.wakeAll();
  }
  clearInterval(alive);
}

async function echo(): Promise<void> {
  const back = new Ring(work.back);
  const slot = new RingSlot();
  const alive = setInterval(() => {}, 1_000);
  for (let number = 0; number < work.count; ) {
    if (!ring.pop(slot)) {
      await ring.sleep();
      continue;
    }
    assert.ok(back.reserve());
    back.push(slot.id, slot.amountCents, slot.acceptedAtMs, slot.journalRef, slot.trace);
    back.wake();
    number++;
  }
  clearInterval(alive);
}

/** Pops until it is terminated. */
function grab(): void {
  const slot = new RingSlot();
  parentPort?.postMessage('begun');
  for (;;) if (ring.pop(slot)) Atomics.add(total, 0, 1);
}
