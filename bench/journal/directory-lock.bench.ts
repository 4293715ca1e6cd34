import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bench } from 'tinybench';
import { systemClock } from '../../src/core/clock.ts';
import { lockDirectory } from '../../src/journal/directory-lock.ts';

const smoke = process.env['BENCH_SMOKE'] === '1';
const directory = mkdtempSync(join(tmpdir(), 'lock-bench-'));

const bench = new Bench({ time: smoke ? 5 : 500, warmupTime: smoke ? 5 : 100 });
bench.add('lock a free directory, and release it', async () => {
  const lock = await lockDirectory(directory, systemClock);
  if (lock.kind === 'locked') lock.release();
});
await bench.run();
console.table(bench.table());
rmSync(directory, { recursive: true });
