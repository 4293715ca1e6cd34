import * as assert from 'uvu/assert';
import type { BooksStatus, BooksStatusKind } from '../../src/ledger/books-status.ts';
import type { LedgerEntry, RestoredEntry, Shard } from '../../src/ledger/ledger.ts';
import { acquire, claimOf, FOREVER_MS, id, must, restoredOf, settlementOf, T0_MS } from './samples.ts';

type Check = (title: string, run: (ledger: Shard) => Promise<void>) => void;

/** The tests of what a ledger promises about entries of other books, and about the status of its own. */
export function registerRestoring(check: Check): void {
  check('restored entries are as they were, and count in the totals', async (ledger) => {
    const owner = await acquire(ledger);
    const entries = [
      restoredOf(1, { chargedCents: 2000, attempts: 3, conflictingAmountCents: 77 }),
      restoredOf(2, { status: 'rejected', reason: 'not a card: ção', processor: 1 }),
      restoredOf(3, { status: 'dispatched', processor: 1, conflictingAmountCents: 5 }),
      restoredOf(4, { status: 'accepted', processor: null, requestedAtMs: 0, attempts: 0 }),
      restoredOf(5, { status: 'rejected', processor: null, attempts: 0, reason: 'cancelled' }),
    ];
    assert.equal(
      await must(ledger.restoreEntries(owner, entries)),
      entries.map(() => 'restored' as const),
    );
    for (const entry of entries) {
      const { chargedCents: _, ...rest } = entry;
      const found = await find(ledger, entry.correlationId);
      const processorName = entry.processor === null ? null : ['default', 'fallback'][entry.processor];
      assert.equal(found, { ...rest, processorName, owner: isOpen(entry) ? owner : 0 });
    }
    assert.equal(await must(ledger.summary(T0_MS + 5, T0_MS + 5)), [
      { name: 'default', count: 1, amountCents: 2000 },
      { name: 'fallback', count: 0, amountCents: 0 },
    ]);
  });

  check('restoring again changes nothing', async (ledger) => {
    const owner = await acquire(ledger);
    const entries = [restoredOf(1), restoredOf(2, { status: 'rejected', reason: 'no' }), openOf(3)];
    await must(ledger.restoreEntries(owner, entries));
    const other = await acquire(ledger);
    assert.equal(await must(ledger.restoreEntries(other, entries)), ['known', 'known', 'known']);
    assert.is((await find(ledger, id(3)))?.owner, owner);
    assert.is((await must(ledger.summary(0, Infinity)))[0]?.count, 1);
  });

  check('what the books know better stays, and what contradicts them is refused', async (ledger) => {
    const owner = await acquire(ledger);
    await must(ledger.commit(owner, [], [claimOf(1), claimOf(2)]));
    const settlement = settlementOf(1);
    await must(ledger.commit(owner, [settlement], []));
    const replies = await must(
      ledger.restoreEntries(owner, [
        openOf(1),
        // Settled in the other books: here it is open, and its owner may be about to send it elsewhere.
        restoredOf(2),
        restoredOf(3),
      ]),
    );
    assert.equal(replies, ['known', 'different', 'restored']);
    assert.equal(
      await must(
        ledger.restoreEntries(owner, [
          restoredOf(1, { processor: 1 }),
          restoredOf(3, { amountCents: 1 }),
          restoredOf(2, { amountCents: 1 }),
        ]),
      ),
      ['different', 'different', 'different'],
    );
    assert.is((await find(ledger, id(2)))?.status, 'dispatched');
    assert.is((await must(ledger.summary(0, Infinity)))[0]?.count, 2);
  });

  check('while the books are frozen, open entries of every owner are advanced', async (ledger) => {
    const former = await acquire(ledger);
    await must(ledger.commit(former, [], [claimOf(1), claimOf(2), claimOf(3, { processor: null })]));
    await must(ledger.setBooksStatus(statusOf('behind')));
    const owner = await acquire(ledger);
    const later = [
      restoredOf(1, { processor: 1, requestedAtMs: T0_MS + 9, conflictingAmountCents: 5 }),
      openOf(3, { processor: 1 }),
    ];
    assert.equal(await must(ledger.restoreEntries(owner, later)), ['restored', 'restored']);
    assert.is((await find(ledger, id(1)))?.processorName, 'fallback');
    assert.is((await find(ledger, id(3)))?.owner, owner);
    assert.equal(await must(ledger.restoreEntries(owner, [openOf(1)])), ['known']);
    await must(ledger.setBooksStatus(statusOf('in-use')));
    await must(ledger.releaseLease(former));
    const successor = await acquire(ledger);
    const taken = await must(ledger.takeOver(former, successor, 10));
    assert.equal(
      taken.map(({ correlationId }) => correlationId),
      [id(2)],
      'the former owner holds only what was not restored',
    );
    assert.is((await must(ledger.takeOver(owner, successor, 10))).length, 1);
  });

  check('an open entry that was restored is taken over and settled', async (ledger) => {
    const owner = await acquire(ledger);
    await must(ledger.restoreEntries(owner, [openOf(1)]));
    await must(ledger.releaseLease(owner));
    const successor = await acquire(ledger);
    const [taken] = await must(ledger.takeOver(owner, successor, 10));
    assert.is(taken?.correlationId, id(1));
    const settlement = settlementOf(1);
    assert.equal((await must(ledger.commit(successor, [settlement], []))).settled, ['recorded']);
    const late = await ledger.restoreEntries(owner, [openOf(2)]);
    assert.is(late.kind, 'unavailable', 'nothing is written for an owner that is gone');
  });

  check('what folded books may have forgotten is neither counted again nor opened again', async (ledger) => {
    const owner = await acquire(ledger);
    const minuteMs = 60_000;
    const foldedMs = T0_MS + 2 * minuteMs;
    await must(ledger.restoreEntries(owner, [restoredOf(1), restoredOf(2, { processor: 1 })]));
    const cancelled = { status: 'rejected', processor: null, attempts: 0, reason: 'cancelled' } as const;
    const neverSent = { processor: null, requestedAtMs: 0, attempts: 0 } as const;
    const entries = [
      restoredOf(1),
      restoredOf(3, { acceptedAtMs: foldedMs }),
      restoredOf(4, { requestedAtMs: foldedMs }),
      openOf(5),
      openOf(6, { requestedAtMs: foldedMs }),
      restoredOf(7, { status: 'accepted', ...neverSent }),
      restoredOf(8, { status: 'held', ...neverSent }),
      restoredOf(9, { status: 'held', ...neverSent, amountCents: 0 }),
      restoredOf(10, cancelled),
      restoredOf(11, { status: 'rejected', reason: 'no' }),
    ];
    while (await must(ledger.upkeep(foldedMs + minuteMs, minuteMs)));
    assert.is(await find(ledger, id(1)), undefined);
    for (const kind of ['in-use', 'behind', 'unproven'] as const) {
      await must(ledger.setBooksStatus(statusOf(kind)));
      const replies = await must(ledger.restoreEntries(owner, entries));
      const first = kind === 'in-use';
      assert.equal(replies, [
        first ? 'uncounted' : 'known',
        first ? 'uncounted' : 'known',
        first ? 'restored' : 'known',
        'forgotten',
        first ? 'restored' : 'known',
        'forgotten',
        'forgotten',
        first ? 'restored' : 'known',
        first ? 'restored' : 'known',
        first ? 'restored' : 'known',
      ]);
      const totals = await must(ledger.summary(-Infinity, Infinity));
      assert.equal(
        totals.map(({ count }) => count),
        [2, 1],
      );
    }
    for (const number of [5, 7, 8]) assert.is(await find(ledger, id(number)), undefined);
    await must(ledger.setBooksStatus(statusOf('filling')));
    assert.equal(await must(ledger.restoreEntries(owner, [restoredOf(2), openOf(5)])), [
      'restored',
      'restored',
    ]);
  });

  check('frozen books refuse every change, and say why', async (ledger) => {
    const owner = await acquire(ledger);
    assert.is((await must(ledger.booksStatus())).kind, 'in-use');
    await must(ledger.commit(owner, [], [claimOf(1)]));
    for (const kind of ['filling', 'moved', 'behind'] as const) {
      const status = statusOf(kind);
      await must(ledger.setBooksStatus(status));
      assert.equal(await must(ledger.booksStatus()), status);
      const other = await acquire(ledger);
      const refused = [await ledger.commit(owner, [], [claimOf(2)]), await ledger.purge(T0_MS)];
      for (const reply of refused) {
        assert.is(reply.kind, 'unavailable');
        if (reply.kind !== 'unavailable') continue;
        assert.is(reply.refusal, 'frozen');
        assert.match(reply.reason, /^(?:shard \d of \d: )?the books /);
        assert.match(reply.reason, status.detail);
      }
      assert.equal(await must(ledger.takeOver(owner, other, 1)), []);
      assert.is(await must(ledger.renewLease(owner, FOREVER_MS)), true, 'leases go on');
      assert.is((await find(ledger, id(1)))?.owner, owner);
    }
    for (const kind of ['unproven', 'in-use'] as const) {
      await must(ledger.setBooksStatus(statusOf(kind)));
      assert.equal((await must(ledger.commit(owner, [], [claimOf(2)]))).claimed, ['claimed']);
    }
  });
}

function isOpen({ status }: Pick<LedgerEntry, 'status'>): boolean {
  return status === 'accepted' || status === 'dispatched';
}

function statusOf(kind: BooksStatusKind): BooksStatus {
  return { kind, sinceMs: T0_MS, detail: 'backup of "Monday", não' };
}

function openOf(number: number, change: Partial<RestoredEntry> = {}): RestoredEntry {
  return restoredOf(number, { status: 'dispatched', ...change });
}

function find(ledger: Shard, correlationId: string): Promise<LedgerEntry | undefined> {
  return must(ledger.find(correlationId));
}
