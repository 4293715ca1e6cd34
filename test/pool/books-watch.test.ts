import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type BooksSize, ok, type Reply, type Shard, unavailable } from '../../src/ledger/ledger.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { ledgerOf } from '../../src/ledger/sharded/ledger.ts';
import { BooksWatch } from '../../src/pool/books-watch.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { ManualClock, rest } from '../manual-clock.ts';

const SHAPE = { processorCount: 1, threadCount: 1 };
const MINUTE_MS = 60_000;

/** Shards whose sizes are as told. */
function setUp(...sizes: (BooksSize | null)[]) {
  const clock = new ManualClock();
  const metricsTable = new MetricsTable(MetricsTable.allocate(SHAPE), SHAPE);
  const shards = sizes.map((_, at): Shard => {
    const size = async (): Promise<Reply<BooksSize>> => {
      const told = sizes[at];
      return told ? ok(told) : unavailable('away');
    };
    return Object.assign(new MemoryLedger(['default']), { size });
  });
  const watch = new BooksWatch({ ledger: ledgerOf(shards), metrics: metricsTable.thread(0), clock });
  const shown = () =>
    (['booksPayments', 'booksHeld', 'booksBytes', 'booksLimitBytes', 'booksFullInMs'] as const).map((name) =>
      metricsTable.gauge(0, name),
    );
  return { clock, watch, sizes, shown };
}

test('the payments of all shards are added up, and the fullest shard says when the books are full', async () => {
  const { clock, watch, sizes, shown } = setUp(
    { payments: 1000, held: 1, usedBytes: 50_000, limitBytes: 1_000_000 },
    { payments: 1000, held: 1, usedBytes: 100_000, limitBytes: 1_000_000 },
  );
  watch.start();
  await rest();
  assert.equal(shown(), [2000, 2, 100_000, 1_000_000, Infinity], 'nothing is estimated from one look');
  for (let minute = 1; minute <= 10; minute++) {
    sizes[1] = { payments: 1000 + 100 * minute, held: 1, usedBytes: 100_000, limitBytes: 1_000_000 };
    clock.pass(MINUTE_MS);
    await rest();
  }
  const [payments, , , , fullInMs] = shown();
  assert.is(payments, 3000);
  // 100 payments a minute of 100,000 / 3,000 bytes each, and 900,000 bytes are free.
  assert.is(Math.round((fullInMs as number) / MINUTE_MS), 270);
  watch.stop();
  assert.is(clock.pending, 0);
});

test('books that do not grow, or have no limit, are never full', async () => {
  for (const size of [
    { payments: 1000, held: 1, usedBytes: 50_000, limitBytes: 100_000 },
    { payments: 1000, held: 1, usedBytes: 50_000, limitBytes: Infinity },
  ]) {
    const { clock, watch, sizes, shown } = setUp(size);
    watch.start();
    for (let minute = 1; minute <= 10; minute++) {
      await rest();
      if (size.limitBytes === Infinity) sizes[0] = { ...size, payments: 1000 + minute };
      clock.pass(MINUTE_MS);
    }
    await rest();
    assert.is(shown()[4], Infinity);
    watch.stop();
  }
});

test('a sum never leaves out a shard', async () => {
  const { clock, watch, sizes, shown } = setUp(
    { payments: 1000, held: 1, usedBytes: 1, limitBytes: 2 },
    { payments: 1000, held: 1, usedBytes: 1, limitBytes: 2 },
  );
  watch.start();
  await rest();
  sizes[1] = null;
  clock.pass(MINUTE_MS);
  await rest();
  assert.is(shown()[0], 2000);
  watch.stop();
});

test.run();
