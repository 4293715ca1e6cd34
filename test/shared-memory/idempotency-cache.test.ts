import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { IdempotencyCache } from '../../src/shared-memory/idempotency-cache.ts';
import { ANSWERS, type RaceWork, raceId } from './idempotency-cache-worker.ts';

const SEED = Uint32Array.of(0x01234567, 0x89abcdef);

function makeCache(capacity: number): IdempotencyCache {
  return new IdempotencyCache(IdempotencyCache.allocate(capacity, SEED));
}

test('a payment is new, then pending, then the same; another amount is always a conflict', () => {
  const idempotencyCache = makeCache(64);
  const id = raceId(1);
  assert.is(idempotencyCache.reserve(id, 100, 5), 'new');
  assert.is(idempotencyCache.find(id), undefined, 'not accepted yet');
  assert.is(idempotencyCache.reserve(id, 100, 6), 'pending');
  assert.is(idempotencyCache.reserve(id, 101, 6), 'conflict');
  idempotencyCache.commit(id);
  assert.is(idempotencyCache.reserve(id, 100, 7), 'same');
  assert.is(idempotencyCache.reserve(id, 101, 7), 'conflict');
  assert.equal(idempotencyCache.find(id), { amountCents: 100, acceptedAtMs: 5 });
});

test('a committed payment can be left to the ledger, until it is forgotten or purged', () => {
  const idempotencyCache = makeCache(64);
  const id = raceId(1);
  idempotencyCache.leaveToLedger(id);
  assert.is(idempotencyCache.reserve(id, 100, 5), 'new');
  idempotencyCache.leaveToLedger(id);
  assert.is(idempotencyCache.reserve(id, 100, 6), 'pending', 'it may still be refused');
  idempotencyCache.commit(id);
  idempotencyCache.forget(id);
  assert.is(idempotencyCache.reserve(id, 100, 7), 'same');
  idempotencyCache.leaveToLedger(id);
  idempotencyCache.commit(id);
  idempotencyCache.abort(id);
  assert.is(idempotencyCache.reserve(id, 100, 8), 'in-ledger');
  assert.is(idempotencyCache.reserve(id, 101, 8), 'conflict');
  assert.equal(idempotencyCache.find(id), { amountCents: 100, acceptedAtMs: 5 });
  idempotencyCache.forget(id);
  assert.is(idempotencyCache.reserve(id, 101, 9), 'new');
  idempotencyCache.commit(id);
  idempotencyCache.leaveToLedger(id);
  idempotencyCache.forgetBefore(10);
  assert.is(idempotencyCache.reserve(id, 102, 11), 'new');
});

test('holds the largest amounts and times', () => {
  const idempotencyCache = makeCache(8);
  const id = raceId(1);
  const [amountCents, acceptedAtMs] = [Number.MAX_SAFE_INTEGER, 2 ** 48 - 1];
  idempotencyCache.reserve(id, amountCents, acceptedAtMs);
  idempotencyCache.commit(id);
  assert.equal(idempotencyCache.find(id), { amountCents, acceptedAtMs });
  assert.is(idempotencyCache.reserve(id, amountCents - 2 ** 32, acceptedAtMs), 'conflict');
});

test('the oldest entry is replaced', () => {
  const idempotencyCache = makeCache(8);
  for (let number = 0; number < 9; number++) {
    assert.is(idempotencyCache.reserve(raceId(number), 1, 100 - number), 'new');
    idempotencyCache.commit(raceId(number));
  }
  const known = Array.from({ length: 9 }, (_, number) => idempotencyCache.find(raceId(number)) !== undefined);
  // Number 7 was the oldest when number 8 came.
  assert.equal(known, [true, true, true, true, true, true, true, false, true]);
});

test('sequential ids spread over the buckets, differently for each seed', () => {
  const counts = [SEED, Uint32Array.of(1, 0), Uint32Array.of(0xffffffff, 7)].map((seed) => {
    const idempotencyCache = new IdempotencyCache(IdempotencyCache.allocate(4096, seed));
    for (let number = 0; number < 2048; number++) {
      idempotencyCache.reserve(raceId(number), 1, 1);
      idempotencyCache.commit(raceId(number));
    }
    return Array.from({ length: 2048 }, (_, number) => idempotencyCache.find(raceId(number)) !== undefined);
  });
  // With 4 ids per bucket of 8, chance alone drops 2%. A hash that keeps patterns would drop none or most.
  for (const known of counts) {
    const dropped = known.filter((one) => !one).length;
    assert.ok(dropped > 0 && dropped < 2048 * 0.05, `${dropped} dropped`);
  }
  assert.not.equal(counts[0], counts[1]);
});

