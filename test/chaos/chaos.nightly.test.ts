import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../sim/random.ts';
import { CONTEST, MIXED } from './processors.ts';
import { run } from './run.ts';

/** One round, about half a minute with start and check. */
const DURATION_MS = 1;
/** Seeds in which instances and Redis are killed, a disk fills up, and processors and links fail. */
const SEED = 16;
/** A seed in which an instance is killed, and processors break five promises. */
const CONTRACTS_SEED = 212;

const ROUNDS = [
  { name: 'redis', ledger: 'redis', seed: SEED, fork: 'redis', roundMs: 12_000, processors: CONTEST },
  { name: 'lmdb', ledger: 'lmdb', seed: SEED, fork: 'lmdb', roundMs: 12_000, processors: CONTEST },
  {
    name: 'three contracts',
    ledger: 'lmdb',
    seed: CONTRACTS_SEED,
    fork: 'contracts',
    roundMs: 6000,
    processors: MIXED,
  },
] as const;

for (const { name, ledger, seed, fork, roundMs, processors } of ROUNDS) {
  test(`every promise holds under faults: ${name}`, async () => {
    const said: string[] = [];
    const tally = await run({
      ledger,
      random: new Random(seed).fork(fork),
      durationMs: DURATION_MS,
      roundMs,
      settings: {},
      processors,
      instanceCount: 2,
      ratePerS: null,
      only: [],
      say: (line) => void said.push(line),
    });
    assert.equal(tally.breaches, [], said.join('\n'));
    assert.ok(tally.charged > 0);
    assert.ok(tally.faults.size > 0);
  });
}

test.run();
