import {
  ATTEMPT_OUTCOMES,
  ATTEMPT_REASONS,
  type Attempt,
  outcomeOfCode,
  reasonOfCode,
  storyCode,
} from '../../core/attempt.ts';
import type { Fee } from '../../core/fee.ts';
import type { Totals } from '../../core/payment.ts';
import { readUuid, UUID_BYTES, writeUuid } from '../../core/uuid.ts';
import { keptReason } from '../commit.ts';
import type {
  Bookmark,
  Claim,
  HealthReport,
  LedgerEntry,
  OwnerRecord,
  Settlement,
  WorkerId,
} from '../ledger.ts';

/*
 * The bytes that the gateway and the functions in Redis exchange, big-endian. What Redis stores is laid out in
 * functions/includes/; this is what a commit sends. A processor is its number in the books (1 to 255), 0 for none.
 *
 * | commit | bytes | field                     | | settlement | bytes | field         | | claim | bytes | field         |
 * |--------|-------|---------------------------| |------------|-------|---------------| |-------|-------|---------------|
 * | 0      | 12    | session                   | | 0          | 16    | id, scattered | | 0     | 16    | id, scattered |
 * | 12     | 6     | owner                     | | 16         | 1     | state         | | 16    | 1     | processor     |
 * | 18     | 4     | number of settlements     | | 17         | 1     | processor     | | 17    | 6     | requestedAtMs |
 * | 22     | 4     | number of claims          | | 18         | 6     | requestedAtMs | | 23    | 6     | acceptedAtMs  |
 * | 26     |       | settlements, then claims  | | 24         | 7     | amountCents   | | 29    | 7     | amountCents   |
 * |        |       |                           | | 31         | 1     | outcome code  | | 36    | 1     | reason code   |
 * |        |       |                           | | 32         | 8     | fee           | | 37    | 6     | before: stamp |
 * |        |       |                           | | 40         | 2     | reason bytes  | | 43    | 1     | and outcome   |
 * |        |       |                           | | 42         |       | reason        | | 44    |       |               |
 *
 * The codes are those of `core/attempt.ts`. A fee is feePpm (4 B) and feeFixedCents (4 B); all bits are set if it is not
 * known.
 */
const COMMIT_BYTES = 26;
const SETTLEMENT_BYTES = 42;
const FEE_BYTES = 8;
const UNKNOWN_FEE = { feePpm: 2 ** 32 - 1, feeFixedCents: 2 ** 32 - 1 };
const CLAIM_BYTES = 44;

export const STATES = ['accepted', 'dispatched', 'settled', 'rejected', 'held'] as const;
/** States before this one have an owner. */
const FIRST_UNOWNED_STATE = 3;
const OTHER_AMOUNT = 16;
export const HAS_EARLIER = 128;
const ATTEMPT_BYTES = 8;

const COUNTER_BYTES = 14;
/** A charge is a head of this length, then its cents: 4 bytes, or 7 if its millisecond is marked. */
const CHARGE_HEAD_BYTES = 3;
const LONG_CHARGE = 1024;
const CENTS_BYTES = 7;
const SHORT_CENTS_BYTES = 4;

/** Maps between a processor's position in this deployment's list, its number in the books, and its name. */
export interface ProcessorNumbers {
  /** The number at each position. */
  readonly numbers: readonly number[];
  /** The position of each number; undefined for a processor that this deployment does not list. */
  readonly positions: readonly (number | undefined)[];
  /** The name of each number that was registered when the books were last read. */
  readonly names: readonly (string | undefined)[];
}

export function writeCommit(
  session: Buffer,
  owner: number,
  settlements: readonly Settlement[],
  claims: readonly Claim[],
  { numbers }: ProcessorNumbers,
): Buffer {
  // Only rejections keep their reason.
  const reasons = settlements.map(({ status, reason }) => (status === 'rejected' ? keptReason(reason) : ''));
  let size = COMMIT_BYTES + settlements.length * SETTLEMENT_BYTES + claims.length * CLAIM_BYTES;
  for (const reason of reasons) if (reason !== '') size += Buffer.byteLength(reason);
  const bytes = Buffer.allocUnsafe(size);
  session.copy(bytes);
  bytes.writeUIntBE(owner, 12, 6);
  bytes.writeUInt32BE(settlements.length, 18);
  bytes.writeUInt32BE(claims.length, 22);
  let at = COMMIT_BYTES;
  for (const [index, settlement] of settlements.entries()) {
    at = writeSettlement(bytes, at, settlement, numbers, reasons[index] as string);
  }
  for (const claim of claims) at = writeClaim(bytes, at, claim, numbers);
  return bytes;
}

