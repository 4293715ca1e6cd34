import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readUuid, UUID_BYTES, writeUuid } from '../../src/core/uuid.ts';
import { type Durability, PaymentAcceptor, type Verdict } from '../../src/http/payment-acceptor.ts';
import { refusalOf } from '../../src/http/refusal.ts';
import { type JournalRecord, unfinished } from '../../src/journal/replay.ts';
import { diskFiles, Journal, type JournalFiles } from '../../src/journal/writer.ts';
import { IN_USE } from '../../src/ledger/books-status.ts';
import { Lease } from '../../src/ledger/lease.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { ledgerOf } from '../../src/ledger/sharded/ledger.ts';
import { IdempotencyCache } from '../../src/shared-memory/idempotency-cache.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { Ring, RingSlot } from '../../src/shared-memory/ring.ts';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { KeptLog } from '../kept-log.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { must } from '../ledger/samples.ts';
import { ManualClock, rest } from '../manual-clock.ts';
import { idOf } from '../payment-id.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const SHAPE = { processorCount: 2, threadCount: 2 };
const THREAD = 1;

let directory = '';
test.before.each(() => {
  directory = temporaryDirectory();
});

interface Popped {
  readonly correlationId: string;
  readonly amountCents: number;
  readonly acceptedAtMs: number;
  readonly journalRef: number;
}

function refusal(code: string): Error {
  return Object.assign(new Error(`${code}: simulated`), { code });
}

/** A disk that the test controls. */
class ToldFiles {
  full = false;
  syncFails = false;
  #syncing: Promise<void> | null = null;
  syncCount = 0;
  readonly files: JournalFiles = {
    ...diskFiles,
    write: (file, bytes, length, position) => {
      if (this.full) throw refusal('ENOSPC');
      return diskFiles.write(file, bytes, length, position);
    },
    sync: async () => {
      this.syncCount++;
      await this.#syncing;
      if (this.syncFails) throw refusal('EIO');
    },
    // Does nothing, like the others: the tests must not depend on how busy the disk is.
    syncDirectory: async () => {},
  };

