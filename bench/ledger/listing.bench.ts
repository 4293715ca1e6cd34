import { search } from '../../src/ledger/search.ts';
import { must } from '../../test/ledger/samples.ts';
import { claimOf, settlementOf } from './payments.ts';
import { inMs, type Subject, timed, withSubjects } from './subject.ts';

/**
 * How long one page of `GET /payments` takes, by size of the books: of open and of rejected payments, and of a search that
 * walks through all of them and finds none.
 *
 * BENCH_LEDGER=lmdb or redis (default both), BENCH_PAYMENTS=1000000: the most payments.
 */
const BATCH = 256;
const OPEN = 2000;
const LIMIT = 100;
const SIZES = [10_000, 100_000, 1_000_000, 10_000_000];
const ANY = {
  status: null,
  processor: '',
  time: 'accepted',
  fromMs: -Infinity,
  toMs: Infinity,
  minCents: 0,
  maxCents: Infinity,
  reason: '',
} as const;
const SEARCHES = {
  open: { ...ANY, status: 'open' },
  rejected: { ...ANY, status: 'rejected' },
  'finds none': { ...ANY, processor: 'gone' },
} as const;

const isSmoke = process.env['BENCH_SMOKE'] === '1';
const PAGES = isSmoke ? 3 : 1000;
const LAST = isSmoke ? 1000 : Number(process.env['BENCH_PAYMENTS'] ?? 1_000_000);
const START_MS = Date.UTC(2025, 6, 15);

await withSubjects(list);

async function list({ name, shard }: Subject): Promise<void> {
  const owner = await must(shard.acquireLease({ instanceId: 'bench', name: 'pool-0' }, Infinity));
  let [count, hasMore] = [0, false];
  const claims = (size: number) => Array.from({ length: size }, () => claimOf(count++, START_MS, 1));
  for (let open = 0; open < (isSmoke ? 200 : OPEN); open += BATCH)
    await must(shard.commit(owner, [], claims(BATCH)));
  const rows: Record<string, string | number>[] = [];
  for (const size of [...SIZES.filter((each) => each < LAST), LAST]) {
    while (count < size) {
      const batch = claims(BATCH);
      await must(shard.commit(owner, [], batch));
      const settlements = batch.map((claim, index) =>
        index === 0
          ? { ...settlementOf(claim), status: 'rejected' as const, reason: '422 card expired' }
          : settlementOf(claim),
      );
      await must(shard.commit(owner, settlements, []));
      hasMore = hasMore || count % (8 * BATCH) === 0;
      if (hasMore) hasMore = await must(shard.upkeep(START_MS, Infinity));
    }
    for (const [what, filter] of Object.entries(SEARCHES)) {
      const times: number[] = [];
      let after = '';
      for (let page = 0; page < PAGES; page++) {
        await timed(times, async () => {
          after = (await must(search(shard, filter, after, LIMIT))).next ?? '';
        });
      }
      rows.push({
        ledger: name,
        payments: count,
        page: what,
        'p50 / p99 / max ms': inMs(times, 0.5, 0.99, 1),
      });
    }
  }
  console.table(rows);
}
