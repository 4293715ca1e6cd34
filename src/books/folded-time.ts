import type { Clock } from '../core/clock.ts';
import { unitKey } from '../ledger/folded-totals.ts';
import { type Ledger, ok, type Reply, type UnitTotals } from '../ledger/ledger.ts';
import type { Folded } from '../ledger/retention.ts';
import type { BooksWriter } from './books-writer.ts';
import { tried } from './walk.ts';

/** Calls `show` with what books know of folded time, a day at a time. Answers up to where they are folded. */
export async function walkFolded(
  ledger: Ledger,
  clock: Clock,
  show: (totals: readonly UnitTotals[], folded: Folded, dayMs: number) => Promise<Reply<void>>,
): Promise<Reply<Folded>> {
  const time = await tried(clock, () => ledger.foldedTime());
  if (time.kind === 'unavailable') return time;
  const { folded, daysMs } = time.value;
  for (const dayMs of daysMs.filter((each) => each < folded.secondsMs)) {
    const totals = await tried(clock, () => ledger.foldedTotals(dayMs, folded));
    if (totals.kind === 'unavailable') return totals;
    const shown = await show(totals.value, folded, dayMs);
    if (shown.kind === 'unavailable') return shown;
  }
  return ok(folded);
}

/** Makes the folded time of the writer's ledger the same as that of another. Answers how many totals differed. */
export async function copyFolded(source: Ledger, writer: BooksWriter, clock: Clock): Promise<Reply<number>> {
  let changedCount = 0;
  const folded = await walkFolded(source, clock, async (totals, until, dayMs) => {
    const known = await tried(clock, () => writer.ledger.foldedTotals(dayMs, until));
    if (known.kind === 'unavailable') return known;
    const changed = changesBetween(known.value, totals);
    changedCount += changed.length;
    return changed.length === 0 ? ok(undefined) : writer.restoreFolded(until, changed);
  });
  if (folded.kind === 'unavailable') return folded;
  // Time without any payment is folded, too.
  const restored = await writer.restoreFolded(folded.value, []);
  return restored.kind === 'ok' ? ok(changedCount) : restored;
}

function changesBetween(known: readonly UnitTotals[], totals: readonly UnitTotals[]): UnitTotals[] {
  const before = new Map(known.map((each) => [unitKey(each), each]));
  const changed = totals.filter((each) => {
    const other = before.get(unitKey(each));
    before.delete(unitKey(each));
    return other?.count !== each.count || other.amountCents !== each.amountCents;
  });
  return [...changed, ...Array.from(before.values(), (each) => ({ ...each, count: 0, amountCents: 0 }))];
}