  /** Blocks syncs until the returned function is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#syncing = promise;
    return () => {
      this.#syncing = null;
      resolve();
    };
  }
}

function setUp(kind: Durability['kind'] = 'journal', capacity = 8, shardCount = 1, batchRecords = 1) {
  const log = new KeptLog();
  const clock = new ManualClock();
  const disk = new ToldFiles();
  const idempotencyCache = new IdempotencyCache(IdempotencyCache.allocate(64, Uint32Array.of(1, 2)));
  const ring = new Ring(Ring.allocate(capacity));
  const sharedState = new SharedState(SharedState.allocate(SHAPE), SHAPE);
  const metricsTable = new MetricsTable(MetricsTable.allocate(SHAPE), SHAPE);
  const metrics = metricsTable.thread(THREAD);
  const segments = new SegmentTable(SegmentTable.allocate(4, 16));
  const journal = new Journal({
    directory,
    writer: 'http-0',
    segments,
    durable: kind === 'fsync',
    batchRecords,
    randomU32: () => 7,
    files: disk.files,
  });
  const shards = Array.from({ length: shardCount }, () => {
    const [mood, books] = [new Mood(), new MemoryLedger(['default', 'fallback'])];
    const shard = moody(books, mood);
    const lease = new Lease({
      worker: { instanceId: 'gateway-1', name: 'http-0' },
      shard,
      leaseMs: 3000,
      clock,
      random: () => 0,
      log,
      metrics,
      holder: { ownerChanged: () => {}, leaseRenewed: async () => {} },
    });
    return { mood, books, shard, lease };
  });
  const ledger = ledgerOf(shards.map(({ shard }) => shard));
  const leases = shards.map(({ lease }) => lease);
  const durability: Durability = kind === 'ledger' ? { kind, ledger, leases } : { kind };
  const [{ mood, books, lease }] = shards as [(typeof shards)[0]];
  const acceptor = new PaymentAcceptor({
    idempotencyCache,
    ring,
    journal,
    segments,
    ledger,
    sharedState,
    metrics,
    clock,
    durability,
    log,
  });
  const id = Buffer.alloc(UUID_BYTES);
  return {
    clock,
    disk,
    idempotencyCache,
    ring,
    sharedState,
    metricsTable,
    log,
    segments,
    journal,
    mood,
    books,
    lease,
    shards,
    ledger,
    /** Resolves with the verdict. All calls share one id buffer, as in the server. */
    accept(number: number, amountCents = number): { verdict: Verdict | null } {
      const answer: { verdict: Verdict | null } = { verdict: null };
      writeUuid(idOf(number), id, 0);
      acceptor.accept(id, amountCents, null, (verdict) => {
        assert.is(answer.verdict, null, 'only one verdict');
        answer.verdict = verdict;
      });
      id.fill(0xff);
      return answer;
    },
    /** The verdicts of a batch, once each of its payments has one. */
    acceptAll(numbers: readonly number[]): Promise<Verdict[]> {
      const verdicts: Verdict[] = [];
      let openCount = numbers.length;
      return new Promise((resolve) => {
        const payments = numbers.map((number, place) => {
          const owned = Buffer.alloc(UUID_BYTES);
          writeUuid(idOf(number), owned, 0);
          return { id: owned, amountCents: number, place };
        });
        acceptor.acceptAll(payments, null, (verdict, { place }) => {
          assert.is(verdicts[place], undefined, 'only one verdict');
          verdicts[place] = verdict;
          if (--openCount === 0) resolve(verdicts);
        });
      });
    },
    find(number: number) {
      const bytes = Buffer.alloc(UUID_BYTES);
      writeUuid(idOf(number), bytes, 0);
      return idempotencyCache.find(bytes);
    },
    pop(): Popped | null {
      const slot = new RingSlot();
      if (!ring.pop(slot)) return null;
      const { amountCents, acceptedAtMs, journalRef } = slot;
      return { correlationId: readUuid(slot.id, 0), amountCents, acceptedAtMs, journalRef };
    },
    /** What a restart would recover. */
    journaled(): string[] {
      const records: Iterable<JournalRecord> = unfinished(directory, segments, () => assert.unreachable());
      return Array.from(records, (record) => readUuid(record.id, 0));
    },
  };
}

