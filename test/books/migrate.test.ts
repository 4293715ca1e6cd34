import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Migration, type MigrationOrder } from '../../src/books/migrate.ts';
import type { LedgerTarget } from '../../src/config/config.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Shard } from '../../src/ledger/ledger.ts';
import type { ProcessorControls } from '../../src/ledger/processor-controls.ts';
import { RedisServer } from '../ledger/redis/redis-server.ts';
import { id, must, T0_MS } from '../ledger/samples.ts';
import { fill, heldIn, holdSome, inDirectory, OPEN, REJECTED, RESERVED, withLedger } from './sample-books.ts';

const COUNT = 3000;
const CONTROLS: ProcessorControls = {
  version: 3,
  processors: {
    default: { isPaused: true, fee: null, changedAtMs: T0_MS, by: 'ana', why: 'maintenance' },
  },
};

async function inPlaces(run: (from: LedgerTarget, to: LedgerTarget) => Promise<void>): Promise<void> {
  const redis = await RedisServer.start();
  try {
    await inDirectory((directory) =>
      run(
        { kind: 'lmdb', path: join(directory, 'ledger') },
        { kind: 'redis', url: redis.url, shardCount: 4 },
      ),
    );
  } finally {
    await redis.stop();
  }
}

function migrate(from: LedgerTarget, to: LedgerTarget, change: Partial<MigrationOrder> = {}) {
  return Migration.run({ from, to, clock: systemClock, say: () => {}, onProgress: () => {}, ...change });
}

async function settleOpen(ledger: Shard, owner: number): Promise<void> {
  const fee = { feePpm: 50_000, feeFixedCents: 1 };
  const settlement = { correlationId: id(OPEN), status: 'settled', processor: 1, reason: '', fee } as const;
  const at = { amountCents: 100 + OPEN, requestedAtMs: T0_MS + OPEN * 1000 + 7 };
  await must(ledger.commit(owner, [{ ...settlement, ...at }], []));
}

test('books move from LMDB to shards in Redis while they change, and both are the same at the end', () =>
  inPlaces(async (from, to) => {
    await withLedger(from, async (ledger) => {
      const owner = await fill(ledger, COUNT);
      await must(ledger.setProcessorControls(CONTROLS));
      let changes = 0;
      const moved = await migrate(from, to, {
        onProgress: () => {
          // What was copied as open is settled later, with a stamp of long ago; and payments go on.
          if (changes++ === 3) void settleOpen(ledger, owner);
          if (changes === 4) void fill(ledger, 100, COUNT);
        },
      });
      assert.is(moved.kind, 'ok', JSON.stringify(moved));
      if (moved.kind === 'ok') assert.is(moved.value.count, COUNT + 100);
      const late = await ledger.commit(owner, [], []);
      assert.is(late.kind, 'unavailable');
      if (late.kind === 'unavailable') assert.match(late.reason, /were moved to redis:/);
      const totals = await must(ledger.summary(-Infinity, Infinity));
      await withLedger(to, async (_, target) => {
        assert.is((await must(target.booksStatus())).kind, 'in-use');
        assert.equal(await must(target.processorControls()), CONTROLS);
        assert.equal(await must(target.fees()), await must(ledger.fees()));
        assert.is((await must(target.fees())).length, 1);
        assert.is((await must(target.find(id(OPEN))))?.status, 'settled');
      });
      assert.is(
        totals.reduce((sum, { count }) => sum + count, 0),
        COUNT + 100 - 3,
      );
    });
  }));

