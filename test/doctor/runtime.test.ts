import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkNative, checkNode } from '../../src/doctor/runtime.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

test('accepts the Node of the tests, and no unsupported one', () => {
  assert.is(checkNode(process.versions).level, 'ok');
  for (const [node, modules] of [
    ['20.20.2', '115'],
    ['22.18.0', '127'],
    ['24.1.0', '137'],
    ['22.19.0', '137'],
  ] as const) {
    const { level, seen, remedy } = checkNode({ node, modules });
    assert.is(level, 'fail');
    assert.is(seen, `Node ${node}, ABI ${modules}`);
    assert.match(remedy, 'Node 22.19');
  }
});

test('native modules: intact, missing, damaged', async () => {
  for (const load of [
    () => import('../../src/http/uws.ts'),
    () => import('../../src/ledger/lmdb/ledger.ts'),
  ]) {
    assert.is((await checkNative('it', load)).level, 'ok');
  }
  const directory = temporaryDirectory();
  const require = createRequire(import.meta.url);
  const path = join(directory, 'broken.node');
  const missing = await checkNative('broken', async () => require(path));
  assert.is(missing.level, 'fail');
  assert.match(missing.seen, /^broken does not load: Cannot find module/);
  writeFileSync(path, 'not a library');
  const damaged = await checkNative('broken', async () => require(path));
  assert.is(damaged.level, 'fail');
  assert.match(damaged.remedy, 'npm ci');
});

test.run();