async function settled(answers: readonly { readonly verdict: Verdict | null }[]): Promise<Verdict[]> {
  for (let turn = 0; turn < 1000 && answers.some(({ verdict }) => verdict === null); turn++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  return answers.map(({ verdict }) => {
    assert.ok(verdict !== null, 'every payment gets a verdict');
    return verdict as Verdict;
  });
}

// All durabilities.

for (const kind of ['journal', 'fsync', 'ledger'] as const) {
  test(`${kind}: a batch is written at once, and each payment gets its verdict`, async () => {
    const world = setUp(kind, 8, 1, 8);
    if (kind === 'ledger') await world.lease.start();
    const verdicts = await world.acceptAll([1, 2, 3, 1]);
    assert.equal(verdicts, ['accepted', 'accepted', 'accepted', 'accepted']);
    assert.is(world.metricsTable.counted('journalWrites'), 1);
    assert.is(world.metricsTable.counted('accepted'), 3);
    assert.equal(world.journaled(), [1, 2, 3, 1].map(idOf));
    for (const number of [1, 2, 3]) assert.is(world.find(number)?.amountCents, number);
    const full = await world.acceptAll([4, 5, 6, 7, 8, 9]);
    assert.equal(full, ['accepted', 'accepted', 'accepted', 'accepted', 'queue-full', 'queue-full']);
    assert.is(world.ring.size, 8);
  });
}

test('a batch that cannot be written leaves nothing behind', async () => {
  const world = setUp('journal', 8, 1, 8);
  world.disk.full = true;
  assert.equal(await world.acceptAll([1, 2, 1]), [
    'journal-unavailable',
    'journal-unavailable',
    'journal-unavailable',
  ]);
  assert.equal([world.ring.room, world.find(1), world.journaled()], [8, undefined, []]);
  world.disk.full = false;
  assert.equal(await world.acceptAll([1, 2]), ['accepted', 'accepted']);
});

for (const kind of ['journal', 'fsync', 'ledger'] as const) {
  test(`${kind}: an accepted payment is in the journal, the ring and the idempotency cache`, async () => {
    const world = setUp(kind);
    if (kind === 'ledger') await world.lease.start();
    const acceptedAtMs = world.clock.nowMs();
    assert.equal(await settled([world.accept(1)]), ['accepted']);
    assert.equal(world.journaled(), [idOf(1)]);
    assert.equal(world.find(1), { amountCents: 1, acceptedAtMs });
    const popped = world.pop();
    assert.equal(popped, {
      correlationId: idOf(1),
      amountCents: 1,
      acceptedAtMs,
      journalRef: popped?.journalRef,
    });
    world.segments.markDone(popped?.journalRef ?? 0);
    assert.equal(world.journaled(), []);
    assert.is(world.metricsTable.counted('accepted'), 1);
    await world.journal.close();
    await world.lease.stop();
  });

  test(`${kind}: a repetition is accepted, but not journaled or pushed again`, async () => {
    const world = setUp(kind);
    if (kind === 'ledger') await world.lease.start();
    assert.equal(await settled([world.accept(1)]), ['accepted']);
    assert.equal(await settled([world.accept(1)]), ['accepted']);
    assert.is(world.ring.size, 1);
    assert.equal(world.journaled(), [idOf(1)]);
    assert.is(world.metricsTable.counted('accepted'), 1);
    await world.journal.close();
    await world.lease.stop();
  });

  test(`${kind}: another amount is a conflict, and is not journaled or pushed`, async () => {
    const world = setUp(kind);
    if (kind === 'ledger') await world.lease.start();
    assert.equal(await settled([world.accept(1)]), ['accepted']);
    assert.equal(await settled([world.accept(1, 999)]), ['amount-conflict']);
    assert.is(world.ring.size, 1);
    assert.equal(world.find(1)?.amountCents, 1);
    assert.equal(world.journaled(), [idOf(1)]);
    await world.journal.close();
    await world.lease.stop();
  });

  test(`${kind}: a full queue refuses a payment, and accepts it once there is room`, async () => {
    const world = setUp(kind, 2);
    if (kind === 'ledger') await world.lease.start();
    assert.equal(await settled([1, 2, 3].map((number) => world.accept(number))), [
      'accepted',
      'accepted',
      'queue-full',
    ]);
    assert.is(world.find(3), undefined);
    assert.equal(world.journaled(), [idOf(1), idOf(2)]);
    world.pop();
    assert.equal(await settled([world.accept(3)]), ['accepted']);
    assert.is(world.metricsTable.counted('accepted'), 3);
    await world.journal.close();
    await world.lease.stop();
  });

  test(`${kind}: a full disk refuses a payment, which takes no place in the queue`, async () => {
    const world = setUp(kind, 2);
    if (kind === 'ledger') await world.lease.start();
    world.disk.full = true;
    const failingSinceMs = world.clock.monotonicMs();
    for (let attempt = 0; attempt < 5; attempt++) {
      assert.equal(await settled([world.accept(1)]), ['journal-unavailable']);
      world.clock.pass(1000);
    }
    assert.is(world.metricsTable.counted('journalFailures'), 5);
    assert.is(world.metricsTable.gauge(THREAD, 'journalFailingSinceMs'), failingSinceMs);
    assert.is(world.ring.room, 2);
    assert.is(world.find(1), undefined);
    world.disk.full = false;
    assert.equal(await settled([world.accept(1)]), ['accepted']);
    assert.is(world.metricsTable.gauge(THREAD, 'journalFailingSinceMs'), 0);
    assert.equal(world.journaled(), [idOf(1)]);
    assert.equal(
      world.log.lines.filter((line) => line.includes('journal')),
      ['warn journal cannot be written: payments are refused', 'info journal can be written again'],
    );
    await world.journal.close();
    await world.lease.stop();
  });
}

test('a journal without a free segment refuses payments', async () => {
  const world = setUp('journal', 128);
  for (let number = 1; number <= 64; number++) assert.is(world.accept(number).verdict, 'accepted');
  assert.is(world.accept(65).verdict, 'journal-unavailable');
  assert.is(world.ring.size, 64);
  await world.journal.close();
});

test('a purge by a clock that was a year ahead does not affect acceptedAt', async () => {
  const world = setUp();
  world.sharedState.raisePurgedAt(world.clock.nowMs() + 365 * 24 * 3_600_000);
  world.accept(1);
  assert.is(world.pop()?.acceptedAtMs, world.clock.nowMs());
  await world.journal.close();
});

test('a payment posted while the wall clock is behind a purge counts as accepted after it', async () => {
  const world = setUp();
  const purgedAtMs = world.clock.nowMs() + 500;
  world.sharedState.raisePurgedAt(purgedAtMs);
  world.accept(1);
  assert.is(world.pop()?.acceptedAtMs, purgedAtMs);
  await world.journal.close();
});

// journal

test('journal: the verdict is known before accept returns', async () => {
  const world = setUp('journal');
  assert.is(world.accept(1).verdict, 'accepted');
  await world.journal.close();
});

test('a repetition of a payment that is pending in another thread is accepted separately', async () => {
  const world = setUp('journal');
  const id = Buffer.alloc(UUID_BYTES);
  writeUuid(idOf(1), id, 0);
  world.idempotencyCache.reserve(id, 1, world.clock.nowMs());
  assert.is(world.accept(1).verdict, 'accepted');
  assert.is(world.ring.size, 1);
  assert.equal(world.journaled(), [idOf(1)]);
  assert.ok(world.find(1) !== undefined);
  assert.is(world.metricsTable.counted('accepted'), 0, 'it is the other thread that counts it');
  await world.journal.close();
});

test('a repetition that fails does not affect the payment that it repeats', async () => {
  const world = setUp('journal');
  const id = Buffer.alloc(UUID_BYTES);
  writeUuid(idOf(1), id, 0);
  world.idempotencyCache.reserve(id, 1, world.clock.nowMs());
  world.disk.full = true;
  assert.is(world.accept(1).verdict, 'journal-unavailable');
  assert.is(world.idempotencyCache.reserve(id, 1, world.clock.nowMs()), 'pending');
  await world.journal.close();
});

// fsync

test('fsync: the verdict and the ring wait for the disk', async () => {
  const world = setUp('fsync');
  const release = world.disk.hold();
  const answer = world.accept(1);
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.is(answer.verdict, null);
  assert.is(world.ring.size, 0);
  assert.equal(world.journaled(), [idOf(1)]);
  release();
  assert.equal(await settled([answer]), ['accepted']);
  assert.is(world.ring.size, 1);
  await world.journal.close();
});

test('fsync: payments that arrive during a sync share the next one', async () => {
  const world = setUp('fsync');
  const release = world.disk.hold();
  const first = world.accept(1);
  await new Promise((resolve) => setImmediate(resolve));
  const others = [2, 3, 4, 5].map((number) => world.accept(number));
  release();
  assert.equal(
    await settled([first, ...others]),
    Array.from({ length: 5 }, () => 'accepted'),
  );
  assert.is(world.disk.syncCount, 2);
  assert.is(world.ring.size, 5);
  await world.journal.close();
});

test('fsync: if a sync fails, its payments are refused and forgotten', async () => {
  const world = setUp('fsync', 4);
  world.disk.syncFails = true;
  const failingSinceMs = world.clock.monotonicMs();
  assert.equal(await settled([1, 2].map((number) => world.accept(number))), [
    'journal-unavailable',
    'journal-unavailable',
  ]);
  assert.is(
    world.metricsTable.gauge(THREAD, 'journalFailingSinceMs'),
    failingSinceMs,
    'though it can be written',
  );
  assert.is(world.ring.room, 4);
  assert.equal(world.journaled(), []);
  assert.is(world.find(1), undefined);
  world.disk.syncFails = false;
  assert.equal(await settled([world.accept(1)]), ['accepted']);
  assert.is(world.metricsTable.gauge(THREAD, 'journalFailingSinceMs'), 0);
  assert.equal(world.journaled(), [idOf(1)]);
  await world.journal.close();
});

test('fsync: a repetition of a pending payment also waits for the disk, and is sent once', async () => {
  const world = setUp('fsync');
  const release = world.disk.hold();
  const answers = [world.accept(1), world.accept(1)];
  const conflict = world.accept(1, 2);
  assert.is(conflict.verdict, 'amount-conflict');
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(
    answers.map(({ verdict }) => verdict),
    [null, null],
  );
  release();
  assert.equal(await settled(answers), ['accepted', 'accepted']);
  assert.is(world.metricsTable.counted('accepted'), 1);
  assert.is(world.ring.size, 2, 'the pool knows the second for what it is');
  await world.journal.close();
});

// ledger

test('ledger: the verdict waits for a reservation without a processor', async () => {
  const world = setUp('ledger');
  await world.lease.start();
  const go = world.mood.slow();
  const answer = world.accept(1);
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.is(answer.verdict, null);
  go();
  assert.equal(await settled([answer]), ['accepted']);
  const entry = await world.books.find(idOf(1));
  assert.is(entry.kind === 'ok' ? entry.value?.status : '', 'accepted');
  assert.is(entry.kind === 'ok' ? entry.value?.owner : 0, world.lease.owner);
  await world.journal.close();
  await world.lease.stop();
});

test('ledger: payments that arrive during a commit share the next one', async () => {
  const world = setUp('ledger');
  await world.lease.start();
  const go = world.mood.slow();
  const first = world.accept(1);
  const others = [2, 3, 4].map((number) => world.accept(number));
  go();
  await settled([first, ...others]);
  assert.is(world.mood.count('commit'), 2);
  await world.journal.close();
  await world.lease.stop();
});

test('ledger: if it is unavailable, payments are refused and forgotten', async () => {
  const world = setUp('ledger', 4);
  await world.lease.start();
  world.mood.away.add('commit');
  assert.equal(await settled([world.accept(1), world.accept(2)]), [
    'ledger-unavailable',
    'ledger-unavailable',
  ]);
  assert.is(world.ring.room, 4);
  assert.equal(world.journaled(), []);
  assert.is(world.find(1), undefined);
  world.mood.away.clear();
  assert.equal(await settled([world.accept(1)]), ['accepted']);
  await world.journal.close();
  await world.lease.stop();
});

test('ledger: while the books are frozen, the verdict has the reason, and the owner stays', async () => {
  const world = setUp('ledger', 4);
  await world.lease.start();
  const { owner } = world.lease;
  await must(world.books.setBooksStatus({ kind: 'behind', sinceMs: 1, detail: 'a copy' }));
  const verdicts = await settled([world.accept(1), world.accept(2)]);
  for (const verdict of verdicts) {
    assert.ok(typeof verdict === 'object' && verdict?.kind === 'books-frozen');
    assert.match(verdict.reason, /a copy.*dinossauro audit --adopt/);
    const refusal = refusalOf(verdict);
    assert.is(refusal?.status, '503 Service Unavailable');
    assert.equal(
      refusal?.headers.find(([name]) => name === 'Retry-After'),
      ['Retry-After', '5'],
    );
    assert.match(refusal?.body ?? '', /books-frozen.*not accepted: the books are a restored copy \(a copy\)/);
  }
  assert.is(world.lease.owner, owner, 'nothing was written that another owner would have to take over');
  assert.is(world.ring.room, 4);
  assert.equal(world.journaled(), []);
  await must(world.books.setBooksStatus(IN_USE));
  assert.equal(await settled([world.accept(1)]), ['accepted']);
  await world.journal.close();
  await world.lease.stop();
});

test('ledger: a shard that does not answer holds up no payment of another', async () => {
  const world = setUp('ledger', 8, 2);
  for (const { lease } of world.shards) await lease.start();
  const livesIn = (shard: number) => (number: number) => world.ledger.shardOf(idOf(number)) === shard;
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8];
  const [here, there] = [numbers.filter(livesIn(0)), numbers.filter(livesIn(1))];
  assert.ok(here.length > 1 && there.length > 1);
  const [, away] = world.shards as [(typeof world.shards)[0], (typeof world.shards)[0]];
  const owner = away.lease.owner;
  const go = away.mood.slow('commit');
  const waiting = there.map((number) => world.accept(number));
  const answers = await settled(here.map((number) => world.accept(number)));
  assert.equal(new Set(answers), new Set(['accepted']));
  assert.ok(waiting.every(({ verdict }) => verdict === null));
  away.mood.away.add('commit');
  go();
  assert.equal(new Set(await settled(waiting)), new Set(['ledger-unavailable']));
  assert.is(away.lease.owner === owner, false, 'its lease is abandoned there');
  assert.is(world.lease.owner, 1, 'and kept here');
  await world.journal.close();
  for (const { lease } of world.shards) await lease.stop();
});

