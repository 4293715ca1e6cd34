import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bench } from 'tinybench';
import { systemClock } from '../../../src/core/clock.ts';
import type { Claim, Shard } from '../../../src/ledger/ledger.ts';
import { LmdbLedger } from '../../../src/ledger/lmdb/ledger.ts';
import { must } from '../../../test/ledger/samples.ts';
import { claimOf, settlementOf } from '../payments.ts';

/**
 * CPU time per payment, claimed by one commit and settled by the next, by payments per commit, with every commit synced
 * to disk; then one look-up, and summaries of random windows.
 */
const BATCHES = [1, 10, 50] as const;
/** Payments 2 ms apart, as at 500 per second. */
const APART_MS = 2;
const START_MS = Date.UTC(2025, 6, 15);

const isSmoke = process.env['BENCH_SMOKE'] === '1';
const directory = mkdtempSync(join(tmpdir(), 'dinossauro-ledger-'));
const ledger = await LmdbLedger.open(directory, {
  processorNames: ['default', 'fallback'],
  clock: systemClock,
});
try {
  await measure(ledger, await must(ledger.acquireLease({ instanceId: 'bench', name: 'pool-0' }, Infinity)));
} finally {
  await ledger.close();
  rmSync(directory, { recursive: true });
}

async function measure(ledger: Shard, owner: number): Promise<void> {
  const bench = new Bench({ time: isSmoke ? 20 : 3000, warmupTime: isSmoke ? 5 : 500 });
  const cpuUsByTask = new Map<string, number>();
  let paymentCount = 0;
  let claims: Claim[] = [];
  const commit = async (batch: number): Promise<void> => {
    const settlements = claims.map(settlementOf);
    claims = Array.from({ length: batch }, () => claimOf(paymentCount++, START_MS, APART_MS));
    await must(ledger.commit(owner, settlements, claims));
  };
  const add = (task: string, perCall: number, call: () => Promise<unknown>): void => {
    let callCount = 0;
    let before = process.cpuUsage();
    const counted = async (): Promise<void> => {
      await call();
      callCount++;
    };
    const beforeAll = (): void => {
      callCount = 0;
      before = process.cpuUsage();
    };
    const afterAll = (): void => {
      const { user, system } = process.cpuUsage(before);
      cpuUsByTask.set(task, (user + system) / (callCount * perCall));
    };
    bench.add(task, counted, { beforeAll, afterAll });
  };
  for (const batch of BATCHES) add(`commit of ${batch}`, batch, () => commit(batch));
  await fill(commit);
  add('find', 1, () => {
    const number = Math.floor(Math.random() * paymentCount);
    return must(ledger.find(claimOf(number, START_MS, APART_MS).correlationId));
  });
  add('summary of a random window', 1, () => {
    const fromMs = START_MS + Math.floor(Math.random() * paymentCount * APART_MS);
    return must(ledger.summary(fromMs, fromMs + Math.floor(Math.random() * paymentCount * APART_MS)));
  });
  add('summary of all', 1, () => must(ledger.summary(-Infinity, Infinity)));
  await bench.run();
  console.table(
    bench.tasks.map(({ name, result }) => {
      if (result.state !== 'completed') throw new Error(`${name}: ${result.state}`);
      const { p50, p99 } = result.latency;
      return {
        task: name,
        'CPU µs each': cpuUsByTask.get(name)?.toFixed(1),
        'p50 ms': p50.toFixed(3),
        'p99 ms': p99.toFixed(3),
      };
    }),
  );
  const { size } = statSync(join(directory, 'data.mdb'));
  console.log(`${paymentCount} payments, ${(size / paymentCount).toFixed(0)} B each`);
}

/** A ledger that is not small; the summaries cover all of it. */
async function fill(commit: (batch: number) => Promise<void>): Promise<void> {
  const commitCount = isSmoke ? 10 : 200;
  for (let count = 0; count < commitCount; count++) await commit(1000);
}
