// `test-groups.ts [UVU OPTION]... PATH...` runs these files of test/ with uvu, a few processes at a time: one per folder,
// or one per file in slow folders, the longest first. Each process's output is printed when it ends. Fails if any fails.

import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Their tests start deployments and servers and wait for leases to expire: one file after another would take minutes. */
const SPLIT_FOLDERS = ['system', 'chaos', 'ledger', 'sim', 'certify'];
/** Folders and files that take half a minute: they start first, so that short ones fill the cores at the end. */
const LONG_GROUPS = ['dashboard', 'examples', 'http', 'cli', 'bench', 'system/crash.test.ts'];
/** Tests wait more than they compute. */
const AT_ONCE = availableParallelism() + 1;

/** Paths in test/. */
type Group = readonly string[];

const args = process.argv.slice(2);
const options = args.filter((arg) => arg.startsWith('--'));
const paths = args.filter((arg) => !arg.startsWith('--'));

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.indexOf('/')));
}

function groupsOf(): Group[] {
  const groups = Map.groupBy(paths, (path) => {
    const folder = folderOf(path);
    return SPLIT_FOLDERS.includes(folder) ? path : folder;
  });
  const rank = (name: string) => (LONG_GROUPS.includes(name) ? 0 : name.includes('/') ? 1 : 2);
  const sorted = [...groups].sort(([one], [other]) => rank(one) - rank(other));
  return sorted.map(([, group]) => group);
}

/** Resolves to whether it succeeded. */
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
      if (!/^ {2}Total:/m.test(output)) console.log(`tests: ${group[0]} died before it finished`);
      resolve(code === 0);
    });
  });
}

const groups = groupsOf();
let endedWell = true;

async function runOn(): Promise<void> {
  for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
    if (!(await run(group))) endedWell = false;
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, runOn));
process.exitCode = endedWell ? 0 : 1;