test('ledger: after a commit without a reply, the lease is abandoned', async () => {
  const world = setUp('ledger');
  await world.lease.start();
  const owner = world.lease.owner;
  world.mood.forgetful.add('commit');
  assert.equal(await settled([world.accept(1)]), ['ledger-unavailable']);
  await rest();
  assert.equal(await leaseEnds(world.books, owner), 0);
  world.mood.forgetful.clear();
  assert.equal(await settled([world.accept(2)]), ['accepted']);
  const successor = await world.books.acquireLease({ instanceId: 'gateway-2', name: 'pool-0' }, 2_000_000);
  const taken = await world.books.takeOver(owner, successor.kind === 'ok' ? successor.value : 0, 10, 0);
  const ids = taken.kind === 'ok' ? taken.value.map(({ correlationId }) => correlationId) : [];
  assert.equal(ids, [idOf(1)]);
  await world.journal.close();
  await world.lease.stop();
});

test('ledger: the lease is abandoned if a reserved payment turns out to be a conflict', async () => {
  const world = setUp('ledger');
  await world.lease.start();
  const endFirst = world.mood.slow();
  const first = world.accept(1, 100);
  await world.books.purge(world.clock.nowMs() + 50);
  world.clock.pass(100);
  const repeated = world.accept(1, 100);
  endFirst();
  const endSecond = world.mood.slow();
  assert.equal(await settled([first]), ['ledger-unavailable']);
  const other = world.accept(1, 200);
  endSecond();
  assert.equal(await settled([repeated, other]), ['amount-conflict', 'amount-conflict']);
  await rest();
  const entry = await world.books.find(idOf(1));
  const owner = entry.kind === 'ok' ? (entry.value?.owner ?? 0) : 0;
  assert.is(await leaseEnds(world.books, owner), 0);
  await world.journal.close();
  await world.lease.stop();
});

