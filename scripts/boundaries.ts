// Checks the rules of .dependency-cruiser.js, that no two folders of src/ depend on each other, directly or through
// others, and that every file was read: with an incompatible TypeScript, dependency-cruiser silently finds no modules
// and so no violations.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

interface Cruise {
  readonly modules: readonly {
    readonly source: string;
    readonly dependencies: readonly { readonly resolved: string }[];
  }[];
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

/** The folders that each folder of src/ imports from, with one import as an example. */
const importsOf = new Map<string, Map<string, string>>();
const folderOf = (path: string): string | null => /^src\/([^/]+)\//.exec(path)?.[1] ?? null;
for (const { source, dependencies } of modules) {
  const from = folderOf(source);
  for (const { resolved } of dependencies) {
    const to = folderOf(resolved);
    if (from === null || to === null || from === to) continue;
    const imports = importsOf.get(from) ?? new Map<string, string>();
    importsOf.set(from, imports.set(to, `${source} → ${resolved}`));
  }
}

/** The first circle of folders that `folder` is part of or leads to, as imports; empty if no circle exists. */
function circleFrom(folder: string, path: readonly string[], examples: readonly string[]): readonly string[] {
  const start = path.indexOf(folder);
  if (start !== -1) return examples.slice(start);
  for (const [to, example] of importsOf.get(folder) ?? []) {
    const circle = circleFrom(to, [...path, folder], [...examples, example]);
    if (circle.length > 0) return circle;
  }
  return [];
}

const circle =
  [...importsOf.keys()].map((folder) => circleFrom(folder, [], [])).find(({ length }) => length > 0) ?? [];
if (circle.length > 0)
  console.error(`boundaries: folders import each other in a circle:\n  ${circle.join('\n  ')}`);
const problemCount = unread.length + summary.violations.length + (circle.length > 0 ? 1 : 0);
console.log(
  `boundaries: ${files.length} files, ${summary.totalDependenciesCruised} imports, ${problemCount} problems`,
);
// Every file that does anything has imports.
process.exitCode = problemCount === 0 && summary.totalDependenciesCruised > 0 ? 0 : 1;
