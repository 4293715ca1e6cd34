// `test-groups.ts PATH...` runs these files of test/ with uvu, a few processes at a time: one per folder, or one per file
// in slow folders, the longest first. Each process's output is printed when it ends. Fails if any fails.
// SIGTERM ends it: it prints which groups had not ended, and what they had printed. Their processes are left to `test.ts`.

import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Their tests start deployments and servers and wait for leases to expire: one file after another would take minutes. */
const SPLIT_FOLDERS = ['system', 'chaos', 'ledger', 'sim', 'certify'];
/** Folders and files that take half a minute: they start first, so that short ones fill the cores at the end. */
const LONG_GROUPS = ['dashboard', 'examples', 'http', 'cli', 'bench', 'system/crash.test.ts'];
/** Tests wait more than they compute. */
const AT_ONCE = availableParallelism() + 1;
/** How long a process has to end after it has printed its result. */
const END_WITHIN_MS = Number(process.env['TESTS_END_WITHIN_MS'] ?? 10_000);

interface Group {
  /** The path in test/ of its folder, or of its only file. */
  readonly name: string;
  readonly paths: readonly string[];
}

/** A group whose process has not ended. */
interface Running {
  output: string;
  lastOutputMs: number;
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.indexOf('/')));
}

function groupsOf(allPaths: readonly string[]): Group[] {
  const groups = Map.groupBy(allPaths, (path) => {
    const folder = folderOf(path);
    return SPLIT_FOLDERS.includes(folder) ? path : folder;
  });
  const rank = (name: string) => (LONG_GROUPS.includes(name) ? 0 : name.includes('/') ? 1 : 2);
  const sorted = [...groups].sort(([one], [other]) => rank(one) - rank(other));
  return sorted.map(([name, paths]) => ({ name, paths }));
}

const hasResult = (output: string) => /^ {2}Total:/m.test(output);

/** Resolves to whether it succeeded. */
function run({ name, paths }: Group): Promise<boolean> {
  const child = spawn(process.execPath, ['scripts/test-group.ts', ...paths], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const group: Running = { output: '', lastOutputMs: performance.now() };
  running.set(name, group);
  let isLate = false;
  let timer: NodeJS.Timeout | undefined;
  const expectEnd = () => {
    timer ??= setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
      // Another process that the tests started may hold the other end.
      child.stdout.destroy();
    }, END_WITHIN_MS);
  };
  child.once('exit', expectEnd);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    group.output += text;
    group.lastOutputMs = performance.now();
    if (hasResult(group.output)) expectEnd();
  });
  return new Promise((resolve) => {
    child.once('close', (code) => {
      clearTimeout(timer);
      running.delete(name);
      process.stdout.write(group.output);
      if (!hasResult(group.output)) console.log(`tests: test/${name} died before it finished`);
      else if (isLate) {
        console.log(
          `tests: test/${name} printed its result but kept running; something that it opened is still open`,
        );
      }
      resolve(code === 0 && !isLate);
    });
  });
}

const groups = groupsOf(process.argv.slice(2));
const running = new Map<string, Running>();
let endedWell = true;

process.once('SIGTERM', () => {
  for (const { output } of running.values()) process.stdout.write(`${output}\n`);
  const silentS = ({ lastOutputMs }: Running) => Math.round((performance.now() - lastOutputMs) / 1000);
  const names = [...running].map(([name, group]) => `test/${name} (silent for ${silentS(group)} s)`);
  const rest = groups.length > 0 ? `; ${groups.length} groups had not begun` : '';
  console.log(`tests: stopped before these had ended: ${names.join(', ')}${rest}`);
  process.exit(1);
});

async function runOn(): Promise<void> {
  for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
    if (!(await run(group))) endedWell = false;
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, runOn));
process.exitCode = endedWell ? 0 : 1;