test('ledger: an id that another instance accepted with another amount is a conflict', async () => {
  const world = setUp('ledger', 4);
  await world.lease.start();
  await reserveElsewhere(world.books, 1, 500);
  assert.equal(await settled([world.accept(1, 100)]), ['amount-conflict']);
  assert.equal(world.journaled(), []);
  assert.is(world.ring.room, 4);
  assert.is(world.find(1), undefined);
  await world.journal.close();
  await world.lease.stop();
});

test('ledger: an id that another instance accepted with the same amount is accepted', async () => {
  const world = setUp('ledger');
  await world.lease.start();
  await reserveElsewhere(world.books, 1, 500);
  assert.equal(await settled([world.accept(1, 500)]), ['accepted']);
  await world.journal.close();
  await world.lease.stop();
});

test('ledger: a payment that an operator holds before it comes is accepted, and held', async () => {
  const world = setUp('ledger');
  await world.lease.start();
  const action = { what: 'hold', atMs: 1, by: 'ana', why: 'perhaps a fraud' } as const;
  await must(world.books.hold(action, [{ correlationId: idOf(7) }]));
  assert.equal(await settled([world.accept(7)]), ['accepted']);
  const entry = await must(world.books.find(idOf(7)));
  assert.equal([entry?.status, entry?.amountCents], ['held', 7]);
  await world.lease.stop();
  await world.journal.close();
});

