import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TRACE_BYTES } from '../../src/core/trace-context.ts';
import { UUID_BYTES } from '../../src/core/uuid.ts';
import { journalFileName, journalFileNumber, RECORD_BYTES, RecordPage } from '../../src/journal/record.ts';
import { PaymentRecord } from '../../src/shared-memory/payment-record.ts';

const RECORDS = 3;
const NAME = journalFileName('http-0', 17, 0x9f3c2a1b);

const anyBytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const anyRecord = fc.record({
  index: fc.integer({ min: 0, max: RECORDS - 1 }),
  number: u32,
  id: anyBytes(UUID_BYTES),
  amountCents: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  acceptedAtMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  trace: fc.option(anyBytes(TRACE_BYTES)),
});

type AnyRecord = typeof anyRecord extends fc.Arbitrary<infer T> ? T : never;

function pageWith({ index, number, id, amountCents, acceptedAtMs, trace }: AnyRecord): RecordPage {
  const page = new RecordPage(RECORDS);
  page.turnTo(NAME);
  page.write(index, number, id, amountCents, acceptedAtMs, trace);
  return page;
}

test('a record is read as written, also from a copy of its bytes', () => {
  fc.assert(
    fc.property(anyRecord, (record) => {
      const page = new RecordPage(RECORDS);
      page.turnTo(NAME);
      page.bytes.set(pageWith(record).bytes);
      assert.ok(page.isGood(record.index, record.number));
      const read = new PaymentRecord();
      page.read(record.index, read);
      assert.equal([...read.id], [...record.id]);
      assert.is(read.amountCents, record.amountCents);
      assert.is(read.acceptedAtMs, record.acceptedAtMs);
      assert.equal(read.trace && [...read.trace], record.trace && [...record.trace]);
    }),
  );
});

test('a record with changed bits is invalid', () => {
  const damage = fc.record({ at: fc.nat(RECORD_BYTES - 1), mask: fc.integer({ min: 1, max: 255 }) });
  fc.assert(
    fc.property(anyRecord, damage, (record, { at, mask }) => {
      const page = pageWith(record);
      const offset = record.index * RECORD_BYTES + at;
      page.bytes[offset] = (page.bytes[offset] as number) ^ mask;
      assert.not(page.isGood(record.index, record.number));
    }),
  );
});

test('a record torn at any byte is invalid, whether zeros or an older record follow', () => {
  fc.assert(
    fc.property(anyRecord, fc.nat(RECORD_BYTES - 1), fc.boolean(), (record, keptBytes, isOverOlder) => {
      const page = pageWith(record);
      const older = pageWith({
        ...record,
        id: record.id.map((byte) => byte ^ 0xff),
        number: record.number ^ 1,
      });
      const start = record.index * RECORD_BYTES;
      if (isOverOlder)
        older.bytes.copy(page.bytes, start + keptBytes, start + keptBytes, start + RECORD_BYTES);
      else page.bytes.fill(0, start + keptBytes, start + RECORD_BYTES);
      // The bytes may have been zeros anyway.
      const isWhole = page.bytes.equals(pageWith(record).bytes);
      assert.is(page.isGood(record.index, record.number), isWhole);
    }),
  );
});

test('a record is valid only in its file and under its number', () => {
  fc.assert(
    fc.property(
      anyRecord,
      fc.nat(2),
      fc.tuple(fc.nat(9_999_999), u32),
      (record, ahead, [fileNumber, salt]) => {
        const page = pageWith(record);
        const number = (record.number + ahead) % 2 ** 32;
        assert.is(page.isGood(record.index, number), number === record.number);
        const name = journalFileName('http-0', fileNumber, salt);
        page.turnTo(name);
        assert.is(page.isGood(record.index, record.number), name === NAME);
      },
    ),
  );
});

test('a file name contains its number, and no other text does', () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/),
      fc.nat(2 ** 31 - 1),
      u32,
      (writer, number, salt) => {
        assert.is(journalFileNumber(journalFileName(writer, number, salt)), number);
      },
    ),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.is(journalFileNumber(text), undefined);
      assert.is(journalFileNumber(`${NAME}${text || '.tmp'}`), undefined);
    }),
  );
});

test.run();
