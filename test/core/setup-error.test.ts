import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isSetupError, SetupError } from '../../src/core/setup-error.ts';

test('it is recognized in this thread, and after another thread died of it', async () => {
  assert.ok(isSetupError(new SetupError('no disk')));
  assert.not(isSetupError(new Error('a bug')));
  const module = new URL('../../src/core/setup-error.ts', import.meta.url).href;
  const script = `import('${module}').then(({ SetupError }) => { throw new SetupError('no disk'); });`;
  const worker = new Worker(script, { eval: true });
  const [error] = await once(worker, 'error');
  assert.ok(isSetupError(error));
  assert.is(error.message, 'no disk');
});

test.run();
