import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bench } from 'tinybench';
import { replay, unfinished } from '../../src/journal/replay.ts';
import { Journal } from '../../src/journal/writer.ts';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';

const smoke = process.env['BENCH_SMOKE'] === '1';
const RECORDS = 16_384;
const ID = Buffer.alloc(16, 7);
const TRACE = Buffer.alloc(25, 9);

const directory = mkdtempSync(join(tmpdir(), 'journal-bench-'));
const segments = new SegmentTable(SegmentTable.allocate(8, RECORDS));
const journal = new Journal({ directory, writer: 'bench', segments, durable: true, randomU32: () => 0 });
let writtenCount = 0;

/** Marks each record as done at once, like a claimed payment, so that the journal never fills up. */
function write(count: number, trace: Buffer | null): void {
  for (let record = 0; record < count; record++) {
    segments.markDone(journal.append(ID, 1990, 1_752_577_200_000, trace));
  }
  journal.write();
  const before = writtenCount;
  writtenCount += count;
  if (Math.floor(before / RECORDS) !== Math.floor(writtenCount / RECORDS)) journal.reclaim();
}

/** CPU time, because wall time is unreliable while other processes share the machine. */
function cpuUs(times: number, run: () => void): string {
  const before = process.cpuUsage();
  for (let index = 0; index < times; index++) run();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) / times).toFixed(1);
}

const bench = new Bench({ time: smoke ? 5 : 1_000, warmupTime: smoke ? 5 : 250 });
bench.add('append and flush 1', () => write(1, null));
bench.add('append and flush 10', () => write(10, null));
bench.add('append and flush 10, traced', () => write(10, TRACE));
bench.add('append, flush and sync 10', async () => {
  write(10, null);
  await journal.sync();
});
await bench.run();
console.table(bench.table());

const times = smoke ? 100 : 20_000;
console.log(`CPU of append and flush, µs: 1 record ${cpuUs(times, () => write(1, null))}`);
console.log(`CPU of append and flush, µs: 10 records ${cpuUs(times, () => write(10, null))}`);
await journal.close();

const kept = new SegmentTable(SegmentTable.allocate(8, RECORDS));
const keeper = new Journal({ directory, writer: 'kept', segments: kept, durable: false, randomU32: () => 1 });
for (let record = 0; record < RECORDS; record++) {
  keeper.append(ID, 1990, 1_752_577_200_000, null);
  if (record % 500 === 0) keeper.write();
}
await keeper.close();
const begunMs = performance.now();
const fresh = new SegmentTable(SegmentTable.allocate(8, RECORDS));
replay(directory, fresh);
const replayedMs = performance.now();
let count = 0;
for (const record of unfinished(directory, fresh, () => {})) if (record.ref >= 0) count++;
const readMs = performance.now();
console.log(
  `${count} records of an earlier life: replay ${(replayedMs - begunMs).toFixed(1)} ms, ` +
    `unfinished ${(readMs - replayedMs).toFixed(1)} ms`,
);
rmSync(directory, { recursive: true });
