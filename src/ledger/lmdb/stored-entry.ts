import assert from 'node:assert/strict';
import {
  type Attempt,
  type AttemptOutcome,
  type AttemptReason,
  outcomeOfCode,
  reasonOfCode,
  storyCode,
} from '../../core/attempt.ts';
import { isOpen, type PaymentStatus } from '../../core/payment.ts';
import { MOMENT_BYTES, UINT32_MAX } from './records.ts';

/**
 * An entry as LMDB stores it. All numbers are big-endian.
 *
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
  /** Why the latest attempt was made. */
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
