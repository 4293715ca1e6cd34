import assert from 'node:assert/strict';
import {
  type Attempt,
  type AttemptOutcome,
  type AttemptReason,
  outcomeOfCode,
  reasonOfCode,
  storyCode,
} from '../../core/attempt.ts';
import type { Fee } from '../../core/fee.ts';
import { isOpen, type PaymentStatus, type Totals } from '../../core/payment.ts';
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
 * An entry:
 * | offset | bytes | field                  | type                                                        |
 * |--------|-------|------------------------|-------------------------------------------------------------|
 * | 0      | 1     | status                 | uint8: index into STATUSES                                  |
 * | 1      | 1     | how                    | uint8: `storyCode`, plus 128 if there are earlier attempts  |
 * | 2      | 2     | processor              | uint16: its number, or 0                                    |
 * | 4      | 4     | owner                  | uint32                                                      |
 * | 8      | 4     | attempts               | uint32                                                      |
 * | 12     | 6     | acceptedAtMs           | uint48                                                      |
 * | 18     | 6     | requestedAtMs          | uint48                                                      |
 * | 24     | 8     | amountCents            | float64: whole, so exact to 2^53                            |
 * | 32     | 8     | conflictingAmountCents | float64: 0 for none                                         |
 * | 40     |       | earlier attempts       | how many uint8, then processor uint16, how uint8 and        |
 * |        |       |                        | requestedAtMs uint48 of each; absent if there are none      |
 * | then   | rest  | reason                 | UTF-8                                                       |
 *
 * Most entries that are settled or rejected are packed: those that were sent once, soon after they were accepted, and have
 * neither a huge amount nor another one.
 * | offset | bytes | field                  | type                                                        |
 * |--------|-------|------------------------|-------------------------------------------------------------|
 * | 0      | 1     | status                 | uint8: index into STATUSES, plus 128                        |
 * | 1      | 2     | processor              | uint16                                                      |
 * | 3      | 6     | requestedAtMs          | uint48                                                      |
 * | 9      | 3     | how long before that it was accepted, in ms | uint24                                 |
 * | 12     | 4     | amountCents            | uint32                                                      |
 * | 16     | 1     | how                    | uint8                                                       |
 * | 17     | rest  | reason                 | UTF-8                                                       |
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
const AT = {
  status: 0,
  how: 1,
  processor: 2,
  owner: 4,
  attempts: 8,
  acceptedAtMs: 12,
  requestedAtMs: 18,
  amountCents: 24,
  conflictingAmountCents: 32,
  rest: 40,
} as const;

const PACKED_AT = {
  processor: 1,
  requestedAtMs: 3,
  lagMs: 9,
  amountCents: 12,
  how: 16,
  reason: 17,
} as const;
const PACKED = 128;
const LAG_BYTES = 3;
const HAS_EARLIER = 128;
const ATTEMPT_BYTES = 9;

const STATUSES: readonly PaymentStatus[] = ['accepted', 'dispatched', 'settled', 'rejected', 'held'];
const MOMENT_BYTES = 6;
const UINT32_MAX = 2 ** 32 - 1;

assert.equal(AT.requestedAtMs, AT.acceptedAtMs + MOMENT_BYTES);
assert.equal(AT.amountCents, AT.requestedAtMs + MOMENT_BYTES);
assert.equal(AT.amountCents % 8, 0);
assert.equal(AT.rest, AT.conflictingAmountCents + 8);
assert.equal(PACKED_AT.lagMs, PACKED_AT.requestedAtMs + MOMENT_BYTES);
assert.equal(PACKED_AT.amountCents, PACKED_AT.lagMs + LAG_BYTES);
assert.equal(PACKED_AT.how, PACKED_AT.amountCents + 4);
assert.equal(PACKED_AT.reason, PACKED_AT.how + 1);

export interface StoredAttempt extends Omit<Attempt, 'processorName'> {
  readonly processorNumber: number;
}

/** A stored entry. `processorNumber` is the number that the ledger gave to the processor's name, or 0. */
export interface StoredEntry {
  status: PaymentStatus;
  processorNumber: number;
  owner: number;
  attempts: number;
  /** Of the latest attempt. */
  why: AttemptReason;
  outcome: AttemptOutcome;
  earlier: readonly StoredAttempt[];
  readonly acceptedAtMs: number;
  requestedAtMs: number;
  readonly amountCents: number;
  /** 0 for none. */
  conflictingAmountCents: number;
  reason: string;
}

export function readEntry(bytes: Buffer): StoredEntry {
  const first = bytes.readUInt8(AT.status);
  return first >= PACKED ? readPacked(bytes, first - PACKED) : readUnpacked(bytes);
}

function readPacked(bytes: Buffer, status: number): StoredEntry {
  const requestedAtMs = bytes.readUIntBE(PACKED_AT.requestedAtMs, MOMENT_BYTES);
  return {
    status: STATUSES[status] as PaymentStatus,
    processorNumber: bytes.readUInt16BE(PACKED_AT.processor),
    owner: 0,
    attempts: 1,
    why: reasonOfCode(bytes.readUInt8(PACKED_AT.how)),
    outcome: outcomeOfCode(bytes.readUInt8(PACKED_AT.how)),
    earlier: [],
    acceptedAtMs: requestedAtMs - bytes.readUIntBE(PACKED_AT.lagMs, LAG_BYTES),
    requestedAtMs,
    amountCents: bytes.readUInt32BE(PACKED_AT.amountCents),
    conflictingAmountCents: 0,
    reason: bytes.length === PACKED_AT.reason ? '' : bytes.toString('utf8', PACKED_AT.reason),
  };
}

