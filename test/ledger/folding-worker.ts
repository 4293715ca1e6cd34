import type { LedgerTarget } from '../../src/config/config.ts';
import { systemClock } from '../../src/core/clock.ts';
import { openLedger } from '../../src/ledger/open.ts';
import { must } from './samples.ts';

// Folds the books of `TARGET` at the time `NOW_MS` until it is killed, or nothing is left to fold.
const { TARGET = '', NOW_MS, RETENTION_MS } = process.env;
const target: LedgerTarget = JSON.parse(TARGET);
const parts = { clock: systemClock, random: Math.random };
const ledger = await openLedger(target, ['default', 'fallback'], parts, 'here');
const [shard] = ledger.shards;
if (shard === undefined) throw new Error('a ledger has a shard');
console.log('begun');
while (await must(shard.upkeep(Number(NOW_MS), Number(RETENTION_MS))));
console.log('folded');
await ledger.close();
