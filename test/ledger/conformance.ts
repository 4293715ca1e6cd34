import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { OutboxLimits } from '../../src/config/parsers.ts';
import {
  ATTEMPT_OUTCOMES,
  ATTEMPT_REASONS,
  type AttemptOutcome,
  type AttemptReason,
  EARLIER_ATTEMPTS_MAX,
  NO_STORY,
  type Story,
} from '../../src/core/attempt.ts';
import type { Totals } from '../../src/core/payment.ts';
import type { Cancellation, NamedPayment } from '../../src/ledger/actions.ts';
import { IN_USE } from '../../src/ledger/books-status.ts';
import { unitKey } from '../../src/ledger/folded-totals.ts';
import type {
  Claim,
  CommitReply,
  HealthReport,
  IndexedState,
  Ledger,
  LedgerEntry,
  LedgerEvent,
  LedgerPage,
  NoSum,
  OutboxEvent,
  Reply,
  RestoredEntry,
  Settlement,
  SettleReply,
  Shard,
  SummaryReply,
  UnitTotals,
} from '../../src/ledger/ledger.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { type Folded, finestUnit, foldable } from '../../src/ledger/retention.ts';
import { unitStartMs } from '../../src/ledger/time-index.ts';
import { until } from '../system/until.ts';
import { registerAddedProcessors } from './added-processors.ts';
import { registerControls } from './controls.ts';
import { EveryShard, type Owners } from './every-shard.ts';
import { registerFees } from './fees.ts';
import { registerFoldedTotals } from './folded.ts';
import { registerHolding } from './holding.ts';
import { allEvents, KEPT_EVENTS, MEMORY_OUTBOX, registerOutbox } from './outbox.ts';
import { registerRestoring } from './restoring.ts';
import {
  acquire,
  claim,
  claimOf,
  entryOf,
  FOREVER_MS,
  foldAll,
  id,
  must,
  NAMES,
  settlementOf,
  T0_MS,
  WORKER,
} from './samples.ts';

/** A new store, and how to open connections to it. Call `dispose` after every connection is closed. */
export interface Books {
  /** Without `outbox`, it writes no events. */
  open(processorNames: readonly string[], outbox?: OutboxLimits): Promise<Ledger>;
  dispose(): Promise<void>;
}

interface Desk {
  /** Opens one more connection, by default with `default` and `fallback`. It is closed when the test ends. */
  connect(...processorNames: string[]): Promise<Shard>;
  /** The same, with other limits of the outbox; undefined: none, so that it writes no events. */
  connectWith(outbox: OutboxLimits | undefined): Promise<Shard>;
}

const EVENT_DEADLINE_MS = 10_000;

/** What differs in the entry of a payment that was never sent, in other books. */
const NEVER_SENT = { processor: null, requestedAtMs: 0, attempts: 0 };
/** Of a payment that was claimed once before, as `claimOf` does it. */
const SENT_BEFORE: Story = {
  ...NO_STORY,
  earlier: [{ processorName: 'default', requestedAtMs: T0_MS + 5, why: 'unknown', outcome: 'unknown' }],
};

/** A client of one shard, or of all shards as if they were one ledger. */
type Client = (ledger: Ledger, processorCount: number, owners: Owners) => Shard;

function ofEveryShard(ledger: Ledger, processorCount: number, owners: Owners): Shard {
  const [first, second] = ledger.shards;
  return first !== undefined && second === undefined ? first : new EveryShard(ledger, processorCount, owners);
}

function ofLastShard({ shards }: Ledger): Shard {
  return shards.at(-1) as Shard;
}

/**
 * Registers and runs the tests of everything that a ledger promises, with one shard or several. `fresh` creates an empty
 * store for each test.
 */
export function conformance(name: string, fresh: () => Promise<Books>): void {
  const test = suite(`${name} keeps the ledger's promises`);
  const check: Check = (title, run) => test(title, () => atDesk(fresh, ofEveryShard, run));
  const checkShard: Check = (title, run) => test(title, () => atDesk(fresh, ofLastShard, run));
  registerClaims(check);
  registerSettlements(check);
  registerCommits(check);
  registerOwners(check);
  registerTakeOvers(check);
  registerFencing(checkShard);
  registerSummaries(check);
  registerNames(check);
  registerAddedProcessors(check);
  registerPages(check);
  registerIndexedPages(check);
  registerStories(check);
  registerReopening(check);
  registerCancelling(check);
  registerHolding(check);
  registerPurges(check);
  registerFolding(check);
  registerHealth(check);
  registerEvents(check);
  registerConnections(check);
  registerRestoring(check);
  registerControls(check);
  registerFees(check);
  registerFoldedTotals(check);
  registerOutbox(check);
  test('a random history has the same results as in the in-memory model', () => checkHistories(fresh));
  test.run();
}

type Check = (title: string, run: (ledger: Shard, desk: Desk) => Promise<void>) => void;

async function atDesk(
  fresh: () => Promise<Books>,
  client: Client,
  run: (ledger: Shard, desk: Desk) => Promise<void>,
) {
  const books = await fresh();
  const opened: Ledger[] = [];
  const owners: Owners = new Map();
  const open = async (names: readonly string[], outbox: OutboxLimits | undefined) => {
    const ledger = await books.open(names, outbox);
    opened.push(ledger);
    return client(ledger, names.length, owners);
  };
  const connect = (...processorNames: string[]) =>
    open(processorNames.length === 0 ? NAMES : processorNames, KEPT_EVENTS);
  const connectWith = (outbox: OutboxLimits | undefined) => open(NAMES, outbox);
  try {
    await run(await connect(), { connect, connectWith });
  } finally {
    for (const ledger of opened) await ledger.close();
    await books.dispose();
  }
}

async function settle(ledger: Shard, owner: number, ...all: Settlement[]): Promise<readonly SettleReply[]> {
  return (await must(ledger.commit(owner, all, []))).settled;
}

function find(ledger: Shard, number: number): Promise<LedgerEntry | undefined> {
  return must(ledger.find(id(number)));
}

/** A summary without the names, which only some tests check. */
async function sumsIn(ledger: Shard, fromMs: number, toMs: number): Promise<Totals[]> {
  const totals = await must(ledger.summary(fromMs, toMs));
  return totals.map(({ count, amountCents }) => ({ count, amountCents }));
}

function everything(ledger: Shard): Promise<Totals[]> {
  return sumsIn(ledger, -Infinity, Infinity);
}

async function numbersOf(ledger: Shard): Promise<number[]> {
  return (await must(ledger.owners())).map((record) => record.owner);
}

function registerClaims(check: Check): void {
  check('a new id is claimed for a dispatch', async (ledger) => {
    const owner = await acquire(ledger);
    assert.equal(await claim(ledger, owner, claimOf(1, { processor: 1 })), ['claimed']);
    assert.equal(await find(ledger, 1), entryOf(1, { owner, processor: 1 }));
    assert.is(await find(ledger, 2), undefined);
  });

  check('a new id is reserved without a dispatch', async (ledger) => {
    const owner = await acquire(ledger);
    const reserved = claimOf(1, { processor: null, requestedAtMs: 0 });
    assert.equal(await claim(ledger, owner, reserved), ['claimed']);
    const entry = entryOf(1, {
      owner,
      status: 'accepted',
      processor: null,
      requestedAtMs: 0,
      attempts: 0,
    });
    assert.equal(await find(ledger, 1), entry);
    assert.equal(await claim(ledger, owner, reserved), ['claimed'], 'the same again is harmless');
    assert.equal(await find(ledger, 1), entry);
  });

  check('a reserved id is dispatched once, by the first owner that claims it', async (ledger) => {
    const [clerk, first, second] = [await acquire(ledger), await acquire(ledger), await acquire(ledger)];
    await claim(ledger, clerk, claimOf(1, { processor: null, requestedAtMs: 0 }));
    const reservedAgain = claimOf(1, { processor: null, requestedAtMs: 0 });
    assert.equal(await claim(ledger, second, reservedAgain), ['known'], 'it is reserved for another');
    assert.equal(await claim(ledger, first, claimOf(1)), ['claimed']);
    assert.equal(await claim(ledger, second, claimOf(1)), ['known']);
    assert.equal(await claim(ledger, clerk, claimOf(1)), ['known']);
    assert.equal(await find(ledger, 1), entryOf(1, { owner: first }));
    assert.equal(await claim(ledger, first, reservedAgain), ['claimed'], 'the first owner keeps it');
    assert.equal(await find(ledger, 1), entryOf(1, { owner: first }), 'and it stays dispatched');
  });

  check('the same owner claims again with another processor and stamp: one more attempt', async (ledger) => {
    const owner = await acquire(ledger);
    await claim(ledger, owner, claimOf(1));
    const again = claimOf(1, { processor: 1, requestedAtMs: T0_MS + 900, acceptedAtMs: T0_MS + 1 });
    assert.equal(await claim(ledger, owner, again), ['claimed']);
    const moved = entryOf(1, {
      owner,
      processor: 1,
      requestedAtMs: T0_MS + 900,
      attempts: 2,
      story: SENT_BEFORE,
    });
    assert.equal(await find(ledger, 1), moved, 'the first acceptance is kept');
    await claim(ledger, owner, again);
    assert.equal(await find(ledger, 1), moved, 'a repeated claim is not another attempt');
    await claim(ledger, owner, { ...again, requestedAtMs: T0_MS + 901 });
    assert.is((await find(ledger, 1))?.attempts, 3, 'another stamp is another attempt');
  });

  check('another owner finds it known', async (ledger) => {
    const [mine, theirs] = [await acquire(ledger), await acquire(ledger)];
    await claim(ledger, mine, claimOf(1));
    assert.equal(await claim(ledger, theirs, claimOf(1, { processor: 1 })), ['known']);
    assert.equal(await find(ledger, 1), entryOf(1, { owner: mine }));
  });

  check('settled and rejected payments are known to every owner', async (ledger) => {
    const [mine, theirs] = [await acquire(ledger), await acquire(ledger)];
    await claim(ledger, mine, claimOf(1), claimOf(2));
    await settle(ledger, mine, settlementOf(1), settlementOf(2, { status: 'rejected', reason: 'no' }));
    for (const owner of [mine, theirs]) {
      assert.equal(await claim(ledger, owner, claimOf(1), claimOf(2)), ['known', 'known']);
    }
  });

  check('another amount conflicts, and the first such amount is recorded', async (ledger) => {
    const [mine, theirs] = [await acquire(ledger), await acquire(ledger)];
    await claim(ledger, mine, claimOf(1));
    assert.equal(await claim(ledger, theirs, claimOf(1, { amountCents: 1 })), ['conflict']);
    assert.equal(await claim(ledger, mine, claimOf(1, { amountCents: 2 })), ['conflict']);
    const noted = entryOf(1, { owner: mine, conflictingAmountCents: 1 });
    assert.equal(await find(ledger, 1), noted);
    assert.equal(await claim(ledger, theirs, claimOf(1)), ['known'], 'the original amount is still known');
  });

  check('another amount conflicts in every state', async (ledger) => {
    const owner = await acquire(ledger);
    await claim(
      ledger,
      owner,
      claimOf(1),
      claimOf(2),
      claimOf(3, { processor: null, requestedAtMs: 0 }),
      claimOf(4),
    );
    await settle(ledger, owner, settlementOf(1), settlementOf(2, { status: 'rejected', reason: 'no' }));
    const others = [1, 2, 3, 4].map((number) => claimOf(number, { amountCents: 7 }));
    assert.equal(await claim(ledger, owner, ...others), ['conflict', 'conflict', 'conflict', 'conflict']);
    for (const [number, status] of [
      [1, 'settled'],
      [2, 'rejected'],
      [3, 'accepted'],
      [4, 'dispatched'],
    ] as const) {
      const entry = await find(ledger, number);
      assert.is(entry?.status, status);
      assert.is(entry?.amountCents, 1990);
      assert.is(entry?.conflictingAmountCents, 7);
    }
    assert.equal((await everything(ledger))[0], { count: 1, amountCents: 1990 });
  });

  check('two owners race for one id, and one wins', async (ledger, desk) => {
    const other = await desk.connect();
    const [mine, theirs] = [await acquire(ledger), await acquire(other)];
    const ids = Array.from({ length: 40 }, (_, number) => number);
    const replies = await Promise.all(
      ids.flatMap((number) => [
        claim(ledger, mine, claimOf(number)),
        claim(other, theirs, claimOf(number, { processor: 1 })),
      ]),
    );
    for (const number of ids) {
      const pair = [replies[2 * number]?.[0], replies[2 * number + 1]?.[0]];
      assert.equal([...pair].sort(), ['claimed', 'known']);
      const winner = pair[0] === 'claimed' ? mine : theirs;
      assert.is((await find(ledger, number))?.owner, winner);
    }
  });
}

