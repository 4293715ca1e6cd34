import assert from 'node:assert';
import { crc32 } from 'node:zlib';
import {
  PAYMENT_RECORD_BYTES,
  type PaymentRecord,
  writePaymentRecord,
} from '../shared-memory/payment-record.ts';

/**
 * The files of a journal. A file is nothing but records, so that whatever happens to some bytes of it harms only
 * the records they belong to. Record r stands at 64 r. Little-endian:
 *
 * | offset | bytes | field      | type | note                                                              |
 * |--------|-------|------------|------|-------------------------------------------------------------------|
 * | 0      | 4     | checksum   | u32  | CRC-32 of bytes 4 to 63, begun with the CRC-32 of the file's name |
 * | 4      | 4     | number     | u32  | r                                                                 |
 * | 8      | 56    | acceptance | u8   | `src/shared-memory/payment-record.ts`                                               |
 *
 * Name and number are under the checksum: a record that turns up in another file, as stale blocks can, or at
 * another place of its own, is no record. Hence a file must keep its name, and a name is never used twice:
 *
 *     http-0-0000000017-9f3c2a1b.1.journal
 *     writer │          │        └ version of this layout
 *            │          └ salt, random: tells this file from a removed one that had its number
 *            └ number, which no two files of a directory share
 *
 * A file that another instance left is moved under a new name and number, by `moved`, its records sealed anew.
 */
export const RECORD_BYTES = 64;

const CHECKSUM = 0;
const NUMBER = 4;
const ACCEPTANCE = 8;
assert.equal(ACCEPTANCE + PAYMENT_RECORD_BYTES, RECORD_BYTES);

/** Numbers are kept in i32; a greater one stands in no file that a gateway has written. */
export const LAST_FILE_NUMBER = 2 ** 31 - 1;

const NAME = /^[A-Za-z0-9_-]+-(\d{10})-[0-9a-f]{8}\.1\.journal$/;

/** `salt` is a random u32. */
export function journalFileName(writer: string, fileNumber: number, salt: number): string {
  const name = `${writer}-${String(fileNumber).padStart(10, '0')}-${salt.toString(16).padStart(8, '0')}.1.journal`;
  assert.match(name, NAME);
  return name;
}

/** The file's number; undefined when this is no name of a journal's file. */
export function journalFileNumber(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Some consecutive records of one file, in memory: on their way to it, or read from it. */
export class RecordPage {
  readonly bytes: Buffer;
  readonly #view: DataView;
  /** What is under each record's checksum. Made once, since the checksum of a part takes an array of just it. */
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

  /** From here on the page is one of this file's. */
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
    writePaymentRecord(this.#view, this.bytes, offset + ACCEPTANCE, id, amountCents, acceptedAtMs, trace);
    this.seal(index);
  }

  /** Makes the record at `index`, which was another file's, one of this file's. */
  seal(index: number): void {
    this.#view.setUint32(index * RECORD_BYTES + CHECKSUM, this.#checksum(index), true);
  }

  /** Whether the record at `index` is this file's record `number`, unharmed. */
  isGood(index: number, number: number): boolean {
    const offset = index * RECORD_BYTES;
    return (
      this.#view.getUint32(offset + NUMBER, true) === number &&
      this.#view.getUint32(offset + CHECKSUM, true) === this.#checksum(index)
    );
  }

  read(index: number, into: PaymentRecord): void {
    into.read(this.#view, this.bytes, index * RECORD_BYTES + ACCEPTANCE);
  }

  #checksum(index: number): number {
    return crc32(this.#checked[index] as Buffer, this.#seed);
  }
}
