import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Lease } from '../../src/ledger/lease.ts';
import type { Claim, LedgerEntry, WorkerId } from '../../src/ledger/ledger.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { type DeadOwner, Takeover } from '../../src/ledger/takeover.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { KeptLog } from '../kept-log.ts';
import { ManualClock, rest } from '../manual-clock.ts';
import { idOf } from '../payment-id.ts';
import { Mood, moody } from './moody-ledger.ts';

const LEASE_MS = 3000;
const YEAR_MS = 365 * 24 * 3_600_000;
const WORKER: WorkerId = { instanceId: 'gateway-1', name: 'pool-0' };
const OTHER_WORKER: WorkerId = { instanceId: 'gateway-2', name: 'pool-0' };

function setUp({ worker = WORKER, room = 100, store = new MemoryStore(), clock = new ManualClock() } = {}) {
  const shape = { processorCount: 2, threadCount: 1 };
  const metricsTable = new MetricsTable(MetricsTable.allocate(shape), shape);
  const mood = new Mood();
  const books = new MemoryLedger(['default', 'fallback'], store);
  const log = new KeptLog();
  const adopted: LedgerEntry[] = [];
  const acquired: number[] = [];
  let left = room;
  let aloneCount = 0;
  const parts = {
    worker,
    shard: moody(books, mood),
    leaseMs: LEASE_MS,
    clock,
    random: () => 0,
    log,
    metrics: metricsTable.thread(0),
  };
  const lease: Lease = new Lease({
    ...parts,
    holder: {
      ownerChanged: () => acquired.push(lease.owner),
      leaseRenewed: async () => takeOver(await takeover.expired()),
    },
  });
  const takeover = new Takeover({ ...parts, lease });
  /** As the dispatcher does it. */
  const takeOver = async (owners: readonly DeadOwner[]) => {
    for (const owner of owners) {
      let count = 0;
      for (let taken = -1; taken !== 0; count += taken) {
        const limit = Math.min(2, left);
        aloneCount++;
        const entries = limit > 0 ? await takeover.take(owner, limit) : [];
        aloneCount--;
        adopted.push(...entries);
        left -= entries.length;
        taken = entries.length;
      }
      takeover.finished(owner, count);
    }
  };
  const start = async () => {
    await lease.start();
    await takeOver(await takeover.predecessors());
  };
  const isAlone = () => aloneCount > 0;
  const setRoom = (to: number) => {
    left = to;
  };
  return { clock, store, mood, books, log, metricsTable, lease, start, adopted, acquired, setRoom, isAlone };
}

/** Far enough from 1970 to be put back by years. */
function lateClock(): ManualClock {
  const clock = new ManualClock();
  clock.jump(3 * YEAR_MS);
  return clock;
}

function claim(number: number): Claim {
  const correlationId = idOf(number);
  return { correlationId, amountCents: 100, acceptedAtMs: 1000, processor: 0, requestedAtMs: 2000 };
}

/** An owner with so many payments dispatched, whose lease ends at the moment given. */
async function former(
  books: MemoryLedger,
  worker: WorkerId,
  count: number,
  leaseUntilMs: number,
): Promise<number> {
  const reply = await books.acquireLease(worker, leaseUntilMs);
  if (reply.kind === 'unavailable') throw new Error(reply.reason);
  const first = reply.value * 100;
  const claims = Array.from({ length: count }, (_, index) => claim(first + index));
  await books.commit(reply.value, [], claims);
  return reply.value;
}

async function ownersOf(books: MemoryLedger): Promise<number[]> {
  const reply = await books.owners();
  return reply.kind === 'ok' ? reply.value.map(({ owner }) => owner) : [];
}

test('before it starts it has no owner number', () => {
  const { lease } = setUp();
  assert.is(lease.owner, 0);
  assert.not(lease.valid);
});

test('start gives it a number and a lease', async () => {
  const { clock, books, lease, acquired, start } = setUp();
  await start();
  assert.is(lease.owner, 1);
  assert.ok(lease.valid);
  assert.equal(acquired, [1]);
  const owners = await books.owners();
  assert.equal(owners, {
    kind: 'ok',
    value: [{ ...WORKER, owner: 1, leaseUntilMs: clock.nowMs() + LEASE_MS }],
  });
  await lease.stop();
});

test('it is renewed three times per lease, and stays valid', async () => {
  const { clock, mood, lease, start } = setUp();
  await start();
  for (let second = 0; second < 20; second++) {
    await clock.passSlowly(1000);
    assert.ok(lease.valid);
  }
  assert.is(mood.count('renewLease'), 20);
  assert.is(lease.owner, 1);
  await lease.stop();
});

