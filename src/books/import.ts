import type { LedgerTarget } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { type Failed, failed, type Outcome } from '../core/outcome.ts';
import { type BooksStatus, IN_USE } from '../ledger/books-status.ts';
import {
  type FeeTotals,
  failureText,
  type Ledger,
  ok,
  type Reply,
  type Unavailable,
  type UnitTotals,
} from '../ledger/ledger.ts';
import { BooksWriter, contradicted, mayBeForgotten, type WrittenCounts } from './books-writer.ts';
import { contentOf, type VerifiedExport, verifyExport } from './export-file.ts';
import type { ExportTotals } from './line.ts';
import { msOf } from './line-field.ts';
import { totalsUntil, tried } from './walk.ts';

export interface ImportOrder {
  readonly path: string;
  readonly target: LedgerTarget;
  readonly clock: Clock;
  /** The books may hold payments already; otherwise they must be empty, or an import of this file that was cut short. */
  readonly intoExisting: boolean;
  /** The export is not the present: the books start as a restored copy, which may be behind. */
  readonly asRestore: boolean;
  /** Gets how many payments of how many have been written. */
  readonly onProgress: (doneCount: number, of: number) => void;
}

const PROGRESS_EVERY = 1000;
/** Totals of one write: they take the ledger some milliseconds. */
const TOTALS_A_WRITE = 1024;

/**
 * Writes an export into books. The file is verified before anything is written. Books that were empty are frozen until the
 * import is complete, so that no gateway uses half of them. To repeat an import is harmless: nothing is counted twice, also if
 * the books have forgotten some of its payments meanwhile.
 */
export async function importBooks(order: ImportOrder): Promise<Outcome<WrittenCounts>> {
  const { path, target, clock } = order;
  const file = await verifyExport(path);
  if (file.kind === 'failed') return file;
  const opened = await BooksWriter.open(target, file.value.header.processors, clock);
  if (opened.kind === 'failed') return opened;
  const writer = opened.value;
  try {
    return await importInto(writer, file.value, order);
  } finally {
    await writer.close();
  }
}

async function importInto(
  writer: BooksWriter,
  file: VerifiedExport,
  order: ImportOrder,
): Promise<Outcome<WrittenCounts>> {
  const { path, clock, asRestore } = order;
  const begun = await begin(writer.ledger, file, order);
  if (begun.kind === 'failed') return begun;
  const isFilling = begun.value;
  const written = await writeAll(writer, file, order, isFilling);
  if (written.kind === 'unavailable') return unfinished(written);
  if (writer.counts.different > 0) return contradicted(writer);
  const time = await tried(clock, () => writer.ledger.foldedTime());
  if (time.kind === 'unavailable') return unfinished(time);
  const forgotten = mayBeForgotten(writer, time.value.folded);
  if (forgotten !== null) return forgotten;
  if (isFilling) {
    const totals = await totalsUntil(writer.ledger, clock);
    if (totals.kind === 'unavailable') return unfinished(totals);
    const difference = differenceOf(
      totals.value.map(({ name, count, amountCents }) => ({ processor: name, count, amountCents })),
      file.trailer.totals,
    );
    if (difference !== null) return failed(`the books do not add up to the export: ${difference}`);
  }
  if (isFilling || asRestore) {
    const status: BooksStatus = asRestore
      ? { kind: 'behind', sinceMs: clock.nowMs(), detail: `an import of ${path}` }
      : IN_USE;
    const set = await tried(clock, () => writer.ledger.setBooksStatus(status));
    if (set.kind === 'unavailable') return unfinished(set);
  }
  return { kind: 'ok', value: writer.counts };
}

