import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { failed, type Outcome } from '../core/outcome.ts';
import {
  type BooksEntry,
  type ExportHeader,
  ExportSums,
  type ExportTrailer,
  readHeader,
  readLine,
  readTrailer,
} from './line.ts';

export interface VerifiedExport {
  readonly header: ExportHeader;
  readonly trailer: ExportTrailer;
}

/** Reads a whole export, and compares it with its checksum, count and totals. */
export async function verifyExport(path: string): Promise<Outcome<VerifiedExport>> {
  const sums = new ExportSums();
  let header: ExportHeader | undefined;
  /** A line counts once another follows: the last is the trailer. */
  let last: string | undefined;
  let lineCount = 0;
  for await (const line of linesOf(path)) {
    if (last !== undefined) {
      lineCount++;
      sums.addText(`${last}\n`);
      const entry = lineCount === 1 ? undefined : readLine(last);
      if (lineCount === 1) header = readHeader(last);
      else if (entry !== undefined) sums.addEntry(entry);
      if (lineCount === 1 && header === undefined) return failed(`${path} is not an export of dinossauro`);
      if (lineCount > 1 && entry === undefined) return failed(`${path}: line ${lineCount} is not a payment`);
    }
    last = line;
  }
  const trailer = readTrailer(last ?? '');
  if (header === undefined || trailer === undefined) {
    return failed(`${path} is cut off: its last line has no checksum. Export again`);
  }
  const own = sums.trailer();
  if (own.sha256 !== trailer.sha256) {
    return failed(`${path} was changed: its checksum is ${own.sha256}, expected ${trailer.sha256}`);
  }
  if (JSON.stringify(own) !== JSON.stringify(trailer)) {
    return failed(`${path} contradicts itself: its payments do not add up to the totals in its last line`);
  }
  return { kind: 'ok', value: { header, trailer } };
}

/** The payments of a verified export. */
export async function* entriesOf(path: string, { trailer }: VerifiedExport): AsyncGenerator<BooksEntry> {
  let lineCount = 0;
  for await (const line of linesOf(path)) {
    lineCount++;
    if (lineCount === 1) continue;
    if (lineCount > trailer.count + 1) return;
    const entry = readLine(line);
    if (entry === undefined) throw new Error(`${path} was changed while it was read`);
    yield entry;
  }
}

function linesOf(path: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(path), crlfDelay: Infinity });
}
