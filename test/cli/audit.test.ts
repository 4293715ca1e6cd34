import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { temporaryDirectory } from '../temporary-directory.ts';

const BIN = fileURLToPath(new URL('../../bin/dinossauro.js', import.meta.url));
/** Standard error is a pipe whose reader has gone; the exit code is reported by another descriptor. */
const UNREAD = '{ { sleep 0.5; "$0" "$1" audit >/dev/null; echo $? >&3; } 2>&1 | true; } 3>&1';

test('the exit code is that of the verdict even if standard error is closed', () => {
  const directory = temporaryDirectory();
  // Unreachable processors make it take more than two seconds, with the verdict `unknown`.
  const environment = {
    LEDGER_URL: `lmdb:${directory}`,
    PROCESSORS: 'a:0.05:http://127.0.0.1:1,b:0.15:http://127.0.0.1:2,c:0.15:http://127.0.0.1:3',
    PROCESSOR_TOKENS: 'a=1,b=1,c=1',
  };
  const { stdout } = spawnSync('sh', ['-c', UNREAD, process.execPath, BIN], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
  assert.is(stdout, '2\n');
});

test.run();
