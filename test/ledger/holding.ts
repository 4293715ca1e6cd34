import * as assert from 'uvu/assert';
import { NO_STORY } from '../../src/core/attempt.ts';
import { IN_USE } from '../../src/ledger/books-status.ts';
import type { IndexedState, LedgerEntry, LedgerPage, Reply, Shard } from '../../src/ledger/ledger.ts';
import {
  acquire,
  claim,
  claimOf,
  entryOf,
  foldAll,
  id,
  must,
  restoredOf,
  settlementOf,
  sumsOf,
  T0_MS,
} from './samples.ts';

type Check = (title: string, run: (ledger: Shard) => Promise<void>) => void;

const HOLD = { what: 'hold', atMs: T0_MS + 900, by: 'ana', why: 'is it a fraud, não?' } as const;
const RELEASE = { ...HOLD, what: 'release' } as const;
const RESERVED = { processor: null, requestedAtMs: 0 };
const NOTHING = [
  { count: 0, amountCents: 0 },
  { count: 0, amountCents: 0 },
];

/** The tests of what a ledger promises about payments that operators hold and release. */
export function registerHolding(check: Check): void {
  check('what was not dispatched is held, and no claim of it is granted', async (ledger) => {
    const [http, pool, successor] = [await acquire(ledger), await acquire(ledger), await acquire(ledger)];
    await claim(ledger, http, claimOf(1, RESERVED), claimOf(2, RESERVED));
    await claim(ledger, pool, claimOf(3, RESERVED));
    assert.equal(await must(ledger.hold(HOLD, named(1, 3))), ['held', 'held']);
    assert.equal(await must(ledger.hold(HOLD, named(1, 3))), ['held-before', 'held-before']);
    assert.equal(await must(ledger.find(id(1))), heldOf(1));
    assert.equal(
      await claim(ledger, pool, claimOf(1), claimOf(3), claimOf(3, RESERVED), claimOf(1, { amountCents: 7 })),
      ['known', 'known', 'known', 'conflict'],
    );
    assert.equal(await settle(ledger, pool, 1), ['fenced']);
    assert.equal(await must(ledger.find(id(1))), heldOf(1, { conflictingAmountCents: 7 }));
    assert.equal(await numbersIn(ledger, 'held'), [1, 3]);
    assert.equal(await numbersIn(ledger, 'open'), [1, 2, 3]);
    assert.equal(await pagesOf((after) => ledger.page(T0_MS + 5000, T0_MS + 5000, after, 10)), [1, 2, 3]);
    assert.equal((await must(ledger.size())).held, 2);
    assert.equal(await sumsOf(ledger), NOTHING);
    assert.equal(
      (await takeAll(ledger, http, successor)).map(({ correlationId }) => correlationId),
      [id(2)],
      'it has no owner that could be taken over',
    );
    await must(ledger.releaseLease(pool));
    await foldAll(ledger, T0_MS + 3_600_000, 60_000);
    assert.equal(await numbersIn(ledger, 'held'), [1, 3], 'it is never forgotten');
    assert.equal(await loggedIds(ledger), [id(1), id(3)]);
  });

  check('a released payment waits for the owner whose lease has ended, and is sent', async (ledger) => {
    const [http, pool] = [await acquire(ledger), await acquire(ledger)];
    await claim(ledger, http, claimOf(1, RESERVED));
    await must(ledger.hold(HOLD, named(1)));
    await claim(ledger, pool, claimOf(1, { amountCents: 7 }));
    const operator = await acquire(ledger, T0_MS);
    assert.equal(await must(ledger.release(operator, RELEASE, named(1, 2))), ['released', 'not-held']);
    assert.equal(await must(ledger.release(operator, RELEASE, named(1))), ['not-held']);
    const [taken] = await takeAll(ledger, operator, pool);
    assert.equal(taken, heldOf(1, { status: 'accepted', owner: pool, conflictingAmountCents: 7 }));
    assert.equal(await claim(ledger, pool, claimOf(1)), ['claimed']);
    assert.equal(await must(ledger.hold(HOLD, named(1))), ['dispatched']);
    assert.equal(await settle(ledger, pool, 1), ['recorded']);
    assert.equal(await must(ledger.hold(HOLD, named(1))), ['finished']);
    assert.equal(await must(ledger.release(pool, RELEASE, named(1))), ['not-held']);
    assert.equal(await numbersIn(ledger, 'held'), []);
    assert.equal((await must(ledger.size())).held, 0);
    assert.equal((await sumsOf(ledger))[0], { count: 1, amountCents: 1990 });
  });

  check('what the books do not have is awaited, and is as its claim says', async (ledger) => {
    const pool = await acquire(ledger);
    assert.equal(await must(ledger.hold(HOLD, named(1, 2, 3))), ['awaited', 'awaited', 'awaited']);
    assert.equal(await must(ledger.hold(HOLD, named(1))), ['held-before']);
    const awaited = await must(ledger.find(id(1)));
    assert.equal(awaited, heldOf(1, { amountCents: 0, acceptedAtMs: HOLD.atMs }));
    assert.equal(
      await claim(
        ledger,
        pool,
        claimOf(1, { amountCents: 77, acceptedAtMs: T0_MS + 3 }),
        claimOf(2, RESERVED),
      ),
      ['known', 'known'],
    );
    assert.equal(await must(ledger.find(id(1))), heldOf(1, { amountCents: 77, acceptedAtMs: T0_MS + 3 }));
    assert.equal(await claim(ledger, pool, claimOf(1), claimOf(2)), ['conflict', 'known']);
    assert.equal(await numbersIn(ledger, 'held'), [1, 2, 3]);
    const operator = await acquire(ledger, T0_MS);
    assert.equal(await must(ledger.release(operator, RELEASE, named(1, 3))), ['released', 'released']);
    assert.is(await must(ledger.find(id(3))), undefined, 'a release makes no payment');
    assert.equal((await must(ledger.size())).payments, 2);
    assert.equal((await takeAll(ledger, operator, pool)).length, 1);
    assert.equal(await claim(ledger, pool, claimOf(1, { amountCents: 77 }), claimOf(3)), [
      'claimed',
      'claimed',
    ]);
  });

  check('what is held can be cancelled; awaited, only if its amount is known', async (ledger) => {
    const http = await acquire(ledger);
    await claim(ledger, http, claimOf(1, RESERVED));
    await must(ledger.hold(HOLD, named(1, 2, 3)));
    await claim(ledger, http, claimOf(1, { amountCents: 7 }));
    const action = { ...HOLD, what: 'cancel' } as const;
    const cancellations = [
      { correlationId: id(1), amountCents: null },
      { correlationId: id(2), amountCents: null },
      { correlationId: id(3), amountCents: 5 },
    ];
    assert.equal(await must(ledger.cancel(action, cancellations)), ['cancelled', 'unknown', 'cancelled']);
    const rejected = {
      status: 'rejected',
      requestedAtMs: action.atMs,
      reason: `cancelled by an operator: ${action.why}`,
    } as const;
    assert.equal(await must(ledger.find(id(1))), heldOf(1, { ...rejected, conflictingAmountCents: 7 }));
    const unposted = { amountCents: 5, acceptedAtMs: action.atMs };
    assert.equal(await must(ledger.find(id(3))), heldOf(3, { ...rejected, ...unposted }));
    assert.equal(await numbersIn(ledger, 'held'), [2]);
    assert.equal(await numbersIn(ledger, 'rejected'), [1, 3]);
    assert.equal(await must(ledger.hold(HOLD, named(1))), ['finished']);
    assert.equal(await claim(ledger, http, claimOf(1)), ['known']);
    assert.equal((await must(ledger.size())).payments, 3);
  });

  check('a payment that was sent before keeps its story while it is held', async (ledger) => {
    const [pool, operator] = [await acquire(ledger), await acquire(ledger, T0_MS)];
    await claim(ledger, pool, claimOf(1, { why: 'probe' }));
    const no = { status: 'rejected', reason: 'no', outcome: 'rejected' } as const;
    await must(ledger.commit(pool, [settlementOf(1, no)], []));
    const again = { ...HOLD, what: 'send-again' } as const;
    await must(ledger.reopen(operator, again, [{ correlationId: id(1), attempts: 1 }]));
    assert.equal(await must(ledger.hold(HOLD, named(1))), ['held']);
    const attempt = { processorName: 'default', requestedAtMs: T0_MS + 5, why: 'probe', outcome: 'rejected' };
    const story = { ...NO_STORY, earlier: [attempt] } as LedgerEntry['story'];
    assert.equal(await must(ledger.find(id(1))), heldOf(1, { attempts: 1, story }));
    await must(ledger.release(operator, RELEASE, named(1)));
    const [taken] = await takeAll(ledger, operator, pool);
    assert.equal(taken, heldOf(1, { status: 'accepted', owner: pool, attempts: 1, story }));
  });

  check('frozen books and dead owners refuse to hold and to release; a purge ends it', async (ledger) => {
    const [http, operator, successor] = [
      await acquire(ledger),
      await acquire(ledger, T0_MS),
      await acquire(ledger),
    ];
    await claim(ledger, http, claimOf(1, RESERVED), claimOf(2, RESERVED));
    await must(ledger.hold(HOLD, named(1, 3)));
    await must(ledger.setBooksStatus({ kind: 'behind', sinceMs: T0_MS, detail: 'a copy' }));
    assert.is((await ledger.hold(HOLD, named(2))).kind, 'unavailable');
    assert.is((await ledger.release(operator, RELEASE, named(1))).kind, 'unavailable');
    await must(ledger.setBooksStatus(IN_USE));
    await takeAll(ledger, operator, successor);
    assert.is((await ledger.release(operator, RELEASE, named(1))).kind, 'unavailable');
    assert.equal(await numbersIn(ledger, 'held'), [1, 3]);
    await must(ledger.purge(T0_MS + 1000));
    assert.equal(await numbersIn(ledger, 'held'), []);
    assert.equal((await must(ledger.size())).held, 0);
    assert.equal(await must(ledger.hold(HOLD, named(4))), ['awaited']);
    assert.equal(await claim(ledger, http, claimOf(4)), ['purged'], 'it was accepted before the purge');
    assert.is((await must(ledger.find(id(4))))?.amountCents, 0);
  });

  check('restored entries are held, and released in the other books meanwhile', async (ledger) => {
    const owner = await acquire(ledger);
    const unsent = { processor: null, requestedAtMs: 0, attempts: 0 };
    const held = { status: 'held', ...unsent } as const;
    const awaited = { ...held, amountCents: 0 };
    const entries = [
      restoredOf(1, { ...held, conflictingAmountCents: 7 }),
      restoredOf(2, awaited),
      restoredOf(3, awaited),
      restoredOf(4, { status: 'accepted', ...unsent }),
      restoredOf(5, held),
    ];
    const restore = (...some: typeof entries) => must(ledger.restoreEntries(owner, some));
    assert.equal(
      await restore(...entries),
      entries.map(() => 'restored' as const),
    );
    assert.equal(await must(ledger.find(id(1))), heldOf(1, { conflictingAmountCents: 7 }));
    assert.equal(await must(ledger.find(id(2))), heldOf(2, { amountCents: 0 }));
    assert.equal(await numbersIn(ledger, 'held'), [1, 2, 3, 5]);
    assert.equal(
      await restore(...entries),
      entries.map(() => 'known' as const),
    );
    const later = [
      restoredOf(1, { status: 'accepted', ...unsent }),
      restoredOf(2, held),
      restoredOf(3, { amountCents: 5 }),
      restoredOf(4, held),
      restoredOf(5, awaited),
    ];
    assert.equal(await restore(...later), ['different', 'restored', 'restored', 'different', 'known']);
    await must(ledger.setBooksStatus({ kind: 'filling', sinceMs: T0_MS, detail: 'a copy' }));
    assert.equal(await restore(...later), ['restored', 'known', 'known', 'restored', 'known']);
    assert.equal(
      await must(ledger.find(id(1))),
      heldOf(1, { status: 'accepted', owner, conflictingAmountCents: 7 }),
    );
    assert.equal(await must(ledger.find(id(2))), heldOf(2));
    assert.is((await must(ledger.find(id(3))))?.status, 'settled');
    assert.equal(await numbersIn(ledger, 'held'), [2, 4, 5]);
    assert.equal(await numbersIn(ledger, 'open'), [1, 2, 4, 5]);
  });
}

