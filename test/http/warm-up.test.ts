import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/core/clock.ts';
import { warmUpHttp } from '../../src/http/warm-up.ts';
import { KeptLog } from '../kept-log.ts';
import { configIn } from '../settings.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

let directory = '';
test.before.each(() => {
  directory = temporaryDirectory();
});

test('it leaves nothing behind and logs nothing', async () => {
  const log = new KeptLog();
  await warmUpHttp(0, configIn(directory, { WARM_UP_PAYMENTS: '1500' }), systemClock, log);
  assert.equal(log.lines, []);
  assert.equal(readdirSync(directory), []);
});

test('a failure is only logged', async () => {
  const log = new KeptLog();
  const config = configIn(join(directory, 'a-file'), { WARM_UP_PAYMENTS: '10' });
  rmSync(directory, { recursive: true });
  await warmUpHttp(0, { ...config, journalDir: '/dev/null/journal' }, systemClock, log);
  assert.equal(log.lines, ['warn warm-up failed']);
  assert.not(existsSync(directory));
});

test.run();