function writeSettlement(
  bytes: Buffer,
  at: number,
  settlement: Settlement,
  numbers: readonly number[],
  reason: string,
): number {
  writeScatteredId(settlement.correlationId, bytes, at);
  bytes[at + 16] = STATES.indexOf(settlement.status) + 1;
  bytes[at + 17] = numbers[settlement.processor] as number;
  bytes.writeUIntBE(settlement.requestedAtMs, at + 18, 6);
  writeCents(bytes, at + 24, settlement.amountCents);
  bytes[at + 31] = ATTEMPT_OUTCOMES.indexOf(settlement.outcome ?? 'unknown');
  writeFee(bytes, at + 32, settlement.fee ?? UNKNOWN_FEE);
  const reasonBytes = reason === '' ? 0 : bytes.write(reason, at + SETTLEMENT_BYTES);
  bytes.writeUInt16BE(reasonBytes, at + 40);
  return at + SETTLEMENT_BYTES + reasonBytes;
}

function writeFee(bytes: Buffer, at: number, { feePpm, feeFixedCents }: Fee): void {
  bytes.writeUInt32BE(feePpm, at);
  bytes.writeUInt32BE(feeFixedCents, at + 4);
}

/** The field of the totals of a processor at a fee, as in functions/includes/fees.lua. */
export function feeTotalsField(number: number, fee: Fee): Buffer {
  const field = Buffer.allocUnsafe(1 + FEE_BYTES);
  field[0] = number;
  writeFee(field, 1, fee);
  return field;
}

/** Totals as they are stored, by fee and by time. */
export function totalsBytes({ count, amountCents }: Totals): Buffer {
  const value = Buffer.allocUnsafe(COUNTER_BYTES);
  value.writeUIntBE(count, 0, 6);
  value.writeUInt32BE(Math.floor(amountCents / 2 ** 32), 6);
  value.writeUInt32BE(amountCents % 2 ** 32, 10);
  return value;
}

export function readFeeTotals(field: Buffer, value: Buffer): Fee & Totals & { readonly number: number } {
  return {
    number: field[0] as number,
    feePpm: field.readUInt32BE(1),
    feeFixedCents: field.readUInt32BE(5),
    count: value.readUIntBE(0, 6),
    amountCents: value.readUInt32BE(6) * 2 ** 32 + value.readUInt32BE(10),
  };
}

function writeClaim(bytes: Buffer, at: number, claim: Claim, numbers: readonly number[]): number {
  writeScatteredId(claim.correlationId, bytes, at);
  bytes[at + 16] = claim.processor === null ? 0 : (numbers[claim.processor] as number);
  bytes.writeUIntBE(claim.requestedAtMs, at + 17, 6);
  bytes.writeUIntBE(claim.acceptedAtMs, at + 23, 6);
  writeCents(bytes, at + 29, claim.amountCents);
  bytes[at + 36] = ATTEMPT_REASONS.indexOf(claim.why ?? 'unknown');
  bytes.writeUIntBE(claim.before?.requestedAtMs ?? 0, at + 37, 6);
  bytes[at + 43] = ATTEMPT_OUTCOMES.indexOf(claim.before?.outcome ?? 'unknown');
  return at + CLAIM_BYTES;
}

/** Where the scattered ids of a commit begin. */
export function idPositions(commit: Buffer): number[] {
  const positions: number[] = [];
  let at = COMMIT_BYTES;
  for (let left = commit.readUInt32BE(18); left > 0; left--) {
    positions.push(at);
    at += SETTLEMENT_BYTES + commit.readUInt16BE(at + 40);
  }
  for (; at < commit.length; at += CLAIM_BYTES) positions.push(at);
  return positions;
}

/** The same for scattered ids in a row. */
export function idsPositions(ids: Buffer): number[] {
  return Array.from({ length: ids.length / UUID_BYTES }, (_, index) => index * UUID_BYTES);
}

export function scatteredId(correlationId: string): Buffer {
  const bytes = Buffer.allocUnsafe(UUID_BYTES);
  writeScatteredId(correlationId, bytes, 0);
  return bytes;
}

function writeScatteredId(correlationId: string, bytes: Buffer, at: number): void {
  writeUuid(correlationId, bytes, at);
  bytes.writeUInt32BE(mixed((bytes.readUInt32BE(at) ^ restOf(bytes, at)) >>> 0), at);
}

/** Returns the id of 16 scattered bytes. */
export function readScatteredId(scattered: Buffer): string {
  const bytes = Buffer.from(scattered);
  bytes.writeUInt32BE((unmixed(bytes.readUInt32BE(0)) ^ restOf(bytes, 0)) >>> 0, 0);
  return readUuid(bytes, 0);
}

/*
 * A scattered id begins with four bytes that depend on the whole id and choose the hash that stores it. Ids spread evenly
 * over all hashes, whether they are random, time-ordered or sequential, because all bits of the id change all of these
 * (the finalizer of MurmurHash3, which can be undone).
 */