function registerSettlements(check: Check): void {
  check(
    'a dispatched payment is settled by its owner, with the values that the processor holds',
    async (ledger) => {
      const owner = await acquire(ledger);
      await claim(ledger, owner, claimOf(1));
      const charged = settlementOf(1, { processor: 1, amountCents: 2000, requestedAtMs: T0_MS + 77 });
      assert.equal(await settle(ledger, owner, charged), ['recorded']);
      const settled = entryOf(1, { status: 'settled', processor: 1, requestedAtMs: T0_MS + 77 });
      assert.equal(await find(ledger, 1), settled, 'the entry keeps the amount that was posted');
      assert.equal(await everything(ledger), [
        { count: 0, amountCents: 0 },
        { count: 1, amountCents: 2000 },
      ]);
      assert.equal(await settle(ledger, owner, charged), ['recorded'], 'the same again is harmless');
      assert.equal((await everything(ledger))[1], { count: 1, amountCents: 2000 });
    },
  );

  check('a dispatched payment is rejected with its reason', async (ledger) => {
    const owner = await acquire(ledger);
    await claim(ledger, owner, claimOf(1), claimOf(2));
    const rejected = settlementOf(1, { status: 'rejected', reason: 'HTTP 400: não é válido' });
    const long = settlementOf(2, { status: 'rejected', reason: `${'é'.repeat(199)}\u{1f995}` });
    assert.equal(await settle(ledger, owner, rejected, long), ['recorded', 'recorded']);
    assert.equal(await find(ledger, 1), entryOf(1, { status: 'rejected', reason: rejected.reason }));
    assert.is((await find(ledger, 2))?.reason, `${'é'.repeat(199)}\ufffd`, 'a long reason is cut');
    assert.equal((await everything(ledger))[0], { count: 0, amountCents: 0 });
    assert.equal(await settle(ledger, owner, rejected), ['recorded']);
  });

  check('no other owner can settle it', async (ledger) => {
    const [mine, theirs] = [await acquire(ledger), await acquire(ledger)];
    await claim(ledger, mine, claimOf(1), claimOf(3, { processor: null, requestedAtMs: 0 }));
    assert.equal(await settle(ledger, theirs, settlementOf(1)), ['fenced']);
    assert.equal(await settle(ledger, mine, settlementOf(2)), ['fenced'], 'unknown');
    assert.equal(await settle(ledger, mine, settlementOf(3)), ['fenced'], 'never dispatched');
    assert.equal(await find(ledger, 1), entryOf(1, { owner: mine }));
    assert.equal((await everything(ledger))[0], { count: 0, amountCents: 0 });
  });

  check('a settled payment does not change any more', async (ledger) => {
    const owner = await acquire(ledger);
    await claim(ledger, owner, claimOf(1), claimOf(2));
    await settle(ledger, owner, settlementOf(1), settlementOf(2, { status: 'rejected', reason: 'no' }));
    const otherwise = [
      settlementOf(1, { processor: 1 }),
      settlementOf(1, { requestedAtMs: T0_MS + 6 }),
      settlementOf(1, { status: 'rejected', reason: 'late' }),
      settlementOf(2),
    ];
    assert.equal(await settle(ledger, owner, ...otherwise), ['fenced', 'fenced', 'fenced', 'fenced']);
    assert.equal(await find(ledger, 1), entryOf(1, { status: 'settled' }));
    assert.equal(await find(ledger, 2), entryOf(2, { status: 'rejected', reason: 'no' }));
    assert.equal((await everything(ledger))[0], { count: 1, amountCents: 1990 });
  });

  check('two owners race to settle, and the books count it once', async (ledger, desk) => {
    const other = await desk.connect();
    const [mine, theirs] = [await acquire(ledger), await acquire(other)];
    const numbers = Array.from({ length: 20 }, (_, number) => number);
    await claim(ledger, mine, ...numbers.map((number) => claimOf(number)));
    const [, early, late] = await Promise.all([
      must(other.takeOver(mine, theirs, 10)),
      settle(ledger, mine, ...numbers.map((number) => settlementOf(number))),
      settle(other, theirs, ...numbers.map((number) => settlementOf(number))),
    ]);
    await must(other.takeOver(mine, theirs, 100));
    const rest = await settle(other, theirs, ...numbers.map((number) => settlementOf(number)));
    for (const number of numbers) {
      assert.ok([early[number], late[number], rest[number]].includes('recorded'));
    }
    assert.equal((await everything(ledger))[0], { count: 20, amountCents: 20 * 1990 });
  });
}

function registerCommits(check: Check): void {
  check('an empty commit', async (ledger) => {
    const owner = await acquire(ledger);
    assert.equal(await must(ledger.commit(owner, [], [])), { settled: [], claimed: [] });
  });

  check('settlements come before claims, both in order', async (ledger) => {
    const owner = await acquire(ledger);
    assert.equal(await must(ledger.commit(owner, [settlementOf(1)], [claimOf(1)])), {
      settled: ['fenced'],
      claimed: ['claimed'],
    });
    assert.equal(await must(ledger.commit(owner, [settlementOf(1), settlementOf(1)], [claimOf(1)])), {
      settled: ['recorded', 'recorded'],
      claimed: ['known'],
    });
    assert.equal((await everything(ledger))[0], { count: 1, amountCents: 1990 });
  });

  check('an id twice in one batch works as in two batches', async (ledger) => {
    const owner = await acquire(ledger);
    const batch = [
      claimOf(1),
      claimOf(1),
      claimOf(1, { amountCents: 5 }),
      claimOf(1, { requestedAtMs: T0_MS + 6 }),
      claimOf(2, { processor: null, requestedAtMs: 0 }),
      claimOf(2),
    ];
    const replies = ['claimed', 'claimed', 'conflict', 'claimed', 'claimed', 'claimed'];
    assert.equal(await claim(ledger, owner, ...batch), replies);
    const stamped = {
      owner,
      requestedAtMs: T0_MS + 6,
      attempts: 2,
      story: SENT_BEFORE,
      conflictingAmountCents: 5,
    };
    assert.equal(await find(ledger, 1), entryOf(1, stamped));
    assert.equal(await find(ledger, 2), entryOf(2, { owner }));
  });

  check('a repeated commit is harmless', async (ledger) => {
    const owner = await acquire(ledger);
    await claim(ledger, owner, claimOf(1), claimOf(2));
    const settlements = [settlementOf(1), settlementOf(2, { status: 'rejected', reason: 'no' })];
    const claims = [claimOf(3), claimOf(4, { processor: 1 }), claimOf(5, { processor: null })];
    const first = await must(ledger.commit(owner, settlements, claims));
    const [entries, books] = [await entriesOf(ledger, 5), await everything(ledger)];
    assert.equal(await must(ledger.commit(owner, settlements, claims)), first);
    assert.equal(await entriesOf(ledger, 5), entries);
    assert.equal(await everything(ledger), books);
  });

  check('an owner that never existed or was released claims and settles nothing', async (ledger) => {
    const [gone, owner] = [await acquire(ledger), await acquire(ledger)];
    await claim(ledger, owner, claimOf(1));
    await must(ledger.releaseLease(gone));
    // A pool thread warms up as owner 0.
    for (const stranger of [gone, owner + 1000, 0]) {
      const claims = [claimOf(1), claimOf(1, { amountCents: 3 }), claimOf(2)];
      assert.equal(await claim(ledger, stranger, ...claims), ['fenced', 'fenced', 'fenced']);
      assert.equal(await settle(ledger, stranger, settlementOf(1), settlementOf(2)), ['fenced', 'fenced']);
    }
    assert.equal(await find(ledger, 1), entryOf(1, { owner }), 'and records no conflict');
    assert.is(await find(ledger, 2), undefined);
  });

  check('a commit that breaks a rule changes nothing', async (ledger) => {
    const owner = await acquire(ledger);
    const wrong: Partial<Claim>[] = [
      { amountCents: 0.5 },
      { amountCents: 0 },
      { amountCents: 2 ** 53 },
      { processor: 2 },
      { processor: -1 },
      { requestedAtMs: 1.5 },
      { acceptedAtMs: -1 },
    ];
    for (const change of wrong) {
      let broke = false;
      try {
        await ledger.commit(owner, [], [claimOf(1), claimOf(2, change)]);
      } catch {
        broke = true;
      }
      assert.ok(broke, JSON.stringify(change));
    }
    assert.is(await find(ledger, 1), undefined);
  });

  check('a large batch', async (ledger) => {
    const owner = await acquire(ledger);
    const numbers = Array.from({ length: 1000 }, (_, number) => number);
    const claims = numbers.map((number) => claimOf(number, { requestedAtMs: T0_MS + number }));
    const settlements = numbers.map((number) => settlementOf(number, { requestedAtMs: T0_MS + number }));
    assert.equal(new Set(await claim(ledger, owner, ...claims)), new Set(['claimed']));
    assert.equal(new Set(await settle(ledger, owner, ...settlements)), new Set(['recorded']));
    assert.equal((await sumsIn(ledger, T0_MS + 100, T0_MS + 199))[0], {
      count: 100,
      amountCents: 199_000,
    });
  });
}

async function entriesOf(ledger: Shard, count: number): Promise<(LedgerEntry | undefined)[]> {
  return Promise.all(Array.from({ length: count }, (_, number) => find(ledger, number + 1)));
}

function registerOwners(check: Check): void {
  check('owner numbers are positive, ascending and never given out twice', async (ledger, desk) => {
    const other = await desk.connect();
    const first = await acquire(ledger);
    const second = await must(other.acquireLease({ instanceId: 'gateway-2', name: 'pool-1' }, T0_MS + 9));
    assert.ok(Number.isSafeInteger(first));
    assert.ok(first > 0);
    assert.ok(second > first);
    assert.equal(await must(ledger.owners()), [
      { owner: first, ...WORKER, leaseUntilMs: FOREVER_MS },
      { owner: second, instanceId: 'gateway-2', name: 'pool-1', leaseUntilMs: T0_MS + 9 },
    ]);
    await must(ledger.releaseLease(second));
    await must(ledger.releaseLease(second));
    assert.equal(await numbersOf(other), [first]);
    assert.ok((await acquire(ledger)) > second);
  });

  check('owners are listed in ascending order, however many there are', async (ledger) => {
    const acquired: number[] = [];
    for (let count = 0; count < 12; count++) acquired.push(await acquire(ledger));
    assert.equal(await numbersOf(ledger), acquired);
  });

  check('a lease is renewed while its owner lives', async (ledger) => {
    const owner = await acquire(ledger, T0_MS);
    assert.is(await must(ledger.renewLease(owner, T0_MS + 1000)), true);
    assert.is((await must(ledger.owners()))[0]?.leaseUntilMs, T0_MS + 1000);
    await must(ledger.releaseLease(owner));
    assert.is(await must(ledger.renewLease(owner, T0_MS + 2000)), false);
    assert.is(await must(ledger.renewLease(owner + 1000, T0_MS)), false);
    assert.equal(await must(ledger.owners()), []);
  });

  check('an owner that has entries cannot be released: its lease expires instead', async (ledger) => {
    const [owner, successor] = [await acquire(ledger), await acquire(ledger)];
    await claim(ledger, owner, claimOf(1));
    await must(ledger.releaseLease(owner));
    assert.equal((await must(ledger.owners()))[0], { owner, ...WORKER, leaseUntilMs: 0 });
    assert.is((await must(ledger.takeOver(owner, successor, 10, T0_MS))).length, 1);
    assert.equal(await numbersOf(ledger), [successor]);
    await settle(ledger, successor, settlementOf(1));
    await must(ledger.releaseLease(successor));
    assert.equal(await numbersOf(ledger), [], 'no owner holds a settled entry');
  });
}

