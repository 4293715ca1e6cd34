import assert from 'node:assert/strict';
import type { Fee } from '../../core/fee.ts';
import type { Totals } from '../../core/payment.ts';
import { UUID_BYTES, uuidBytes } from '../../core/uuid.ts';
import type { HealthReport, WorkerId } from '../ledger.ts';
import type { Folded } from '../retention.ts';

/**
 * The layout of the LMDB ledger. All numbers are big-endian, so that keys sort by number.
 *
 * | database | key                                              | value                                      |
 * |----------|--------------------------------------------------|--------------------------------------------|
 * | open     | correlationId (16)                               | an entry that is accepted or dispatched    |
 * | entries  | correlationId (16)                               | an entry that is settled                   |
 * | rejected | correlationId (16)                               | an entry that is rejected                  |
 * | holdings | owner uint32, correlationId (16)                 | one zero byte: the owner holds the entry   |
 * | calendar | unit uint8, processor uint16, startMs uint48     | count uint32, amountCents float64          |
 * | calendar | 255 uint8, processor uint16, feePpm uint32,       | count float64, amountCents float64         |
 * |          | feeFixedCents uint32                             |                                            |
 * | charges  | second uint40, number of the commit in it uint24 | charges                                    |
 * | outbox   | atMs uint48, number uint32                       | an event (`outbox.ts`)                     |
 * | records  | 1                                                | last owner number uint32                   |
 * | records  | 2, owner uint32                                  | an owner                                   |
 * | records  | 3, name UTF-8                                    | processor uint16, its permanent number     |
 * | records  | 4, processor uint16                              | the last health report                     |
 * | records  | 5, processor uint16                              | turn float64, the last health turn         |
 * | records  | 6                                                | the last purge                             |
 * | records  | 7                                                | last revision float64                      |
 * | records  | 10                                               | layout uint32                              |
 * | records  | 8                                                | how far the books are folded               |
 * | records  | 9                                                | turn float64, the last turn of upkeep        |
 * | records  | 11                                               | the status of the books, JSON              |
 * | records  | 12                                               | the file that they are in (`home.ts`)      |
 * | records  | 14, number uint32                                | an action of an operator, JSON             |
 * | records  | 15, name UTF-8                                   | a bookmark: version float64, text UTF-8    |
 *
 * A charge, one of those of a second: millisecond uint16, processor uint16, amountCents float64.
 * An owner: leaseUntilMs float64, fenced uint8, bytes of instanceId uint16, instanceId UTF-8, name UTF-8.
 * `calendar` and `charges` are the time index: units from a second on, and what each commit has settled in a second. The cents of a bucket are exact up to 2^53; a sum beyond that stays beyond it.
 * A health report: revision float64, checkedAtMs float64, minResponseTimeMs float64, failing uint8.
 * A purge: revision float64, purgedAtMs float64.
 * Folded: secondsMs float64, minutesMs float64, then untilMs float64 of the walk through the entries, and the key that it
 * continues after (16), which is absent when the walk has ended.
 * The revision numbers the events that subscribers get, in their order.
 */
export const MOMENT_BYTES = 6;
export const UINT32_MAX = 2 ** 32 - 1;

export function entryKey(correlationId: string): Buffer {
  return uuidBytes(correlationId);
}

export function bookmarkKey(name: string): Buffer {
  return Buffer.concat([Buffer.of(15), Buffer.from(name)]);
}

/** A key before those of all entries. */
export const BEFORE_ALL = Buffer.of(0);

/** Holds the payments that operators hold. */
export const NO_OWNER = 0;

/** The offset of the id in the key of a holding. */
export const HOLDING_ID_AT = 4;
export const HOLDING_VALUE = Buffer.alloc(1);

export function holdingKey(owner: number, id: Buffer): Buffer {
  const key = Buffer.allocUnsafe(HOLDING_ID_AT + UUID_BYTES);
  key.writeUInt32BE(owner, 0);
  id.copy(key, HOLDING_ID_AT);
  return key;
}

/** The first and the last key that the holdings of an owner can have. */
export function holdingKeys(owner: number): { readonly start: Buffer; readonly end: Buffer } {
  return {
    start: holdingKey(owner, Buffer.alloc(UUID_BYTES, 0)),
    end: holdingKey(owner, Buffer.alloc(UUID_BYTES, 0xff)),
  };
}

export function timeIndexKey(unit: number, processorNumber: number, startMs: number): Buffer {
  const key = Buffer.allocUnsafe(9);
  key.writeUInt8(unit, 0);
  key.writeUInt16BE(processorNumber, 1);
  key.writeUIntBE(startMs, 3, MOMENT_BYTES);
  return key;
}