test('a payment that is left to the ledger, and awaited there, is accepted like a new one', async () => {
  const world = setUp('journal');
  const action = { what: 'hold', atMs: 1, by: 'ana', why: 'perhaps a fraud' } as const;
  await must(world.books.hold(action, [{ correlationId: idOf(7) }]));
  const id = Buffer.alloc(UUID_BYTES);
  writeUuid(idOf(7), id, 0);
  world.idempotencyCache.reserve(id, 7, 1);
  world.idempotencyCache.commit(id);
  world.idempotencyCache.leaveToLedger(id);
  assert.equal(await settled([world.accept(7)]), ['accepted']);
  assert.equal(world.journaled(), [idOf(7)]);
  await world.journal.close();
});

test('ledger: an id that another instance has seen rejected is refused with the reason', async () => {
  const world = setUp('ledger', 4);
  await world.lease.start();
  const owner = await reserveElsewhere(world.books, 1, 500);
  const sent = { correlationId: idOf(1), amountCents: 500, processor: 1, requestedAtMs: 1_000_000 };
  await world.books.commit(owner, [], [{ ...sent, acceptedAtMs: 1_000_000 }]);
  await world.books.commit(owner, [{ ...sent, status: 'rejected', reason: 'HTTP 400: no' }], []);
  const rejection = { kind: 'payment-rejected', reason: 'fallback: HTTP 400: no' };
  assert.equal(await settled([world.accept(1, 500), world.accept(1, 500)]), [rejection, rejection]);
  assert.equal(world.journaled(), []);
  assert.is(world.ring.room, 4);
  world.mood.away.add('find');
  assert.equal(await settled([world.accept(1, 500)]), ['ledger-unavailable']);
  await world.journal.close();
  await world.lease.stop();
});

