import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ATTEMPT_OUTCOMES, ATTEMPT_REASONS, EARLIER_ATTEMPTS_MAX } from '../../../src/core/attempt.ts';
import { readUuid, UUID_BYTES } from '../../../src/core/uuid.ts';
import {
  entryKey,
  HOLDING_ID_AT,
  healthBytes,
  holdingKey,
  holdingKeys,
  ownerBytes,
  ownerKey,
  readHealth,
  readOwner,
  readTotals,
  timeIndexKey,
  totalsBytes,
} from '../../../src/ledger/lmdb/records.ts';
import { entryBytes, readEntry } from '../../../src/ledger/lmdb/stored-entry.ts';

/** Like what a codec reads: an object with a prototype. */
const plainRecord = <T>(members: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(members, { noNullPrototype: true });
const u16 = fc.nat(2 ** 16 - 1);
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const moment = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const cents = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const id = fc.uint8Array({ minLength: UUID_BYTES, maxLength: UUID_BYTES }).map((bytes) => Buffer.from(bytes));
const wellFormed = fc.string({ unit: 'grapheme', maxLength: 80 });

test('an entry is read as written', () => {
  const attempt = plainRecord({
    processorNumber: u16,
    requestedAtMs: moment,
    why: fc.constantFrom(...ATTEMPT_REASONS),
    outcome: fc.constantFrom(...ATTEMPT_OUTCOMES),
  });
  const entry = plainRecord({
    status: fc.constantFrom(
      'accepted' as const,
      'dispatched' as const,
      'settled' as const,
      'rejected' as const,
      'held' as const,
    ),
    processorNumber: u16,
    owner: u32,
    attempts: u32,
    why: fc.constantFrom(...ATTEMPT_REASONS),
    outcome: fc.constantFrom(...ATTEMPT_OUTCOMES),
    earlier: fc.array(attempt, { maxLength: EARLIER_ATTEMPTS_MAX }),
    acceptedAtMs: moment,
    requestedAtMs: moment,
    amountCents: cents,
    conflictingAmountCents: cents,
    reason: wellFormed,
  });
  fc.assert(fc.property(entry, (written) => assert.equal(readEntry(entryBytes(written)), written)));
});

test('an owner, a health report and totals are read as written', () => {
  const owner = plainRecord({
    leaseUntilMs: cents,
    fenced: fc.boolean(),
    instanceId: wellFormed,
    name: wellFormed,
  });
  fc.assert(fc.property(owner, (written) => assert.equal(readOwner(ownerBytes(written)), written)));
  const health = plainRecord({
    revision: cents,
    checkedAtMs: cents,
    minResponseTimeMs: cents,
    failing: fc.boolean(),
  });
  fc.assert(fc.property(health, (written) => assert.equal(readHealth(healthBytes(written)), written)));
  const totals = plainRecord({ count: u32, amountCents: cents });
  fc.assert(fc.property(totals, (written) => assert.equal(readTotals(totalsBytes(written)), written)));
});

test('keys sort by the numbers in them', () => {
  const bucket = fc.tuple(fc.nat(255), u16, moment);
  fc.assert(
    fc.property(bucket, bucket, (one, other) => {
      assert.is(Buffer.compare(timeIndexKey(...one), timeIndexKey(...other)), order(one, other));
    }),
  );
  fc.assert(
    fc.property(u32, u32, (one, other) => {
      assert.is(Buffer.compare(ownerKey(one), ownerKey(other)), order([one], [other]));
    }),
  );
});

test('only the holdings of an owner are between its first and its last key', () => {
  // Neighbours, and the same again: two owners that are drawn from all numbers are never the same.
  const near = fc.integer({ min: -1, max: 1 });
  let ownCount = 0;
  fc.assert(
    fc.property(u32, near, id, (owner, distance, held) => {
      const other = Math.min(Math.max(0, owner + distance), 2 ** 32 - 1);
      if (owner === other) ownCount++;
      const key = holdingKey(other, held);
      const { start, end } = holdingKeys(owner);
      const isWithin = Buffer.compare(start, key) <= 0 && Buffer.compare(key, end) <= 0;
      assert.is(isWithin, owner === other);
      assert.ok(key.subarray(HOLDING_ID_AT).equals(held));
      assert.ok(entryKey(readUuid(held, 0)).equals(held));
    }),
  );
  assert.ok(ownCount > 0);
});

/** -1, 0 or 1, by the first numbers that differ. */
function order(one: readonly number[], other: readonly number[]): number {
  const index = one.findIndex((value, at) => value !== other[at]);
  return index < 0 ? 0 : Math.sign((one[index] ?? 0) - (other[index] ?? 0));
}

test.run();
