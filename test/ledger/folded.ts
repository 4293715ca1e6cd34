import * as assert from 'uvu/assert';
import type { Ledger, Shard, UnitTotals } from '../../src/ledger/ledger.ts';
import { NOTHING_FOLDED } from '../../src/ledger/retention.ts';
import { acquire, claimOf, foldAll, id, must, restoredOf, settlementOf, T0_MS } from './samples.ts';

type Check = (title: string, run: (ledger: Shard) => Promise<void>) => void;

const [MINUTE, HOUR] = [2, 3];
const [MINUTE_MS, HOUR_MS, DAY_MS] = [60_000, 3_600_000, 86_400_000];
/** The day of T0_MS, which is at noon. */
const TODAY_MS = T0_MS - 12 * HOUR_MS;
const FOREVER_MS = T0_MS + 10_000 * DAY_MS;
/** All but the last ten minutes of minutes, and all but the last ten hours of hours. */
const FOLDED = { secondsMs: T0_MS + 10 * MINUTE_MS, minutesMs: T0_MS - 10 * HOUR_MS };

/** The tests of what a ledger promises about totals of folded time that go to other books and come from them. */
export function registerFoldedTotals(check: Check): void {
  check('folded time is told by its minutes, and by its hours before that', async (ledger) => {
    assert.equal(await must(ledger.foldedTime()), { folded: NOTHING_FOLDED, daysMs: [] });
    const owner = await acquire(ledger);
    const stampsMs = [T0_MS + 1, T0_MS + 59_999, T0_MS + MINUTE_MS, T0_MS + 400 * DAY_MS + 2 * HOUR_MS];
    for (const [number, requestedAtMs] of stampsMs.entries()) {
      const processor = number === 1 ? 1 : 0;
      await must(ledger.commit(owner, [], [claimOf(number, { requestedAtMs, processor })]));
      await must(ledger.commit(owner, [settlementOf(number, { requestedAtMs, processor })], []));
    }
    const lastDayMs = TODAY_MS + 400 * DAY_MS;
    const first = { unit: MINUTE, startMs: T0_MS, count: 1, amountCents: 1990 };
    await foldAll(ledger, T0_MS + 3 * MINUTE_MS, MINUTE_MS);
    const folded = { secondsMs: T0_MS + 2 * MINUTE_MS, minutesMs: T0_MS - 400 * DAY_MS };
    assert.equal(await must(ledger.foldedTime()), { folded, daysMs: [TODAY_MS, lastDayMs] });
    assert.equal(await must(ledger.foldedTotals(TODAY_MS, folded)), [
      { ...first, name: 'default' },
      { ...first, name: 'fallback' },
      { ...first, startMs: T0_MS + MINUTE_MS, name: 'default' },
    ]);
    assert.equal(await must(ledger.foldedTotals(lastDayMs, folded)), []);
    assert.equal(await must(ledger.foldedTotals(TODAY_MS - DAY_MS, folded)), []);

    await foldAll(ledger, T0_MS + 401 * DAY_MS, MINUTE_MS);
    const { folded: later } = await must(ledger.foldedTime());
    assert.equal(await must(ledger.foldedTotals(TODAY_MS, later)), [
      { ...first, unit: HOUR, count: 2, amountCents: 3980, name: 'default' },
      { ...first, unit: HOUR, name: 'fallback' },
    ]);
    assert.equal(await must(ledger.foldedTotals(lastDayMs, later)), [
      { ...first, startMs: lastDayMs + 14 * HOUR_MS, name: 'default' },
    ]);
  });

  check('totals of folded time come into empty books, whose payments then add to them', async (ledger) => {
    await freeze(ledger, true);
    const totals = [
      unitTotals(HOUR, T0_MS - 13 * HOUR_MS, 'default', 7),
      unitTotals(MINUTE, T0_MS, 'default', 2 ** 31),
      unitTotals(MINUTE, T0_MS, 'fallback', 3),
      unitTotals(MINUTE, T0_MS + 9 * MINUTE_MS, 'fallback', 4),
    ];
    for (let time = 0; time < 2; time++) await must(ledger.restoreFolded(FOLDED, totals));
    const owner = await acquire(ledger);
    const old = restoredOf(1, { requestedAtMs: T0_MS + 5, chargedCents: null });
    const recent = restoredOf(2, { requestedAtMs: FOLDED.secondsMs, acceptedAtMs: FOLDED.secondsMs });
    assert.equal(await must(ledger.restoreEntries(owner, [old, recent])), ['restored', 'restored']);
    await freeze(ledger, false);
    assert.equal((await must(ledger.foldedTime())).folded, FOLDED);
    assert.equal(await must(ledger.foldedTotals(TODAY_MS, FOLDED)), totals.slice(1));
    assert.equal(await must(ledger.foldedTotals(TODAY_MS - DAY_MS, FOLDED)), totals.slice(0, 1));
    assert.equal(await countsIn(ledger, -Infinity, Infinity), [7 + 2 ** 31 + 1, 7]);
    assert.equal(await countsIn(ledger, T0_MS, T0_MS + MINUTE_MS - 1), [2 ** 31, 3]);
    assert.equal(await countsIn(ledger, T0_MS + MINUTE_MS, Infinity), [1, 4]);
    assert.equal(await countsIn(ledger, FOLDED.secondsMs, FOLDED.secondsMs), [1, 0], 'to the millisecond');
    assert.equal(await countsIn(ledger, TODAY_MS, Infinity), [2 ** 31 + 1, 7], 'a day and its parts agree');
    for (const [fromMs, bound] of [
      [T0_MS + 5, 'from'],
      [FOLDED.secondsMs - 1, 'from'],
      [FOLDED.minutesMs - MINUTE_MS, 'from'],
    ] as const) {
      assert.equal(await ledger.summary(fromMs, Infinity), { kind: 'too-fine', bound, folded: FOLDED });
    }
    await foldAll(ledger, T0_MS, FOREVER_MS);
    assert.is(await must(ledger.find(id(1))), undefined, 'what is folded is forgotten');
    assert.ok((await must(ledger.find(id(2)))) !== undefined);
    assert.equal(await countsIn(ledger, -Infinity, Infinity), [7 + 2 ** 31 + 1, 7]);
  });

  check('a unit is set, whatever the books have counted there, and so are those above it', async (ledger) => {
    const owner = await acquire(ledger);
    const stampsMs = [1, 2, MINUTE_MS].map((ms) => T0_MS + ms);
    const entries = stampsMs.map((requestedAtMs, number) => restoredOf(number, { requestedAtMs }));
    await must(ledger.restoreEntries(owner, entries));
    await freeze(ledger, true);
    for (const count of [9, 1, 0, 5]) {
      await must(ledger.restoreFolded(FOLDED, [unitTotals(MINUTE, T0_MS, 'default', count)]));
      assert.equal(await countsIn(ledger, T0_MS, T0_MS + MINUTE_MS - 1), [count, 0]);
      assert.equal(await countsIn(ledger, T0_MS, T0_MS + HOUR_MS - 1), [count + 1, 0]);
      assert.equal(await countsIn(ledger, -Infinity, Infinity), [count + 1, 0]);
    }
    const earlier = { secondsMs: T0_MS, minutesMs: 0 };
    await must(ledger.restoreFolded(earlier, []));
    assert.equal((await must(ledger.foldedTime())).folded, FOLDED, 'the books never unfold');
  });
}

function unitTotals(unit: number, startMs: number, name: string, count: number): UnitTotals {
  return { unit, startMs, name, count, amountCents: count * 1990 };
}

async function countsIn(ledger: Ledger, fromMs: number, toMs: number): Promise<number[]> {
  const totals = await must(ledger.summary(fromMs, toMs));
  for (const { count, amountCents } of totals) assert.is(amountCents, count * 1990);
  return totals.map(({ count }) => count);
}

function freeze(ledger: Ledger, isFrozen: boolean): Promise<void> {
  const kind = isFrozen ? 'filling' : 'in-use';
  return must(ledger.setBooksStatus({ kind, sinceMs: T0_MS, detail: 'a test' }));
}
