import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TRACE_BYTES } from '../../src/core/trace-context.ts';
import { UUID_BYTES } from '../../src/core/uuid.ts';
import {
  PAYMENT_RECORD_BYTES,
  PaymentRecord,
  writePaymentRecord,
} from '../../src/shared-memory/payment-record.ts';

const OFFSET = 8;
const anyBytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const anyAcceptance = fc.record({
  id: anyBytes(UUID_BYTES),
  amountCents: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  acceptedAtMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  trace: fc.option(anyBytes(TRACE_BYTES)),
});

test('a record is read as written, whatever the bytes were before', () => {
  const bytes = Buffer.alloc(OFFSET + PAYMENT_RECORD_BYTES + OFFSET);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const read = new PaymentRecord();
  fc.assert(
    fc.property(anyAcceptance, ({ id, amountCents, acceptedAtMs, trace }) => {
      writePaymentRecord(view, bytes, OFFSET, id, amountCents, acceptedAtMs, trace);
      read.read(view, bytes, OFFSET);
      assert.equal([...read.id], [...id]);
      assert.is(read.amountCents, amountCents);
      assert.is(read.acceptedAtMs, acceptedAtMs);
      assert.equal(read.trace && [...read.trace], trace && [...trace]);
    }),
  );
});

test('nothing is written outside its bytes', () => {
  const bytes = Buffer.alloc(OFFSET + PAYMENT_RECORD_BYTES + OFFSET, 0xaa);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  writePaymentRecord(view, bytes, OFFSET, new Uint8Array(UUID_BYTES), 1, 1, new Uint8Array(TRACE_BYTES));
  assert.ok(bytes.subarray(0, OFFSET).every((byte) => byte === 0xaa));
  assert.ok(bytes.subarray(OFFSET + PAYMENT_RECORD_BYTES).every((byte) => byte === 0xaa));
});

test('a record without a trace clears the trace of an earlier one', () => {
  const bytes = Buffer.alloc(PAYMENT_RECORD_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const id = Buffer.alloc(UUID_BYTES, 1);
  writePaymentRecord(view, bytes, 0, id, 100, 2, Buffer.alloc(TRACE_BYTES, 0xff));
  writePaymentRecord(view, bytes, 0, id, 100, 2, null);
  assert.not.ok(bytes.includes(0xff));
});

test.run();
