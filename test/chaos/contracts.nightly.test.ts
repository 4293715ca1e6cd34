import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../sim/random.ts';
import { MIXED } from './processors.ts';
import { run } from './run.ts';

const DURATION_MS = 1;
/** About twenty seconds with start and check. In this seed an instance is killed, and processors break five promises. */
const CONTRACTS_ROUND_MS = 6_000;
const CONTRACTS_SEED = 212;

test('every promise holds with three contracts', async () => {
  const said: string[] = [];
  const tally = await run({
    ledger: 'lmdb',
    random: new Random(CONTRACTS_SEED).fork('contracts'),
    durationMs: DURATION_MS,
    roundMs: CONTRACTS_ROUND_MS,
    settings: {},
    processors: MIXED,
    only: '',
    say: (line) => void said.push(line),
  });
  assert.equal(tally.breaches, [], said.join('\n'));
  assert.ok(tally.charged > 0);
  assert.ok(tally.faults.size > 0);
});

test.run();
