import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exportBooks } from '../../src/books/export.ts';
import { verifyExport } from '../../src/books/export-file.ts';
import { Migration } from '../../src/books/migrate.ts';
import type { LedgerTarget } from '../../src/config/config.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Ledger, Shard } from '../../src/ledger/ledger.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { claimOf, must, settlementOf, T0_MS } from '../ledger/samples.ts';
import { answersOf, fold } from './folded-books.ts';
import { checkImports, checkMigrations, inPlaces } from './folded-moves.ts';
import { exported, imported, inDirectory, withLedger } from './sample-books.ts';

const MINUTE_MS = 60_000;
const FEE = { feePpm: 50_000, feeFixedCents: 1 };

test('folded books answer the same after an export and an import, whatever kind of ledger they move to', () =>
  checkImports([1, 2]));

test('folded books answer the same after a migration', () => checkMigrations([3]));

test('a window takes whole units of folded time, without fees, and refuses a bound within one', () =>
  inPlaces(async (directory, [lmdb, redis]) => {
    const source = (lmdb as () => LedgerTarget)();
    await withLedger(source, async (shard, ledger) => {
      await settleAt(shard, [T0_MS + 5, T0_MS + 3 * MINUTE_MS, T0_MS + 5 * MINUTE_MS, T0_MS + 9 * MINUTE_MS]);
      await fold(ledger, T0_MS + 8 * MINUTE_MS, MINUTE_MS);
      const order = { ledger, clock: systemClock, temporaryDirectory: directory, onProgress: () => {} };
      const out = createWriteStream(join(directory, 'refused'));
      const refused = await exportBooks({ ...order, out, fromMs: T0_MS + 1, toMs: Infinity });
      assert.is(refused.kind, 'too-fine');
      const path = await exported(ledger, directory, [T0_MS + 3 * MINUTE_MS, Infinity]);
      const lines = readFileSync(path, 'utf8').trimEnd().split('\n').slice(1, -1);
      assert.equal(
        lines.map((line) => Object.keys(JSON.parse(line))[0]),
        ['minute', 'minute', 'correlationId'],
      );
      const target = (redis as () => LedgerTarget)();
      assert.is((await imported(path, target)).kind, 'ok');
      await withLedger(target, async (_, other) => {
        assert.is((await must(other.summary(-Infinity, Infinity)))[0]?.count, 3);
        const fromMs = T0_MS + 3 * MINUTE_MS;
        assert.equal(await other.summary(fromMs, Infinity), await ledger.summary(fromMs, Infinity));
        assert.equal(await other.summary(fromMs + 1, Infinity), await ledger.summary(fromMs + 1, Infinity));
      });
      const recent = await exported(ledger, directory, [T0_MS + 9 * MINUTE_MS, Infinity]);
      assert.is((await imported(recent, target, { intoExisting: true })).kind, 'ok', 'it has no folded time');
    });
  }));

test('totals of folded time come only into empty books, and only as they were written', () =>
  inPlaces(async (directory, [lmdb]) => {
    const source = (lmdb as () => LedgerTarget)();
    const path = await withLedger(source, async (shard, ledger) => {
      await settleAt(shard, [T0_MS + 5, T0_MS + 9 * MINUTE_MS]);
      await fold(ledger, T0_MS + 8 * MINUTE_MS, MINUTE_MS);
      return exported(ledger, directory);
    });
    const refused = await imported(path, source, { intoExisting: true });
    assert.is(refused.kind, 'failed');
    if (refused.kind === 'failed') assert.match(refused.lines.join(), /only empty books can take them/);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('"count":1', '"count":2'));
    const changed = await verifyExport(path);
    assert.is(changed.kind, 'failed');
    if (changed.kind === 'failed') assert.match(changed.lines.join(), /its checksum is/);
  }));

