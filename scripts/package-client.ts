import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { publishedManifest, ROOT, run, TSC, writeJson } from './stage.ts';

/**
 * `npm run package:client`: builds the package `@dinossauro/client`, a `.tgz`, from the staging folder `package-client/`,
 * both in this folder or in the one given. It has JavaScript and types instead of the sources.
 */
const TARGET = resolve(process.argv[2] ?? ROOT);
const STAGE = join(TARGET, 'package-client');
const CLIENT = join(ROOT, 'client');

rmSync(STAGE, { recursive: true, force: true });
mkdirSync(STAGE, { recursive: true });
cpSync(join(CLIENT, 'README.md'), join(STAGE, 'README.md'));
cpSync(join(ROOT, 'LICENSE'), join(STAGE, 'LICENSE'));
const checks = ['--ignoreConfig', '--strict', '--exactOptionalPropertyTypes', '--types', 'node'];
const language = ['--target', 'es2023', '--module', 'nodenext', '--rewriteRelativeImportExtensions'];
const output = ['--declaration', '--rootDir', join(CLIENT, 'src'), '--outDir', join(STAGE, 'dist')];
run(process.execPath, [TSC, ...checks, ...language, ...output, join(CLIENT, 'src/index.ts')]);
const exports = { '.': { types: './dist/index.d.ts', default: './dist/index.js' } };
writeJson(join(STAGE, 'package.json'), { ...publishedManifest(join(CLIENT, 'package.json')), exports });
run('npm', ['pack', STAGE, '--pack-destination', TARGET]);
