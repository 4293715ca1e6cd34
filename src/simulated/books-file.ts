import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { fileErrorReason } from '../core/reason.ts';
import { isUuid } from '../core/uuid.ts';
import { Books, type BooksStore, type Row } from './books.ts';

/**
 * The books of a simulated processor in a file, so that they survive a restart, like the books of the gateway.
 *
 * One line for each payment, in insertion order. All lines have the same length:
 *
 *     <correlationId> <amount in cents, 17 wide> <requestedAt in ms since 1970, 17 wide>
 *
 * A line is written before its payment is acknowledged. Nothing is synced: the file survives a crash of the process, but
 * not of the machine. A line that a crash has cut short is overwritten by the next one.
 */
const NUMBER_WIDTH = 17;
const LINE_BYTES = 36 + 1 + NUMBER_WIDTH + 1 + NUMBER_WIDTH + 1;
const LINE = /^([0-9a-f-]{36}) ( *-?\d+) ( *-?\d+)\n$/;
/** Completes a truncated line, to check whether its beginning is valid. */
const ANY_LINE = `00000000-0000-0000-0000-000000000000 ${'0'.repeat(NUMBER_WIDTH)} ${'0'.repeat(NUMBER_WIDTH)}\n`;

/** About 280 MB on disk and 1 GB in memory, as much as a Node process can hold. */
const ROW_LIMIT = 4_000_000;
const LINES_PER_READ = 16_384;

export type BooksOpening =
  | { readonly kind: 'open'; readonly books: Books }
  /** One line, without the path. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Opens the books at `path`, creating file and directory if missing. `complain` gets the reason of a failed write. */
export function openBooks(path: string, complain: (reason: string) => void): BooksOpening {
  try {
    // Checked first, since opening a pipe would block until the other end is opened.
    const found = statSync(path, { throwIfNoEntry: false });
    if (found !== undefined && !found.isFile()) return failed('it is not a regular file');
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    const rows = readRows(file);
    if (typeof rows === 'string') {
      closeSync(file);
      return failed(rows);
    }
    const books = new Books(new BooksFile(file, rows.length, complain), rows);
    if (books.count === rows.length) return { kind: 'open', books };
    closeSync(file);
    return failed('it is damaged: a payment appears twice');
  } catch (error) {
    return failed(fileErrorReason(error));
  }
}

/** The rows of the file, or what is wrong with it. */
function readRows(file: number): Row[] | string {
  const rows: Row[] = [];
  const chunk = Buffer.alloc(LINES_PER_READ * LINE_BYTES);
  for (;;) {
    const length = readFully(file, chunk, rows.length * LINE_BYTES);
    for (let start = 0; start < length; start += LINE_BYTES) {
      const line = chunk.toString('latin1', start, Math.min(start + LINE_BYTES, length));
      const isWhole = line.length === LINE_BYTES;
      const row = readLine(isWhole ? line : line + ANY_LINE.slice(line.length));
      if (row === null) return `line ${rows.length + 1} is damaged, or the file is of another kind`;
      if (!isWhole) return rows;
      if (rows.length === ROW_LIMIT) return `it holds more than ${ROW_LIMIT} payments`;
      rows.push(row);
    }
    if (length < chunk.length) return rows;
  }
}

/** Fills the chunk, or reads up to the end of the file. */
function readFully(file: number, chunk: Buffer, position: number): number {
  let length = 0;
  while (length < chunk.length) {
    const read = readSync(file, chunk, length, chunk.length - length, position + length);
    if (read === 0) break;
    length += read;
  }
  return length;
}

function readLine(line: string): Row | null {
  const [, correlationId = '', amountCents, requestedAtMs] = LINE.exec(line) ?? [];
  const row = { correlationId, amountCents: Number(amountCents), requestedAtMs: Number(requestedAtMs) };
  const isSound = isUuid(correlationId) && Number.isSafeInteger(row.amountCents);
  return isSound && Number.isSafeInteger(row.requestedAtMs) ? row : null;
}

function lineOf({ correlationId, amountCents, requestedAtMs }: Row): string {
  const [amount, stamp] = [amountCents, requestedAtMs].map((value) => String(value).padStart(NUMBER_WIDTH));
  return `${correlationId} ${amount} ${stamp}\n`;
}

class BooksFile implements BooksStore {
  readonly #file: number;
  readonly #complain: (reason: string) => void;
  #rowCount: number;
  #isFailing = false;

  constructor(file: number, rowCount: number, complain: (reason: string) => void) {
    this.#file = file;
    this.#rowCount = rowCount;
    this.#complain = complain;
  }

  append(row: Row): boolean {
    return this.#attempt(() => {
      if (this.#rowCount === ROW_LIMIT)
        return `they have reached the limit of ${ROW_LIMIT} payments: purge them`;
      const surplus = fstatSync(this.#file).size - this.#rowCount * LINE_BYTES;
      if (surplus < 0 || surplus >= LINE_BYTES) return 'another process has changed the file';
      // At an explicit position, to overwrite the remains of a failed write.
      const written = writeSync(this.#file, lineOf(row), this.#rowCount * LINE_BYTES, 'latin1');
      if (written !== LINE_BYTES) return `only ${written} of ${LINE_BYTES} bytes were written`;
      this.#rowCount++;
      return null;
    });
  }

  clear(): boolean {
    return this.#attempt(() => {
      ftruncateSync(this.#file, 0);
      this.#rowCount = 0;
      return null;
    });
  }

  /** Complains only about the first of several failures in a row. */
  #attempt(work: () => string | null): boolean {
    const reason = attempt(work);
    if (reason !== null && !this.#isFailing) this.#complain(reason);
    this.#isFailing = reason !== null;
    return reason === null;
  }
}

function attempt(work: () => string | null): string | null {
  try {
    return work();
  } catch (error) {
    return fileErrorReason(error);
  }
}

function failed(reason: string): BooksOpening {
  return { kind: 'failed', reason };
}
