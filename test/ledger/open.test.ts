import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/core/clock.ts';
import { LmdbLedger } from '../../src/ledger/lmdb/ledger.ts';
import { openLedger } from '../../src/ledger/open.ts';
import { RedisLedger } from '../../src/ledger/redis/ledger.ts';

const PARTS = { clock: systemClock, random: Math.random };
const NAMES = ['default', 'fallback'];

test('a path opens the embedded ledger with the given processors', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'open-'));
  const ledger = await openLedger(
    { kind: 'lmdb', path: join(directory, 'deep/ledger') },
    NAMES,
    PARTS,
    'here',
  );
  assert.instance(ledger, LmdbLedger);
  const empty = NAMES.map((name) => ({ name, count: 0, amountCents: 0 }));
  assert.equal(await ledger.summary(-Infinity, Infinity), { kind: 'ok', value: empty });
  await ledger.close();
  rmSync(directory, { recursive: true });
});

test('a URL opens the Redis ledger, even while Redis is unavailable', async () => {
  const ledger = await openLedger({ kind: 'redis', url: 'redis://127.0.0.1:1' }, NAMES, PARTS, 'here');
  assert.instance(ledger, RedisLedger);
  assert.is((await ledger.ping()).kind, 'unavailable');
  await ledger.close();
});

test.run();
