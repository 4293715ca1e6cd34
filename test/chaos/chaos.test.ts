import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../sim/random.ts';
import { run } from './run.ts';

/** Two rounds, with what comes before, between and after them. */
const DURATION_MS = 20_000;
const ROUND_MS = 8_000;
const SEED = 1;

for (const ledger of ['redis', 'lmdb'] as const) {
  test(`every promise holds while things break: ${ledger}`, async () => {
    const said: string[] = [];
    const tally = await run({
      ledger,
      random: new Random(SEED).fork(ledger),
      durationMs: DURATION_MS,
      roundMs: ROUND_MS,
      settings: {},
      only: '',
      say: (line) => void said.push(line),
    });
    assert.equal(tally.breaches, [], said.join('\n'));
    assert.ok(tally.charged > 0);
    assert.ok(tally.faults.size > 0);
  });
}

test.run();