function registerTakeOvers(check: Check): void {
  check('the entries of an owner are taken over, a page at a time', async (ledger) => {
    const [dead, successor] = [await acquire(ledger), await acquire(ledger)];
    const dispatched = Array.from({ length: 23 }, (_, number) => claimOf(number));
    await claim(ledger, dead, ...dispatched, claimOf(23, { processor: null, requestedAtMs: 0 }));
    await settle(ledger, dead, settlementOf(0), settlementOf(1, { status: 'rejected', reason: 'no' }));
    const pages: LedgerEntry[][] = [];
    do {
      pages.push(await must(ledger.takeOver(dead, successor, 5)));
    } while (pages.at(-1)?.length !== 0);
    assert.equal(
      pages.map((page) => page.length),
      [5, 5, 5, 5, 2, 0],
    );
    const expected = Array.from({ length: 21 }, (_, index) => entryOf(index + 2, { owner: successor }));
    const reserved = { status: 'accepted', processor: null, requestedAtMs: 0, attempts: 0 } as const;
    assert.equal(byId(pages.flat()), [...expected, entryOf(23, { owner: successor, ...reserved })]);
    assert.equal(await numbersOf(ledger), [successor]);
    assert.equal(await find(ledger, 2), entryOf(2, { owner: successor }));
    assert.equal(await settle(ledger, successor, settlementOf(2)), ['recorded']);
  });

  check('a lease that is still valid protects its owner, if the caller asks for that', async (ledger) => {
    const [owner, successor] = [await acquire(ledger, T0_MS + 1000), await acquire(ledger)];
    await claim(ledger, owner, claimOf(1));
    assert.equal(await must(ledger.takeOver(owner, successor, 10, T0_MS + 999)), []);
    assert.is(await must(ledger.renewLease(owner, T0_MS + 1000)), true);
    assert.equal(await must(ledger.takeOver(owner, successor, 10, T0_MS + 1000)), [
      entryOf(1, { owner: successor }),
    ]);
    assert.is(await must(ledger.renewLease(owner, T0_MS + 9000)), false);
  });

  check('an owner without entries is fenced as well', async (ledger) => {
    const [idle, successor] = [await acquire(ledger), await acquire(ledger)];
    assert.equal(await must(ledger.takeOver(idle, successor, 10)), []);
    assert.is(await must(ledger.renewLease(idle, FOREVER_MS)), false);
    assert.equal(await claim(ledger, idle, claimOf(1)), ['fenced']);
    assert.equal(await numbersOf(ledger), [successor]);
    assert.equal(await must(ledger.takeOver(idle, successor, 10)), [], 'repeating it is harmless');
    assert.equal(
      await must(ledger.takeOver(idle + 1000, successor, 10)),
      [],
      'so is an owner that never existed',
    );
  });

  check('two successors share the entries, and none gets an entry of the other', async (ledger, desk) => {
    const other = await desk.connect();
    const [dead, one, two] = [await acquire(ledger), await acquire(ledger), await acquire(other)];
    const numbers = Array.from({ length: 60 }, (_, number) => number);
    await claim(ledger, dead, ...numbers.map((number) => claimOf(number)));
    const pages = await Promise.all(
      Array.from({ length: 6 }, () => [
        must(ledger.takeOver(dead, one, 10)),
        must(other.takeOver(dead, two, 10)),
      ]).flat(),
    );
    const taken = byId(pages.flat());
    assert.equal(
      taken.map((entry) => entry.correlationId),
      numbers.map(id),
    );
    for (const [number, entry] of taken.entries()) {
      assert.is((await find(ledger, number))?.owner, entry.owner);
    }
  });
}

/** What holds in each shard by itself. */
function registerFencing(check: Check): void {
  check(
    'an owner stays listed with an expired lease until all of its entries are taken over',
    async (ledger) => {
      const [dead, successor] = [await acquire(ledger), await acquire(ledger)];
      await claim(ledger, dead, claimOf(1), claimOf(2));
      assert.is((await must(ledger.takeOver(dead, successor, 1))).length, 1);
      assert.equal(await must(ledger.owners()), [
        { owner: dead, ...WORKER, leaseUntilMs: 0 },
        { owner: successor, ...WORKER, leaseUntilMs: FOREVER_MS },
      ]);
      assert.is((await must(ledger.takeOver(dead, successor, 1))).length, 1);
      assert.equal(await numbersOf(ledger), [successor]);
    },
  );

  check('a fenced owner claims nothing, and settles only entries that it still owns', async (ledger) => {
    const [dead, successor] = [await acquire(ledger), await acquire(ledger)];
    await claim(ledger, dead, claimOf(1), claimOf(2));
    const taken = await must(ledger.takeOver(dead, successor, 1));
    const takenNumber = taken[0]?.correlationId === id(1) ? 1 : 2;
    const leftNumber = 3 - takenNumber;
    assert.is(await must(ledger.renewLease(dead, FOREVER_MS)), false);
    assert.equal(await claim(ledger, dead, claimOf(leftNumber), claimOf(3)), ['fenced', 'fenced']);
    assert.equal(await settle(ledger, dead, settlementOf(takenNumber), settlementOf(leftNumber)), [
      'fenced',
      'recorded',
    ]);
    assert.equal(await must(ledger.takeOver(dead, successor, 10)), []);
    assert.equal(await numbersOf(ledger), [successor]);
    assert.equal(await settle(ledger, successor, settlementOf(takenNumber)), ['recorded']);
    assert.equal((await everything(ledger))[0], { count: 2, amountCents: 3980 });
  });

  check('a successor that dies halfway is taken over in turn', async (ledger) => {
    const [dead, successor, last] = [await acquire(ledger), await acquire(ledger), await acquire(ledger)];
    await claim(ledger, dead, claimOf(1), claimOf(2), claimOf(3));
    await must(ledger.takeOver(dead, successor, 1));
    const rescued = [
      ...(await must(ledger.takeOver(successor, last, 10))),
      ...(await must(ledger.takeOver(dead, successor, 10))),
      ...(await must(ledger.takeOver(dead, last, 10, T0_MS))),
    ];
    assert.equal(
      byId(rescued),
      [1, 2, 3].map((number) => entryOf(number, { owner: last })),
    );
    assert.equal(await numbersOf(ledger), [last]);
  });
}

function byId(entries: readonly LedgerEntry[]): LedgerEntry[] {
  return [...entries].sort((a, b) => (a.correlationId < b.correlationId ? -1 : 1));
}

function registerSummaries(check: Check): void {
  check('an empty ledger has zero totals', async (ledger) => {
    const nothing = [
      { count: 0, amountCents: 0 },
      { count: 0, amountCents: 0 },
    ];
    assert.equal(await everything(ledger), nothing);
    assert.equal(await sumsIn(ledger, T0_MS, T0_MS), nothing);
    assert.equal(await sumsIn(ledger, -Infinity, -1), nothing);
    assert.equal(await sumsIn(ledger, 2 ** 48, Infinity), nothing);
  });

  check('both bounds are inclusive, to the millisecond', async (ledger) => {
    await settleAt(ledger, [T0_MS - 1, T0_MS, T0_MS + 1]);
    const counts = async (fromMs: number, toMs: number) => (await sumsIn(ledger, fromMs, toMs))[0]?.count;
    assert.is(await counts(T0_MS, T0_MS), 1);
    assert.is(await counts(T0_MS - 1, T0_MS), 2);
    assert.is(await counts(T0_MS - 1, T0_MS + 1), 3);
    assert.is(await counts(T0_MS + 2, Infinity), 0);
    assert.is(await counts(T0_MS + 1, Infinity), 1);
    assert.is(await counts(-Infinity, T0_MS - 1), 1);
    assert.is(await counts(-Infinity, T0_MS - 2), 0);
    assert.is(await counts(T0_MS + 1, T0_MS - 1), 0, 'a window that ends before it starts is empty');
  });

  check('every window agrees with a plain sum, over seconds, hours and days', async (ledger) => {
    const random = randomOf(7);
    const spansMs = [3, 2_000, 90_000, 4_000_000, 100_000_000, 9e9];
    const stampsMs = spansMs.flatMap((spanMs) =>
      Array.from({ length: 60 }, () => T0_MS + Math.floor(random() * spanMs)),
    );
    await settleAt(ledger, stampsMs);
    for (const spanMs of spansMs) {
      for (let round = 0; round < 12; round++) {
        const fromMs = T0_MS - 1 + Math.floor(random() * spanMs);
        const toMs = fromMs + Math.floor(random() * spanMs);
        const inside = stampsMs.map((ms, index) => (ms >= fromMs && ms <= toMs ? index + 1 : 0));
        const expected = {
          count: inside.filter((cents) => cents > 0).length,
          amountCents: inside.reduce((sum, cents) => sum + cents, 0),
        };
        assert.equal((await sumsIn(ledger, fromMs, toMs))[0], expected, `[${fromMs}, ${toMs}]`);
      }
    }
  });

  check('the first and the last time that a ledger can store', async (ledger) => {
    await settleAt(ledger, [0, 2 ** 48 - 1]);
    const summaries = await Promise.all(
      [
        [0, 0],
        [2 ** 48 - 1, 2 ** 48 - 1],
        [0, 2 ** 48 - 1],
        [1, 2 ** 48 - 2],
        [-Infinity, Infinity],
      ].map(([fromMs, toMs]) => sumsIn(ledger, fromMs as number, toMs as number)),
    );
    assert.equal(
      summaries.map((totals) => totals[0]?.count),
      [1, 1, 2, 0, 2],
    );
  });

  check('a sum that is not exact is unavailable, and the ledger goes on working', async (ledger) => {
    const owner = await acquire(ledger);
    const most = 2 ** 53 - 1;
    const stamps = [0, 1, 1000, 60_000, 3_600_000, 86_400_000].map((ms) => T0_MS + ms);
    const claims = stamps.map((requestedAtMs, number) =>
      claimOf(number, { amountCents: most, requestedAtMs }),
    );
    assert.equal(new Set(await claim(ledger, owner, ...claims)), new Set(['claimed']));
    const settlements = stamps.map((requestedAtMs, number) =>
      settlementOf(number, { amountCents: most, requestedAtMs }),
    );
    // One by one and together, so that both the stored sum and the added sum leave the exact range.
    const replies = [
      ...(await settle(ledger, owner, ...settlements.slice(0, 1))),
      ...(await settle(ledger, owner, ...settlements.slice(1, 4))),
      ...(await settle(ledger, owner, ...settlements.slice(4))),
    ];
    assert.equal(replies, ['recorded', 'recorded', 'recorded', 'recorded', 'recorded', 'recorded']);
    for (const [fromMs, toMs] of [
      [-Infinity, Infinity],
      [T0_MS, T0_MS + 1],
      [T0_MS, T0_MS + 999],
      [T0_MS, T0_MS + 1000],
      [T0_MS, T0_MS + 86_400_000],
      [T0_MS + 1000, T0_MS + 60_000],
    ] as const) {
      const reply = await ledger.summary(fromMs, toMs);
      assert.is(reply.kind, 'too-large', `[${fromMs}, ${toMs}]`);
    }
    for (const stampMs of stamps) {
      const alone = { count: 1, amountCents: most };
      assert.equal((await sumsIn(ledger, stampMs, stampMs))[0], alone);
    }
    assert.equal((await sumsIn(ledger, T0_MS + 1000, T0_MS + 59_999))[0], {
      count: 1,
      amountCents: most,
    });
  });

  check('large amounts keep every cent', async (ledger) => {
    const owner = await acquire(ledger);
    const amountCents = 2 ** 52 - 1;
    await claim(ledger, owner, claimOf(1, { amountCents }), claimOf(2, { amountCents: 3 }));
    await settle(ledger, owner, settlementOf(1, { amountCents }), settlementOf(2, { amountCents: 3 }));
    assert.equal((await everything(ledger))[0], { count: 2, amountCents: 2 ** 52 + 2 });
    assert.is((await find(ledger, 1))?.amountCents, amountCents);
  });
}

/** Settles one payment of 1, 2, 3... cents at each stamp, at processor 0. */
async function settleAt(ledger: Shard, stampsMs: readonly number[]): Promise<void> {
  const owner = await acquire(ledger);
  const claims = stampsMs.map((requestedAtMs, index) =>
    claimOf(index, { requestedAtMs, amountCents: index + 1 }),
  );
  const settlements = stampsMs.map((requestedAtMs, index) =>
    settlementOf(index, { requestedAtMs, amountCents: index + 1 }),
  );
  await claim(ledger, owner, ...claims);
  await settle(ledger, owner, ...settlements);
}