export function readUnitStartMs(key: Buffer): number {
  return key.readUIntBE(3, MOMENT_BYTES);
}

/** In place of a unit: totals by processor and fee are kept beside those by processor and time. */
const FEES = 255;
const FEE_KEY_BYTES = 11;

export function feeTotalsKey(processorNumber: number, { feePpm, feeFixedCents }: Fee): Buffer {
  const key = Buffer.allocUnsafe(FEE_KEY_BYTES);
  key.writeUInt8(FEES, 0);
  key.writeUInt16BE(processorNumber, 1);
  key.writeUInt32BE(feePpm, 3);
  key.writeUInt32BE(feeFixedCents, 7);
  return key;
}

/** The keys of all totals by fee. */
export function feeTotalsKeys(): { readonly start: Buffer } {
  return { start: Buffer.of(FEES) };
}

export function readFeeTotalsKey(key: Buffer): Fee & { readonly processorNumber: number } {
  return {
    processorNumber: key.readUInt16BE(1),
    feePpm: key.readUInt32BE(3),
    feeFixedCents: key.readUInt32BE(7),
  };
}

export function readFeeTotals(bytes: Buffer): Totals {
  return { count: bytes.readDoubleBE(0), amountCents: bytes.readDoubleBE(8) };
}

export function feeTotalsBytes({ count, amountCents }: Totals): Buffer {
  const bytes = Buffer.allocUnsafe(16);
  bytes.writeDoubleBE(count, 0);
  bytes.writeDoubleBE(amountCents, 8);
  return bytes;
}

export function readTotals(bytes: Buffer): Totals {
  return { count: bytes.readUInt32BE(0), amountCents: bytes.readDoubleBE(4) };
}

export function totalsBytes(totals: Totals): Buffer {
  assert(totals.count <= UINT32_MAX, 'a bucket can count at most 2^32 - 1 payments');
  const bytes = Buffer.allocUnsafe(12);
  bytes.writeUInt32BE(totals.count, 0);
  bytes.writeDoubleBE(totals.amountCents, 4);
  return bytes;
}

const SECOND_BYTES = 5;
const COMMIT_NUMBER_BYTES = 3;
export const COMMITS_A_SECOND_MAX = 2 ** (8 * COMMIT_NUMBER_BYTES) - 1;
const CHARGE_BYTES = 12;

/** The key of what a commit has settled in a second since the epoch. */
export function chargesKey(second: number, commitNumber: number): Buffer {
  assert(commitNumber <= COMMITS_A_SECOND_MAX, 'a second can have at most 2^24 commits');
  const key = Buffer.allocUnsafe(SECOND_BYTES + COMMIT_NUMBER_BYTES);
  key.writeUIntBE(second, 0, SECOND_BYTES);
  key.writeUIntBE(commitNumber, SECOND_BYTES, COMMIT_NUMBER_BYTES);
  return key;
}

/** The keys of all charges of the seconds [first, end). */
export function chargesKeys(first: number, end: number): { readonly start: Buffer; readonly end: Buffer } {
  return { start: chargesKey(first, 0), end: chargesKey(end, 0) };
}

export function secondOf(key: Buffer): number {
  return key.readUIntBE(0, SECOND_BYTES);
}

export function commitNumberOf(key: Buffer): number {
  return key.readUIntBE(SECOND_BYTES, COMMIT_NUMBER_BYTES);
}

export interface StoredCharge {
  /** Within its second. */
  readonly millisecond: number;
  readonly processorNumber: number;
  readonly amountCents: number;
}

export function chargesBytes(charges: readonly StoredCharge[]): Buffer {
  const bytes = Buffer.allocUnsafe(CHARGE_BYTES * charges.length);
  for (const [index, { millisecond, processorNumber, amountCents }] of charges.entries()) {
    bytes.writeUInt16BE(millisecond, CHARGE_BYTES * index);
    bytes.writeUInt16BE(processorNumber, CHARGE_BYTES * index + 2);
    bytes.writeDoubleBE(amountCents, CHARGE_BYTES * index + 4);
  }
  return bytes;
}

export function readCharges(bytes: Buffer): StoredCharge[] {
  return Array.from({ length: bytes.length / CHARGE_BYTES }, (_, index) => ({
    millisecond: bytes.readUInt16BE(CHARGE_BYTES * index),
    processorNumber: bytes.readUInt16BE(CHARGE_BYTES * index + 2),
    amountCents: bytes.readDoubleBE(CHARGE_BYTES * index + 4),
  }));
}

