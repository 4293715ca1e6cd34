import { Bench } from 'tinybench';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';

const smoke = process.env['BENCH_SMOKE'] === '1';
const RECORDS = 16_384;

const segments = new SegmentTable(SegmentTable.allocate(64, RECORDS));
const segment = segments.acquire();
segments.setWritten(segment, RECORDS);
const firstRef = segments.ref(segment, 0);
for (let record = 0; record < RECORDS; record++) segments.markDone(firstRef + record);
let record = 0;

const bench = new Bench({ time: smoke ? 5 : 500, warmupTime: smoke ? 5 : 250 });
bench.add('use a segment: acquire, mark 16384 records, reclaim', () => {
  const used = segments.acquire();
  segments.setWritten(used, RECORDS);
  const first = segments.ref(used, 0);
  for (let index = 0; index < RECORDS; index++) segments.markDone(first + index);
  segments.seal(used);
  segments.beginReclaim(used);
  segments.free(used);
});
bench.add('isDone', () => segments.isDone(firstRef + (record++ % RECORDS)));
bench.add('allDone of 16384 records', () => segments.allDone(segment));
await bench.run();
console.table(bench.table());
