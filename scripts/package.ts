import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { publishedManifest, ROOT, readJson, run, TSC, writeJson } from './stage.ts';

/**
 * `npm run package`: builds the installable package, a `.tgz`, from the staging folder `package/`, both in this folder or
 * in the one given: `npm run package -- /tmp`.
 *
 * The package differs from the clone in three ways. It has `dist` instead of `src`, because Node does not strip types
 * under `node_modules`; for contracts of users, `dist` also has types. It has no development packages or scripts, which need a clone. And it bundles uWebSockets.js with
 * only the 4 binaries for our platforms and our Node, of the original 24 with 133 MB.
 */
const TARGET = resolve(process.argv[2] ?? ROOT);
const STAGE = join(TARGET, 'package');
/** The package's contents besides `dist` and dependencies: needed to run, or linked from its documents. */
const FILES = [
  'bin',
  'client',
  'deploy',
  'docs',
  'examples',
  'ops',
  'openapi.json',
  'openapi.yaml',
  'processors.schema.json',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'LICENSE',
  'README.md',
  'README.pt-BR.md',
  'SECURITY.md',
];
const PLATFORMS = ['linux_x64', 'linux_arm64', 'darwin_x64', 'darwin_arm64'];
const BUNDLED = 'uWebSockets.js';

rmSync(STAGE, { recursive: true, force: true });
mkdirSync(STAGE, { recursive: true });
for (const file of FILES) cpSync(join(ROOT, file), join(STAGE, file), { recursive: true });
run(process.execPath, ['--disable-warning=ExperimentalWarning', 'scripts/compile.ts', join(STAGE, 'dist')]);
stageTypes();
stageManifest();
stageBundled();
run('npm', ['pack', STAGE, '--pack-destination', TARGET]);

/** The types that a user's contract imports. */
function stageTypes(): void {
  const flags = ['--ignoreConfig', '--declaration', '--emitDeclarationOnly', '--rootDir', 'src'];
  const language = ['--target', 'es2023', '--module', 'nodenext', '--types', 'node', '--strict'];
  const tsc = [TSC, ...flags, ...language];
  const imports = ['--allowImportingTsExtensions', '--outDir', join(STAGE, 'dist'), 'src/contract.ts'];
  run(process.execPath, [...tsc, ...imports]);
}

function stageManifest(): void {
  const manifest = publishedManifest(join(ROOT, 'package.json'));
  const exports = {
    './contract': { types: './dist/contract.d.ts', default: './dist/contract.js' },
    './package.json': './package.json',
  };
  writeJson(join(STAGE, 'package.json'), { ...manifest, exports, bundleDependencies: [BUNDLED] });
}

function stageBundled(): void {
  const [from, to] = [ROOT, STAGE].map((folder) => join(folder, 'node_modules', BUNDLED)) as [string, string];
  const binaries = PLATFORMS.map((platform) => `uws_${platform}_${process.versions.modules}.node`);
  const files = ['LICENSE', 'dist/index.mjs', 'dist/uws.mjs', ...binaries.map((name) => `dist/bin/${name}`)];
  for (const file of files) cpSync(join(from, file), join(to, file));
  // It requires Node 22, which our command provides; npm on Node 20 would print a warning.
  const { engines, devDependencies, scripts, ...kept } = readJson(join(from, 'package.json'));
  writeJson(join(to, 'package.json'), kept);
}
