import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../sim/random.ts';
import { CONTEST } from './processors.ts';
import { run } from './run.ts';

/** One round, about half a minute with start and check. */
const DURATION_MS = 1;
const ROUND_MS = 12_000;
/** Seeds in which instances and Redis are killed, a disk fills up, and processors and links fail. */
const SEED = 16;

for (const ledger of ['redis', 'lmdb'] as const) {
  test(`every promise holds under faults: ${ledger}`, async () => {
    const said: string[] = [];
    const tally = await run({
      ledger,
      random: new Random(SEED).fork(ledger),
      durationMs: DURATION_MS,
      roundMs: ROUND_MS,
      settings: {},
      processors: CONTEST,
      only: '',
      say: (line) => void said.push(line),
    });
    assert.equal(tally.breaches, [], said.join('\n'));
    assert.ok(tally.charged > 0);
    assert.ok(tally.faults.size > 0);
  });
}

test.run();
