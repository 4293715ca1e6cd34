import { once } from 'node:events';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { Bench } from 'tinybench';
import { Ring, RingSlot } from '../../src/shared-memory/ring.ts';

const smoke = process.env['BENCH_SMOKE'] === '1';
const ID = Buffer.alloc(16, 7);
const TRACE = Buffer.alloc(25, 9);

if (isMainThread) {
  await benchPushAndPop();
  await benchWakeUp(smoke ? 50 : 5_000);
} else {
  await echo(workerData as { there: SharedArrayBuffer; back: SharedArrayBuffer; count: number });
}

async function benchPushAndPop(): Promise<void> {
  const ring = new Ring(Ring.allocate(16_384));
  const slot = new RingSlot();
  const bench = new Bench({ time: smoke ? 5 : 500, warmupTime: smoke ? 5 : 250 });
  const pass = (count: number, trace: Buffer | null) => () => {
    for (let number = 0; number < count; number++) {
      ring.reserve();
      ring.push(ID, 1990, 1_752_577_200_000, number, trace);
    }
    ring.wake();
    for (let number = 0; number < count; number++) ring.pop(slot);
  };
  bench.add('reserve, push, wake, pop: 100 payments', pass(100, null));
  bench.add('reserve, push, wake, pop: 100 payments, traced', pass(100, TRACE));
  await bench.run();
  console.table(bench.table());
}

/** A round trip to a sleeping thread and back: two wake-ups. */
async function benchWakeUp(count: number): Promise<void> {
  const there = Ring.allocate(16);
  const back = Ring.allocate(16);
  const worker = new Worker(new URL(import.meta.url), { workerData: { there, back, count } });
  const [out, home] = [new Ring(there), new Ring(back)];
  const slot = new RingSlot();
  const roundTripsUs: number[] = [];
  for (let number = 0; number < count; number++) {
    const begunMs = performance.now();
    out.reserve();
    out.push(ID, 1990, 0, number, null);
    out.wake();
    while (!home.pop(slot)) await home.sleep();
    roundTripsUs.push((performance.now() - begunMs) * 1_000);
  }
  await once(worker, 'exit');
  roundTripsUs.sort((one, other) => one - other);
  const wakeUs = (share: number) => Math.round((roundTripsUs[Math.floor(count * share)] ?? Number.NaN) / 2);
  console.log(
    `wake-up of a sleeping thread, µs: p50 ${wakeUs(0.5)}, p90 ${wakeUs(0.9)}, p99 ${wakeUs(0.99)}`,
  );
}

async function echo(work: {
  there: SharedArrayBuffer;
  back: SharedArrayBuffer;
  count: number;
}): Promise<void> {
  const [inward, home] = [new Ring(work.there), new Ring(work.back)];
  const slot = new RingSlot();
  const alive = setInterval(() => {}, 1_000);
  for (let number = 0; number < work.count; ) {
    if (!inward.pop(slot)) {
      await inward.sleep();
      continue;
    }
    home.reserve();
    home.push(slot.id, slot.amountCents, slot.acceptedAtMs, slot.journalRef, slot.trace);
    home.wake();
    number++;
  }
  clearInterval(alive);
}
