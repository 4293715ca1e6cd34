import { spawnSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeDirectory } from '../../src/core/directory.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const test = suite<{ directory: string }>('makeDirectory');

test.before.each((context) => {
  context.directory = temporaryDirectory();
});

test('creates what is missing, and leaves what exists', ({ directory }) => {
  const path = join(directory, 'a/b/c');
  makeDirectory(path);
  makeDirectory(`${path}/`);
  assert.ok(statSync(path).isDirectory());
});

test('fails where a file is in the way', ({ directory }) => {
  const file = join(directory, 'file');
  writeFileSync(file, '');
  assert.throws(() => makeDirectory(file), /EEXIST/);
  assert.throws(() => makeDirectory(join(file, 'below/it')), /ENOTDIR/);
});

test('fails at once where the kernel allows no directories', () => {
  if (process.platform !== 'linux') return;
  const module = new URL('../../src/core/directory.ts', import.meta.url).href;
  const script = `import { makeDirectory } from '${module}';
    try { makeDirectory('/proc/x/y'); } catch (error) { console.log(error.code); }`;
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script];
  const { stdout, signal } = spawnSync(process.execPath, args, { timeout: 20_000 });
  assert.is(signal, null, 'it does not spin');
  assert.is(stdout.toString(), 'ENOENT\n');
});

test.run();
