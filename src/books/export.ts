import type { Writable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { type Ledger, type LedgerEntry, type NoSum, ok, type Reply } from '../ledger/ledger.ts';
import { type ExportedTotals, readTotals, windowFault } from './exported-totals.ts';
import {
  type ExportHeader,
  type ExportLine,
  ExportSums,
  type ExportTrailer,
  FORMAT,
  isForgettable,
  lineOf,
  readExportLine,
  timeOf,
} from './line.ts';
import { stampOf } from './line-field.ts';
import { LineWriter } from './line-writer.ts';
import { SortedRuns } from './sorted-runs.ts';
import { feeLineOf } from './totals-line.ts';
import { tried, walk } from './walk.ts';

export interface ExportOrder {
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** ±Infinity leaves a side open. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Where the sorted runs go, which together are a little larger than the export. */
  readonly temporaryDirectory: string;
  readonly out: Writable;
  /** Gets the number of payments read so far, after each page. */
  readonly onProgress: (readCount: number) => void;
}

/** As long as a page takes to read, so that commits get at least half of the ledger's time. */
const PAUSE_MS = 4;
/** The time at the front of a line that is sorted: the latest time that a ledger stores has 15 digits. */
const TIME_DIGITS = 15;
const JSON_START = '{';

/**
 * Writes what books know of a window: the totals of folded time, and all payments, ordered by time and id. Each payment is
 * as it was when it was read, so an export of books in use is not one moment of them, but no payment that existed all the
 * time is missing, and each charge is counted once: in folded time by the totals, and after that with its payment.
 */
export async function exportBooks(order: ExportOrder): Promise<Reply<ExportTrailer> | NoSum> {
  const { ledger, clock, temporaryDirectory } = order;
  const early = await tried(clock, () => ledger.foldedTime());
  if (early.kind === 'unavailable') return early;
  const fault = windowFault(order, early.value.folded);
  if (fault !== null) return fault;
  const payments = new SortedPayments(await SortedRuns.create(temporaryDirectory), order);
  try {
    const read = await payments.read();
    if (read.kind === 'unavailable') return read;
    const totals = await readTotals(order);
    if (totals.kind !== 'ok') return totals;
    try {
      return await writeAll(payments, totals.value, order);
    } finally {
      await totals.value.lines.remove();
    }
  } finally {
    await payments.runs.remove();
  }
}

/** The payments of an export. */
class SortedPayments {
  readonly runs: SortedRuns;
  readonly names = new Set<string>();
  readonly #order: ExportOrder;
  /** Those that were in doubt when they were read, of which gateways have few. They may have settled since. */
  readonly #sent = new Map<string, LedgerEntry>();
  #readCount = 0;

  constructor(runs: SortedRuns, order: ExportOrder) {
    this.runs = runs;
    this.#order = order;
  }

  async read(): Promise<Reply<void>> {
    const { ledger, clock, fromMs, toMs, onProgress } = this.#order;
    return walk(ledger, { clock, fromMs, toMs, pauseMs: PAUSE_MS }, async (entries) => {
      for (const entry of entries) {
        if (entry.status === 'dispatched') this.#sent.set(entry.correlationId, entry);
        else await this.#add(entry);
      }
      onProgress(this.#readCount);
      return ok(undefined);
    });
  }

  /** Adds those that were in doubt. The totals count what has settled of them in folded time, so they have to agree. */
  async complete({ folded, openIds }: ExportedTotals): Promise<Reply<void>> {
    const { ledger, clock } = this.#order;
    for (const [correlationId, entry] of this.#sent) {
      if (entry.requestedAtMs >= folded.secondsMs || openIds.has(correlationId)) {
        await this.#add(entry);
        continue;
      }
      const found = await tried(clock, () => ledger.find(correlationId));
      if (found.kind === 'unavailable') return found;
      if (found.value !== undefined) await this.#add(found.value);
    }
    return ok(undefined);
  }

  async #add(entry: LedgerEntry): Promise<void> {
    const { fromMs, toMs } = this.#order;
    const timeMs = timeOf(entry);
    if (timeMs < fromMs || timeMs > toMs) return;
    if (entry.processorName !== null) this.names.add(entry.processorName);
    await this.runs.add(`${String(timeMs).padStart(TIME_DIGITS, '0')}${entry.correlationId}${lineOf(entry)}`);
    this.#readCount++;
  }
}

/** When the books were last purged; 0: never. */
export async function purgedAt(ledger: Ledger, clock: Clock): Promise<Reply<number>> {
  let purgedAtMs = 0;
  const reply = await tried(clock, () =>
    ledger.subscribe((event) => {
      if (event.kind === 'purged') purgedAtMs = event.purgedAtMs;
    }),
  );
  if (reply.kind === 'unavailable') return reply;
  reply.value();
  return ok(purgedAtMs);
}

function headerOf(
  processors: readonly string[],
  purgedAtMs: number,
  { folded }: ExportedTotals,
  { clock, fromMs, toMs }: ExportOrder,
): ExportHeader {
  const { secondsMs, minutesMs } = folded;
  return {
    dinossauroExport: FORMAT,
    exportedAt: stampOf(clock.nowMs()),
    from: fromMs === -Infinity ? null : stampOf(fromMs),
    to: toMs === Infinity ? null : stampOf(toMs),
    processors,
    purgedAt: purgedAtMs === 0 ? null : stampOf(purgedAtMs),
    folded: secondsMs === 0 ? null : { payments: stampOf(secondsMs), minutes: stampOf(minutesMs) },
  };
}

async function writeAll(
  payments: SortedPayments,
  totals: ExportedTotals,
  order: ExportOrder,
): Promise<Reply<ExportTrailer> | NoSum> {
  const { ledger, clock, fromMs, toMs, out } = order;
  const completed = await payments.complete(totals);
  if (completed.kind === 'unavailable') return completed;
  const purgedAtMs = await purgedAt(ledger, clock);
  if (purgedAtMs.kind === 'unavailable') return purgedAtMs;
  // Fees have no time, so a window has none.
  const hasFees = fromMs === -Infinity && toMs === Infinity;
  const fees = hasFees ? await tried(clock, () => ledger.fees()) : ok([]);
  if (fees.kind === 'unavailable') return fees;
  const names = new Set([...payments.names, ...totals.names, ...fees.value.map(({ name }) => name)]);
  const { folded } = totals;
  const sums = new ExportSums();
  const writer = new LineWriter(out);
  const write = (line: string) => {
    const text = `${line}\n`;
    sums.addText(text);
    return writer.write(text);
  };
  const writeContent = async (keyed: string) => {
    const text = keyed.slice(keyed.indexOf(JSON_START));
    const line = readExportLine(text) as ExportLine;
    // Folding is some minutes behind, and has not reached it yet.
    if (line.kind === 'payment' && isForgettable(line.entry, folded)) return;
    sums.addLine(line, folded);
    await write(text);
  };
  await write(JSON.stringify(headerOf([...names].sort(), purgedAtMs.value, totals, order)));
  await totals.lines.merge(writeContent);
  for (const each of fees.value) await writeContent(feeLineOf(each));
  await payments.runs.merge(writeContent);
  const trailer = sums.trailer();
  // Without its last line it counts as cut off.
  const isExact = trailer.totals.every(({ amountCents }) => Number.isSafeInteger(amountCents));
  if (isExact) await writer.write(`${JSON.stringify(trailer)}\n`);
  await writer.end();
  return isExact ? ok(trailer) : { kind: 'too-large' };
}
