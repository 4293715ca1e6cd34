// `test-groups.ts PATTERN [OPTION OF UVU]...` runs uvu over the files of test/ whose path matches: a process for each folder,
// and for each file of those that wait most, a few at a time. What a process prints comes whole, when it ends. Fails when
// one of them does.

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Their tests start deployments and servers, and wait for leases to run out. They begin first. */
const LONG_FOLDERS = ['system', 'chaos', 'ledger'];
/** Tests wait more than they compute. */
const AT_ONCE = availableParallelism() + 1;

/** Paths in test/. */
type Group = readonly string[];

const [, , expression = '', ...options] = process.argv;
const pattern = new RegExp(expression);
const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.test.ts') && pattern.test(path))
  .sort();

function groupsOf(paths: readonly string[]): Group[] {
  const byName = new Map<string, string[]>();
  for (const path of paths) {
    const folder = path.includes('/') ? path.slice(0, path.indexOf('/')) : '';
    const name = LONG_FOLDERS.includes(folder) ? path : folder;
    byName.set(name, [...(byName.get(name) ?? []), path]);
  }
  const isLong = ([name]: [string, string[]]) => LONG_FOLDERS.some((folder) => name.startsWith(`${folder}/`));
  const entries = [...byName];
  const ordered = [...entries.filter(isLong), ...entries.filter((entry) => !isLong(entry))];
  return ordered.map(([, members]) => members);
}

/** Resolves to whether it ended well. */
function run(group: Group): Promise<boolean> {
  const exactly = `^(${group.map((path) => path.replaceAll('.', '\\.')).join('|')})$`;
  const child = spawn(process.execPath, ['node_modules/uvu/bin.js', ...options, 'test', exactly], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return new Promise((resolve) => {
    child.once('close', (code) => {
      process.stdout.write(output);
      if (!/^ {2}Total:/m.test(output)) console.log(`tests: those of ${group[0]} died before their end`);
      resolve(code === 0);
    });
  });
}

const groups = groupsOf(files);
let endedWell = true;

async function runOn(): Promise<void> {
  for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
    if (!(await run(group))) endedWell = false;
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, runOn));
process.exitCode = endedWell ? 0 : 1;