/** Whether the books are filled, and frozen meanwhile. */
async function begin(
  ledger: Ledger,
  { header, trailer }: VerifiedExport,
  { path, clock, intoExisting }: ImportOrder,
): Promise<Outcome<boolean>> {
  const status = await tried(clock, () => ledger.booksStatus());
  if (status.kind === 'unavailable') return unfinished(status);
  const detail = `dinossauro import ${path}, checksum ${trailer.sha256}`;
  const { kind } = status.value;
  if (kind === 'filling') {
    if (status.value.detail.endsWith(trailer.sha256)) return { kind: 'ok', value: true };
    return failed(`the books are being filled by another command: ${status.value.detail}`);
  }
  if (kind === 'moved') return failed(`the books were moved to ${status.value.detail}: import there`);
  if (intoExisting && header.folded !== null) {
    return failed(
      `${path} has totals of time before ${header.folded.payments}, whose payments are forgotten: only empty books can take them.`,
      'Import without --into, or export again with --from that time',
    );
  }
  if (intoExisting) return { kind: 'ok', value: false };
  const empty = await isEmpty(ledger, clock);
  if (empty.kind === 'unavailable') return unfinished(empty);
  if (!empty.value) {
    return failed('the books hold payments: import into empty ones, or add --into to add to these');
  }
  // Also if these books never were: empty ones may be folded further than those of the export.
  const purgedAtMs = header.purgedAt === null ? 0 : msOf(header.purgedAt);
  const purged = await tried(clock, () => ledger.purge(purgedAtMs));
  if (purged.kind === 'unavailable') return unfinished(purged);
  const filling: BooksStatus = { kind: 'filling', sinceMs: clock.nowMs(), detail };
  const set = await tried(clock, () => ledger.setBooksStatus(filling));
  return set.kind === 'ok' ? { kind: 'ok', value: true } : unfinished(set);
}

async function writeAll(
  writer: BooksWriter,
  file: VerifiedExport,
  { path, onProgress }: ImportOrder,
  isFilling: boolean,
): Promise<Reply<void>> {
  const { folded, trailer } = file;
  const units: UnitTotals[] = [];
  const fees: FeeTotals[] = [];
  let doneCount = 0;
  const writeUnits = () => writer.restoreFolded(folded, units.splice(0));
  for await (const line of contentOf(path, file)) {
    let written: Reply<void> = ok(undefined);
    switch (line.kind) {
      case 'unit':
        units.push(line.totals);
        if (units.length === TOTALS_A_WRITE) written = await writeUnits();
        break;
      case 'fee':
        fees.push(line.totals);
        break;
      case 'payment': {
        if (units.length > 0) written = await writeUnits();
        if (written.kind === 'unavailable') return written;
        const { entry } = line;
        const isInTotals = entry.requestedAtMs < folded.secondsMs;
        written = await writer.add(entry, isInTotals ? null : entry.amountCents);
        if (++doneCount % PROGRESS_EVERY === 0) onProgress(doneCount, trailer.count);
      }
    }
    if (written.kind === 'unavailable') return written;
  }
  const flushed = await writer.flush();
  if (flushed.kind === 'unavailable' || !isFilling) return flushed;
  const rest = await writeUnits();
  return rest.kind === 'ok' ? writer.restoreFees(fees) : rest;
}

/** Whether a ledger has no payment. */
export async function isEmpty(ledger: Ledger, clock: Clock): Promise<Reply<boolean>> {
  for (let after: string | null = ''; after !== null; ) {
    const from: string = after;
    const page = await tried(clock, () => ledger.page(-Infinity, Infinity, from, 1));
    if (page.kind === 'unavailable') return page;
    if (page.value.entries.length > 0) return ok(false);
    after = page.value.next;
  }
  // Folded time has only totals.
  const totals = await totalsUntil(ledger, clock);
  return totals.kind === 'ok' ? ok(totals.value.every(({ count }) => count === 0)) : totals;
}

/** The first processor whose totals differ, as text; null: none does. A missing one counts as zero. */
function differenceOf(here: readonly ExportTotals[], expected: readonly ExportTotals[]): string | null {
  const names = new Set([...here, ...expected].map(({ processor }) => processor));
  for (const name of names) {
    const [one, other] = [here, expected].map((totals) => totals.find(({ processor }) => processor === name));
    const [count, amountCents] = [one?.count ?? 0, one?.amountCents ?? 0];
    if (count === (other?.count ?? 0) && amountCents === (other?.amountCents ?? 0)) continue;
    return `${name} has ${count} payments of ${amountCents} cents, expected ${other?.count ?? 0} of ${other?.amountCents ?? 0}`;
  }
  return null;
}

/** What a command says that the ledger has stopped. */
export function unfinished(reply: Unavailable): Failed {
  const next =
    reply.refusal === undefined
      ? 'Run the same command again to continue'
      : 'Once that is corrected, the same command continues';
  return failed(`${failureText(reply)}. ${next}`);
}