test('since when the ledger does not answer for the lease is shown, until it does', async () => {
  const { clock, mood, metricsTable, lease, start } = setUp();
  const failingForMs = () => {
    const sinceMs = metricsTable.gauge(0, 'leaseFailingSinceMs');
    return sinceMs === 0 ? null : clock.monotonicMs() - sinceMs;
  };
  mood.away.add('acquireLease');
  const started = start();
  await clock.passSlowly(2000);
  assert.is(failingForMs(), 2000);
  mood.away.clear();
  await clock.passSlowly(1000);
  await started;
  assert.is(failingForMs(), null);
  mood.away.add('renewLease');
  await clock.passSlowly(5000);
  const forMs = failingForMs();
  assert.ok(forMs !== null && forMs >= 4000 && forMs <= 5000);
  mood.away.clear();
  await clock.passSlowly(1000);
  assert.is(failingForMs(), null);
  await lease.stop();
});

test('the lease counts from before it was asked for', async () => {
  const { clock, mood, lease, start } = setUp();
  const go = mood.slow();
  const started = start();
  await clock.passSlowly(2000);
  go();
  await started;
  assert.ok(lease.valid);
  await clock.passSlowly(999);
  assert.ok(lease.valid);
  mood.away.add('renewLease');
  await clock.passSlowly(1);
  assert.not(lease.valid);
  await lease.stop();
});

test('so does a renewal', async () => {
  const { clock, mood, lease, start } = setUp();
  await start();
  await clock.passSlowly(500);
  const go = mood.slow();
  await clock.passSlowly(2499);
  assert.ok(lease.valid);
  await clock.passSlowly(501);
  assert.not(lease.valid, 'the answer is not there yet');
  go();
  await rest();
  await clock.passSlowly(499);
  assert.ok(lease.valid);
  await clock.passSlowly(1);
  assert.not(lease.valid, 'it was asked for 1000 ms after the start');
  await lease.stop();
});

test('start waits for a ledger that is away, and says so once', async () => {
  const { clock, mood, lease, log, acquired, start } = setUp();
  mood.away.add('acquireLease');
  let started = false;
  const starting = start().then(() => {
    started = true;
  });
  await clock.passSlowly(10_000);
  assert.not(started);
  assert.not(lease.valid);
  assert.ok(mood.count('acquireLease') > 10);
  assert.equal(log.lines, ['warn waiting for the ledger in LEDGER_URL']);
  mood.away.clear();
  await clock.passSlowly(LEASE_MS / 4);
  await starting;
  assert.ok(lease.valid);
  assert.equal(acquired, [1]);
  await lease.stop();
});

test('an owner that could not renew is not valid, until it can', async () => {
  const { clock, mood, lease, start } = setUp();
  await start();
  mood.away.add('renewLease');
  await clock.passSlowly(LEASE_MS - 1);
  assert.ok(lease.valid);
  await clock.passSlowly(1);
  assert.not(lease.valid);
  mood.away.clear();
  await clock.passSlowly(1000);
  assert.ok(lease.valid);
  assert.is(lease.owner, 1, 'no other owner had taken over');
  await lease.stop();
});

test('validity is measured, so that a wall clock set back does not prolong it', async () => {
  const { clock, mood, lease, start } = setUp();
  await start();
  mood.away.add('renewLease');
  clock.jump(-60_000);
  await clock.passSlowly(LEASE_MS);
  assert.not(lease.valid);
  await lease.stop();
});

test('one that has been taken over enlists again, under a new number', async () => {
  const { clock, books, lease, log, metricsTable, acquired, start } = setUp();
  await start();
  const other = await former(books, OTHER_WORKER, 0, clock.nowMs() + 60_000);
  await books.takeOver(lease.owner, other, 10);
  await clock.passSlowly(1000);
  assert.is(lease.owner, 3);
  assert.ok(lease.valid);
  assert.equal(acquired, [1, 3]);
  const gained = 'info lease acquired';
  assert.equal(log.lines, [gained, 'warn lease lost: another instance took over', gained]);
  assert.is(metricsTable.counted('leasesLost'), 1);
  assert.is(metricsTable.gauge(0, 'leaseUntilMs'), clock.monotonicMs() + LEASE_MS);
  await lease.stop();
});

test('who asks twice to enlist again gets one number', async () => {
  const { mood, lease, acquired, start } = setUp();
  await start();
  await Promise.all([lease.reacquire(), lease.reacquire()]);
  assert.is(mood.count('acquireLease'), 2);
  assert.equal(acquired, [1, 2]);
  await lease.stop();
});