test('ledger: a payment accepted before a purge is refused after it', async () => {
  const world = setUp('ledger', 4);
  await world.lease.start();
  await world.books.purge(world.clock.nowMs() + 100);
  assert.equal(await settled([world.accept(1)]), ['ledger-unavailable']);
  assert.is(world.ring.room, 4);
  world.clock.pass(100);
  assert.equal(await settled([world.accept(1)]), ['accepted']);
  await world.journal.close();
  await world.lease.stop();
});

test('ledger: a fenced owner refuses its batch, and acquires a new lease for the next', async () => {
  const world = setUp('ledger', 4);
  await world.lease.start();
  const other = await world.books.acquireLease({ instanceId: 'gateway-2', name: 'pool-0' }, 2_000_000);
  await world.books.takeOver(world.lease.owner, other.kind === 'ok' ? other.value : 0, 10);
  assert.equal(await settled([world.accept(1)]), ['ledger-unavailable']);
  assert.is(world.ring.room, 4);
  assert.equal(await settled([world.accept(1)]), ['accepted']);
  assert.is(world.lease.owner, 3);
  await world.journal.close();
  await world.lease.stop();
});

async function leaseEnds(books: MemoryLedger, owner: number): Promise<number | undefined> {
  const owners = await books.owners();
  const record = owners.kind === 'ok' ? owners.value.find((one) => one.owner === owner) : undefined;
  return record?.leaseUntilMs;
}

async function reserveElsewhere(books: MemoryLedger, number: number, amountCents: number): Promise<number> {
  const owner = await books.acquireLease({ instanceId: 'gateway-2', name: 'http-0' }, 2_000_000);
  if (owner.kind === 'unavailable') throw new Error(owner.reason);
  const claim = { correlationId: idOf(number), amountCents, acceptedAtMs: 1_000_000, requestedAtMs: 0 };
  await books.commit(owner.value, [], [{ ...claim, processor: null }]);
  return owner.value;
}

test.run();
