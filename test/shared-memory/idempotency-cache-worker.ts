import { workerData } from 'node:worker_threads';
import { IdempotencyCache, type Reservation } from '../../src/shared-memory/idempotency-cache.ts';

/** Reserves the same ids as its rivals, as nearly at once as threads can. */
export interface RaceWork {
  readonly idempotencyCache: SharedArrayBuffer;
  readonly thread: number;
  readonly threadCount: number;
  readonly idCount: number;
  /** Whether every thread uses a different amount. */
  readonly conflicting: boolean;
  /** One byte for each thread and id: the answer. */
  readonly answers: SharedArrayBuffer;
  /** i32: threads that have arrived at the barrier. */
  readonly line: SharedArrayBuffer;
}

export const ANSWERS: readonly Reservation[] = ['new', 'pending', 'same', 'conflict'];
const TOGETHER = 32;

export function raceId(number: number): Buffer {
  const id = Buffer.alloc(16);
  id.writeUInt32BE(number, 12);
  return id;
}

if (workerData !== null) race(workerData as RaceWork);

function race(work: RaceWork): void {
  const idempotencyCache = new IdempotencyCache(work.idempotencyCache);
  const answers = new Uint8Array(work.answers);
  const amountCents = work.conflicting ? work.thread + 1 : 1;
  const ids = Array.from({ length: work.idCount }, (_, number) => raceId(number));
  for (const [number, id] of ids.entries()) {
    if (number % TOGETHER === 0) lineUp(work, number / TOGETHER + 1);
    const answer = idempotencyCache.reserve(id, amountCents, 1_000);
    answers[work.thread * work.idCount + number] = ANSWERS.indexOf(answer);
  }
}

/** A barrier: all threads arrive for the `round`th time before any continues. */
function lineUp({ line, threadCount }: RaceWork, round: number): void {
  const arrived = new Int32Array(line);
  const goal = round * threadCount;
  let seen = Atomics.add(arrived, 0, 1) + 1;
  Atomics.notify(arrived, 0);
  for (; seen < goal; seen = Atomics.load(arrived, 0)) Atomics.wait(arrived, 0, seen);
}
