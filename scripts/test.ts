// Runs all tests, prints the coverage of src/, and ends with the line `N passed, N failed`. Fails if a test fails, the
// run dies or takes too long, or the coverage is too low.
// Without a pattern it leaves out `*.nightly.test.ts`, which `.ci/nightly` runs.
// `npm test -- ring money` runs only the files whose path matches one of these, without measuring coverage.

import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

const filters = process.argv.slice(2);
/** The whole suite has 8.5 minutes. Chosen files have 20, because they may be the slow ones of the nightly job. */
const LIMIT_MS = (filters.length > 0 ? 20 : 8.5) * 60_000;
const COVERED_LINES_PERCENT = 90;
/** Where Node writes what its processes covered. */
const COVERAGE = resolve('coverage/tmp');
const FLAGS = ['--disable-warning=ExperimentalWarning'];

interface Totals {
  /** Files that never called `run()`, so none of their tests ran. */
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

/** Files with only types are never loaded and have no lines to cover. */
function holdsOnlyTypes(path: string): boolean {
  const code = stripTypeScriptTypes(readFileSync(path, 'utf8'));
  return code.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '').trim() === '';
}

/** uvu prints a file's name before its dots, and `(passed / total)` after those of each suite. */
function silentFiles(output: string): string[] {
  const [, ...parts] = output.split(/^(\S+\.test\.ts)$/m);
  return parts.filter((_, index) => index % 2 === 0 && !/\(\d+ \/ \d+\)$/m.test(parts[index + 1] ?? ''));
}

/** The sum of the totals that the uvu runs printed; undefined if none did. */
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
  // uvu's exit code is not enough: it reports success if a suite's `before` throws and no test runs.
  return { silent: silentFiles(output), passed, failed: total - passed, skipped };
}

/** Kills what a run left behind; servers started by tests belong to its process group. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // No process is left.
  }
}

/** Runs `scripts/test-groups.ts` with these files of test/. */
function runTests(paths: readonly string[]): Promise<Run> {
  rmSync(COVERAGE, { recursive: true, force: true });
  const child = spawn(process.execPath, [...FLAGS, 'scripts/test-groups.ts', ...paths], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}),
      ...(filters.length > 0 ? {} : { NODE_V8_COVERAGE: COVERAGE }),
    },
    detached: true,
  });
  const pid = child.pid;
  if (pid === undefined) return Promise.resolve({ kind: 'died', reason: 'could not be started' });

  let stopped = '';
  /** It says which tests had not ended; when it has ended, so do they. */
  const stop = (reason: string) => {
    stopped ||= reason;
    child.kill('SIGTERM');
  };
  const timer = setTimeout(() => stop(`were stopped after ${LIMIT_MS / 60_000} minutes`), LIMIT_MS);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => stop(`were stopped by ${signal}`));
  }

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
        if (stopped !== '') resolve({ kind: 'died', reason: stopped });
        else if (totals === undefined) resolve({ kind: 'died', reason: `died before they finished: ${end}` });
        else if (code !== 0 && totals.failed === 0) {
          console.log(`tests: a group failed, although no test did: ${end}`);
          resolve({ kind: 'finished', totals: { ...totals, failed: 1 } });
        } else resolve({ kind: 'finished', totals });
      });
    });
  });
}

/** Attributes what processes covered of dist/ to src/: removing types and renaming imports moves no character. */
function attributeToSource(): void {
  const compiled = new RegExp(`"${pathToFileURL('dist/').href}([^"]+)\\.js"`, 'g');
  const source = `"${pathToFileURL('src/').href}$1.ts"`;
  for (const name of readdirSync(COVERAGE)) {
    const path = `${COVERAGE}/${name}`;
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(compiled, source));
  }
}

/** Prints the coverage of src/ and of each file below the threshold. Returns whether src/ reaches it. */
function reportCoverage(): boolean {
  attributeToSource();
  const excluded = filesUnder('src', '.ts').filter(holdsOnlyTypes);
  const c8 = [
    ...['node_modules/c8/bin/c8.js', 'report', `--temp-directory=${COVERAGE}`],
    ...['--reporter=json-summary', '--reporter=lcovonly'],
    ...['--all', '--src=src', '--include=src/**', ...excluded.map((path) => `--exclude=${path}`)],
  ];
  const { status } = spawnSync(process.execPath, c8, { stdio: 'inherit' });
  if (status !== 0) return false;
  const summary = JSON.parse(readFileSync('coverage/coverage-summary.json', 'utf8')) as Record<
    string,
    { lines: { total: number; covered: number; pct: number } }
  >;
  const { total, ...files } = summary;
  if (total === undefined || total.lines.total === 0) {
    console.log('coverage: no file of src/ was measured');
    return false;
  }
  for (const [path, { lines }] of Object.entries(files)) {
    if (lines.pct >= COVERED_LINES_PERCENT) continue;
    console.log(`coverage: ${relative('.', path)} ${lines.pct}% (${lines.covered} of ${lines.total} lines)`);
  }
  const { pct, covered, total: lineCount } = total.lines;
  console.log(
    `coverage: src/ ${pct}% (${covered} of ${lineCount} lines, expected at least ${COVERED_LINES_PERCENT}%)`,
  );
  return pct >= COVERED_LINES_PERCENT;
}

const patterns = filters.map(
  // Paths are those in test/, but may also be given from the root.
  (filter) => new RegExp(`(${filter.replace(/^(\.\/)?test\//, '^')}).*`, 'i'),
);
const isChosen = (path: string) =>
  filters.length === 0 ? !path.endsWith('.nightly.test.ts') : patterns.some((pattern) => pattern.test(path));
const chosen = filesUnder('test', '.test.ts')
  .map((path) => relative('test', path))
  .filter(isChosen)
  .sort();
const none: Totals = { silent: [], passed: 0, failed: 0, skipped: 0 };
const died: Totals = { ...none, failed: 1 };
const run: Run = chosen.length === 0 ? { kind: 'finished', totals: none } : await runTests(chosen);
const { silent, passed, failed, skipped } = run.kind === 'finished' ? run.totals : died;
if (run.kind === 'died') console.log(`tests ${run.reason}`);
for (const path of silent) console.log(`tests: none of test/${path} ran, because it never calls run()`);
if (passed + failed === 0) console.log('tests: no test ran');
const isCovered = filters.length > 0 || (run.kind === 'finished' && reportCoverage());

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = passed > 0 && failed === 0 && silent.length === 0 && isCovered ? 0 : 1;
