import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { failed, type Outcome } from '../core/outcome.ts';
import { type Folded, NOTHING_FOLDED } from '../ledger/retention.ts';
import {
  type ExportHeader,
  type ExportLine,
  ExportSums,
  type ExportTrailer,
  foldedOf,
  readExportLine,
  readHeader,
  readTrailer,
} from './line.ts';

export interface VerifiedExport {
  readonly header: ExportHeader;
  readonly folded: Folded;
  readonly trailer: ExportTrailer;
  /** How many lines come before the trailer. */
  readonly lineCount: number;
}

/** Reads a whole export, and compares it with its checksum, count and totals. */
export async function verifyExport(path: string): Promise<Outcome<VerifiedExport>> {
  const sums = new ExportSums();
  let header: ExportHeader | undefined;
  let folded = NOTHING_FOLDED;
  /** A line counts once another follows: the last is the trailer. */
  let last: string | undefined;
  let lineCount = 0;
  for await (const line of linesOf(path)) {
    if (last !== undefined) {
      lineCount++;
      sums.addText(`${last}\n`);
      if (lineCount === 1) {
        header = readHeader(last);
        if (header === undefined) return failed(`${path} is not an export of dinossauro`);
        folded = foldedOf(header);
      } else {
        const read = readExportLine(last);
        if (read === undefined) {
          return failed(
            `${path}: line ${lineCount} is neither a payment nor the totals of a minute, an hour or a fee`,
          );
        }
        sums.addLine(read, folded);
      }
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
    return failed(`${path} contradicts itself: its lines do not add up to the totals in its last line`);
  }
  return { kind: 'ok', value: { header, folded, trailer, lineCount } };
}

/** What a verified export has between its header and its trailer. */
export async function* contentOf(path: string, { lineCount }: VerifiedExport): AsyncGenerator<ExportLine> {
  let number = 0;
  for await (const text of linesOf(path)) {
    number++;
    if (number === 1) continue;
    if (number > lineCount) return;
    const line = readExportLine(text);
    if (line === undefined) throw new Error(`${path} was changed while it was read`);
    yield line;
  }
}

function linesOf(path: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(path), crlfDelay: Infinity });
}
