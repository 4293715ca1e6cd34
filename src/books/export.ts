import type { Writable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { type Ledger, ok, type Reply, unavailable } from '../ledger/ledger.ts';
import {
  type BooksEntry,
  type ExportHeader,
  ExportSums,
  type ExportTrailer,
  FORMAT,
  lineOf,
  readLine,
  stampOf,
  timeOf,
} from './line.ts';
import { LineWriter } from './line-writer.ts';
import { SortedRuns } from './sorted-runs.ts';
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
const KEY_CHARACTERS = TIME_DIGITS + 36;

/**
 * Writes all payments of a window, ordered by time and id. Each payment is as it was when it was read, so an export of
 * books in use is not one moment of them, but no payment that existed all the time is missing.
 */
export async function exportBooks(order: ExportOrder): Promise<Reply<ExportTrailer>> {
  const runs = await SortedRuns.create(order.temporaryDirectory);
  try {
    const names = new Set<string>();
    const read = await sortInto(runs, names, order);
    if (read.kind === 'unavailable') return read;
    const purgedAtMs = await purgedAt(order.ledger, order.clock);
    if (purgedAtMs.kind === 'unavailable') return purgedAtMs;
    return ok(await writeAll(runs, headerOf([...names].sort(), purgedAtMs.value, order), order.out));
  } finally {
    await runs.remove();
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
  if (reply.kind === 'unavailable') return unavailable(reply.reason);
  reply.value();
  return ok(purgedAtMs);
}

async function sortInto(
  runs: SortedRuns,
  names: Set<string>,
  { ledger, clock, fromMs, toMs, onProgress }: ExportOrder,
): Promise<Reply<void>> {
  let readCount = 0;
  return walk(ledger, { clock, fromMs, toMs, pauseMs: PAUSE_MS }, async (entries) => {
    for (const entry of entries) {
      const timeMs = timeOf(entry);
      if (timeMs < fromMs || timeMs > toMs) continue;
      if (entry.processorName !== null) names.add(entry.processorName);
      await runs.add(`${String(timeMs).padStart(TIME_DIGITS, '0')}${entry.correlationId}${lineOf(entry)}`);
      readCount++;
    }
    onProgress(readCount);
    return ok(undefined);
  });
}

function headerOf(
  processors: readonly string[],
  purgedAtMs: number,
  { clock, fromMs, toMs }: ExportOrder,
): ExportHeader {
  return {
    dinossauroExport: FORMAT,
    exportedAt: stampOf(clock.nowMs()),
    from: fromMs === -Infinity ? null : stampOf(fromMs),
    to: toMs === Infinity ? null : stampOf(toMs),
    processors,
    purgedAt: purgedAtMs === 0 ? null : stampOf(purgedAtMs),
  };
}

async function writeAll(runs: SortedRuns, header: ExportHeader, out: Writable): Promise<ExportTrailer> {
  const sums = new ExportSums();
  const writer = new LineWriter(out);
  const write = (line: string) => {
    const text = `${line}\n`;
    sums.addText(text);
    return writer.write(text);
  };
  await write(JSON.stringify(header));
  await runs.merge(async (keyed) => {
    const line = keyed.slice(KEY_CHARACTERS);
    sums.addEntry(readLine(line) as BooksEntry);
    await write(line);
  });
  const trailer = sums.trailer();
  await writer.write(`${JSON.stringify(trailer)}\n`);
  await writer.end();
  return trailer;
}
