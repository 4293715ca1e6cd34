import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * Writes `src/` as JavaScript into the given folder (`dist`): the same files without types, importing each other as
 * `.js`. Installed packages need this because Node does not strip types under `node_modules`. The image uses it so that
 * no thread keeps a compiler in memory, and the tests so that no process has to compile. A file that is up to date is
 * left alone, because programs of another test run may be loading it.
 */
const target = process.argv[2] ?? 'dist';
const stale = new Set(globSync('**/*.*', { cwd: target }));
for (const path of globSync('**/*.*', { cwd: 'src' })) {
  const source = readFileSync(join('src', path), 'utf8');
  const written = path.replace(/\.ts$/, '.js');
  stale.delete(written);
  write(join(target, written), path === written ? source : withoutTypes(source));
}
for (const path of stale) rmSync(join(target, path));

function withoutTypes(source: string): string {
  const script = stripTypeScriptTypes(source);
  return script.replace(/(['"])(\.{1,2}\/[^'"\n]+)\.ts\1/g, '$1$2.js$1');
}

function write(path: string, text: string): void {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