function named(...numbers: readonly number[]) {
  return numbers.map((number) => ({ correlationId: id(number) }));
}

function heldOf(number: number, change: Partial<LedgerEntry> = {}): LedgerEntry {
  return entryOf(number, { status: 'held', processor: null, requestedAtMs: 0, attempts: 0, ...change });
}

async function settle(ledger: Shard, owner: number, number: number) {
  return (await must(ledger.commit(owner, [settlementOf(number)], []))).settled;
}

async function takeAll(ledger: Shard, from: number, to: number): Promise<LedgerEntry[]> {
  const taken: LedgerEntry[] = [];
  for (;;) {
    const some = await must(ledger.takeOver(from, to, 10));
    if (some.length === 0) return taken;
    taken.push(...some);
  }
}

function numbersIn(ledger: Shard, state: IndexedState): Promise<number[]> {
  return pagesOf((after) => ledger.pageOf(state, after, 2));
}

/** In the order of the ids. */
async function pagesOf(ask: (after: string) => Promise<Reply<LedgerPage>>): Promise<number[]> {
  const numbers: number[] = [];
  for (let after: string | null = ''; after !== null; ) {
    const page: LedgerPage = await must(ask(after));
    for (const { correlationId } of page.entries) numbers.push(Number.parseInt(correlationId.slice(-4), 16));
    after = page.next;
  }
  return numbers.sort((one, other) => one - other);
}

async function loggedIds(ledger: Shard): Promise<string[]> {
  return (await must(ledger.actions())).flatMap(({ payments }) => payments).sort();
}
