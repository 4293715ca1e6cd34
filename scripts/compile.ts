import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * Writes `src/` as JavaScript into the given folder (`dist`): the same files without types, importing each other as
 * `.js`. Installed packages need this because Node does not strip types under `node_modules`. The image uses it so that
 * no thread keeps a compiler in memory.
 */
const target = process.argv[2] ?? 'dist';
rmSync(target, { recursive: true, force: true });
for (const path of globSync('**/*', { cwd: 'src' })) {
  const source = join('src', path);
  if (!/\.[a-z]+$/.test(path)) continue;
  const written = join(target, path);
  mkdirSync(dirname(written), { recursive: true });
  if (!path.endsWith('.ts')) cpSync(source, written);
  else writeFileSync(written.replace(/\.ts$/, '.js'), withoutTypes(readFileSync(source, 'utf8')));
}

function withoutTypes(source: string): string {
  const script = stripTypeScriptTypes(source);
  return script.replace(/(['"])(\.{1,2}\/[^'"\n]+)\.ts\1/g, '$1$2.js$1');
}