/** Mulberry32: numbers in [0, 1), the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Tests with processors that only some connections name: renamed, removed, or added later. */
function registerNames(check: Check): void {
  check('the payments of a removed or renamed processor stay in every summary', async (ledger, desk) => {
    const owner = await acquire(ledger);
    await claim(
      ledger,
      owner,
      claimOf(1, { processor: 1 }),
      claimOf(2, { processor: 1, requestedAtMs: T0_MS + 70_000 }),
    );
    await settle(
      ledger,
      owner,
      settlementOf(1, { processor: 1 }),
      settlementOf(2, { processor: 1, requestedAtMs: T0_MS + 70_000 }),
    );
    const other = await desk.connect('renamed', 'default');
    const named = [
      { name: 'renamed', count: 0, amountCents: 0 },
      { name: 'default', count: 0, amountCents: 0 },
    ];
    const of = (count: number) => ({ name: 'fallback', count, amountCents: count * 1990 });
    assert.equal(await must(other.summary(-Infinity, Infinity)), [...named, of(2)]);
    assert.equal(await must(other.summary(T0_MS, T0_MS + 999)), [...named, of(1)], 'within the window');
    assert.equal(
      await must(other.summary(T0_MS + 71_000, Infinity)),
      named,
      'not without payments in the window',
    );
    assert.equal((await find(other, 1))?.processorName, 'fallback');
    assert.is((await find(other, 1))?.processor, null);
    assert.equal(
      (await walk(other, -Infinity, Infinity, 10)).map(({ processorName }) => processorName),
      ['fallback', 'fallback'],
    );
    assert.equal(
      (await must(ledger.summary(-Infinity, Infinity))).map(({ name }) => name),
      NAMES,
      'a name without payments is shown only where it is configured',
    );
  });

  check('so do the payments of a processor added after a connection was opened', async (ledger, desk) => {
    const other = await desk.connect('late', 'default');
    const owner = await acquire(other);
    await claim(other, owner, claimOf(1), claimOf(2, { processor: 1 }), claimOf(3));
    await settle(other, owner, settlementOf(1));
    assert.is((await find(ledger, 3))?.processorName, 'late');
    assert.equal(await must(ledger.summary(-Infinity, Infinity)), [
      { name: 'default', count: 0, amountCents: 0 },
      { name: 'fallback', count: 0, amountCents: 0 },
      { name: 'late', count: 1, amountCents: 1990 },
    ]);
  });

  check('a takeover leaves entries at a processor that the successor does not know', async (ledger, desk) => {
    const owner = await acquire(ledger, T0_MS);
    const numbers = Array.from({ length: 12 }, (_, number) => number);
    await claim(ledger, owner, ...numbers.map((number) => claimOf(number, { processor: number % 2 })));
    await claim(ledger, owner, claimOf(12, { processor: null, requestedAtMs: 0 }));
    const other = await desk.connect('default');
    assert.equal(await must(other.stranded(T0_MS - 1)), [], 'while its owner lives it is not stranded');
    assert.equal(await must(other.stranded(T0_MS)), [{ name: 'fallback', count: 6 }]);
    const successor = await acquire(other);
    const taken: LedgerEntry[] = [];
    for (const _ of numbers) taken.push(...(await must(other.takeOver(owner, successor, 2))));
    const ids = byId(taken).map(({ correlationId }) => correlationId);
    assert.equal(ids, [0, 2, 4, 6, 8, 10, 12].map(id));
    assert.equal(await find(other, 1), entryOf(1, { owner, processor: null, processorName: 'fallback' }));
    assert.equal(
      await numbersOf(other),
      [owner, successor],
      'the owner stays, so that its entries can be found',
    );
    assert.equal(await must(other.stranded(T0_MS)), [{ name: 'fallback', count: 6 }]);
    assert.equal(await must(ledger.stranded(T0_MS)), [], 'an instance that knows the processor can ask');
    assert.is(await must(ledger.renewLease(owner, FOREVER_MS)), false);

    const knowing = await acquire(ledger);
    const rest: LedgerEntry[] = [];
    for (const _ of numbers) rest.push(...(await must(ledger.takeOver(owner, knowing, 2, T0_MS))));
    assert.equal(
      byId(rest).map(({ correlationId }) => correlationId),
      [1, 3, 5, 7, 9, 11].map(id),
    );
    assert.equal(await settle(ledger, knowing, settlementOf(1, { processor: 1 })), ['recorded']);
    assert.equal(await numbersOf(other), [successor, knowing]);
    assert.equal(await must(other.stranded(T0_MS)), []);
  });

  check('entries that a released owner could not settle can be found', async (ledger, desk) => {
    const owner = await acquire(ledger);
    await claim(ledger, owner, claimOf(1, { processor: 1 }), claimOf(2, { processor: 1 }));
    await must(ledger.releaseLease(owner));
    const other = await desk.connect('default');
    const successor = await acquire(other);
    assert.equal(await must(other.takeOver(owner, successor, 10)), []);
    assert.equal(await must(other.stranded(T0_MS)), [{ name: 'fallback', count: 2 }]);
    await must(other.purge(T0_MS + 1));
    assert.equal(await must(other.stranded(T0_MS)), []);
    assert.equal(await must(other.takeOver(owner, successor, 10)), []);
    assert.equal(await numbersOf(other), [successor], 'an owner without entries is removed');
  });
}

function registerPages(check: Check): void {
  check('paging returns every payment once, whatever the page size', async (ledger) => {
    const owner = await acquire(ledger);
    const numbers = Array.from({ length: 25 }, (_, index) => index);
    await claim(ledger, owner, ...numbers.map((number) => claimOf(number)));
    const expected = numbers.map((number) => entryOf(number, { owner }));
    for (const limit of [1, 5, 25, 1000]) {
      assert.equal(byId(await walk(ledger, -Infinity, Infinity, limit)), expected);
    }
  });

  check('paging over an empty ledger ends', async (ledger) => {
    assert.equal(await walk(ledger, -Infinity, Infinity, 10), []);
  });

  check('paging returns the payments that may have been sent in the window', async (ledger) => {
    const owner = await acquire(ledger);
    await claim(
      ledger,
      owner,
      claimOf(1, { processor: null }),
      claimOf(2, { requestedAtMs: T0_MS + 5 }),
      claimOf(3, { requestedAtMs: T0_MS + 5 }),
      claimOf(4, { requestedAtMs: T0_MS + 5 }),
      claimOf(5, { acceptedAtMs: T0_MS + 50, requestedAtMs: T0_MS + 60 }),
    );
    await settle(
      ledger,
      owner,
      settlementOf(3, { requestedAtMs: T0_MS + 5 }),
      settlementOf(4, { status: 'rejected', reason: 'no', requestedAtMs: T0_MS + 30 }),
    );
    const numbersIn = async (fromMs: number, toMs: number) =>
      (await walk(ledger, T0_MS + fromMs, T0_MS + toMs, 2))
        .map(({ correlationId }) => Number(correlationId.slice(-2)))
        .sort((one, other) => one - other);
    assert.equal(await numbersIn(-1, 0), [1, 2, 3, 4], 'accepted at the end of the window');
    assert.equal(await numbersIn(5, 5), [1, 2, 3, 4], 'stamped at its beginning');
    assert.equal(await numbersIn(6, 49), [1, 2, 4], 'not final before it');
    assert.equal(await numbersIn(31, 50), [1, 2, 5], 'rejected or settled');
    assert.equal(await numbersIn(-9, -1), [], 'not accepted after it');
    assert.equal(await numbersIn(-Infinity, Infinity), [1, 2, 3, 4, 5]);
  });
}

function registerStories(check: Check): void {
  const attempt = (requestedAtMs: number, why: AttemptReason, outcome: AttemptOutcome, processor = 0) => ({
    processorName: NAMES[processor],
    requestedAtMs,
    why,
    outcome,
  });

  check('each attempt is kept with its reason and outcome', async (ledger) => {
    const owner = await acquire(ledger);
    const [first, second, third] = [T0_MS + 5, T0_MS + 600, T0_MS + 700];
    await claim(
      ledger,
      owner,
      claimOf(1, { why: 'cheapest-well' }),
      claimOf(2, { processor: null, requestedAtMs: 0 }),
    );
    assert.equal((await find(ledger, 1))?.story, { why: 'cheapest-well', outcome: 'unknown', earlier: [] });
    assert.equal((await find(ledger, 2))?.story, NO_STORY);
    const before = { requestedAtMs: first, outcome: 'refused' } as const;
    const next = { processor: 1, requestedAtMs: second, why: 'after-failover-delay', before } as const;
    for (let time = 0; time < 2; time++) await claim(ledger, owner, claimOf(1, next));
    assert.equal((await find(ledger, 1))?.story, {
      why: 'after-failover-delay',
      outcome: 'unknown',
      earlier: [attempt(first, 'cheapest-well', 'refused')],
    });
    // Its caller does not know the second attempt, because the reply was lost.
    await claim(ledger, owner, claimOf(1, { ...next, requestedAtMs: third, why: 'probe' }));
    await claim(ledger, owner, claimOf(1, { amountCents: 7 }));
    await settle(
      ledger,
      owner,
      settlementOf(1, { processor: 1, requestedAtMs: third, outcome: 'found-charged' }),
    );
    const settled = await find(ledger, 1);
    assert.equal(settled?.story, {
      why: 'probe',
      outcome: 'found-charged',
      earlier: [
        attempt(first, 'cheapest-well', 'refused'),
        attempt(second, 'after-failover-delay', 'not-sent', 1),
      ],
    });
    assert.equal([settled?.attempts, settled?.conflictingAmountCents, settled?.reason], [3, 7, '']);
    await claim(ledger, owner, claimOf(2, { why: 'least-slow', before }));
    await settle(ledger, owner, settlementOf(2, { status: 'rejected', reason: 'no', outcome: 'rejected' }));
    assert.equal((await find(ledger, 2))?.story, { why: 'least-slow', outcome: 'rejected', earlier: [] });
  });

  check('of many attempts the last are kept, also when another owner takes over', async (ledger) => {
    const [dead, owner] = [await acquire(ledger), await acquire(ledger)];
    const stamps = Array.from({ length: 12 }, (_, index) => T0_MS + 100 * index);
    for (const requestedAtMs of stamps) {
      const before = { requestedAtMs: requestedAtMs - 100, outcome: 'not-held' } as const;
      await claim(ledger, dead, claimOf(1, { requestedAtMs, why: 'probe', before }));
    }
    await must(ledger.takeOver(dead, owner, 10));
    const lastMs = stamps.at(-1) ?? 0;
    await settle(ledger, owner, settlementOf(1, { status: 'rejected', reason: 'ñó', requestedAtMs: lastMs }));
    const entry = await find(ledger, 1);
    const kept = stamps.slice(-1 - EARLIER_ATTEMPTS_MAX, -1);
    assert.equal(entry?.story, {
      why: 'probe',
      outcome: 'unknown',
      earlier: kept.map((requestedAtMs) => attempt(requestedAtMs, 'probe', 'not-held')),
    });
    assert.equal([entry?.attempts, entry?.reason], [12, 'ñó']);
    assert.equal(await walkState(ledger, 'rejected', 1), [entry]);
  });
}

function registerReopening(check: Check): void {
  const action = {
    what: 'send-again',
    atMs: T0_MS + 900,
    by: 'ana',
    why: 'the card was renewed, não',
  } as const;

  check('a rejected payment that is opened again is sent once more, and keeps its story', async (ledger) => {
    const [owner, operator, successor] = [
      await acquire(ledger),
      await acquire(ledger),
      await acquire(ledger),
    ];
    await claim(ledger, owner, claimOf(1, { why: 'cheapest-well' }), claimOf(2));
    const no = { status: 'rejected', reason: 'no', outcome: 'rejected' } as const;
    await settle(ledger, owner, settlementOf(1, no), settlementOf(2, { ...no, outcome: 'found-rejected' }));
    await claim(ledger, owner, claimOf(1, { amountCents: 7 }));
    const payments = [1, 2].map((number) => ({ correlationId: id(number), attempts: 1 }));
    assert.equal(await must(ledger.reopen(operator, action, payments)), ['reopened', 'reopened']);
    const rejected = { processorName: 'default', requestedAtMs: T0_MS + 5, why: 'cheapest-well' } as const;
    const reopened = entryOf(1, {
      status: 'accepted',
      owner: operator,
      processor: null,
      requestedAtMs: 0,
      conflictingAmountCents: 7,
      story: { ...NO_STORY, earlier: [{ ...rejected, outcome: 'rejected' }] },
    });
    assert.equal(await find(ledger, 1), reopened);
    assert.equal(await walkState(ledger, 'rejected', 10), []);
    assert.equal(numbersOfEntries(await walkState(ledger, 'open', 10)), [1, 2]);
    assert.equal(await must(ledger.reopen(operator, action, payments)), ['not-rejected', 'not-rejected']);

    await must(ledger.releaseLease(operator));
    const taken = byId(await must(ledger.takeOver(operator, successor, 10)));
    assert.equal(taken[0], { ...reopened, owner: successor });
    const stamp = { processor: 1, requestedAtMs: T0_MS + 950 };
    assert.equal(await claim(ledger, owner, claimOf(1, { ...stamp, why: 'probe' })), ['claimed']);
    await settle(ledger, owner, settlementOf(1, { ...stamp, outcome: 'charged' }));
    const settled = await find(ledger, 1);
    assert.equal([settled?.status, settled?.attempts, settled?.acceptedAtMs], ['settled', 2, T0_MS]);
    assert.equal(settled?.story, {
      why: 'probe',
      outcome: 'charged',
      earlier: [{ ...rejected, outcome: 'rejected' }],
    });
    assert.equal(await everything(ledger), [
      { count: 0, amountCents: 0 },
      { count: 1, amountCents: 1990 },
    ]);
    assert.equal(await claim(ledger, owner, claimOf(2)), ['claimed']);
    await settle(ledger, owner, settlementOf(2, no));
    assert.equal(await must(ledger.reopen(successor, action, payments)), ['not-rejected', 'changed']);
  });

  check('what may have been charged, or was not rejected, is not opened again', async (ledger) => {
    const [owner, operator] = [await acquire(ledger), await acquire(ledger)];
    await claim(ledger, owner, ...[1, 2, 3, 4].map((number) => claimOf(number)));
    const no = { status: 'rejected', reason: 'no' } as const;
    await settle(
      ledger,
      owner,
      settlementOf(1),
      settlementOf(3, { ...no, outcome: 'never-held' }),
      settlementOf(4, no),
    );
    const before = await walk(ledger, -Infinity, Infinity, 10);
    const payments = [1, 2, 3, 4, 5].map((number) => ({ correlationId: id(number), attempts: 1 }));
    assert.equal(await must(ledger.reopen(operator, action, payments)), [
      'not-rejected',
      'not-rejected',
      'perhaps-charged',
      'perhaps-charged',
      'unknown',
    ]);
    assert.equal(byId(await walk(ledger, -Infinity, Infinity, 10)), byId(before));
    assert.equal(await must(ledger.actions()), []);
  });

  check(
    'actions are logged with their payments, beyond a purge; frozen books and dead owners refuse them',
    async (ledger) => {
      const [owner, operator, successor] = [
        await acquire(ledger),
        await acquire(ledger),
        await acquire(ledger),
      ];
      await claim(ledger, owner, ...[1, 2, 3].map((number) => claimOf(number)));
      const no = { status: 'rejected', reason: 'no', outcome: 'rejected' } as const;
      await settle(ledger, owner, ...[1, 2, 3].map((number) => settlementOf(number, no)));
      const reopening = (number: number) => ({ correlationId: id(number), attempts: 1 });
      await must(ledger.reopen(operator, action, [reopening(1), reopening(9)]));
      const later = { ...action, atMs: T0_MS + 901, by: '', why: '' };
      await must(ledger.reopen(operator, later, [reopening(2)]));
      const logged = [
        { ...later, payments: [id(2)] },
        { ...action, payments: [id(1)] },
      ];
      assert.equal(await must(ledger.actions()), logged);
      await must(ledger.setBooksStatus({ kind: 'behind', sinceMs: T0_MS, detail: 'a copy' }));
      assert.is((await ledger.reopen(operator, action, [reopening(3)])).kind, 'unavailable');
      await must(ledger.setBooksStatus(IN_USE));
      await must(ledger.takeOver(operator, successor, 10));
      assert.is((await ledger.reopen(operator, action, [reopening(3)])).kind, 'unavailable');
      assert.is((await find(ledger, 3))?.status, 'rejected');
      await must(ledger.purge(T0_MS + 10));
      assert.equal(await must(ledger.actions()), logged);
    },
  );
}

