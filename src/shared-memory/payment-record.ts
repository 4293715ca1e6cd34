import assert from 'node:assert';
import { TRACE_BYTES } from '../core/trace-context.ts';
import { UUID_BYTES } from '../core/uuid.ts';

/**
 * An accepted payment in bytes, as it is stored in the ring and in the journal. Little-endian, 56 bytes:
 *
 * | offset | bytes | field             | type | note                                                |
 * |--------|-------|-------------------|------|-----------------------------------------------------|
 * | 0      | 8     | amountCents       | f64  | a whole number from 1 to 2^53 - 1                   |
 * | 8      | 4     | acceptedAtMs low  | u32  |                                                     |
 * | 12     | 2     | acceptedAtMs high | u16  |                                                     |
 * | 14     | 1     | traced            | u8   | 1: the last two fields hold a trace; 0: they are 0  |
 * | 15     | 1     | trace flags       | u8   |                                                     |
 * | 16     | 16    | id                | u8   | UUID, network order                                 |
 * | 32     | 24    | trace             | u8   | 16 bytes of trace id, 8 of span id                  |
 */
export const PAYMENT_RECORD_BYTES = 56;

const AMOUNT = 0;
const ACCEPTED_LOW = 8;
const ACCEPTED_HIGH = 12;
const TRACED = 14;
const FLAGS = 15;
const ID = 16;
const TRACE = 32;
const FLAGS_OF_TRACE = TRACE_BYTES - 1;
assert.equal(ID + UUID_BYTES, TRACE);
assert.equal(TRACE + FLAGS_OF_TRACE, PAYMENT_RECORD_BYTES);

const LOW_RANGE = 2 ** 32;

/** Writes a record at `offset`. `view` and `bytes` are views of the same memory. Allocates nothing. */
export function writePaymentRecord(
  view: DataView,
  bytes: Uint8Array,
  offset: number,
  id: Uint8Array,
  amountCents: number,
  acceptedAtMs: number,
  trace: Uint8Array | null,
): void {
  view.setFloat64(offset + AMOUNT, amountCents, true);
  view.setUint32(offset + ACCEPTED_LOW, acceptedAtMs % LOW_RANGE, true);
  view.setUint16(offset + ACCEPTED_HIGH, Math.floor(acceptedAtMs / LOW_RANGE), true);
  bytes[offset + TRACED] = trace === null ? 0 : 1;
  bytes[offset + FLAGS] = trace === null ? 0 : (trace[FLAGS_OF_TRACE] as number);
  for (let index = 0; index < UUID_BYTES; index++) bytes[offset + ID + index] = id[index] as number;
  for (let index = 0; index < FLAGS_OF_TRACE; index++) {
    bytes[offset + TRACE + index] = trace === null ? 0 : (trace[index] as number);
  }
}

/** A record read from bytes. The object is reused for the next record: copy what must live longer. */
export class PaymentRecord {
  readonly id: Buffer = Buffer.alloc(UUID_BYTES);
  amountCents = 0;
  acceptedAtMs = 0;
  /** `TRACE_BYTES` bytes, or null when the request carried no trace context. */
  trace: Buffer | null = null;
  readonly #trace = Buffer.alloc(TRACE_BYTES);

  /** Reads what `writePaymentRecord` wrote at `offset`. `view` and `bytes` are views of the same memory. */
  read(view: DataView, bytes: Uint8Array, offset: number): void {
    this.amountCents = view.getFloat64(offset + AMOUNT, true);
    const high = view.getUint16(offset + ACCEPTED_HIGH, true);
    this.acceptedAtMs = high * LOW_RANGE + view.getUint32(offset + ACCEPTED_LOW, true);
    for (let index = 0; index < UUID_BYTES; index++) this.id[index] = bytes[offset + ID + index] as number;
    this.trace = bytes[offset + TRACED] === 0 ? null : this.#trace;
    if (this.trace === null) return;
    for (let index = 0; index < FLAGS_OF_TRACE; index++) {
      this.#trace[index] = bytes[offset + TRACE + index] as number;
    }
    this.#trace[FLAGS_OF_TRACE] = bytes[offset + FLAGS] as number;
  }
}
