// Runs every test under c8, says how much of src/ they cover, and ends in the line `N passed, N failed`. Fails when a
// test does, when the run dies or takes too long, and when too few lines are covered.
// `npm test -- ring` runs only the files whose path contains `ring`, whatever they cover.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const LIMIT_MS = 8 * 60_000;
const COVERED_LINES_PERCENT = 90;

interface Totals {
  /** Files in which nobody called `run()`, so that none of their tests did. */
  readonly silent: readonly string[];
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

type Run =
  | { readonly kind: 'finished'; readonly totals: Totals }
  | { readonly kind: 'died'; readonly reason: string };

function filesUnder(folder: string, ending: string): string[] {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return paths.filter((path) => path.endsWith(ending)).map((path) => `${folder}/${path}`);
}

/** Files of types alone are never loaded, and have no line to cover. */
function holdsOnlyTypes(path: string): boolean {
  const code = stripTypeScriptTypes(readFileSync(path, 'utf8'));
  return code.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '').trim() === '';
}

/** uvu heads the dots of each file with its name, and ends those of each suite with `(passed / total)`. */
function silentFiles(output: string): string[] {
  const [, ...parts] = output.split(/^(\S+\.test\.ts)$/m);
  return parts.filter((_, index) => index % 2 === 0 && !/\(\d+ \/ \d+\)$/m.test(parts[index + 1] ?? ''));
}

/** The counts that each run of uvu ends with, together; undefined when none got there. */
function readTotals(output: string): Totals | undefined {
  const count = (name: string) => {
    const counts = [...output.matchAll(new RegExp(`^  ${name}: +(\\d+)$`, 'gm'))].map(([, digits]) =>
      Number(digits),
    );
    return counts.length === 0 ? Number.NaN : counts.reduce((sum, one) => sum + one, 0);
  };
  const total = count('Total');
  const passed = count('Passed');
  const skipped = count('Skipped');
  if (Number.isNaN(total + passed + skipped)) return undefined;
  // Not uvu's exit code: a suite whose `before` throws runs no test, and uvu calls that a success.
  return { silent: silentFiles(output), passed, failed: total - passed, skipped };
}

/** Ends what a run left behind: it is a process group, which the servers that tests start are part of. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing was left.
  }
}

/** Runs c8 and, in it, `scripts/test-groups.ts` over these files of test/. */
function runTests(paths: readonly string[]): Promise<Run> {
  const excluded = filesUnder('src', '.ts').filter(holdsOnlyTypes);
  const c8 = [
    'node_modules/c8/bin/c8.js',
    ...['--clean', '--temp-directory=coverage/tmp', '--reporter=json-summary', '--reporter=lcovonly'],
    ...['--all', '--src=src', '--include=src/**', ...excluded.map((path) => `--exclude=${path}`)],
  ];
  const options = process.stdout.isTTY ? [] : ['--no-color'];
  const groups = ['--disable-warning=ExperimentalWarning', 'scripts/test-groups.ts', ...options, ...paths];
  const child = spawn(process.execPath, [...c8, process.execPath, ...groups], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const pid = child.pid;
  if (pid === undefined) return Promise.resolve({ kind: 'died', reason: 'could not be started' });

  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    killGroup(pid);
  }, LIMIT_MS);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => killGroup(pid));

  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    process.stdout.write(text);
  });
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      killGroup(pid);
      child.once('close', () => {
        const end = signal ?? `exit code ${code}`;
        const totals = readTotals(stripVTControlCharacters(output));
        if (isLate) resolve({ kind: 'died', reason: `were killed after ${LIMIT_MS / 60_000} minutes` });
        else if (totals === undefined) resolve({ kind: 'died', reason: `died before their end: ${end}` });
        else if (code !== 0 && totals.failed === 0)
          resolve({ kind: 'died', reason: `died at their end: ${end}` });
        else resolve({ kind: 'finished', totals });
      });
    });
  });
}

/** Prints the coverage of src/ and of each file below the threshold. True when the whole reaches it. */
function reportCoverage(): boolean {
  const summary = JSON.parse(readFileSync('coverage/coverage-summary.json', 'utf8')) as Record<
    string,
    { lines: { total: number; covered: number; pct: number } }
  >;
  const { total, ...files } = summary;
  if (total === undefined || total.lines.total === 0) {
    console.log('coverage: nothing of src/ was measured');
    return false;
  }
  for (const [path, { lines }] of Object.entries(files)) {
    if (lines.pct >= COVERED_LINES_PERCENT) continue;
    console.log(`coverage: ${relative('.', path)} ${lines.pct}% (${lines.covered} of ${lines.total} lines)`);
  }
  const { pct, covered, total: lineCount } = total.lines;
  console.log(
    `coverage: src/ ${pct}% (${covered} of ${lineCount} lines, at least ${COVERED_LINES_PERCENT}% wanted)`,
  );
  return pct >= COVERED_LINES_PERCENT;
}

const [filter] = process.argv.slice(2);
const pattern = new RegExp(`(${filter ?? ''}).*\\.test\\.ts$`, 'i');
const chosen = filesUnder('test', '.test.ts')
  .map((path) => relative('test', path))
  .filter((path) => pattern.test(path))
  .sort();
const none: Totals = { silent: [], passed: 0, failed: 0, skipped: 0 };
const died: Totals = { ...none, failed: 1 };
const run: Run = chosen.length === 0 ? { kind: 'finished', totals: none } : await runTests(chosen);
const { silent, passed, failed, skipped } = run.kind === 'finished' ? run.totals : died;
if (run.kind === 'died') console.log(`tests: they ${run.reason}`);
for (const path of silent) console.log(`tests: test/${path} never calls run(), so none of its tests ran`);
if (passed + failed === 0) console.log('tests: there were none');
const isCovered = filter !== undefined || (run.kind === 'finished' && reportCoverage());

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = passed > 0 && failed === 0 && silent.length === 0 && isCovered ? 0 : 1;
