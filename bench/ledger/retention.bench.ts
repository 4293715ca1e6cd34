import assert from 'node:assert';
import { setTimeout } from 'node:timers/promises';
import { tried } from '../../src/books/walk.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Claim } from '../../src/ledger/ledger.ts';
import { must } from '../../test/ledger/samples.ts';
import { claimOf, settlementOf } from './payments.ts';
import { inMs, type Subject, timed, withSubjects } from './subject.ts';

/**
 * Books with a retention of five minutes at 1,000 payments a second, as fast as they can be written: one row for every two
 * minutes of their own time. After each, every folded minute and the whole are compared with what was settled.
 *
 * BENCH_LEDGER=lmdb or redis (default both), BENCH_MINUTES=20: of the books' time. BENCH_PACED=1 writes no faster than
 * that time passes, so that an hour takes an hour.
 */
const BATCH = 256;
const RATE_A_MINUTE = 60_000;
const MINUTE_MS = 60_000;
const RETENTION_MS = 5 * MINUTE_MS;
const START_MS = Date.UTC(2025, 6, 15);
const COMMITS_A_STEP = 4;
const ROW_MINUTES = 2;

const isSmoke = process.env['BENCH_SMOKE'] === '1';
const IS_PACED = process.env['BENCH_PACED'] === '1';
const MINUTES = isSmoke ? 0.05 : Number(process.env['BENCH_MINUTES'] ?? 20);

await withSubjects(async ({ name, shard, bytes }: Subject): Promise<void> => {
  const owner = await must(shard.acquireLease({ instanceId: 'bench', name: 'pool-0' }, Infinity));
  const rows: Record<string, string | number>[] = [];
  const beganAtMs = performance.now();
  let [claims, count, settled, hasMore]: [Claim[], number, number, boolean] = [[], 0, 0, false];
  for (let minute = 0; minute < MINUTES; minute += ROW_MINUTES) {
    const [commits, besides, steps]: [number[], number[], number[]] = [[], [], []];
    const until = Math.min(minute + ROW_MINUTES, MINUTES) * RATE_A_MINUTE;
    while (count < until) {
      const settlements = claims.map(settlementOf);
      claims = Array.from({ length: BATCH }, () => claimOf(count++, START_MS, MINUTE_MS / RATE_A_MINUTE));
      const commit = () => must(tried(systemClock, () => shard.commit(owner, settlements, claims)));
      // At once with a commit, as a pool thread and the worker of the upkeep do.
      const step = () =>
        timed(steps, async () => {
          hasMore = await must(tried(systemClock, () => shard.upkeep(START_MS + count, RETENTION_MS)));
        });
      if (hasMore || (commits.length + besides.length) % COMMITS_A_STEP === 0) {
        await Promise.all([step(), timed(besides, commit)]);
      } else {
        await timed(commits, commit);
      }
      settled += settlements.length;
      const aheadMs = () => count * (MINUTE_MS / RATE_A_MINUTE) - (performance.now() - beganAtMs);
      while (IS_PACED && aheadMs() > 0) await (hasMore ? step() : setTimeout(aheadMs()));
    }
    const { payments } = await must(shard.size());
    rows.push({
      minute: until / RATE_A_MINUTE,
      'payments kept': payments,
      MB: ((await bytes()) / 1e6).toFixed(1),
      'commit p50 / p99 / max ms': inMs(commits, 0.5, 0.99, 1),
      'with a step': inMs(besides, 0.5, 0.99, 1),
      'step p50 / p99 / max ms': inMs(steps, 0.5, 0.99, 1),
      'wrong sums': await wrongSums(until / RATE_A_MINUTE, settled),
    });
  }
  console.log(name);
  console.table(rows);

  async function wrongSums(minutes: number, settledCount: number): Promise<number> {
    const whole = await must(shard.summary(-Infinity, Infinity));
    let wrong = sumOf(whole) === settledCount ? 0 : 1;
    // The last batch of a minute is settled with the first of the next.
    for (let minute = 0; minute < Math.floor(minutes) - 1; minute++) {
      const fromMs = START_MS + minute * MINUTE_MS;
      const totals = await must(shard.summary(fromMs, fromMs + MINUTE_MS - 1));
      if (sumOf(totals) !== RATE_A_MINUTE) wrong++;
    }
    return wrong;
  }
});

function sumOf(totals: readonly { readonly count: number; readonly amountCents: number }[]): number {
  for (const { count, amountCents } of totals) assert.equal(amountCents, 1990 * count);
  return totals.reduce((sum, { count }) => sum + count, 0);
}
