import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { slotOf } from '../../../src/ledger/redis/hash-slot.ts';
import { operate } from './operate.ts';
import { RedisServer } from './redis-server.ts';

test('a key has the slot that Redis says', async () => {
  const server = await RedisServer.start('--cluster-enabled', 'yes');
  for (const key of [
    'foo',
    '{a}:meta',
    'x{dinossauro-7}:y',
    '{}x',
    'a{',
    '{dinossauro}:0:e:\u00e9',
    '{a}{b}',
  ]) {
    assert.is(slotOf(key), await operate(server, 'CLUSTER', 'KEYSLOT', key), key);
  }
  await server.stop();
});

test.run();