export const LAYOUT_KEY = Buffer.from([10]);
export const LAYOUT = 2;
export const OWNERS_EVER_KEY = Buffer.from([1]);
export const PURGE_KEY = Buffer.from([6]);
export const REVISION_KEY = Buffer.from([7]);
export const FOLDING_KEY = Buffer.from([8]);
export const UPKEEP_TURN_KEY = Buffer.from([9]);
export const BOOKS_STATUS_KEY = Buffer.from([11]);
export const HOME_KEY = Buffer.from([12]);
export const CONTROLS_KEY = Buffer.from([13]);
/** The offset of the number in the key of an action. */
export const ACTION_NUMBER_AT = 1;

export function actionKey(number: number): Buffer {
  const key = Buffer.alloc(5, 14);
  key.writeUInt32BE(number, ACTION_NUMBER_AT);
  return key;
}

export const FIRST_OWNER_KEY = ownerKey(0);
export const LAST_OWNER_KEY = ownerKey(UINT32_MAX);
/** The offset of the number in the key of an owner. */
export const OWNER_NUMBER_AT = 1;

export function ownerKey(owner: number): Buffer {
  const key = Buffer.alloc(5, 2);
  key.writeUInt32BE(owner, 1);
  return key;
}

export function processorNameKey(name: string): Buffer {
  return Buffer.concat([Buffer.from([3]), Buffer.from(name)]);
}

/** The range of all keys that contain a processor name. */
export function processorNameKeys(): { readonly start: Buffer; readonly end: Buffer } {
  return { start: Buffer.from([3]), end: Buffer.from([4]) };
}

export function processorNameOf(key: Buffer): string {
  return key.toString('utf8', 1);
}

export function healthKey(processorNumber: number): Buffer {
  return Buffer.from([4, processorNumber >> 8, processorNumber & 0xff]);
}

export function healthTurnKey(processorNumber: number): Buffer {
  return Buffer.from([5, processorNumber >> 8, processorNumber & 0xff]);
}

export interface StoredOwner extends WorkerId {
  readonly leaseUntilMs: number;
  /** The takeover of its entries has begun. */
  readonly fenced: boolean;
}

export function ownerBytes({ instanceId, name, leaseUntilMs, fenced }: StoredOwner): Buffer {
  const head = Buffer.alloc(11);
  const instance = Buffer.from(instanceId);
  head.writeDoubleBE(leaseUntilMs, 0);
  head.writeUInt8(fenced ? 1 : 0, 8);
  head.writeUInt16BE(instance.length, 9);
  return Buffer.concat([head, instance, Buffer.from(name)]);
}

export function readOwner(bytes: Buffer): StoredOwner {
  const nameAt = 11 + bytes.readUInt16BE(9);
  return {
    leaseUntilMs: bytes.readDoubleBE(0),
    fenced: bytes.readUInt8(8) === 1,
    instanceId: bytes.toString('utf8', 11, nameAt),
    name: bytes.toString('utf8', nameAt),
  };
}

export interface StoredHealth extends Omit<HealthReport, 'processor'> {
  readonly revision: number;
}

export function healthBytes({ revision, checkedAtMs, minResponseTimeMs, failing }: StoredHealth): Buffer {
  return Buffer.concat([
    doubleBytes(revision, checkedAtMs, minResponseTimeMs),
    Buffer.from([failing ? 1 : 0]),
  ]);
}

export function readHealth(bytes: Buffer): StoredHealth {
  return {
    revision: bytes.readDoubleBE(0),
    checkedAtMs: bytes.readDoubleBE(8),
    minResponseTimeMs: bytes.readDoubleBE(16),
    failing: bytes.readUInt8(24) === 1,
  };
}

export function doubleBytes(...values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(8 * values.length);
  for (const [index, value] of values.entries()) bytes.writeDoubleBE(value, 8 * index);
  return bytes;
}

/** How far the books are folded, and the walk through the entries that forgets those before `untilMs`. */
export interface StoredFolding {
  readonly folded: Folded;
  readonly untilMs: number;
  /** The walk continues after this key; null: it has ended. */
  readonly after: Buffer | null;
}

const FOLDING_HEAD_BYTES = 24;

export function foldingBytes({ folded, untilMs, after }: StoredFolding): Buffer {
  const head = doubleBytes(folded.secondsMs, folded.minutesMs, untilMs);
  return after === null ? head : Buffer.concat([head, after]);
}

export function readFolding(bytes: Buffer): StoredFolding {
  return {
    folded: { secondsMs: bytes.readDoubleBE(0), minutesMs: bytes.readDoubleBE(8) },
    untilMs: bytes.readDoubleBE(16),
    after: bytes.length === FOLDING_HEAD_BYTES ? null : Buffer.from(bytes.subarray(FOLDING_HEAD_BYTES)),
  };
}