function registerCancelling(check: Check): void {
  const action = { what: 'cancel', atMs: T0_MS + 900, by: 'ana', why: 'ordered twice, não' } as const;
  const cancelled = (number: number, change: Partial<LedgerEntry> = {}) =>
    entryOf(number, {
      status: 'rejected',
      owner: 0,
      processor: null,
      requestedAtMs: action.atMs,
      attempts: 0,
      reason: 'cancelled by an operator: ordered twice, não',
      ...change,
    });
  const cancellation = (number: number, amountCents: number | null = null) => ({
    correlationId: id(number),
    amountCents,
  });

  check('what was not dispatched is cancelled, once, and never claimed again', async (ledger) => {
    const [http, owner, successor] = [await acquire(ledger), await acquire(ledger), await acquire(ledger)];
    const reserved = { processor: null, requestedAtMs: 0 };
    await claim(ledger, http, claimOf(1, reserved), claimOf(3, reserved));
    await claim(ledger, owner, claimOf(2, reserved));
    const payments = [cancellation(1), cancellation(2, 1990), cancellation(4, 1990)];
    assert.equal(await must(ledger.cancel(action, payments)), ['cancelled', 'cancelled', 'cancelled']);
    assert.equal(await find(ledger, 1), cancelled(1));
    assert.equal(await find(ledger, 2), cancelled(2));
    assert.equal(await find(ledger, 4), cancelled(4, { acceptedAtMs: action.atMs }));
    const later = { ...action, atMs: action.atMs + 5, why: 'again' };
    assert.equal(
      await must(ledger.cancel(later, payments)),
      payments.map(() => 'cancelled-before' as const),
    );
    assert.equal(
      await claim(ledger, owner, claimOf(1), claimOf(2), claimOf(3), claimOf(4), claimOf(4, reserved)),
      ['known', 'known', 'claimed', 'known', 'known'],
    );
    assert.equal(numbersOfEntries(await walkState(ledger, 'rejected', 10)), [1, 2, 4]);
    assert.equal(numbersOfEntries(await walkState(ledger, 'open', 10)), [3]);
    assert.equal(
      byId(await must(ledger.takeOver(owner, successor, 10))).map(({ correlationId }) => correlationId),
      [id(3)],
    );
    assert.equal(await must(ledger.takeOver(http, successor, 10)), [], 'it holds none of them');
    await must(ledger.upkeep(T0_MS + 3_600_000, 60_000));
    assert.equal(
      await claim(ledger, successor, claimOf(1), claimOf(4)),
      ['known', 'known'],
      'it is never forgotten',
    );
    const ids = [1, 2, 4].map(id);
    // A row for each shard.
    const logged = await must(ledger.actions());
    assert.equal(logged.flatMap(({ payments: done }) => done).sort(), ids);
    for (const { payments: _, ...done } of logged) assert.equal(done, action);
    assert.equal((await must(ledger.size())).payments, 4);
    const again = ids.map((correlationId) => ({ correlationId, attempts: 1 }));
    const reopening = { ...action, what: 'send-again' } as const;
    assert.equal(
      await must(ledger.reopen(successor, reopening, again)),
      ids.map(() => 'final' as const),
    );
    assert.equal(await everything(ledger), [
      { count: 0, amountCents: 0 },
      { count: 0, amountCents: 0 },
    ]);
  });

  check('a cancel that is refused changes nothing', async (ledger) => {
    const owner = await acquire(ledger);
    await claim(ledger, owner, claimOf(1), claimOf(2), claimOf(3), claimOf(4, { processor: null }));
    await settle(ledger, owner, settlementOf(2), settlementOf(3, { status: 'rejected', reason: 'no' }));
    const before = byId(await walk(ledger, -Infinity, Infinity, 10));
    const payments = [cancellation(1), cancellation(2), cancellation(3), cancellation(4, 7), cancellation(5)];
    assert.equal(await must(ledger.cancel(action, payments)), [
      'dispatched',
      'finished',
      'finished',
      'other-amount',
      'unknown',
    ]);
    await must(ledger.setBooksStatus({ kind: 'behind', sinceMs: T0_MS, detail: 'a copy' }));
    assert.is((await ledger.cancel(action, [cancellation(4)])).kind, 'unavailable');
    await must(ledger.setBooksStatus(IN_USE));
    assert.equal(byId(await walk(ledger, -Infinity, Infinity, 10)), before);
    assert.equal(await must(ledger.actions()), []);
    assert.equal(await settle(ledger, owner, settlementOf(1)), ['recorded']);
  });

  check('what was sent before, and has another amount, is cancelled with its story', async (ledger) => {
    const [owner, operator] = [await acquire(ledger), await acquire(ledger)];
    await claim(ledger, owner, claimOf(1, { why: 'probe' }));
    await settle(ledger, owner, settlementOf(1, { status: 'rejected', reason: 'no', outcome: 'rejected' }));
    await claim(ledger, owner, claimOf(1, { amountCents: 7 }));
    const reopening = { ...action, what: 'send-again' } as const;
    await must(ledger.reopen(operator, reopening, [{ correlationId: id(1), attempts: 1 }]));
    assert.equal(await must(ledger.cancel(action, [cancellation(1, 1990)])), ['cancelled']);
    const attempt = {
      processorName: 'default',
      requestedAtMs: T0_MS + 5,
      why: 'probe',
      outcome: 'rejected',
    } as const;
    assert.equal(
      await find(ledger, 1),
      cancelled(1, { attempts: 1, conflictingAmountCents: 7, story: { ...NO_STORY, earlier: [attempt] } }),
    );
    assert.equal(await claim(ledger, operator, claimOf(1)), ['known']);
    assert.equal((await must(ledger.owners())).length, 2);
    await must(ledger.releaseLease(operator));
    assert.equal((await must(ledger.owners())).length, 1, 'it has nothing left');
  });
}

function registerIndexedPages(check: Check): void {
  check('what is open, and what was rejected, is found by itself', async (ledger) => {
    const [one, other] = [await acquire(ledger), await acquire(ledger)];
    await claim(
      ledger,
      one,
      ...[1, 2, 3, 4].map((number) => claimOf(number)),
      claimOf(5, { processor: null }),
    );
    await claim(ledger, other, ...[6, 7, 8].map((number) => claimOf(number)));
    assert.equal(await walkState(ledger, 'rejected', 10), []);
    await settle(ledger, one, settlementOf(1), settlementOf(2, { status: 'rejected', reason: 'no' }));
    await settle(ledger, other, settlementOf(7, { status: 'rejected', reason: 'never' }));
    for (const limit of [1, 2, 100]) {
      assert.equal(numbersOfEntries(await walkState(ledger, 'open', limit)), [3, 4, 5, 6, 8]);
      assert.equal(numbersOfEntries(await walkState(ledger, 'rejected', limit)), [2, 7]);
    }
    const rejected = byId(await walkState(ledger, 'rejected', 100));
    assert.equal(
      rejected.map(({ reason }) => reason),
      ['no', 'never'],
    );
    const open = byId(await walkState(ledger, 'open', 100));
    assert.equal(
      open.map(({ owner }) => owner),
      [one, one, one, other, other],
    );
  });

  check(
    'a payment that stays open comes once, also if another owner takes it over meanwhile',
    async (ledger) => {
      const numbers = Array.from({ length: 30 }, (_, index) => index);
      const [first, second, third] = [await acquire(ledger), await acquire(ledger), await acquire(ledger)];
      await claim(ledger, second, ...numbers.map((number) => claimOf(number)));
      const walked: LedgerEntry[] = [];
      let after: string | null = '';
      for (let page = 0; after !== null; page++) {
        const { entries, next }: LedgerPage = await must(ledger.pageOf('open', after, 4));
        assert.ok(entries.length <= 4);
        walked.push(...entries);
        after = next;
        if (page === 1) await must(ledger.takeOver(second, first, 20));
        if (page === 3) await must(ledger.takeOver(second, third, 20));
      }
      assert.equal(numbersOfEntries(walked), numbers);
    },
  );

  check('what a purge or folding removes is not found', async (ledger) => {
    const owner = await acquire(ledger);
    await claim(ledger, owner, claimOf(1), claimOf(2), claimOf(3));
    await settle(ledger, owner, settlementOf(1, { status: 'rejected', reason: 'no' }), settlementOf(2));
    while (await must(ledger.upkeep(T0_MS + 3_600_000, 60_000)));
    assert.equal(await walkState(ledger, 'rejected', 10), []);
    assert.equal(numbersOfEntries(await walkState(ledger, 'open', 10)), [3]);
    await must(ledger.purge(T0_MS + 10));
    assert.equal(await walkState(ledger, 'open', 10), []);
  });
}

async function walkState(ledger: Shard, state: IndexedState, limit: number): Promise<LedgerEntry[]> {
  const walked: LedgerEntry[] = [];
  let after: string | null = '';
  while (after !== null) {
    const page: LedgerPage = await must(ledger.pageOf(state, after, limit));
    assert.ok(page.entries.length <= limit);
    walked.push(...page.entries);
    after = page.next;
  }
  return walked;
}

function numbersOfEntries(entries: readonly LedgerEntry[]): number[] {
  return byId([...entries]).map(({ correlationId }) => Number.parseInt(correlationId.slice(-6), 16));
}

async function walk(ledger: Shard, fromMs: number, toMs: number, limit: number): Promise<LedgerEntry[]> {
  const walked: LedgerEntry[] = [];
  let after: string | null = '';
  while (after !== null) {
    const page: LedgerPage = await must(ledger.page(fromMs, toMs, after, limit));
    assert.ok(page.entries.length <= limit);
    walked.push(...page.entries);
    after = page.next;
  }
  return walked;
}

