import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MISUSED } from '../src/cli/command.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LIMIT_MS = process.env['BENCH_SMOKE'] === '1' ? 30_000 : 600_000;

/**
 * `dinossauro bench`: runs the benchmarks whose path contains `wanted`, each in a process of its own. BENCH_SMOKE=1 only
 * checks that they run. Returns the exit code.
 */
export default async function bench(wanted: string): Promise<number> {
  const known = readdirSync(`${ROOT}/bench`, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.bench.ts'))
    .sort();
  const benches = known.filter((path) => path.includes(wanted));
  if (benches.length === 0) {
    const names = known.map((path) => path.replace(/\.bench\.ts$/, '')).join(', ');
    console.error(`dinossauro: no benchmark matches '${wanted}'; expected part of one of: ${names}`);
    return MISUSED;
  }
  const failed = benches.filter((path, index) => {
    console.log(`\nbench/${path} (${index + 1} of ${benches.length})`);
    const { status, signal } = spawnSync(process.execPath, [`bench/${path}`], {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    if (status !== 0) console.error(`bench/${path} failed with ${signal ?? `exit code ${status}`}`);
    return status !== 0;
  });
  console.log(`\nbenches: ${benches.length - failed.length} ran, ${failed.length} failed`);
  return failed.length === 0 ? 0 : 1;
}