/** A number that depends on the last twelve bytes of an id. */
function restOf(bytes: Buffer, at: number): number {
  return (
    Math.imul(bytes.readUInt32BE(at + 4), 0x9e3779b1) ^
    Math.imul(bytes.readUInt32BE(at + 8), 0x85ebca77) ^
    Math.imul(bytes.readUInt32BE(at + 12), 0xc2b2ae3d)
  );
}

function mixed(number: number): number {
  let mix = Math.imul(number ^ (number >>> 16), 0x85ebca6b);
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35);
  return (mix ^ (mix >>> 16)) >>> 0;
}

/** The multipliers are the inverses of those above, modulo 2^32. */
function unmixed(number: number): number {
  let mix = Math.imul(number ^ (number >>> 16), 0x7ed1b41d);
  mix = Math.imul(mix ^ (mix >>> 13) ^ (mix >>> 26), 0xa5cb9243);
  return (mix ^ (mix >>> 16)) >>> 0;
}

export function readEntry(
  correlationId: string,
  bytes: Buffer,
  { positions, names }: ProcessorNumbers,
): LedgerEntry {
  const first = bytes[0] as number;
  const hasOtherAmount = first >= OTHER_AMOUNT;
  const state = first % OTHER_AMOUNT;
  const isOwned = state < FIRST_UNOWNED_STATE;
  const otherAmountAt = isOwned ? 30 : 24;
  const earlierAt = hasOtherAmount ? otherAmountAt + CENTS_BYTES : otherAmountAt;
  const how = bytes[23] as number;
  const earlierCount = how >= HAS_EARLIER ? (bytes[earlierAt] as number) : 0;
  const reasonAt = earlierCount === 0 ? earlierAt : earlierAt + 1 + ATTEMPT_BYTES * earlierCount;
  return {
    correlationId,
    amountCents: readCents(bytes, 16),
    acceptedAtMs: bytes.readUIntBE(10, 6),
    status: STATES[state - 1] as LedgerEntry['status'],
    owner: isOwned ? bytes.readUIntBE(24, 6) : 0,
    processor: positions[bytes[1] as number] ?? null,
    processorName: names[bytes[1] as number] ?? null,
    requestedAtMs: bytes.readUIntBE(4, 6),
    attempts: bytes.readUInt16BE(2),
    story: {
      why: reasonOfCode(how),
      outcome: outcomeOfCode(how),
      earlier: readAttempts(bytes, earlierAt + 1, earlierCount, names),
    },
    reason: bytes.toString('utf8', reasonAt),
    conflictingAmountCents: hasOtherAmount ? readCents(bytes, otherAmountAt) : null,
  };
}

function readAttempts(
  bytes: Buffer,
  firstAt: number,
  count: number,
  names: ProcessorNumbers['names'],
): Attempt[] {
  return Array.from({ length: count }, (_, index) => {
    const at = firstAt + ATTEMPT_BYTES * index;
    const how = bytes[at + 1] as number;
    return {
      processorName: names[bytes[at] as number] ?? '',
      requestedAtMs: bytes.readUIntBE(at + 2, 6),
      why: reasonOfCode(how),
      outcome: outcomeOfCode(how),
    };
  });
}

/** What an entry has for these attempts, before its reason. Those of a processor that the books do not know are left out. */
export function earlierBytes(earlier: readonly Attempt[], { names }: ProcessorNumbers): Buffer {
  const known = earlier.filter(({ processorName }) => names.includes(processorName));
  if (known.length === 0) return Buffer.alloc(0);
  const bytes = Buffer.alloc(1 + ATTEMPT_BYTES * known.length, known.length);
  for (const [index, { processorName, requestedAtMs, why, outcome }] of known.entries()) {
    const at = 1 + ATTEMPT_BYTES * index;
    bytes[at] = names.indexOf(processorName);
    bytes[at + 1] = storyCode(why, outcome);
    bytes.writeUIntBE(requestedAtMs, at + 2, 6);
  }
  return bytes;
}

/** The numbers of all processors that an entry names; 0 while it is accepted or held. */
export function processorNumbersOf(entry: Buffer): number[] {
  const first = entry[0] as number;
  const numbers = [entry[1] as number];
  if ((entry[23] as number) < HAS_EARLIER) return numbers;
  const earlierAt =
    (first % OTHER_AMOUNT >= FIRST_UNOWNED_STATE ? 24 : 30) + (first >= OTHER_AMOUNT ? CENTS_BYTES : 0);
  for (let index = 0; index < (entry[earlierAt] as number); index++)
    numbers.push(entry[earlierAt + 1 + ATTEMPT_BYTES * index] as number);
  return numbers;
}

