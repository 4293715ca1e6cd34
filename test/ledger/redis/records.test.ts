import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ATTEMPT_OUTCOMES,
  ATTEMPT_REASONS,
  EARLIER_ATTEMPTS_MAX,
  storyCode,
} from '../../../src/core/attempt.ts';
import { readUuid, UUID_BYTES } from '../../../src/core/uuid.ts';
import {
  earlierBytes,
  type ProcessorNumbers,
  readEntry,
  readScatteredId,
  Sums,
  scatteredId,
  sessionBytes,
  writeCommit,
} from '../../../src/ledger/redis/records.ts';

/** Three processors and their numbers in the books. */
const NUMBERS: ProcessorNumbers = {
  numbers: [7, 1, 255],
  positions: holes([7, 1, 255]),
  names: [undefined, ...Array.from({ length: 255 }, (_, index) => `processor-${index + 1}`)],
};

const position = fc.nat(2);
const u48 = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const amountCents = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const correlationId = fc
  .uint8Array({ minLength: UUID_BYTES, maxLength: UUID_BYTES })
  .map((bytes) => readUuid(bytes, 0));
const reason = fc.string({ unit: 'grapheme', maxLength: 30 });

const claim = fc.record(
  {
    correlationId,
    processor: fc.option(position),
    requestedAtMs: u48,
    acceptedAtMs: u48,
    amountCents,
    why: fc.constantFrom(...ATTEMPT_REASONS),
    before: fc.record(
      { requestedAtMs: u48, outcome: fc.constantFrom(...ATTEMPT_OUTCOMES) },
      { noNullPrototype: true },
    ),
  },
  { noNullPrototype: true },
);
const settlement = fc
  .record({
    correlationId,
    status: fc.constantFrom('settled' as const, 'rejected' as const),
    processor: position,
    requestedAtMs: u48,
    amountCents,
    outcome: fc.constantFrom(...ATTEMPT_OUTCOMES),
    reason,
    fee: fc.option(
      fc.record({ feePpm: fc.nat(1_000_000), feeFixedCents: fc.nat(100_000_000) }, { noNullPrototype: true }),
    ),
  })
  .map(({ fee, ...drawn }) => ({
    ...drawn,
    reason: drawn.status === 'rejected' ? drawn.reason : '',
    ...(fee !== null && { fee }),
  }));