test('behaves like a map', () => {
  const anyStep = fc.record({
    step: fc.constantFrom('remember', 'confirm', 'forget', 'find', 'floor'),
    // No more ids than a bucket has entries, so that none is replaced.
    number: fc.nat(7),
    amountCents: fc.integer({ min: 1, max: 2 }),
    ms: fc.nat(20),
  });
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 100 }), fc.constantFrom(8, 64), (steps, capacity) => {
      const idempotencyCache = makeCache(capacity);
      const model = new Map<number, { amountCents: number; acceptedAtMs: number; confirmed: boolean }>();
      let floorMs = 0;
      for (const { step, number, amountCents, ms } of steps) {
        const id = raceId(number);
        const entry = model.get(number);
        const held = entry !== undefined && entry.acceptedAtMs >= floorMs ? entry : undefined;
        if (step === 'remember') {
          let expected = 'new';
          if (held !== undefined && held.amountCents !== amountCents) expected = 'conflict';
          else if (held !== undefined) expected = held.confirmed ? 'same' : 'pending';
          assert.is(idempotencyCache.reserve(id, amountCents, floorMs + ms), expected);
          if (held === undefined)
            model.set(number, { amountCents, acceptedAtMs: floorMs + ms, confirmed: false });
        } else if (step === 'confirm') {
          idempotencyCache.commit(id);
          if (held !== undefined) held.confirmed = true;
        } else if (step === 'forget') {
          idempotencyCache.abort(id);
          if (held !== undefined && !held.confirmed) model.delete(number);
        } else if (step === 'find') {
          const { amountCents: cents, acceptedAtMs } = held ?? { amountCents: 0, acceptedAtMs: 0 };
          const expected = held?.confirmed ? { amountCents: cents, acceptedAtMs } : undefined;
          assert.equal(idempotencyCache.find(id), expected);
        } else {
          idempotencyCache.forgetBefore(ms);
          floorMs = Math.max(floorMs, ms);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('the floor also applies to later payments, never falls, and can hold current times', () => {
  const idempotencyCache = makeCache(8);
  const nowMs = 1_752_577_200_123;
  idempotencyCache.forgetBefore(nowMs);
  idempotencyCache.forgetBefore(nowMs - 2 ** 33);
  idempotencyCache.reserve(raceId(1), 1, nowMs - 1);
  idempotencyCache.commit(raceId(1));
  assert.is(idempotencyCache.find(raceId(1)), undefined);
  idempotencyCache.reserve(raceId(2), 1, nowMs);
  idempotencyCache.commit(raceId(2));
  assert.ok(idempotencyCache.find(raceId(2)));
});

for (const conflicting of [false, true]) {
  test(`of threads that reserve one id at once, ${conflicting ? 'with different amounts, ' : ''}one wins`, async () => {
    const threadCount = 3;
    const idCount = 8_192;
    const idempotencyCache = IdempotencyCache.allocate(65_536, SEED);
    const answers = new SharedArrayBuffer(threadCount * idCount);
    const line = new SharedArrayBuffer(4);
    const workers = Array.from({ length: threadCount }, (_, thread) => {
      const workerData: RaceWork = {
        idempotencyCache,
        thread,
        threadCount,
        idCount,
        conflicting,
        answers,
        line,
      };
      return new Worker(new URL('./idempotency-cache-worker.ts', import.meta.url), { workerData });
    });
    await Promise.all(
      workers.map(
        (worker) =>
          new Promise<void>((resolve, reject) => {
            worker.once('error', reject);
            worker.once('exit', () => resolve());
          }),
      ),
    );
    const bytes = new Uint8Array(answers);
    for (let number = 0; number < idCount; number++) {
      const given = Array.from(
        { length: threadCount },
        (_, thread) => ANSWERS[bytes[thread * idCount + number] ?? 9],
      );
      const loser = conflicting ? 'conflict' : 'pending';
      assert.equal(given.sort(), conflicting ? [loser, loser, 'new'] : ['new', loser, loser]);
    }
  });
}

test('a capacity that is not a power of two, or smaller than a bucket, is a bug', () => {
  assert.throws(() => IdempotencyCache.allocate(12, SEED));
  assert.throws(() => IdempotencyCache.allocate(4, SEED));
});

test.run();
