import { createHash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { LAST_MS } from '../ledger/commit.ts';
import { type Ledger, ok, type Reply, refused } from '../ledger/ledger.ts';
import { type Folded, NOTHING_FOLDED, type TooFine, tooFine } from '../ledger/retention.ts';
import { walkFolded } from './folded-time.ts';
import { stampOf } from './line-field.ts';
import { SortedRuns } from './sorted-runs.ts';
import { unitLineOf } from './totals-line.ts';
import { tried } from './walk.ts';

export interface TotalsOrder {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly fromMs: number;
  readonly toMs: number;
  readonly temporaryDirectory: string;
}

/** The totals of folded time at one moment. */
export interface ExportedTotals {
  /** Nothing, if the window begins later. */
  readonly folded: Folded;
  /** One line for each unit and processor, ordered by time. */
  readonly lines: SortedRuns;
  readonly names: ReadonlySet<string>;
  /** The payments that were sent in folded time and were open at that moment. The totals have no others that were. */
  readonly openIds: ReadonlySet<string>;
}

/** A payment that is in doubt for longer than the retention settles seldom, and a minute is folded once a minute. */
const ATTEMPTS_MAX = 5;
const PAGE_ENTRIES = 500;

/** Null: the books know the exact sum of this window. */
export function windowFault({ fromMs, toMs }: TotalsOrder, folded: Folded): TooFine | null {
  return tooFine(Math.max(0, fromMs), Math.min(LAST_MS, toMs), folded);
}

/**
 * Reads what a window has of folded time. It is read twice: if nothing has changed, it is true for the moment between, at
 * which the open payments are read.
 */
export async function readTotals(order: TotalsOrder): Promise<Reply<ExportedTotals> | TooFine> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const lines = await SortedRuns.create(order.temporaryDirectory);
    const names = new Set<string>();
    const first = await readUnits(order, async (line, name) => {
      names.add(name);
      await lines.add(line);
    });
    const openIds = await openOfBefore(order, first.kind === 'ok' ? first.value.folded : NOTHING_FOLDED);
    const second = await readUnits(order, async () => {});
    const isSame = first.kind === 'ok' && second.kind === 'ok' && first.value.digest === second.value.digest;
    if (isSame && openIds.kind === 'ok')
      return ok({ folded: first.value.folded, lines, names, openIds: openIds.value });
    await lines.remove();
    for (const reply of [first, openIds, second]) if (reply.kind !== 'ok') return reply;
  }
  return refused('the totals of folded time change all the time');
}

async function readUnits(
  order: TotalsOrder,
  show: (line: string, name: string) => Promise<void>,
): Promise<Reply<{ readonly folded: Folded; readonly digest: string }> | TooFine> {
  const { ledger, clock, fromMs, toMs } = order;
  const hash = createHash('sha256');
  const read = await walkFolded(ledger, clock, async (totals) => {
    for (const each of totals) {
      if (each.startMs < fromMs || each.startMs > toMs) continue;
      const line = unitLineOf(each);
      hash.update(line);
      await show(`${stampOf(each.startMs)}${line}`, each.name);
    }
    return ok(undefined);
  });
  if (read.kind === 'unavailable') return read;
  const fault = windowFault(order, read.value);
  if (fault !== null) return fault;
  const folded = fromMs >= read.value.secondsMs ? NOTHING_FOLDED : read.value;
  return ok({ folded, digest: hash.update(JSON.stringify(folded)).digest('hex') });
}

async function openOfBefore(
  { ledger, clock }: TotalsOrder,
  { secondsMs }: Folded,
): Promise<Reply<ReadonlySet<string>>> {
  const ids = new Set<string>();
  for (let after: string | null = ''; after !== null && secondsMs > 0; ) {
    const from: string = after;
    const page = await tried(clock, () => ledger.pageOf('open', from, PAGE_ENTRIES));
    if (page.kind === 'unavailable') return page;
    for (const { correlationId, status, requestedAtMs } of page.value.entries)
      if (status === 'dispatched' && requestedAtMs < secondsMs) ids.add(correlationId);
    after = page.value.next;
  }
  return ok(ids);
}
