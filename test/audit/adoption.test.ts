import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Adoption, type AdoptionReport, type Suspect } from '../../src/audit/adoption.ts';
import { BooksWriter } from '../../src/books/books-writer.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { BooksStatusKind } from '../../src/ledger/books-status.ts';
import type { LookUpOutcome, TotalsOutcome } from '../../src/processor/processor.ts';
import { inDirectory, withLedger } from '../books/sample-books.ts';
import { id, must, restoredOf, T0_MS } from '../ledger/samples.ts';

const MINUTE_MS = 60_000;

interface Scene {
  readonly kind: BooksStatusKind;
  readonly restoredAtMs: number;
  readonly foldedMs: number;
  readonly suspects: readonly Suspect[];
  readonly find: (correlationId: string) => LookUpOutcome;
  readonly totals: (toMs: number) => TotalsOutcome;
}

/** Adopts what the only processor holds into books that have settled payment 1, and have been folded since. */
async function adopt(scene: Scene, check: (report: AdoptionReport, counts: number[]) => Promise<void>) {
  await inDirectory(async (directory) => {
    const target = { kind: 'lmdb', path: join(directory, 'ledger') } as const;
    const { kind, restoredAtMs, foldedMs, suspects } = scene;
    await withLedger(
      target,
      async (ledger) => {
        const owner = await must(ledger.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, T0_MS));
        await must(ledger.restoreEntries(owner, [restoredOf(1)]));
        while (await must(ledger.upkeep(foldedMs + MINUTE_MS, MINUTE_MS)));
        await must(ledger.setBooksStatus({ kind, sinceMs: restoredAtMs, detail: 'a backup' }));
      },
      ['default'],
    );
    const opened = await BooksWriter.open(target, ['default'], systemClock);
    assert.is(opened.kind, 'ok');
    if (opened.kind !== 'ok') return;
    const writer = opened.value;
    const books = {
      find: async (correlationId: string) => scene.find(correlationId),
      totals: async (_fromMs: number, toMs: number) => scene.totals(toMs),
      close: async () => {},
    };
    const adoption = new Adoption({
      processors: [{ name: 'default', books, timeoutMs: 100, token: '123' }],
      clock: systemClock,
      rate: 1000,
      paymentLimit: 100,
      writer,
      trusts: false,
      callMayRunMs: 0,
      suspects: () => suspects,
      onProgress: () => {},
    });
    const adopted = await adoption.run();
    const totals = await must(writer.ledger.summary(-Infinity, Infinity));
    await writer.close();
    assert.is(adopted.kind, 'ok', JSON.stringify(adopted));
    if (adopted.kind === 'ok')
      await check(
        adopted.value,
        totals.map(({ count }) => count),
      );
  });
}

/** Restored books of which the first two minutes are folded. */
const FOLDED_BEHIND = {
  kind: 'behind',
  restoredAtMs: T0_MS + 3 * MINUTE_MS,
  foldedMs: T0_MS + 2 * MINUTE_MS,
} as const;

test('books that have been folded beyond the restore are compared up to the end of that minute', () =>
  adopt(
    {
      kind: 'unproven',
      restoredAtMs: T0_MS + 5,
      foldedMs: T0_MS + 2 * MINUTE_MS,
      suspects: [],
      find: () => ({ kind: 'absent' }),
      totals: (toMs) => ({
        kind: 'reported',
        count: toMs === T0_MS + MINUTE_MS - 1 ? 1 : 0,
        amountCents: 1990,
      }),
    },
    async ({ after, isProven }) => {
      assert.is(isProven, true);
      assert.is(after.kind, 'in-use');
    },
  ));

test('a charge that the folded books have counted already is found, and not counted once more', () =>
  adopt(
    {
      ...FOLDED_BEHIND,
      suspects: [{ correlationId: id(1), amountCents: 1990, acceptedAtMs: T0_MS }],
      find: () => ({ kind: 'held', amountCents: 1990, requestedAtMs: T0_MS + 5 }),
      totals: () => ({ kind: 'reported', count: 1, amountCents: 1990 }),
    },
    async ({ after, isProven }, counts) => {
      assert.equal(counts, [1]);
      assert.is(isProven, true);
      assert.is(after.kind, 'in-use');
    },
  ));

test('a payment of folded time that is still pending at its processor is not resolved', () =>
  adopt(
    {
      ...FOLDED_BEHIND,
      suspects: [{ correlationId: id(2), amountCents: 1990, acceptedAtMs: T0_MS }],
      find: () => ({ kind: 'pending' }),
      totals: () => ({ kind: 'reported', count: 1, amountCents: 1990 }),
    },
    async ({ after, unresolvedCount }, counts) => {
      assert.equal(counts, [1]);
      assert.is(unresolvedCount, 1);
      assert.is(after.kind, 'behind');
    },
  ));

test.run();
