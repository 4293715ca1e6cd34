import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fileText } from '../../src/core/file-text.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

test('a file that cannot be read is empty', () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'text');
  assert.is(fileText(path), '');
  assert.is(fileText(directory), '');
  writeFileSync(path, 'não\n');
  assert.is(fileText(path), 'não\n');
});

test.run();