test('one that resigns has a new number, and what the old one holds is free to be taken over', async () => {
  const { books, mood, lease, acquired, start } = setUp();
  await start();
  await books.commit(1, [], [claim(1)]);
  await Promise.all([lease.abandon(1), lease.abandon(1)]);
  await lease.abandon(1);
  assert.equal(acquired, [1, 2]);
  assert.is(mood.count('releaseLease'), 1);
  const owners = await books.owners();
  assert.equal(owners.kind === 'ok' && owners.value.map(({ leaseUntilMs }) => leaseUntilMs === 0), [
    true,
    false,
  ]);
  await lease.abandon(2);
  assert.equal(await ownersOf(books), [1, 3], 'one that holds nothing is gone at once');
  await lease.stop();
});

test('who resigns while the ledger is away does so once it is back', async () => {
  const { clock, mood, books, lease, start } = setUp();
  await start();
  mood.away.add('acquireLease');
  const abandoned = lease.abandon(1);
  await clock.passSlowly(10_000);
  assert.is(lease.owner, 1);
  assert.equal(await ownersOf(books), [1]);
  mood.away.clear();
  await clock.passSlowly(1000);
  await abandoned;
  assert.equal(await ownersOf(books), [2]);
  await lease.stop();
});

test('while it enlists again it is not valid', async () => {
  const { mood, lease, start } = setUp();
  await start();
  const go = mood.slow();
  const again = lease.reacquire();
  assert.not(lease.valid);
  go();
  await again;
  assert.ok(lease.valid);
  await lease.stop();
});

test('a new owner takes over what former owners of its worker id had claimed, lease or not', async () => {
  const { clock, books, lease, adopted, log, metricsTable, start } = setUp();
  const first = await former(books, WORKER, 3, clock.nowMs() + 60_000);
  const second = await former(books, WORKER, 1, 0);
  await start();
  assert.is(adopted.length, 4);
  assert.ok(adopted.every(({ owner, status }) => owner === lease.owner && status === 'dispatched'));
  assert.equal(await ownersOf(books), [lease.owner], `${first} and ${second} are no more`);
  const tookOver = 'info took over from a former owner';
  assert.equal(log.lines, ['info lease acquired', tookOver, tookOver]);
  assert.equal([metricsTable.counted('takeOvers'), metricsTable.counted('paymentsTakenOver')], [2, 4]);
  await lease.stop();
});

for (const [what, aheadMs] of [
  ['right', 0],
  ['a year ahead', YEAR_MS],
  ['a year behind', -YEAR_MS],
] as const) {
  test(`from an owner that renews it takes nothing, from one that does not everything; its clock is ${what}`, async () => {
    const { clock, books, lease, adopted, start } = setUp({ clock: lateClock() });
    const owner = await former(books, OTHER_WORKER, 2, clock.nowMs() + aheadMs + LEASE_MS);
    await start();
    for (let renewal = 0; renewal < 10; renewal++) {
      await clock.passSlowly(LEASE_MS / 3);
      await books.renewLease(owner, clock.nowMs() + aheadMs + LEASE_MS);
    }
    assert.is(adopted.length, 0);
    await clock.passSlowly(LEASE_MS);
    assert.is(adopted.length, 0, 'for a whole lease after the last renewal');
    await clock.passSlowly(LEASE_MS);
    assert.is(adopted.length, 2);
    assert.equal(await ownersOf(books), [lease.owner]);
    await lease.stop();
  });
}

test('a clock that jumps by a year makes no other owner expire', async () => {
  const { clock, books, lease, adopted, start } = setUp({ clock: lateClock() });
  const owner = await former(books, OTHER_WORKER, 2, clock.nowMs() + LEASE_MS);
  await start();
  for (let renewal = 1; renewal <= 12; renewal++) {
    clock.jump(renewal % 4 < 2 ? YEAR_MS : -YEAR_MS);
    await clock.passSlowly(LEASE_MS / 3);
    await books.renewLease(owner, YEAR_MS + renewal);
  }
  assert.is(adopted.length, 0);
  await lease.stop();
});