/** Writes 7 bytes, enough for every safe integer. */
export function writeCents(bytes: Buffer, at: number, cents: number): void {
  bytes.writeUIntBE(Math.floor(cents / 2 ** 32), at, 3);
  bytes.writeUInt32BE(cents % 2 ** 32, at + 3);
}

export function readCents(bytes: Buffer, at: number): number {
  return bytes.readUIntBE(at, 3) * 2 ** 32 + bytes.readUInt32BE(at + 3);
}

export function doubleBytes(...values: number[]): Buffer {
  const bytes = Buffer.allocUnsafe(8 * values.length);
  for (const [index, value] of values.entries()) bytes.writeDoubleBE(value, 8 * index);
  return bytes;
}

/** No bytes: it was never set. */
export function readBookmark(bytes: Buffer): Bookmark {
  if (bytes.length === 0) return { version: 0, text: '' };
  return { version: bytes.readDoubleBE(0), text: bytes.toString('utf8', 8) };
}

export function ownerBytes(owner: number): Buffer {
  const bytes = Buffer.allocUnsafe(6);
  bytes.writeUIntBE(owner, 0, 6);
  return bytes;
}

/** Reads owners in a row, from a position on. */
export function readOwnerNumbers(bytes: Buffer, firstAt: number): number[] {
  const numbers: number[] = [];
  for (let at = firstAt; at < bytes.length; at += 6) numbers.push(bytes.readUIntBE(at, 6));
  return numbers;
}

/** A session identifies a ledger and one of its connections. */
export function sessionBytes(ledgerId: Buffer, connection: number): Buffer {
  const bytes = Buffer.allocUnsafe(12);
  ledgerId.copy(bytes);
  bytes.writeUInt32BE(connection, 8);
  return bytes;
}

/** The worker id at the end of an owner row. */
export function workerBytes(worker: WorkerId): Buffer {
  const instanceId = Buffer.from(worker.instanceId);
  const length = Buffer.allocUnsafe(2);
  length.writeUInt16BE(instanceId.length);
  return Buffer.concat([length, instanceId, Buffer.from(worker.name)]);
}

export function readOwner(owner: number, row: Buffer): OwnerRecord {
  const nameAt = 23 + row.readUInt16BE(21);
  return {
    owner,
    instanceId: row.toString('utf8', 23, nameAt),
    name: row.toString('utf8', nameAt),
    leaseUntilMs: row.readDoubleBE(0),
  };
}

/** A health row without its first field, the turn. */
export function healthBytes(report: HealthReport): Buffer {
  return Buffer.concat([
    doubleBytes(report.checkedAtMs, report.minResponseTimeMs),
    Buffer.of(report.failing ? 1 : 0),
  ]);
}

export function readHealth(processor: number, bytes: Buffer): HealthReport {
  return {
    processor,
    failing: bytes[16] === 1,
    minResponseTimeMs: bytes.readDoubleBE(8),
    checkedAtMs: bytes.readDoubleBE(0),
  };
}

/** Sums by processor number, from 1. */
export class Sums {
  readonly counts: number[] = [];
  readonly cents: number[] = [];

  /** The numbers with a count above 0, ascending. */
  get numbers(): number[] {
    return [...this.counts.keys()].filter((number) => (this.counts[number] ?? 0) > 0);
  }

  add(number: number, count: number, cents: number): void {
    this.counts[number] = (this.counts[number] ?? 0) + count;
    this.cents[number] = (this.cents[number] ?? 0) + cents;
  }

  addCounters(counters: Buffer): void {
    for (let at = 0, number = 1; at < counters.length; at += COUNTER_BYTES, number++) {
      const cents = counters.readUInt32BE(at + 6) * 2 ** 32 + counters.readUInt32BE(at + 10);
      this.add(number, counters.readUIntBE(at, 6), cents);
    }
  }

  /** Adds the charges within [fromMs, toMs] from the bucket of the second that starts at `startMs`. */
  addBucket(bucket: Buffer, startMs: number, fromMs: number, toMs: number): void {
    for (let at = 0; at < bucket.length; ) {
      const head = bucket.readUInt16BE(at);
      const isLong = head >= LONG_CHARGE;
      const chargedAtMs = startMs + (isLong ? head - LONG_CHARGE : head);
      const centsAt = at + CHARGE_HEAD_BYTES;
      if (chargedAtMs >= fromMs && chargedAtMs <= toMs) {
        const cents = isLong ? readCents(bucket, centsAt) : bucket.readUInt32BE(centsAt);
        this.add(bucket[at + 2] as number, 1, cents);
      }
      at = centsAt + (isLong ? CENTS_BYTES : SHORT_CENTS_BYTES);
    }
  }
}
