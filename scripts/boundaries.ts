// Checks the rules of .dependency-cruiser.js, and that every file was read: with an incompatible TypeScript,
// dependency-cruiser silently finds no modules and so no violations.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

interface Cruise {
  readonly modules: readonly { readonly source: string; readonly dependencies: readonly unknown[] }[];
  readonly summary: {
    readonly totalDependenciesCruised: number;
    readonly violations: readonly {
      readonly from: string;
      readonly to: string;
      readonly rule: { readonly name: string };
      readonly cycle?: readonly { readonly name: string }[];
    }[];
    readonly ruleSetUsed: {
      readonly forbidden: readonly { readonly name: string; readonly comment: string }[];
    };
  };
}

const FOLDERS = ['src', 'test', 'bench', 'scripts', 'examples'];
const files = FOLDERS.flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.[tj]s$/.test(path))
    .map((path) => `${folder}/${path}`),
);

const depcruise = 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs';
const { stdout, stderr } = spawnSync(process.execPath, [depcruise, '--output-type=json', ...FOLDERS], {
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
});
if (stdout === '') throw new Error(`dependency-cruiser printed no result: ${stderr}`);
const { modules, summary } = JSON.parse(stdout) as Cruise;

const cruised = new Set(modules.map(({ source }) => source));
const unread = files.filter((path) => !cruised.has(path));
for (const path of unread) console.error(`boundaries: ${path} was not read`);
const comments = new Map(summary.ruleSetUsed.forbidden.map(({ name, comment }) => [name, comment]));
for (const { rule, from, to, cycle } of summary.violations) {
  const way = cycle === undefined ? to : cycle.map(({ name }) => name).join(' → ');
  console.error(`boundaries: ${from} → ${way}\n  ${rule.name}: ${comments.get(rule.name)}`);
}
const problemCount = unread.length + summary.violations.length;
console.log(
  `boundaries: ${files.length} files, ${summary.totalDependenciesCruised} imports, ${problemCount} problems`,
);
// Every file that does anything has imports.
process.exitCode = problemCount === 0 && summary.totalDependenciesCruised > 0 ? 0 : 1;