test('each renewal is later than the one before, also when the clock was put back', async () => {
  const { clock, books, lease, start } = setUp({ clock: lateClock() });
  const seen: number[] = [];
  await start();
  for (const byMs of [0, YEAR_MS, -YEAR_MS, 0, -YEAR_MS, 0]) {
    clock.jump(byMs);
    await clock.passSlowly(LEASE_MS / 3);
    const owners = await books.owners();
    if (owners.kind === 'ok') seen.push(owners.value[0]?.leaseUntilMs ?? 0);
  }
  for (const [index, leaseUntilMs] of seen.slice(1).entries()) assert.ok(leaseUntilMs > (seen[index] ?? 0));
  await lease.stop();
});

test('it takes no more than there is room for, and goes on when there is', async () => {
  const { clock, books, lease, adopted, setRoom, start } = setUp({ room: 3 });
  await former(books, WORKER, 7, clock.nowMs() + 60_000);
  await start();
  assert.is(adopted.length, 3);
  await clock.passSlowly(5000);
  assert.is(adopted.length, 3);
  setRoom(10);
  await clock.passSlowly(1000);
  assert.is(adopted.length, 7);
  assert.is(new Set(adopted.map(({ correlationId }) => correlationId)).size, 7);
  await lease.stop();
});

test('a ledger that goes away in the middle of it is asked again later', async () => {
  for (const call of ['owners', 'takeOver'] as const) {
    const { clock, books, mood, lease, adopted, start } = setUp();
    await former(books, WORKER, 3, 0);
    mood.away.add(call);
    const started = start();
    await clock.passSlowly(1000);
    assert.is(adopted.length, 0);
    mood.away.clear();
    await clock.passSlowly(1000);
    await started;
    assert.is(adopted.length, 3, call);
    await lease.stop();
  }
});

test('nothing is claimed between a take-over and its answer, however often that is lost', async () => {
  const { clock, books, mood, log, lease, adopted, isAlone, start } = setUp();
  await former(books, WORKER, 3, 0);
  mood.away.add('takeOver');
  const started = start();
  await clock.passSlowly(3000);
  assert.ok(isAlone());
  assert.ok(mood.count('takeOver') > 2);
  mood.away.clear();
  await clock.passSlowly(1000);
  await started;
  assert.is(adopted.length, 3);
  assert.not(isAlone());
  assert.equal(log.lines, [
    'info lease acquired',
    'warn a takeover waits for the ledger: this worker claims and settles nothing meanwhile',
    'info a takeover has been answered',
    'info took over from a former owner',
  ]);
  await lease.stop();
});

test('of two that find the same dead owner each entry goes to one', async () => {
  const clock = new ManualClock();
  const store = new MemoryStore();
  const one = setUp({ store, clock });
  const other = setUp({ store, clock, worker: OTHER_WORKER });
  await former(one.books, { instanceId: 'gateway-3', name: 'pool-0' }, 9, clock.nowMs());
  await one.start();
  await other.start();
  await clock.passSlowly(2 * LEASE_MS);
  const ids = [...one.adopted, ...other.adopted].map(({ correlationId }) => correlationId);
  assert.is(ids.length, 9);
  assert.is(new Set(ids).size, 9);
  await Promise.all([one.lease.stop(), other.lease.stop()]);
});

test('an owner that holds nothing is gone when it stops, and asks for nothing more', async () => {
  const { clock, books, mood, lease, start } = setUp();
  await start();
  await lease.stop();
  assert.not(lease.valid);
  assert.equal(await ownersOf(books), []);
  assert.is(clock.pending, 0);
  const calls = mood.calls.length;
  await clock.passSlowly(10_000);
  assert.is(mood.calls.length, calls);
});

test('one that holds entries keeps its record, with its lease run out', async () => {
  const { clock, books, lease, start } = setUp();
  await start();
  await books.commit(lease.owner, [], [claim(1)]);
  await lease.stop();
  const owners = await books.owners();
  assert.equal(owners, { kind: 'ok', value: [{ ...WORKER, owner: 1, leaseUntilMs: 0 }] });
  assert.is(clock.pending, 0);
});

test('a stop while a renewal is on its way is the end', async () => {
  const { clock, mood, lease, start } = setUp();
  await start();
  const go = mood.slow();
  await clock.passSlowly(1000);
  const stopped = lease.stop();
  go();
  await stopped;
  await rest();
  assert.not(lease.valid);
  assert.is(clock.pending, 0);
});

test('a stop ends the waiting for a ledger that is away', async () => {
  const { clock, mood, lease, acquired, start } = setUp();
  mood.away.add('acquireLease');
  const starting = start();
  await clock.passSlowly(1000);
  await lease.stop();
  await clock.passSlowly(1000);
  await starting;
  assert.not(lease.valid);
  assert.equal(acquired, []);
  assert.is(clock.pending, 0);
});

test.run();
