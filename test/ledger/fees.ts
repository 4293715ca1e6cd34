import * as assert from 'uvu/assert';
import type { Settlement, Shard } from '../../src/ledger/ledger.ts';
import { acquire, claimOf, must, restoredOf, settlementOf, T0_MS } from './samples.ts';

interface Desk {
  connect(...processorNames: string[]): Promise<Shard>;
}

type Check = (title: string, run: (ledger: Shard, desk: Desk) => Promise<void>) => void;

const FIVE = { feePpm: 50_000, feeFixedCents: 0 };
const SIX = { feePpm: 60_000, feeFixedCents: 35 };

/** The tests of what a ledger promises about what payments cost. */
export function registerFees(check: Check): void {
  check(
    'payments count at the fee at which they settled, once, and only if they settled',
    async (ledger, { connect }) => {
      assert.equal(await must(ledger.fees()), []);
      const owner = await acquire(ledger);
      const settle = (...settlements: Settlement[]) => must(ledger.commit(owner, settlements, []));
      const numbers = [1, 2, 3, 4, 5, 6, 7];
      await must(
        ledger.commit(
          owner,
          [],
          numbers.map((number) => claimOf(number, { processor: number % 2 })),
        ),
      );
      const first = [settlementOf(2, { fee: FIVE }), settlementOf(4, { fee: FIVE, amountCents: 10 })];
      await settle(...first);
      await settle(...first);
      await settle(settlementOf(6, { fee: SIX }), settlementOf(1, { processor: 1, fee: FIVE }));
      await settle(
        settlementOf(3, { processor: 1 }),
        settlementOf(5, { processor: 1, status: 'rejected', fee: FIVE }),
      );
      // Not claimed.
      await settle(settlementOf(8, { fee: FIVE }));
      const expected = [
        { name: 'default', ...FIVE, count: 2, amountCents: 2000 },
        { name: 'default', ...SIX, count: 1, amountCents: 1990 },
        { name: 'fallback', ...FIVE, count: 1, amountCents: 1990 },
      ];
      assert.equal(await must(ledger.fees()), expected);
      assert.equal(await must((await connect('another')).fees()), expected, 'for every connection');
    },
  );

  check('great sums of fees stay exact, and the greatest amounts count', async (ledger) => {
    const owner = await acquire(ledger);
    const amountCents = 2 ** 52 + 1;
    const extreme = { feePpm: 1_000_000, feeFixedCents: 100_000_000 };
    await must(ledger.commit(owner, [], [claimOf(1, { amountCents }), claimOf(2)]));
    const settlements = [settlementOf(1, { amountCents, fee: extreme }), settlementOf(2, { fee: extreme })];
    await must(ledger.commit(owner, settlements, []));
    assert.equal(await must(ledger.fees()), [
      { name: 'default', ...extreme, count: 2, amountCents: amountCents + 1990 },
    ]);
  });

  check('a purge forgets what payments cost', async (ledger) => {
    const owner = await acquire(ledger);
    await must(ledger.commit(owner, [], [claimOf(1)]));
    await must(ledger.commit(owner, [settlementOf(1, { fee: FIVE })], []));
    await must(ledger.purge(T0_MS + 1000));
    assert.equal(await must(ledger.fees()), []);
  });

  check('what payments of other books cost takes the place of what is there', async (ledger) => {
    const owner = await acquire(ledger);
    await must(ledger.restoreEntries(owner, [restoredOf(9)]));
    assert.equal(await must(ledger.fees()), [], 'the entry does not say it');
    const fees = [
      { name: 'default', ...FIVE, count: 7, amountCents: 2 ** 50 },
      { name: 'fallback', ...SIX, count: 1, amountCents: 5 },
    ];
    for (let time = 0; time < 2; time++) await must(ledger.restoreFees(fees));
    assert.equal(await must(ledger.fees()), fees);
    await must(ledger.commit(owner, [], [claimOf(1)]));
    await must(ledger.commit(owner, [settlementOf(1, { fee: FIVE })], []));
    assert.equal((await must(ledger.fees()))[0], { ...fees[0], count: 8, amountCents: 2 ** 50 + 1990 });
  });
}