function readUnpacked(bytes: Buffer): StoredEntry {
  const how = bytes.readUInt8(AT.how);
  const earlier = how >= HAS_EARLIER ? readAttempts(bytes) : [];
  const reasonAt = AT.rest + attemptsLength(earlier);
  return {
    status: STATUSES[bytes.readUInt8(AT.status)] as PaymentStatus,
    processorNumber: bytes.readUInt16BE(AT.processor),
    owner: bytes.readUInt32BE(AT.owner),
    attempts: bytes.readUInt32BE(AT.attempts),
    why: reasonOfCode(how),
    outcome: outcomeOfCode(how),
    earlier,
    acceptedAtMs: bytes.readUIntBE(AT.acceptedAtMs, MOMENT_BYTES),
    requestedAtMs: bytes.readUIntBE(AT.requestedAtMs, MOMENT_BYTES),
    amountCents: bytes.readDoubleBE(AT.amountCents),
    conflictingAmountCents: bytes.readDoubleBE(AT.conflictingAmountCents),
    reason: bytes.length === reasonAt ? '' : bytes.toString('utf8', reasonAt),
  };
}

function attemptsLength(attempts: readonly StoredAttempt[]): number {
  return attempts.length === 0 ? 0 : 1 + ATTEMPT_BYTES * attempts.length;
}

function readAttempts(bytes: Buffer): StoredAttempt[] {
  return Array.from({ length: bytes.readUInt8(AT.rest) }, (_, index) => {
    const at = AT.rest + 1 + ATTEMPT_BYTES * index;
    const how = bytes.readUInt8(at + 2);
    return {
      processorNumber: bytes.readUInt16BE(at),
      requestedAtMs: bytes.readUIntBE(at + 3, MOMENT_BYTES),
      why: reasonOfCode(how),
      outcome: outcomeOfCode(how),
    };
  });
}

function writeAttempts(attempts: readonly StoredAttempt[], bytes: Buffer): void {
  if (attempts.length === 0) return;
  bytes.writeUInt8(attempts.length, AT.rest);
  for (const [index, { processorNumber, requestedAtMs, why, outcome }] of attempts.entries()) {
    const at = AT.rest + 1 + ATTEMPT_BYTES * index;
    bytes.writeUInt16BE(processorNumber, at);
    bytes.writeUInt8(storyCode(why, outcome), at + 2);
    bytes.writeUIntBE(requestedAtMs, at + 3, MOMENT_BYTES);
  }
}

export function entryBytes(entry: StoredEntry): Buffer {
  return isPackable(entry) ? packedBytes(entry) : unpackedBytes(entry);
}

function isPackable(entry: StoredEntry): boolean {
  const lagMs = entry.requestedAtMs - entry.acceptedAtMs;
  return (
    !isOpen(entry) &&
    entry.owner === 0 &&
    entry.attempts === 1 &&
    entry.earlier.length === 0 &&
    entry.conflictingAmountCents === 0 &&
    entry.amountCents <= UINT32_MAX &&
    lagMs >= 0 &&
    lagMs < 2 ** (8 * LAG_BYTES)
  );
}

function packedBytes(entry: StoredEntry): Buffer {
  const bytes = Buffer.allocUnsafe(PACKED_AT.reason + Buffer.byteLength(entry.reason));
  bytes.writeUInt8(PACKED + STATUSES.indexOf(entry.status), AT.status);
  bytes.writeUInt16BE(entry.processorNumber, PACKED_AT.processor);
  bytes.writeUIntBE(entry.requestedAtMs, PACKED_AT.requestedAtMs, MOMENT_BYTES);
  bytes.writeUIntBE(entry.requestedAtMs - entry.acceptedAtMs, PACKED_AT.lagMs, LAG_BYTES);
  bytes.writeUInt32BE(entry.amountCents, PACKED_AT.amountCents);
  bytes.writeUInt8(storyCode(entry.why, entry.outcome), PACKED_AT.how);
  bytes.write(entry.reason, PACKED_AT.reason);
  return bytes;
}

function unpackedBytes(entry: StoredEntry): Buffer {
  const { earlier } = entry;
  const reasonAt = AT.rest + attemptsLength(earlier);
  const bytes = Buffer.allocUnsafe(reasonAt + Buffer.byteLength(entry.reason));
  bytes.writeUInt8(STATUSES.indexOf(entry.status), AT.status);
  const how = storyCode(entry.why, entry.outcome);
  bytes.writeUInt8(earlier.length > 0 ? how + HAS_EARLIER : how, AT.how);
  bytes.writeUInt16BE(entry.processorNumber, AT.processor);
  bytes.writeUInt32BE(entry.owner, AT.owner);
  bytes.writeUInt32BE(entry.attempts, AT.attempts);
  bytes.writeUIntBE(entry.acceptedAtMs, AT.acceptedAtMs, MOMENT_BYTES);
  bytes.writeUIntBE(entry.requestedAtMs, AT.requestedAtMs, MOMENT_BYTES);
  bytes.writeDoubleBE(entry.amountCents, AT.amountCents);
  bytes.writeDoubleBE(entry.conflictingAmountCents, AT.conflictingAmountCents);
  writeAttempts(earlier, bytes);
  bytes.write(entry.reason, reasonAt);
  return bytes;
}

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