test('a migration that is interrupted in a pass or in the stop continues', () =>
  inPlaces(async (from, to) => {
    await withLedger(from, (ledger) => fill(ledger, COUNT));
    const interrupted = new Error('interrupted');
    for (const at of ['pass 1', 'the stop begins']) {
      try {
        await migrate(from, to, {
          say: (line) => {
            if (line.startsWith(at)) throw interrupted;
          },
        });
        assert.unreachable();
      } catch (error) {
        assert.is(error, interrupted);
      }
      await withLedger(to, async (_, ledger) => {
        assert.is((await must(ledger.booksStatus())).kind, 'filling', 'no gateway can use the new books');
      });
    }
    const moved = await migrate(from, to);
    assert.is(moved.kind, 'ok', JSON.stringify(moved));
    if (moved.kind === 'ok') assert.is(moved.value.count, COUNT);
  }));

test('what is held stays held, and what is released meanwhile is as in the old books', () =>
  inPlaces(async (from, to) => {
    await withLedger(from, async (ledger) => {
      await fill(ledger, COUNT);
      await holdSome(ledger, COUNT);
      await holdSome(ledger, COUNT + 1);
      const operator = await must(ledger.acquireLease({ instanceId: 'gateway-1', name: 'operator' }, T0_MS));
      const action = { what: 'release', atMs: T0_MS + 10, by: '', why: 'the payment is genuine' } as const;
      let isReleased = false;
      const moved = await migrate(from, to, {
        onProgress: () => {
          if (!isReleased) void ledger.release(operator, action, [{ correlationId: id(COUNT + 1) }]);
          isReleased = true;
        },
      });
      assert.is(moved.kind, 'ok', JSON.stringify(moved));
    });
    await withLedger(to, async (_, ledger) => {
      assert.equal(await heldIn(ledger, COUNT), [
        ['held', 100 + RESERVED],
        ['held', 0],
      ]);
      assert.is(await must(ledger.find(id(COUNT + 1))), undefined);
    });
  }));

test('a migration that gave up begins anew, whatever has changed in the old books since', () =>
  inPlaces(async (from, to) => {
    const inUse = { kind: 'in-use', sinceMs: 0, detail: 'continues another' } as const;
    await withLedger(from, async (ledger) => {
      await fill(ledger, 100);
      await holdSome(ledger, 100);
      await must(ledger.setBooksStatus(inUse));
      const owner = await must(ledger.acquireLease({ instanceId: 'gateway-1', name: 'operator' }, T0_MS));
      const action = { atMs: T0_MS + 10, by: '', why: 'the card is valid' } as const;
      let isSentAgain = false;
      const gaveUp = await migrate(from, to, {
        say: (line) => {
          if (isSentAgain || !line.startsWith('pass')) return;
          isSentAgain = true;
          const rejected = { correlationId: id(REJECTED), attempts: 1 };
          void ledger.reopen(owner, { ...action, what: 'send-again' }, [rejected]);
        },
      });
      assert.is(gaveUp.kind, 'failed');
      if (gaveUp.kind === 'failed') assert.match(gaveUp.lines.join(), /new books differ/);
      assert.equal(await must(ledger.booksStatus()), inUse);
      await withLedger(to, async (_, copied) => {
        assert.equal(await heldIn(copied, 100), [
          ['held', 100 + RESERVED],
          ['held', 0],
        ]);
      });
      await must(ledger.release(owner, { ...action, what: 'release' }, [{ correlationId: id(100) }]));
    });
    const moved = await migrate(from, to);
    assert.is(moved.kind, 'ok', JSON.stringify(moved));
    if (moved.kind === 'ok') assert.is(moved.value.count, 100);
    await withLedger(to, async (_, ledger) => assert.is(await must(ledger.find(id(100))), undefined));
  }));

test('books that hold payments are not migrated into, nor a ledger into itself', () =>
  inPlaces(async (from, to) => {
    await withLedger(from, (ledger) => fill(ledger, 20));
    await withLedger(to, (ledger) => fill(ledger, 5, 100));
    for (const target of [to, from]) {
      const refused = await migrate(from, target);
      assert.is(refused.kind, 'failed');
    }
    await withLedger(from, async (ledger) => {
      assert.is((await must(ledger.booksStatus())).kind, 'in-use');
    });
  }));

test.run();