test('what settles in folded time while books are exported is counted once', () =>
  inDirectory(async (directory) => {
    const model = new MemoryLedger(['default', 'fallback']);
    const owner = await settleAt(model, [T0_MS + 5, T0_MS + 9 * MINUTE_MS]);
    const late = [10, 11, 12].map((number) => claimOf(number, { requestedAtMs: T0_MS + number }));
    await must(model.commit(owner, [], late));
    await fold(model, T0_MS + 8 * MINUTE_MS, MINUTE_MS);
    const settle = (number: number) =>
      must(model.commit(owner, [settlementOf(number, { requestedAtMs: T0_MS + number })], []));
    let calls = 0;
    const busy: Ledger = Object.assign(Object.create(model) as Ledger, {
      page: async (...given: Parameters<Ledger['page']>) => {
        const page = await MemoryLedger.prototype.page.apply(model, given);
        await settle(10);
        return page;
      },
      foldedTotals: async (...given: Parameters<Ledger['foldedTotals']>) => {
        const totals = await MemoryLedger.prototype.foldedTotals.apply(model, given);
        if (++calls === 1) await settle(11);
        return totals;
      },
      foldedTime: () => MemoryLedger.prototype.foldedTime.apply(model),
      pageOf: (...given: Parameters<Ledger['pageOf']>) => MemoryLedger.prototype.pageOf.apply(model, given),
      find: (...given: Parameters<Ledger['find']>) => MemoryLedger.prototype.find.apply(model, given),
      fees: () => MemoryLedger.prototype.fees.apply(model),
      subscribe: (...given: Parameters<Ledger['subscribe']>) =>
        MemoryLedger.prototype.subscribe.apply(model, given),
    });
    const verified = await verifyExport(await exported(busy, directory));
    assert.is(verified.kind, 'ok', JSON.stringify(verified));
    if (verified.kind !== 'ok') return;
    assert.equal(verified.value.trailer.totals, [{ processor: 'default', count: 4, amountCents: 4 * 1990 }]);
    assert.is(verified.value.trailer.count, 2, 'the open one, and the recent one');
  }));

test('books that are folded while they are migrated end up the same', () =>
  inPlaces(async (_, [lmdb, , shards]) => {
    const [from, to] = [(lmdb as () => LedgerTarget)(), (shards as () => LedgerTarget)()];
    await withLedger(from, async (shard, ledger) => {
      const owner = await settleAt(shard, [T0_MS + 5, T0_MS + 2 * MINUTE_MS, T0_MS + 9 * MINUTE_MS]);
      const open = [20, 21, 22].map((number) => claimOf(number, { requestedAtMs: T0_MS + number }));
      await must(shard.commit(owner, [], open));
      let passes = 0;
      const outcome = await Migration.run({
        from,
        to,
        clock: systemClock,
        onProgress: () => {},
        // After each pass some have settled, and are folded before the next: the new books have them as open.
        say: () => {
          const settlements = [settlementOf(20 + passes, { requestedAtMs: T0_MS + 20 + passes })];
          const nowMs = T0_MS + (3 + 2 * passes++) * MINUTE_MS;
          if (passes <= 2)
            void shard.commit(owner, settlements, []).then(() => shard.upkeep(nowMs, MINUTE_MS));
        },
      });
      assert.is(outcome.kind, 'ok', JSON.stringify(outcome));
      const { summaries, fees } = (await answersOf(ledger)) as { summaries: unknown; fees: unknown };
      await withLedger(to, async (_shard, target) => {
        await fold(target, T0_MS, MINUTE_MS);
        assert.is(await must(target.find(claimOf(20).correlationId)), undefined);
        assert.is((await must(target.find(claimOf(22).correlationId)))?.status, 'dispatched');
        const there = (await answersOf(target)) as { summaries: unknown; fees: unknown };
        assert.equal([there.summaries, there.fees], [summaries, fees]);
      });
    });
  }));

/** Payments that were accepted, sent and settled at these times. */
async function settleAt(shard: Shard, timesMs: readonly number[]): Promise<number> {
  const owner = await must(shard.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, T0_MS));
  for (const [number, requestedAtMs] of timesMs.entries()) {
    await must(shard.commit(owner, [], [claimOf(number, { acceptedAtMs: requestedAtMs, requestedAtMs })]));
    await must(shard.commit(owner, [settlementOf(number, { requestedAtMs, fee: FEE })], []));
  }
  return owner;
}

test.run();
