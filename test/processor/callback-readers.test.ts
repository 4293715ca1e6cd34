import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCallbackReaders } from '../../src/processor/callback-readers.ts';
import { processorTarget } from '../processor-target.ts';

const CALLING = new URL('./calling-contract.ts', import.meta.url).pathname;

function specOf(name: string, options: Record<string, unknown> = {}) {
  return { contract: { name, options, authorization: '' } };
}

test('the readers of contracts with callbacks, by processor', async () => {
  const readers = await openCallbackReaders([
    processorTarget({ name: 'a', ...specOf('rinha') }),
    processorTarget({ name: 'b', ...specOf(CALLING) }),
    processorTarget({ name: 'c', ...specOf(CALLING, { isSilent: true }) }),
  ]);
  assert.equal([...readers.keys()], ['b']);
  assert.is(readers.get('b')?.('{"about":"7"}'), '7');
});

test.run();
