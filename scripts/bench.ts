// Runs every benchmark under bench/ in turn, each in a process of its own; `npm run bench -- ring` only those whose
// path contains `ring`. BENCH_SMOKE=1 only shows that they run.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

const LIMIT_MS = process.env['BENCH_SMOKE'] === '1' ? 30_000 : 600_000;

const wanted = process.argv[2] ?? '';
const benches = readdirSync('bench', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.bench.ts') && path.includes(wanted))
  .sort();
if (benches.length === 0) {
  console.error(`bench: nothing in bench/ matches '${wanted}'`);
  process.exit(1);
}

const failed = benches.filter((path) => {
  console.log(`\nbench/${path}`);
  const { status, signal } = spawnSync(process.execPath, [`bench/${path}`], {
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  if (status !== 0) console.error(`bench/${path} ended with ${signal ?? `exit code ${status}`}`);
  return status !== 0;
});
console.log(`\nbenches: ${benches.length - failed.length} ran, ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;
