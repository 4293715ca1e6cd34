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
import { isUuid } from '../core/uuid.ts';
import { Books, type BooksStore, type Row } from './books.ts';

/**
 * The books of a simulated processor in a file, so that they survive a restart as the books of the gateway do.
 *
 * One line for each payment, in the order of the inserts, all of the same length, so that a line always begins at a
 * multiple of it:
 *
 *     <correlationId> <amount in cents, 17 wide> <requestedAt in ms since 1970, 17 wide>
 *
 * A line is written before its payment is acknowledged. Nothing is synced: the file outlives the process, not the
 * machine. A line that a crash has cut short is overwritten by the next one.
 */
const NUMBER_WIDTH = 17;
const LINE_BYTES = 36 + 1 + NUMBER_WIDTH + 1 + NUMBER_WIDTH + 1;
const LINE = /^([0-9a-f-]{36}) ( *-?\d+) ( *-?\d+)\n$/;
/** Completes a line that was cut short, to see whether it was one. */
const ANY_LINE = `00000000-0000-0000-0000-000000000000 ${'0'.repeat(NUMBER_WIDTH)} ${'0'.repeat(NUMBER_WIDTH)}\n`;

/** Some 280 MB of file, and about 1 GB of memory, which is what a process of Node can hold. */
const ROW_LIMIT = 4_000_000;
const LINES_PER_READ = 16_384;

export type BooksOpening =
  | { readonly kind: 'open'; readonly books: Books }
  /** One line, without the path. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Opens the books at `path`, creating file and directory where they are missing. `complain` hears why a write failed. */
export function openBooks(path: string, complain: (reason: string) => void): BooksOpening {
  try {
    // Looked at first: to open a pipe would wait for its other end.
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
    return failed('it is damaged: it holds a payment twice');
  } catch (error) {
    return failed(reasonOf(error));
  }
}

/** All rows of the file, or what is wrong with it. */
function readRows(file: number): Row[] | string {
  const rows: Row[] = [];
  const chunk = Buffer.alloc(LINES_PER_READ * LINE_BYTES);
  for (;;) {
    const length = readFully(file, chunk, rows.length * LINE_BYTES);
    for (let start = 0; start < length; start += LINE_BYTES) {
      const line = chunk.toString('latin1', start, Math.min(start + LINE_BYTES, length));
      const isWhole = line.length === LINE_BYTES;
      const row = readLine(isWhole ? line : line + ANY_LINE.slice(line.length));
      if (row === null) return `it is damaged at line ${rows.length + 1}, or is a file of another kind`;
      if (!isWhole) return rows;
      if (rows.length === ROW_LIMIT) return `it holds more than ${ROW_LIMIT} payments`;
      rows.push(row);
    }
    if (length < chunk.length) return rows;
  }
}

/** Fills the chunk, or reads to the end of the file. */
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
        return `they hold ${ROW_LIMIT} payments, and that is the limit: purge them`;
      const surplus = fstatSync(this.#file).size - this.#rowCount * LINE_BYTES;
      if (surplus < 0 || surplus >= LINE_BYTES) return 'another process has changed the file';
      // At a position of its own: what a write that failed has left behind is overwritten.
      const written = writeSync(this.#file, lineOf(row), this.#rowCount * LINE_BYTES, 'latin1');
      if (written !== LINE_BYTES) return `only ${written} of ${LINE_BYTES} bytes could be written`;
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

  /** Complains of the first failure in a row alone. */
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
    return reasonOf(error);
  }
}

/** Errors of the file system are values from here on; anything else is a bug and goes on as it came. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && 'code' in error) return error.message;
  throw error;
}

function failed(reason: string): BooksOpening {
  return { kind: 'failed', reason };
}