test('a scattered id reads back unchanged, and ids of any kind spread over all hashes', () => {
  fc.assert(fc.property(correlationId, (id) => assert.is(readScatteredId(scatteredId(id)), id)));
  // As many as 64 for each of 256 hashes: none may get twice as many.
  const patterns: ((index: number) => string)[] = [
    (index) => readUuid(idOf(index), 0),
    (index) => `${index.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`,
    (index) => `00000000-0000-4000-8000-${(index * 4096).toString(16).padStart(12, '0')}`,
    (index) => {
      const mixed = (Math.imul(index, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0');
      return `${mixed}-0000-4000-8000-${index.toString(16).padStart(12, '0')}`;
    },
  ];
  for (const pattern of patterns) {
    const counts = new Uint32Array(256);
    for (let index = 0; index < 64 * 256; index++) {
      const hash = scatteredId(pattern(index)).readUInt32BE(0) % 256;
      counts[hash] = (counts[hash] as number) + 1;
    }
    assert.ok(Math.max(...counts) < 128, String(Math.max(...counts)));
  }
});

test('a commit contains every settlement and claim in the documented layout', () => {
  fc.assert(
    fc.property(
      u48,
      fc.array(settlement, { maxLength: 5 }),
      fc.array(claim, { maxLength: 5 }),
      (owner, settlements, claims) => {
        const session = sessionBytes(Buffer.from('ledger!!'), 9);
        const reader = new Fields(writeCommit(session, owner, settlements, claims, NUMBERS));
        assert.ok(reader.bytes(12).equals(session));
        assert.is(reader.number(6), owner);
        const [settlementCount, claimCount] = [reader.number(4), reader.number(4)];
        assert.equal(
          Array.from({ length: settlementCount }, () => readSettlement(reader)),
          settlements,
        );
        assert.equal(
          Array.from({ length: claimCount }, () => readClaim(reader)),
          claims,
        );
        assert.is(reader.left, 0);
      },
    ),
  );
});

test('an entry is read in the layout of entries.lua', () => {
  const attempt = fc.record({
    position,
    requestedAtMs: u48,
    why: fc.constantFrom(...ATTEMPT_REASONS),
    outcome: fc.constantFrom(...ATTEMPT_OUTCOMES),
  });
  const row = fc.record({
    state: fc.integer({ min: 1, max: 5 }),
    position: fc.option(position),
    attempts: fc.nat(2 ** 16 - 1),
    why: fc.constantFrom(...ATTEMPT_REASONS),
    outcome: fc.constantFrom(...ATTEMPT_OUTCOMES),
    earlier: fc.array(attempt, { maxLength: EARLIER_ATTEMPTS_MAX }),
    requestedAtMs: u48,
    acceptedAtMs: u48,
    amountCents,
    owner: u48,
    other: fc.option(amountCents),
    reason,
  });
  fc.assert(
    fc.property(correlationId, row, (id, drawn) => {
      const isUnfinished = drawn.state <= 2;
      const earlier = drawn.earlier.map(({ position: at, ...attempt }) => ({
        processorName: `processor-${NUMBERS.numbers[at]}`,
        ...attempt,
      }));
      const bytes = Buffer.concat([
        Buffer.of(drawn.state + (drawn.other === null ? 0 : 16)),
        Buffer.of(drawn.position === null ? 0 : (NUMBERS.numbers[drawn.position] as number)),
        bigEndian(drawn.attempts, 2),
        bigEndian(drawn.requestedAtMs, 6),
        bigEndian(drawn.acceptedAtMs, 6),
        bigEndian(drawn.amountCents, 7),
        Buffer.of(storyCode(drawn.why, drawn.outcome) + (earlier.length > 0 ? 128 : 0)),
        isUnfinished ? bigEndian(drawn.owner, 6) : Buffer.alloc(0),
        drawn.other === null ? Buffer.alloc(0) : bigEndian(drawn.other, 7),
        earlierBytes(earlier, NUMBERS),
        Buffer.from(drawn.reason),
      ]);
      assert.equal(readEntry(id, bytes, NUMBERS), {
        correlationId: id,
        amountCents: drawn.amountCents,
        acceptedAtMs: drawn.acceptedAtMs,
        status: ['accepted', 'dispatched', 'settled', 'rejected', 'held'][drawn.state - 1],
        owner: isUnfinished ? drawn.owner : 0,
        processor: drawn.position,
        processorName: drawn.position === null ? null : `processor-${NUMBERS.numbers[drawn.position]}`,
        requestedAtMs: drawn.requestedAtMs,
        attempts: drawn.attempts,
        story: { why: drawn.why, outcome: drawn.outcome, earlier },
        reason: drawn.reason,
        conflictingAmountCents: drawn.other,
      });
    }),
  );
});

test('a bucket adds the charges within a window and no others', () => {
  const charge = fc.record({
    offsetMs: fc.nat(999),
    number: fc.integer({ min: 1, max: 3 }),
    cents: fc.oneof(fc.nat(999_999), fc.integer({ min: 2 ** 32, max: 2 ** 40 })),
  });
  fc.assert(
    fc.property(fc.array(charge), fc.nat(1_500), fc.nat(1_500), (charges, fromOffsetMs, toOffsetMs) => {
      const startMs = 1_752_580_800_000;
      const bucket = Buffer.concat(
        charges.map(({ offsetMs, number, cents }) =>
          cents < 2 ** 32
            ? Buffer.concat([bigEndian(offsetMs, 2), Buffer.of(number), bigEndian(cents, 4)])
            : Buffer.concat([bigEndian(offsetMs + 1024, 2), Buffer.of(number), bigEndian(cents, 7)]),
        ),
      );
      const sums = new Sums();
      sums.addBucket(bucket, startMs, startMs + fromOffsetMs, startMs + toOffsetMs);
      for (const number of [1, 2, 3]) {
        const within = charges.filter(
          (one) => one.number === number && one.offsetMs >= fromOffsetMs && one.offsetMs <= toOffsetMs,
        );
        assert.is(sums.counts[number] ?? 0, within.length);
        assert.is(
          sums.cents[number] ?? 0,
          within.reduce((sum, { cents }) => sum + cents, 0),
        );
      }
    }),
  );
});

/** Reads fields one after another; numbers in the simplest way, to check the production code. */
class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  bytes(size: number): Buffer {
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }

  number(size: number): number {
    return Number(BigInt(`0x${this.bytes(size).toString('hex')}`));
  }
}

function readSettlement(reader: Fields) {
  const correlationId = readScatteredId(reader.bytes(16));
  const status = reader.number(1) === 3 ? 'settled' : 'rejected';
  const processor = NUMBERS.numbers.indexOf(reader.number(1));
  const [requestedAtMs, amountCents] = [reader.number(6), reader.number(7)];
  const outcome = ATTEMPT_OUTCOMES[reader.number(1)];
  const [feePpm, feeFixedCents] = [reader.number(4), reader.number(4)];
  return {
    correlationId,
    status,
    processor,
    requestedAtMs,
    amountCents,
    outcome,
    ...(feePpm <= 1_000_000 && { fee: { feePpm, feeFixedCents } }),
    reason: reader.bytes(reader.number(2)).toString(),
  };
}

function readClaim(reader: Fields) {
  const correlationId = readScatteredId(reader.bytes(16));
  const number = reader.number(1);
  const processor = number === 0 ? null : NUMBERS.numbers.indexOf(number);
  return {
    correlationId,
    processor,
    requestedAtMs: reader.number(6),
    acceptedAtMs: reader.number(6),
    amountCents: reader.number(7),
    why: ATTEMPT_REASONS[reader.number(1)],
    before: { requestedAtMs: reader.number(6), outcome: ATTEMPT_OUTCOMES[reader.number(1)] },
  };
}

function bigEndian(value: number, size: number): Buffer {
  return Buffer.from(value.toString(16).padStart(size * 2, '0'), 'hex');
}

function idOf(count: number): Buffer {
  const bytes = Buffer.alloc(UUID_BYTES);
  bytes.writeUInt32BE(count, UUID_BYTES - 4);
  return bytes;
}

function holes(numbers: readonly number[]): (number | undefined)[] {
  const positions: (number | undefined)[] = [];
  for (const [position, number] of numbers.entries()) positions[number] = position;
  return positions;
}

test.run();