function registerPurges(check: Check): void {
  check('a purge empties the books, and keeps owners and health', async (ledger) => {
    const owner = await acquire(ledger);
    await claim(ledger, owner, claimOf(1), claimOf(2), claimOf(3, { processor: null, requestedAtMs: 0 }));
    await settle(ledger, owner, settlementOf(1));
    await must(ledger.takeHealthTurn(0, 0));
    await must(ledger.purge(T0_MS + 10));
    for (const number of [1, 2, 3]) assert.is(await find(ledger, number), undefined);
    assert.equal(await everything(ledger), [
      { count: 0, amountCents: 0 },
      { count: 0, amountCents: 0 },
    ]);
    assert.equal(await must(ledger.owners()), [{ owner, ...WORKER, leaseUntilMs: FOREVER_MS }]);
    assert.is((await must(ledger.takeHealthTurn(0, 0))).isTaken, false);
    assert.is(await must(ledger.renewLease(owner, FOREVER_MS)), true);
  });

  check('payments in flight do not come back after a purge', async (ledger) => {
    const owner = await acquire(ledger);
    await claim(ledger, owner, claimOf(1), claimOf(2));
    await settle(ledger, owner, settlementOf(2));
    await must(ledger.purge(T0_MS + 1));
    assert.equal(await settle(ledger, owner, settlementOf(1), settlementOf(2)), ['fenced', 'fenced']);
    const old = [claimOf(1), claimOf(3), claimOf(4, { processor: null, requestedAtMs: 0 })];
    assert.equal(await claim(ledger, owner, ...old), ['purged', 'purged', 'purged']);
    const young = [claimOf(5, { acceptedAtMs: T0_MS + 1 }), claimOf(1, { acceptedAtMs: T0_MS + 2 })];
    assert.equal(await claim(ledger, owner, ...young), ['claimed', 'claimed'], 'a new entry');
    assert.equal(await settle(ledger, owner, settlementOf(1)), ['recorded']);
    assert.equal((await everything(ledger))[0], { count: 1, amountCents: 1990 });
    assert.equal(
      await claim(ledger, owner, claimOf(1)),
      ['known'],
      'a known payment is not checked for its age',
    );
  });

  check('after a purge there is nothing to take over, and owners can be released', async (ledger) => {
    const [dead, successor, other] = [await acquire(ledger), await acquire(ledger), await acquire(ledger)];
    await claim(ledger, dead, claimOf(1), claimOf(2));
    await claim(ledger, other, claimOf(3));
    await must(ledger.takeOver(dead, successor, 1));
    await must(ledger.purge(T0_MS + 1));
    assert.equal(await must(ledger.takeOver(dead, successor, 10)), []);
    await must(ledger.releaseLease(other));
    await must(ledger.releaseLease(successor));
    assert.equal(await numbersOf(ledger), []);
  });

  check('a purge by a clock that is a year ahead does not affect later payments', async (ledger) => {
    const owner = await acquire(ledger);
    await must(ledger.purge(T0_MS + 365 * 24 * 3_600_000));
    const reserved = claimOf(2, { processor: null, requestedAtMs: 0 });
    assert.equal(await claim(ledger, owner, claimOf(1), reserved), ['claimed', 'claimed']);
    const late = { acceptedAtMs: T0_MS, requestedAtMs: T0_MS + 365 * 24 * 3_600_000 };
    assert.equal(await claim(ledger, owner, claimOf(3, late)), ['purged'], 'while the clock is ahead');
  });

  check('the later of two purges counts, and the earlier one still empties the books', async (ledger) => {
    const owner = await acquire(ledger);
    await must(ledger.purge(T0_MS + 10));
    await claim(ledger, owner, claimOf(1, { acceptedAtMs: T0_MS + 10 }));
    await must(ledger.purge(T0_MS + 5));
    assert.is(await find(ledger, 1), undefined);
    const claims = [claimOf(2, { acceptedAtMs: T0_MS + 9 }), claimOf(3, { acceptedAtMs: T0_MS + 10 })];
    assert.equal(await claim(ledger, owner, ...claims), ['purged', 'claimed']);
  });
}

function registerFolding(check: Check): void {
  const minuteMs = 60_000;
  const dayMs = 86_400_000;
  const settledAt = async (ledger: Shard, owner: number, number: number, requestedAtMs: number) => {
    const acceptedAtMs = Math.min(T0_MS, requestedAtMs);
    await claim(ledger, owner, claimOf(number, { requestedAtMs, acceptedAtMs }));
    await settle(ledger, owner, settlementOf(number, { requestedAtMs }));
  };

  check('folding forgets finished payments, keeps open ones, and no total changes', async (ledger) => {
    const owner = await acquire(ledger);
    await settledAt(ledger, owner, 1, T0_MS + 1);
    await settledAt(ledger, owner, 2, T0_MS + minuteMs - 1);
    await settledAt(ledger, owner, 3, T0_MS + minuteMs);
    await claim(ledger, owner, claimOf(4), claimOf(5, { processor: null }), claimOf(6));
    await settle(ledger, owner, settlementOf(6, { status: 'rejected', reason: 'no' }));
    const before = await everything(ledger);
    await foldAll(ledger, T0_MS + 2 * minuteMs + 59_999, minuteMs);
    assert.equal(await everything(ledger), before);
    for (const number of [1, 2, 6]) assert.is(await find(ledger, number), undefined);
    for (const number of [3, 4, 5]) assert.ok((await find(ledger, number)) !== undefined);
    assert.is((await sumsIn(ledger, T0_MS, T0_MS + minuteMs - 1))[0]?.count, 2);
    assert.is((await sumsIn(ledger, T0_MS, T0_MS + minuteMs))[0]?.count, 3);
    assert.is((await sumsIn(ledger, T0_MS - 3_600_000, T0_MS + minuteMs + 1))[0]?.count, 3);
    assert.equal(await claim(ledger, owner, claimOf(1), claimOf(3, { requestedAtMs: T0_MS + minuteMs })), [
      'claimed',
      'known',
    ]);
    assert.equal(await settle(ledger, owner, settlementOf(4), settlementOf(2)), ['recorded', 'fenced']);
    assert.is((await sumsIn(ledger, T0_MS, T0_MS + minuteMs - 1))[0]?.count, 3, 'settled late');
  });

  check('a bound within a folded unit is refused, never answered with a wrong sum', async (ledger) => {
    const owner = await acquire(ledger);
    await settledAt(ledger, owner, 1, T0_MS + 500);
    const nowMs = T0_MS + 5 * minuteMs;
    await foldAll(ledger, nowMs, minuteMs);
    const folded = foldable(nowMs, minuteMs);
    assert.is(folded.secondsMs, T0_MS + 4 * minuteMs);
    const answer = async (fromMs: number, toMs: number) => {
      const reply = await ledger.summary(fromMs, toMs);
      return reply.kind === 'too-fine' ? reply.bound : reply.kind;
    };
    assert.equal(await ledger.summary(T0_MS + 1, Infinity), { kind: 'too-fine', bound: 'from', folded });
    assert.equal(await ledger.summary(T0_MS, T0_MS + 500), { kind: 'too-fine', bound: 'to', folded });
    assert.is(await answer(T0_MS, T0_MS + minuteMs), 'to', 'one millisecond of the next minute');
    assert.is(await answer(T0_MS + 4 * minuteMs - 1, Infinity), 'from');
    assert.is(await answer(T0_MS + 4 * minuteMs + 1, T0_MS + 4 * minuteMs + 2), 'ok');
    assert.is(await answer(T0_MS, T0_MS + 4 * minuteMs), 'ok');
    assert.is(await answer(T0_MS + 2, T0_MS + 1), 'ok', 'an empty window');
    assert.is(await answer(-Infinity, Infinity), 'ok');
  });

  check('minutes are folded into hours after 400 days', async (ledger) => {
    const owner = await acquire(ledger);
    await settledAt(ledger, owner, 1, T0_MS + 500);
    await settledAt(ledger, owner, 2, T0_MS + 3_600_000 + 90_000);
    const nowMs = T0_MS + 400 * dayMs + 3_600_000;
    await foldAll(ledger, nowMs, dayMs);
    const folded = { secondsMs: T0_MS + 399 * dayMs + 3_600_000, minutesMs: T0_MS + 3_600_000 };
    const reply = await ledger.summary(T0_MS + minuteMs, Infinity);
    assert.equal(reply, { kind: 'too-fine', bound: 'from', folded });
    assert.is((await sumsIn(ledger, T0_MS, T0_MS + 3_599_999))[0]?.count, 1);
    assert.is((await sumsIn(ledger, T0_MS, T0_MS + 3_600_000 + 119_999))[0]?.count, 2);
    assert.is((await sumsIn(ledger, T0_MS + 3_660_000, Infinity))[0]?.count, 1);
  });

  check('a charge that settles in folded time is counted in the units that are left', async (ledger) => {
    const owner = await acquire(ledger);
    await claim(ledger, owner, claimOf(1), claimOf(2, { acceptedAtMs: T0_MS - dayMs }));
    await foldAll(ledger, T0_MS + 401 * dayMs, dayMs);
    assert.equal(await settle(ledger, owner, settlementOf(1)), ['recorded']);
    const stamp = { requestedAtMs: T0_MS + 380 * dayMs + 59_000 };
    assert.equal(await settle(ledger, owner, settlementOf(2, stamp)), ['recorded']);
    assert.is((await everything(ledger))[0]?.count, 2);
    assert.is((await sumsIn(ledger, T0_MS, T0_MS + 3_599_999))[0]?.count, 1);
    const minute = T0_MS + 380 * dayMs;
    assert.is((await sumsIn(ledger, minute, minute + 59_999))[0]?.count, 1);
  });

  check(
    'a forgotten id whose processor answers with its first charge is not counted twice',
    async (ledger) => {
      const owner = await acquire(ledger);
      await settledAt(ledger, owner, 1, T0_MS + 5);
      await foldAll(ledger, T0_MS + 10 * minuteMs, minuteMs);
      const againMs = T0_MS + 10 * minuteMs + 5;
      assert.equal(
        await claim(ledger, owner, claimOf(1, { acceptedAtMs: againMs, requestedAtMs: againMs })),
        ['claimed'],
      );
      assert.equal(await settle(ledger, owner, settlementOf(1)), ['recorded']);
      assert.is((await find(ledger, 1))?.status, 'settled');
      assert.is((await everything(ledger))[0]?.count, 1);
    },
  );

  check('a new payment that a wrong clock has stamped in folded time is counted', async (ledger) => {
    const owner = await acquire(ledger);
    await foldAll(ledger, T0_MS + 10 * minuteMs, minuteMs);
    const times = { acceptedAtMs: T0_MS + 10 * minuteMs, requestedAtMs: 5 };
    assert.equal(await claim(ledger, owner, claimOf(1, times)), ['claimed']);
    assert.equal(await settle(ledger, owner, settlementOf(1, { requestedAtMs: 5 })), ['recorded']);
    assert.is((await everything(ledger))[0]?.count, 1);
  });

  check('the books never unfold, and a purge begins anew', async (ledger, desk) => {
    const other = await desk.connect();
    const owner = await acquire(ledger);
    await foldAll(ledger, T0_MS + 10 * minuteMs, minuteMs);
    await foldAll(other, T0_MS + 5 * minuteMs, minuteMs);
    const reply = await other.summary(T0_MS + 9 * minuteMs - 1, Infinity);
    assert.is(reply.kind, 'too-fine');
    await must(other.purge(T0_MS));
    assert.is((await ledger.summary(T0_MS + 1, Infinity)).kind, 'ok');
    await settledAt(ledger, owner, 1, T0_MS + 5);
    assert.is((await sumsIn(ledger, T0_MS + 5, T0_MS + 5))[0]?.count, 1);
    await foldAll(other, T0_MS + 5 * minuteMs, minuteMs);
    assert.is(await find(ledger, 1), undefined);
    assert.is((await everything(ledger))[0]?.count, 1);
  });

  check('many payments are folded in steps, by any connection', async (ledger, desk) => {
    const other = await desk.connect();
    const owner = await acquire(ledger);
    const count = 2500;
    for (let first = 0; first < count; first += 250) {
      const numbers = Array.from({ length: 250 }, (_, index) => first + index);
      const stamps = numbers.map((number) => ({ requestedAtMs: T0_MS + number * 1000 }));
      await claim(ledger, owner, ...numbers.map((number, index) => claimOf(number, stamps[index])));
      await settle(ledger, owner, ...numbers.map((number, index) => settlementOf(number, stamps[index])));
    }
    const nowMs = T0_MS + 30 * minuteMs;
    let steps = 0;
    while (await must((steps % 2 === 0 ? ledger : other).upkeep(nowMs, minuteMs))) {
      steps++;
      assert.is((await everything(ledger))[0]?.count, count);
    }
    const kept = byId(await walk(ledger, -Infinity, Infinity, 100)).map(({ requestedAtMs }) => requestedAtMs);
    assert.is(kept.length, count - 29 * 60);
    assert.is(Math.min(...kept), T0_MS + 29 * minuteMs);
    assert.is((await sumsIn(ledger, T0_MS, T0_MS + 29 * minuteMs - 1))[0]?.count, 29 * 60);
    assert.is((await sumsIn(ledger, T0_MS + 29 * minuteMs + 1, Infinity))[0]?.count, count - 29 * 60 - 1);
  });

  check('turns to fold are taken by one', async (ledger, desk) => {
    const other = await desk.connect();
    assert.equal(await must(ledger.takeUpkeepTurn(0)), { turn: 1, isTaken: true });
    assert.equal(await must(other.takeUpkeepTurn(0)), { turn: 1, isTaken: false });
    assert.equal(await must(other.takeUpkeepTurn(1)), { turn: 2, isTaken: true });
  });
}

