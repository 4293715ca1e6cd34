import assert from 'node:assert';
import { crc32 } from 'node:zlib';
import {
  PAYMENT_RECORD_BYTES,
  type PaymentRecord,
  writePaymentRecord,
} from '../shared-memory/payment-record.ts';

/**
 * The layout of a journal file. A file contains only records, so damaged bytes affect only the records that they are in.
 * Record r begins at byte 64 r. Little-endian:
 *
 * | offset | bytes | field      | type | note                                                              |
 * |--------|-------|------------|------|-------------------------------------------------------------------|
 * | 0      | 4     | checksum   | u32  | CRC-32 of bytes 4 to 63, seeded with the CRC-32 of the file name  |
 * | 4      | 4     | number     | u32  | r                                                                 |
 * | 8      | 56    | payment    | u8   | `src/shared-memory/payment-record.ts`                             |
 *
 * The checksum covers the name and the number, so a record that turns up in another file, as stale blocks can, or at
 * another position is invalid. Hence a file must keep its name, and a name is never used twice:
 *
 *     http-0-0000000017-9f3c2a1b.1.journal
 *     writer │          │        └ version of this layout
 *            │          └ random salt: distinguishes this file from a removed one with the same number
 *            └ number, unique in the directory
 *
 * A file that another instance left gets a new name with the writer `moved`, a new number and new checksums.
 */
export const RECORD_BYTES = 64;

const CHECKSUM = 0;
const NUMBER = 4;
const PAYMENT = 8;
assert.equal(PAYMENT + PAYMENT_RECORD_BYTES, RECORD_BYTES);

/** File numbers are stored as i32, so no gateway writes a file with a larger number. */
export const LAST_FILE_NUMBER = 2 ** 31 - 1;

const NAME = /^[A-Za-z0-9_-]+-(\d{10})-[0-9a-f]{8}\.1\.journal$/;

/** `salt` is a random u32. */
export function journalFileName(writer: string, fileNumber: number, salt: number): string {
  const name = `${writer}-${String(fileNumber).padStart(10, '0')}-${salt.toString(16).padStart(8, '0')}.1.journal`;
  assert.match(name, NAME);
  return name;
}

/** The file's number; undefined if this is not the name of a journal file. */
export function journalFileNumber(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Consecutive records of one file in memory, to be written or as read. */
export class RecordPage {
  readonly bytes: Buffer;
  readonly #view: DataView;
  /** The bytes that each checksum covers. Created once, because `crc32` needs an array of exactly those bytes. */
  readonly #checked: Buffer[];
  #seed = 0;

  constructor(recordCount: number) {
    this.bytes = Buffer.alloc(recordCount * RECORD_BYTES);
    this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
    this.#checked = Array.from({ length: recordCount }, (_, index) =>
      this.bytes.subarray(index * RECORD_BYTES + NUMBER, (index + 1) * RECORD_BYTES),
    );
  }

  get recordCount(): number {
    return this.#checked.length;
  }

  /** From now on the page belongs to this file. */
  turnTo(fileName: string): void {
    this.#seed = crc32(fileName);
  }

  write(
    index: number,
    number: number,
    id: Uint8Array,
    amountCents: number,
    acceptedAtMs: number,
    trace: Uint8Array | null,
  ): void {
    const offset = index * RECORD_BYTES;
    this.#view.setUint32(offset + NUMBER, number, true);
    writePaymentRecord(this.#view, this.bytes, offset + PAYMENT, id, amountCents, acceptedAtMs, trace);
    this.seal(index);
  }

  /** Writes the checksum of the record at `index`, which makes it a record of this file. */
  seal(index: number): void {
    this.#view.setUint32(index * RECORD_BYTES + CHECKSUM, this.#checksum(index), true);
  }

  /** Whether the record at `index` is record `number` of this file, undamaged. */
  isGood(index: number, number: number): boolean {
    const offset = index * RECORD_BYTES;
    return (
      this.#view.getUint32(offset + NUMBER, true) === number &&
      this.#view.getUint32(offset + CHECKSUM, true) === this.#checksum(index)
    );
  }

  read(index: number, into: PaymentRecord): void {
    into.read(this.#view, this.bytes, index * RECORD_BYTES + PAYMENT);
  }

  #checksum(index: number): number {
    return crc32(this.#checked[index] as Buffer, this.#seed);
  }
}
