import { Bench } from 'tinybench';
import { IdempotencyCache } from '../../src/shared-memory/idempotency-cache.ts';

const smoke = process.env['BENCH_SMOKE'] === '1';
const CAPACITY = 16_384;

const idempotencyCache = new IdempotencyCache(
  IdempotencyCache.allocate(CAPACITY, Uint32Array.of(0x01234567, 0x89abcdef)),
);
const id = Buffer.alloc(16, 7);
const known = Buffer.alloc(16, 8);
let number = 0;

idempotencyCache.reserve(known, 1990, Number.MAX_SAFE_INTEGER);
idempotencyCache.commit(known);

const bench = new Bench({ time: smoke ? 5 : 500, warmupTime: smoke ? 5 : 250 });
bench.add('remember and confirm 100 new payments, in a full table', () => {
  for (let index = 0; index < 100; index++) {
    id.writeUInt32BE(number++ % 0xffffffff, 12);
    idempotencyCache.reserve(id, 1990, 1_752_577_200_000 + number);
    idempotencyCache.commit(id);
  }
});
bench.add('remember 100 times the same', () => {
  for (let index = 0; index < 100; index++) idempotencyCache.reserve(known, 1990, 1);
});
await bench.run();
console.table(bench.table());