function registerHealth(check: Check): void {
  check('one health turn at a time for each processor', async (ledger, desk) => {
    const other = await desk.connect();
    assert.equal(await must(ledger.takeHealthTurn(0, 0)), { turn: 1, isTaken: true });
    assert.equal(await must(other.takeHealthTurn(0, 0)), { turn: 1, isTaken: false });
    assert.equal(
      await must(ledger.takeHealthTurn(0, 0)),
      { turn: 1, isTaken: false },
      'not even for the one that took it',
    );
    assert.equal(await must(other.takeHealthTurn(1, 0)), { turn: 1, isTaken: true });
    assert.equal(await must(other.takeHealthTurn(0, 1)), { turn: 2, isTaken: true });
    assert.equal(await must(ledger.takeHealthTurn(0, 1)), { turn: 2, isTaken: false });
  });

  check('turns continue after the times that earlier versions stored', async (ledger) => {
    assert.equal(await must(ledger.takeHealthTurn(0, T0_MS)), { turn: T0_MS + 1, isTaken: true });
    assert.equal(await must(ledger.takeHealthTurn(0, 0)), { turn: T0_MS + 1, isTaken: false });
    assert.equal(await must(ledger.takeHealthTurn(0, T0_MS + 1)), { turn: T0_MS + 2, isTaken: true });
  });

  check('when many ask at once one gets the turn', async (ledger, desk) => {
    const other = await desk.connect();
    const asked = [ledger, other, ledger, other, ledger, other];
    const turns = await Promise.all(asked.map((each) => must(each.takeHealthTurn(0, 0))));
    assert.is(turns.filter(({ isTaken }) => isTaken).length, 1);
  });

  check('a health report does not change the turn', async (ledger) => {
    await must(ledger.publishHealth(reportOf(0)));
    assert.equal(await must(ledger.takeHealthTurn(0, 0)), { turn: 1, isTaken: true });
    await must(ledger.publishHealth(reportOf(0)));
    assert.equal(await must(ledger.takeHealthTurn(0, 0)), { turn: 1, isTaken: false });
  });
}

function reportOf(processor: number, change: Partial<HealthReport> = {}): HealthReport {
  return { processor, failing: false, minResponseTimeMs: 120, checkedAtMs: T0_MS + 1, ...change };
}

function registerEvents(check: Check): void {
  check('events of one connection reach the other', async (ledger, desk) => {
    const other = await desk.connect();
    const heard: LedgerEvent[] = [];
    const unsubscribe = await must(other.subscribe((event) => heard.push(event)));
    assert.equal(heard, [], 'nothing has happened yet');
    const report = reportOf(1, { failing: true, minResponseTimeMs: 0 });
    await must(ledger.publishHealth(report));
    await until('the events are heard', EVENT_DEADLINE_MS, () => heard.length === 1);
    assert.equal(heard, [{ kind: 'health', report }]);
    await must(ledger.purge(T0_MS + 3));
    await until('the events are heard', EVENT_DEADLINE_MS, () => heard.length === 2);
    assert.equal(heard[1], { kind: 'purged', purgedAtMs: T0_MS + 3 });
    const later = reportOf(1, { checkedAtMs: T0_MS + 5001 });
    await must(ledger.publishHealth(later));
    await until('the events are heard', EVENT_DEADLINE_MS, () => heard.length === 3);
    assert.equal(heard[2], { kind: 'health', report: later });
    unsubscribe();
  });

  check('a subscriber first gets the current state', async (ledger, desk) => {
    const [first, second] = [reportOf(0), reportOf(0, { minResponseTimeMs: 5, checkedAtMs: T0_MS + 9 })];
    await must(ledger.publishHealth(first));
    await must(ledger.publishHealth(second));
    await must(ledger.purge(T0_MS + 3));
    const other = await desk.connect();
    const heard: LedgerEvent[] = [];
    const unsubscribe = await must(other.subscribe((event) => heard.push(event)));
    await until('the events are heard', EVENT_DEADLINE_MS, () => heard.length >= 2);
    assert.equal(
      heard.find((event) => event.kind === 'health'),
      { kind: 'health', report: second },
    );
    assert.equal(
      heard.find((event) => event.kind === 'purged'),
      { kind: 'purged', purgedAtMs: T0_MS + 3 },
    );
    unsubscribe();
  });

  check('both subscribers get events, and an ended subscription gets none', async (ledger, desk) => {
    const other = await desk.connect();
    const [left, stayed]: [LedgerEvent[], LedgerEvent[]] = [[], []];
    const leave = await must(other.subscribe((event) => left.push(event)));
    const stay = await must(other.subscribe((event) => stayed.push(event)));
    leave();
    leave();
    await must(ledger.publishHealth(reportOf(0)));
    await until('the events are heard', EVENT_DEADLINE_MS, () => stayed.length > 0);
    assert.equal(left, []);
    stay();
  });

  check('closing a ledger ends its subscriptions', async (ledger, desk) => {
    const [closing, staying] = [await desk.connect(), await desk.connect()];
    const [heard, heardByOther]: [LedgerEvent[], LedgerEvent[]] = [[], []];
    await must(closing.subscribe((event) => heard.push(event)));
    await closing.close();
    await must(staying.subscribe((event) => heardByOther.push(event)));
    for (const round of [1, 2, 3]) {
      await must(ledger.publishHealth(reportOf(0)));
      await until('the events are heard', EVENT_DEADLINE_MS, () => heardByOther.length >= round);
    }
    assert.equal(heard, []);
  });
}

/** Waits for an effect of another connection. The deadline only matters for a failing test. */
function registerConnections(check: Check): void {
  check('two connections see the same books', async (ledger, desk) => {
    const other = await desk.connect();
    const owner = await acquire(ledger);
    assert.equal(await claim(other, owner, claimOf(1)), ['claimed']);
    assert.equal(await find(ledger, 1), entryOf(1, { owner }));
    assert.equal(await settle(ledger, owner, settlementOf(1)), ['recorded']);
    assert.equal((await everything(other))[0], { count: 1, amountCents: 1990 });
    for (let number = 2; number < 30; number++) {
      await claim(ledger, owner, claimOf(number));
      await settle(ledger, owner, settlementOf(number));
      assert.is(
        (await everything(other))[0]?.count,
        number,
        'a summary includes a commit that was just answered',
      );
    }
  });

  check('processors are identified by name, whatever their order', async (ledger, desk) => {
    const owner = await acquire(ledger);
    await claim(ledger, owner, claimOf(1), claimOf(2, { processor: 1 }), claimOf(3, { processor: 1 }));
    await settle(ledger, owner, settlementOf(1), settlementOf(2, { processor: 1, amountCents: 7 }));
    await must(ledger.takeHealthTurn(1, 0));
    await must(ledger.publishHealth(reportOf(1)));
    const other = await desk.connect('third', 'fallback', 'default');
    assert.equal(await everything(other), [
      { count: 0, amountCents: 0 },
      { count: 1, amountCents: 7 },
      { count: 1, amountCents: 1990 },
    ]);
    assert.is((await find(other, 1))?.processor, 2);
    assert.is((await find(other, 3))?.processor, 1);
    assert.equal(await settle(other, owner, settlementOf(3, { processor: 0 })), ['recorded']);
    assert.is((await find(ledger, 3))?.processor, null, 'this connection has no third processor');
    assert.is((await must(other.takeHealthTurn(1, 0))).isTaken, false);
    assert.is((await must(other.takeHealthTurn(2, 0))).isTaken, true);
    const heard: LedgerEvent[] = [];
    const unsubscribe = await must(other.subscribe((event) => heard.push(event)));
    await until('the events are heard', EVENT_DEADLINE_MS, () => heard.length > 0);
    assert.equal(heard, [{ kind: 'health', report: reportOf(1) }]);
    unsubscribe();
  });

  check('the books outlive every connection', async (ledger, desk) => {
    const owner = await acquire(ledger);
    await claim(ledger, owner, claimOf(1), claimOf(2));
    await settle(ledger, owner, settlementOf(1));
    await must(ledger.purge(0));
    await claim(ledger, owner, claimOf(1), claimOf(2));
    await settle(ledger, owner, settlementOf(1));
    await must(ledger.takeHealthTurn(0, 0));
    await ledger.close();
    const reopened = await desk.connect();
    assert.equal(await find(reopened, 1), entryOf(1, { status: 'settled' }));
    assert.equal(await find(reopened, 2), entryOf(2, { owner }));
    assert.equal((await everything(reopened))[0], { count: 1, amountCents: 1990 });
    assert.equal(await numbersOf(reopened), [owner]);
    assert.is((await must(reopened.takeHealthTurn(0, 0))).isTaken, false);
    assert.ok((await acquire(reopened)) > owner);
  });

  check('ping answers, and a closed ledger says that it is closed', async (ledger) => {
    await must(ledger.ping());
    const owner = await acquire(ledger);
    await ledger.close();
    await ledger.close();
    const answers: (Reply<unknown> | NoSum)[] = [
      await ledger.ping(),
      await ledger.commit(owner, [], [claimOf(1)]),
      await ledger.summary(0, 1),
      await ledger.stranded(0),
      await ledger.find(id(1)),
      await ledger.page(0, 1, '', 1),
      await ledger.pageOf('open', '', 1),
      await ledger.acquireLease(WORKER, 1),
      await ledger.subscribe(() => {}),
    ];
    for (const answer of answers) assert.is(answer.kind, 'unavailable');
  });
}

type Step =
  | { readonly kind: 'acquireLease'; readonly leaseUntilMs: number }
  | { readonly kind: 'renewLease'; readonly owner: number; readonly leaseUntilMs: number }
  | { readonly kind: 'releaseLease'; readonly owner: number }
  | { readonly kind: 'takeOver'; readonly from: number; readonly to: number; readonly ifExpiredAtMs: number }
  | {
      readonly kind: 'commit';
      readonly owner: number;
      readonly settlements: readonly Settlement[];
      readonly claims: readonly Claim[];
    }
  | { readonly kind: 'summary'; readonly fromMs: number; readonly toMs: number }
  | { readonly kind: 'fold'; readonly nowMs: number; readonly retentionMs: number }
  | { readonly kind: 'purge'; readonly purgedAtMs: number }
  | { readonly kind: 'restoreFolded'; readonly folded: Folded; readonly totals: readonly UnitTotals[] }
  | { readonly kind: 'cancel'; readonly atMs: number; readonly payments: readonly Cancellation[] }
  | { readonly kind: 'hold'; readonly atMs: number; readonly payments: readonly NamedPayment[] }
  | { readonly kind: 'release'; readonly owner: number; readonly payments: readonly NamedPayment[] }
  | {
      readonly kind: 'restoreEntries';
      readonly owner: number;
      readonly entries: readonly RestoredEntry[];
      readonly isFrozen: boolean;
    };

interface History {
  readonly steps: readonly { readonly connection: number; readonly step: Step }[];
}

