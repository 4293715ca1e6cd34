import type { Claim } from '../../src/ledger/ledger.ts';
import { must } from '../../test/ledger/samples.ts';
import { claimOf, settlementOf } from './payments.ts';
import { inMs, type Subject, timed, withSubjects } from './subject.ts';

/**
 * Cost of books that grow: payments claimed by one commit and settled by the next, 256 at a time, with steps of upkeep in
 * between; at each size the rate and the CPU time since the last one, how long commits, steps and summaries take, and bytes a payment.
 *
 * BENCH_LEDGER=lmdb or redis (default both), BENCH_PAYMENTS=1000000, BENCH_SECONDS=300: the most for each ledger.
 */
const BATCH = 256;
const COMMITS_A_STEP = 8;
/** As at 1,000 payments a second. */
const APART_MS = 1;
const START_MS = Date.UTC(2025, 6, 15);
const SIZES = [100_000, 1_000_000, 4_000_000, 10_000_000, 20_000_000, 50_000_000];
const WINDOWS: Readonly<Record<string, number>> = {
  '1 s': 1000,
  '60 s': 60_000,
  '1 h': 3_600_000,
  '24 h': 86_400_000,
  all: Number.POSITIVE_INFINITY,
};

const isSmoke = process.env['BENCH_SMOKE'] === '1';
const SUMMARIES = isSmoke ? 3 : 300;
const LAST = isSmoke ? 1000 : Number(process.env['BENCH_PAYMENTS'] ?? 1_000_000);
const LIMIT_MS = 1000 * Number(process.env['BENCH_SECONDS'] ?? 300);

await withSubjects(grow);

async function grow({ name, shard, bytes, serverUs }: Subject): Promise<void> {
  const owner = await must(shard.acquireLease({ instanceId: 'bench', name: 'pool-0' }, Infinity));
  const beganMs = performance.now();
  let [claims, count, hasMore]: [Claim[], number, boolean] = [[], 0, false];
  const rows: Record<string, string | number>[] = [];
  for (const size of [...SIZES.filter((each) => each < LAST), LAST]) {
    const [commits, steps]: [number[], number[]] = [[], []];
    const [fromCount, fromMs] = [count, performance.now()];
    const [fromCpu, fromServerUs] = [process.cpuUsage(), serverUs()];
    while (count < size && performance.now() - beganMs < LIMIT_MS) {
      const settlements = claims.map(settlementOf);
      claims = Array.from({ length: BATCH }, () => claimOf(count++, START_MS, APART_MS));
      await timed(commits, () => must(shard.commit(owner, settlements, claims)));
      if (hasMore || commits.length % COMMITS_A_STEP === 0) {
        await timed(steps, async () => {
          hasMore = await must(shard.upkeep(START_MS, Infinity));
        });
      }
    }
    const rate = (count - fromCount) / ((performance.now() - fromMs) / 1000);
    const { user, system } = process.cpuUsage(fromCpu);
    const added = count - fromCount;
    const row: Record<string, string | number> = {
      payments: count,
      'payments/s': Math.round(rate),
      'CPU µs/payment': ((user + system) / added).toFixed(1),
      'of the server': ((serverUs() - fromServerUs) / added).toFixed(1),
      'commit p50 / p99 / max ms': inMs(commits, 0.5, 0.99, 1),
      'step p99 / max ms': inMs(steps, 0.99, 1),
      'B/payment': ((await bytes()) / count).toFixed(1),
    };
    for (const [window, spanMs] of Object.entries(WINDOWS)) {
      const times: number[] = [];
      for (let asked = 0; asked < SUMMARIES; asked++) {
        const firstMs = START_MS + Math.floor(Math.random() * Math.max(1, count * APART_MS - spanMs));
        const [low, high] = spanMs === Infinity ? [-Infinity, Infinity] : [firstMs, firstMs + spanMs];
        await timed(times, () => must(shard.summary(low, high)));
      }
      row[`${window} p50 / p99`] = inMs(times, 0.5, 0.99);
    }
    rows.push(row);
    // So that nothing is lost if the run is ended.
    console.log(name, JSON.stringify(row));
    if (count < size) break;
  }
  console.log(name);
  console.table(rows);
}