/** Ids, stamps and owners come from small sets, so that they repeat. Owners are numbered in the order of their leases. */
function arbitraryHistory(): fc.Arbitrary<History> {
  const number = fc.integer({ min: 0, max: 11 });
  const owner = fc.integer({ min: 0, max: 4 });
  const amountCents = fc.constantFrom(1990, 1990, 1990, 1990, 5);
  const stampMs = fc.constantFrom(0, 1, 999, 1000, 59_999, 3_600_000, 90_000_000).map((ms) => T0_MS + ms);
  const recentMs = fc.constantFrom(0, 1, 1, 2, 2, 2).map((ms) => T0_MS + ms);
  const foldedMs = fc
    .constantFrom(0, 60_000, 120_000, 3_660_000, 401 * 86_400_000, 402 * 86_400_000)
    .map((ms) => T0_MS + ms);
  const processor = fc.integer({ min: 0, max: 1 });
  const claims = fc.array(
    fc.record({
      correlationId: number.map(id),
      amountCents,
      acceptedAtMs: recentMs,
      processor: fc.option(processor, { freq: 4 }),
      requestedAtMs: stampMs,
      why: fc.constantFrom(...ATTEMPT_REASONS),
      before: fc.record({ requestedAtMs: stampMs, outcome: fc.constantFrom(...ATTEMPT_OUTCOMES) }),
    }),
    { maxLength: 8 },
  );
  const settlements = fc.array(
    fc.record({
      correlationId: number.map(id),
      status: fc.constantFrom('settled', 'settled', 'settled', 'rejected'),
      processor,
      amountCents: fc.integer({ min: 1, max: 1_000_000 }),
      requestedAtMs: stampMs,
      reason: fc.string({ maxLength: 20 }),
      outcome: fc.constantFrom(...ATTEMPT_OUTCOMES),
    }) as fc.Arbitrary<Settlement>,
    { maxLength: 8 },
  );
  const named = fc.array(fc.record({ correlationId: number.map(id) }), { maxLength: 4 });
  const how = { why: fc.constantFrom(...ATTEMPT_REASONS), outcome: fc.constantFrom(...ATTEMPT_OUTCOMES) };
  const earlier = fc.record(
    {
      processorName: fc.constantFrom(...NAMES),
      requestedAtMs: stampMs,
      ...how,
    },
    { noNullPrototype: true },
  );
  const restored = fc
    .record({
      correlationId: number.map(id),
      amountCents,
      acceptedAtMs: recentMs,
      status: fc.constantFrom('accepted', 'held', 'dispatched', 'settled', 'rejected'),
      processor,
      requestedAtMs: stampMs,
      attempts: fc.integer({ min: 1, max: 3 }),
      story: fc.record({ ...how, earlier: fc.array(earlier, { maxLength: 10 }) }, { noNullPrototype: true }),
      reason: fc.string({ maxLength: 20 }),
      conflictingAmountCents: fc.constantFrom(null, null, 7),
      chargedCents: fc.option(fc.integer({ min: 1, max: 1_000_000 }), { freq: 8 }),
    })
    .map((entry) => {
      if (entry.status === 'held' && entry.attempts === 1)
        return { ...entry, ...NEVER_SENT, amountCents: 0, conflictingAmountCents: null };
      return entry.status === 'accepted' || entry.status === 'held' ? { ...entry, ...NEVER_SENT } : entry;
    }) as fc.Arbitrary<RestoredEntry>;
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('acquireLease'), leaseUntilMs: stampMs }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('renewLease'), owner, leaseUntilMs: stampMs }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('releaseLease'), owner }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('takeOver'),
        from: owner,
        to: owner,
        ifExpiredAtMs: fc.oneof(stampMs, fc.constant(FOREVER_MS)),
      }),
    },
    { weight: 28, arbitrary: fc.record({ kind: fc.constant('commit'), owner, settlements, claims }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('summary'), fromMs: stampMs, toMs: stampMs }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('fold'),
        nowMs: foldedMs,
        retentionMs: fc.constantFrom(60_000, 3_600_000),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('purge'), purgedAtMs: recentMs }) },
    { weight: 2, arbitrary: arbitraryFolded() },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('cancel'),
        atMs: stampMs,
        payments: fc.array(
          fc.record({ correlationId: number.map(id), amountCents: fc.option(amountCents, { freq: 2 }) }),
          { maxLength: 4 },
        ),
      }),
    },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('hold'), atMs: stampMs, payments: named }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('release'), owner, payments: named }) },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('restoreEntries'),
        owner,
        entries: fc.uniqueArray(restored, {
          minLength: 1,
          maxLength: 8,
          selector: ({ correlationId }) => correlationId,
        }),
        isFrozen: fc.boolean(),
      }),
    },
  ) as fc.Arbitrary<Step>;
  const connection = fc.integer({ min: 0, max: 1 });
  const acquired: History['steps'] = [0, 1, 0].map((at) => ({
    connection: at,
    step: { kind: 'acquireLease', leaseUntilMs: FOREVER_MS },
  }));
  return fc
    .array(fc.record({ connection, step }), { minLength: 20, maxLength: 60 })
    .map((steps) => ({ steps: [...acquired, ...steps] }));
}

/** Totals of whole units before the time up to which other books were folded. */
function arbitraryFolded(): fc.Arbitrary<Step> {
  const hour = 3_600_000;
  return fc
    .record({
      minutes: fc.integer({ min: 1, max: 70 }),
      hours: fc.integer({ min: -3, max: 1 }),
      rows: fc.uniqueArray(
        fc.record({
          at: fc.integer({ min: -4 * 60, max: 60 }),
          name: fc.constantFrom(...NAMES),
          count: fc.integer({ min: 0, max: 5 }),
        }),
        { maxLength: 6, selector: ({ at, name }) => `${at} ${name}` },
      ),
    })
    .map(({ minutes, hours, rows }) => {
      const secondsMs = T0_MS + minutes * 60_000;
      const folded = { secondsMs, minutesMs: Math.min(T0_MS + hours * hour, unitStartMs(3, secondsMs)) };
      const all = rows.flatMap(({ at, name, count }) => {
        const atMs = T0_MS + at * 60_000;
        const unit = finestUnit(atMs, folded);
        const totals = { unit, startMs: unitStartMs(unit, atMs), name, count, amountCents: count * 7 };
        return unit === 0 ? [] : [totals];
      });
      const totals = [...new Map(all.map((each) => [unitKey(each), each])).values()];
      return { kind: 'restoreFolded', folded, totals } as const;
    });
}

/** Every answer that histories have to come across: one that none of them gets is not compared with the model. */
const ANSWERS = [
  ...['claimed', 'known', 'conflict', 'purged', 'fenced'].map((reply) => `claim ${reply}`),
  ...['recorded', 'fenced'].map((reply) => `settle ${reply}`),
  ...['restored', 'known', 'different', 'uncounted', 'forgotten'].map((reply) => `restoreEntries ${reply}`),
  ...['cancelled', 'cancelled-before', 'unknown', 'other-amount', 'dispatched', 'finished'].map(
    (reply) => `cancel ${reply}`,
  ),
  ...['held', 'awaited', 'held-before', 'dispatched', 'finished'].map((reply) => `hold ${reply}`),
  ...['released', 'not-held'].map((reply) => `release ${reply}`),
  ...['ok', 'too-fine'].map((kind) => `summary ${kind}`),
  'takeOver entries',
];

/** The answers to a step. */
function answersTo({ kind }: Step, answer: unknown): string[] {
  if (kind === 'commit') {
    const { settled, claimed } = answer as CommitReply;
    return [...settled.map((reply) => `settle ${reply}`), ...claimed.map((reply) => `claim ${reply}`)];
  }
  if (kind === 'summary') return [`summary ${(answer as SummaryReply).kind}`];
  if (kind === 'takeOver') return (answer as unknown[]).length > 0 ? ['takeOver entries'] : [];
  return Array.isArray(answer) ? answer.map((reply) => `${kind} ${reply}`) : [];
}

async function checkHistories(fresh: () => Promise<Books>): Promise<void> {
  const seen = new Set<string>();
  const property = fc.asyncProperty(arbitraryHistory(), (history) =>
    atDesk(fresh, ofEveryShard, async (ledger, desk) => {
      const store = new MemoryStore();
      // A released owner lives on where it has entries, and nowhere else: several shards differ from one there.
      const isComparable = ({ step }: History['steps'][number]) =>
        !(ledger instanceof EveryShard && step.kind === 'releaseLease');
      await replay(
        { steps: history.steps.filter(isComparable) },
        [
          { actual: ledger, model: new MemoryLedger(NAMES, store, MEMORY_OUTBOX) },
          {
            actual: await desk.connect('fallback', 'default'),
            model: new MemoryLedger(['fallback', 'default'], store, MEMORY_OUTBOX),
          },
        ],
        seen,
      );
    }),
  );
  await fc.assert(property, { numRuns: 60, seed: 2025, endOnFailure: true, includeErrorInReport: true });
  assert.equal(
    ANSWERS.filter((answer) => !seen.has(answer)),
    [],
    'no history got these answers',
  );
}

interface Pair {
  readonly actual: Shard;
  readonly model: Shard;
}

/** Runs one history on both and compares every answer, and then the complete contents. Notes the answers to its steps. */
async function replay(history: History, pairs: readonly Pair[], seen: Set<string>): Promise<void> {
  const owners: { readonly actual: number; readonly model: number }[] = [];
  const read = async (pair: Pair, step: Step) => {
    const actual = await play(pair.actual, step, (ordinal) => owners[ordinal]?.actual ?? 1_000_000);
    const model = await play(pair.model, step, (ordinal) => owners[ordinal]?.model ?? 1_000_000);
    if (step.kind === 'acquireLease') owners.push({ actual: actual as number, model: model as number });
    else assert.equal(actual, model, `${JSON.stringify(step)}`);
    for (const answer of answersTo(step, actual)) seen.add(answer);
  };
  for (const { connection, step } of history.steps) await read(pairs[connection] as Pair, step);
  for (const pair of pairs) {
    const ordinals = (side: keyof Pair) => new Map(owners.map((owner, ordinal) => [owner[side], ordinal]));
    assert.equal(
      await inventory(pair.actual, ordinals('actual')),
      await inventory(pair.model, ordinals('model')),
    );
    for (const fromMs of [-Infinity, T0_MS, T0_MS + 1, T0_MS + 1000, T0_MS + 60_000]) {
      for (const toMs of [T0_MS, T0_MS + 999, T0_MS + 59_999, T0_MS + 3_600_001, Infinity]) {
        await read(pair, { kind: 'summary', fromMs, toMs });
      }
    }
  }
}

async function play(ledger: Shard, step: Step, owner: (ordinal: number) => number): Promise<unknown> {
  switch (step.kind) {
    case 'acquireLease':
      return acquire(ledger, step.leaseUntilMs);
    case 'renewLease':
      return must(ledger.renewLease(owner(step.owner), step.leaseUntilMs));
    case 'releaseLease':
      return must(ledger.releaseLease(owner(step.owner)));
    case 'takeOver':
      return step.from === step.to
        ? []
        : takeAll(ledger, owner(step.from), owner(step.to), step.ifExpiredAtMs);
    case 'commit':
      return must(ledger.commit(owner(step.owner), step.settlements, step.claims));
    case 'summary':
      return ledger.summary(step.fromMs, step.toMs);
    case 'fold':
      return foldAll(ledger, step.nowMs, step.retentionMs);
    case 'purge':
      return must(ledger.purge(step.purgedAtMs));
    case 'restoreFolded':
      return restoreFolded(ledger, step);
    case 'cancel':
      return must(ledger.cancel({ what: 'cancel', atMs: step.atMs, by: '', why: '' }, step.payments));
    case 'hold':
      return must(ledger.hold({ what: 'hold', atMs: step.atMs, by: '', why: '' }, step.payments));
    case 'release': {
      const action = { what: 'release', atMs: T0_MS, by: '', why: '' } as const;
      const reply = await ledger.release(owner(step.owner), action, step.payments);
      return reply.kind === 'ok' ? reply.value : reply.kind;
    }
    case 'restoreEntries':
      return restore(ledger, owner(step.owner), step);
  }
}

/** Into books that are not folded beyond that themselves: a command empties books before it fills them. */
async function restoreFolded(
  ledger: Shard,
  { folded, totals }: Extract<Step, { kind: 'restoreFolded' }>,
): Promise<unknown> {
  const before = await must(ledger.foldedTime());
  if (before.folded.minutesMs > folded.minutesMs) return before.folded;
  await must(ledger.restoreFolded(folded, totals));
  await foldAll(ledger, 0, Infinity);
  const after = await must(ledger.foldedTime());
  const days = after.daysMs.map((dayMs) => must(ledger.foldedTotals(dayMs, after.folded)));
  return [after.folded, (await Promise.all(days)).flat()];
}

async function restore(
  ledger: Shard,
  owner: number,
  { entries, isFrozen }: Extract<Step, { kind: 'restoreEntries' }>,
): Promise<unknown> {
  if (isFrozen) await must(ledger.setBooksStatus({ kind: 'filling', sinceMs: T0_MS, detail: 'a test' }));
  const reply = await ledger.restoreEntries(owner, entries);
  if (isFrozen) await must(ledger.setBooksStatus(IN_USE));
  // An owner may have been taken over.
  return reply.kind === 'ok' ? reply.value : reply.kind;
}

/** The pages may differ; only their union is compared. */
async function takeAll(ledger: Shard, from: number, to: number, ifExpiredAtMs: number): Promise<unknown> {
  const taken: LedgerEntry[] = [];
  if (from === to) return taken;
  for (;;) {
    const page = await must(ledger.takeOver(from, to, 2, ifExpiredAtMs));
    assert.ok(page.length <= 2);
    taken.push(...page);
    if (page.length === 0) return byId(taken).map(({ owner: _, ...entry }) => entry);
  }
}

/** The events of each payment, in their order. */
function byPayment(events: readonly OutboxEvent[]): Map<string, unknown[]> {
  const found = new Map<string, unknown[]>();
  for (const event of events) {
    if (!('payment' in event)) continue;
    const { type, payment, chargedCents } = event;
    const { correlationId } = payment;
    const shown = { type, payment, chargedCents: type === 'payment.settled' ? chargedCents : null };
    found.set(correlationId, [...(found.get(correlationId) ?? []), shown]);
  }
  return new Map([...found].sort());
}

/** All entries and owners. Owners are identified by their order, since each ledger chooses its own numbers. */
async function inventory(ledger: Shard, ordinals: ReadonlyMap<number, number>): Promise<unknown> {
  const entries = await Promise.all(Array.from({ length: 12 }, (_, number) => find(ledger, number)));
  const owners = await must(ledger.owners());
  return {
    entries: entries.map((entry) => entry && { ...entry, owner: ordinals.get(entry.owner) ?? null }),
    owners: owners.map((record) => ({ ...record, owner: ordinals.get(record.owner) })),
    held: numbersOfEntries(await walkState(ledger, 'held', 5)),
    payments: (await must(ledger.size())).payments,
    events: byPayment(await allEvents(ledger)),
    walked: byId(await walk(ledger, T0_MS + 1, T0_MS + 59_999, 5)).map(({ correlationId }) => correlationId),
  };
}
