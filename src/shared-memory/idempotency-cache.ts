import assert from 'node:assert';
import { UUID_BYTES } from '../core/uuid.ts';

/**
 * The payments that this instance accepted recently, by id, shared by its threads. It answers a repeated post at once
 * and detects another amount under the same id, or says that only the ledger can answer. It has a fixed size: when a
 * bucket is full, its oldest entry is replaced.
 *
 * | offset       | bytes | field             | type | who writes                       | memory order          |
 * |--------------|-------|-------------------|------|----------------------------------|-----------------------|
 * | 0            | 8     | seed              | u64  | allocate                         | before threads start  |
 * | 8            | 8     | floorMs           | u64  | any thread, CAS; never falls     | seq-cst               |
 * | 64 + 48e     | 4     | state             | u32  | see below                        | seq-cst               |
 * | 64 + 48e+4   | 4     | reserved          |      |                                  |                       |
 * | 64 + 48e+8   | 8     | amountCents       | u64  | thread that set `writing`        | seq-cst, two words    |
 * | 64 + 48e+16  | 8     | acceptedAtMs      | u64  | thread that set `writing`        | seq-cst, two words    |
 * | 64 + 48e+24  | 16    | id                | u32s | thread that set `writing`        | seq-cst, four words   |
 * | 64 + 48e+40  | 8     | reserved          |      |                                  |                       |
 *
 * A bucket is 8 adjacent entries. In the first word of an entry, the low 3 bits are the state, the next 8 are bits of
 * the id's hash, to skip other ids quickly, and the rest is a version that counts how often the entry has been taken,
 * so that a reader can detect that the entry changed.
 *
 * | state           | by                                                              | to        |
 * |-----------------|-----------------------------------------------------------------|-----------|
 * | free            | a thread that needs an entry, CAS                               | writing   |
 * | writing         | that thread, when the fields are written                        | proposed  |
 * | proposed        | that thread, when it sees no rival in its bucket                | pending   |
 * | proposed        | that thread (a rival was first), or a rival that came later     | free      |
 * | pending         | `commit`: the payment is accepted, its record is in the journal | committed |
 * | pending         | `abort`: it was not accepted                                    | free      |
 * | committed       | `leaveToLedger`: rejected, or another owner has it              | in-ledger |
 * | in-ledger       | `forget`: the ledger does not know it, because it was purged    | free      |
 * | any but writing | a thread that needs an entry, when this is the oldest           | writing   |
 *
 * When two threads reserve the same id at once, only one gets past `proposed`. Each proposes its entry first and then
 * searches the bucket, so the later one finds the other's entry. If that entry is still `proposed`, it frees it, and the
 * first thread fails to leave `proposed` and starts over. Otherwise it frees its own.
 *
 *     thread A    propose ──── search: no rival ── proposed → pending fails, start over ── finds B's entry, answers
 *     thread B            propose ── search: A's is proposed, free it ── proposed → pending ── new
 *
 * So no thread waits for another, and a thread that stops halfway blocks no other.
 */
const HEADER_BYTES = 64;
const ENTRY_BYTES = 48;
const ENTRY_WORDS = ENTRY_BYTES / 4;
const WAYS = 8;

const SEED = 0;
const FLOOR = 2;
const FIRST_ENTRY = HEADER_BYTES / 4;
const AMOUNT = 2;
const ACCEPTED_AT = 4;
const ID = 6;
assert.ok((FLOOR + 2) * 4 <= HEADER_BYTES);
assert.ok(ID * 4 + UUID_BYTES <= ENTRY_BYTES);

const STATE_MASK = 0b111;
const TAG_MASK = 0xff << 3;
const VERSION_STEP = 1 << 11;
assert.equal(STATE_MASK + TAG_MASK + 1, VERSION_STEP);
const FREE = 0;
const WRITING = 1;
const PROPOSED = 2;
const PENDING = 3;
const COMMITTED = 4;
const IN_LEDGER = 5;
assert.ok(IN_LEDGER <= STATE_MASK);

const LOW_RANGE = 2 ** 32;
/** How often a call may lose against rivals before it goes on without an entry. */
const ATTEMPTS = 16;
const NONE = -1;

/**
 * | answer    | meaning                                                                                       |
 * |-----------|-----------------------------------------------------------------------------------------------|
 * | new       | the id is new: accept the payment, then `commit` it, or `abort`                               |
 * | pending   | same amount, not yet committed: its journal write may still fail, so journal this one as well |
 * | same      | same amount, accepted                                                                         |
 * | conflict  | the id was posted with another amount                                                         |
 * | in-ledger | same amount, accepted; its state is in the ledger                                             |
 */
export type Reservation = 'new' | 'pending' | 'same' | 'conflict' | 'in-ledger';

export interface CachedPayment {
  readonly amountCents: number;
  readonly acceptedAtMs: number;
}

export class IdempotencyCache {
  readonly capacity: number;
  readonly #words: Int32Array;
  readonly #floor: BigInt64Array;
  readonly #bucketMask: number;
  readonly #seedLow: number;
  readonly #seedHigh: number;
  // The id of the current call, the first word of its bucket, and its hash bits in the state word. Calls do not
  // interleave within a thread.
  readonly #id = new Int32Array(UUID_BYTES / 4);
  #bucket = 0;
  #tag = 0;
  /** The state word of the entry found last. */
  #foundState = 0;

  /** `capacity` payments, a power of two, 8 or more; `seed`: two random u32, so that clients cannot target a bucket. */
  static allocate(capacity: number, seed: Uint32Array): SharedArrayBuffer {
    assert.ok(capacity >= WAYS);
    assert.equal(capacity & (capacity - 1), 0, 'the capacity is a power of two');
    assert.equal(seed.length, 2);
    const buffer = new SharedArrayBuffer(HEADER_BYTES + capacity * ENTRY_BYTES);
    new Uint32Array(buffer).set(seed, SEED);
    return buffer;
  }

  constructor(buffer: SharedArrayBuffer) {
    this.capacity = (buffer.byteLength - HEADER_BYTES) / ENTRY_BYTES;
    assert.ok(Number.isInteger(this.capacity));
    this.#words = new Int32Array(buffer);
    this.#floor = new BigInt64Array(buffer, FLOOR * 4, 1);
    this.#bucketMask = this.capacity / WAYS - 1;
    this.#seedLow = this.#words[SEED] as number;
    this.#seedHigh = this.#words[SEED + 1] as number;
  }

  /** Reserves the id of a payment that is about to be accepted, unless the cache has it already. */
  reserve(id: Uint8Array, amountCents: number, acceptedAtMs: number): Reservation {
    this.#turnTo(id);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = this.#find(PENDING, NONE);
      if (found !== NONE) {
        const answer = this.#compare(found, amountCents);
        if (answer !== null) return answer;
        continue;
      }
      const entry = this.#take();
      if (entry === NONE) continue;
      const proposed = this.#propose(entry, amountCents, acceptedAtMs);
      if (this.#beatsRivals(entry) && this.#change(entry, proposed, PENDING)) return 'new';
      this.#change(entry, proposed, FREE);
    }
    // Reached only when more threads compete for a bucket than it has entries. The ledger still detects repeats.
    return 'new';
  }

  /** The payment reserved under this id was accepted: from now on `reserve` answers `same` and `find` returns it. */
  commit(id: Uint8Array): void {
    this.#moveFrom(PENDING, id, COMMITTED);
  }

  /** The payment reserved under this id was not accepted. A committed one stays. */
  abort(id: Uint8Array): void {
    this.#moveFrom(PENDING, id, FREE);
  }

  /** From now on the ledger's entry decides how a repeated post of this payment is answered. */
  leaveToLedger(id: Uint8Array): void {
    this.#moveFrom(COMMITTED, id, IN_LEDGER);
  }

  /** The ledger does not know a payment that was left to it, so its id is new again. */
  forget(id: Uint8Array): void {
    this.#moveFrom(IN_LEDGER, id, FREE);
  }

  /** The accepted payment with this id, unless its entry has been replaced. */
  find(id: Uint8Array): CachedPayment | undefined {
    this.#turnTo(id);
    const found = this.#find(COMMITTED, NONE);
    if (found === NONE) return undefined;
    const payment = {
      amountCents: this.#number(found + AMOUNT),
      acceptedAtMs: this.#number(found + ACCEPTED_AT),
    };
    return this.#isUnchanged(found) ? payment : undefined;
  }

  /** Forgets payments accepted before `floorMs`. The floor never falls. */
  forgetBefore(floorMs: number): void {
    const floor = BigInt(floorMs);
    let seen = Atomics.load(this.#floor, 0);
    while (seen < floor) {
      const found = Atomics.compareExchange(this.#floor, 0, seen, floor);
      if (found === seen) return;
      seen = found;
    }
  }

  #moveFrom(expected: number, id: Uint8Array, state: number): void {
    this.#turnTo(id);
    const found = this.#find(expected, NONE);
    if (found === NONE || (this.#foundState & STATE_MASK) !== expected) return;
    this.#change(found, this.#foundState, state);
  }

  #turnTo(id: Uint8Array): void {
    for (let word = 0; word < this.#id.length; word++) {
      const at = word * 4;
      this.#id[word] =
        (id[at] as number) |
        ((id[at + 1] as number) << 8) |
        ((id[at + 2] as number) << 16) |
        ((id[at + 3] as number) << 24);
    }
    const hash = halfSipHash(this.#id, this.#seedLow, this.#seedHigh);
    this.#bucket = FIRST_ENTRY + (hash & this.#bucketMask) * WAYS * ENTRY_WORDS;
    this.#tag = (hash >>> 24) * (STATE_MASK + 1);
  }

  /** The bucket's first entry with the current id, other than `except`, whose state is `state` or later. */
  #find(state: number, except: number): number {
    for (let way = 0; way < WAYS; way++) {
      const entry = this.#bucket + way * ENTRY_WORDS;
      if (entry === except) continue;
      const seen = Atomics.load(this.#words, entry);
      if ((seen & TAG_MASK) !== this.#tag || (seen & STATE_MASK) < state) continue;
      if (!this.#hasId(entry) || this.#number(entry + ACCEPTED_AT) < this.#floorMs()) continue;
      this.#foundState = seen;
      // If the entry was taken meanwhile, the fields read may be from two payments.
      if (this.#isUnchanged(entry)) return entry;
      way--;
    }
    return NONE;
  }

  /** The answer that the entry found last gives to an amount; null if it has changed meanwhile. */
  #compare(entry: number, amountCents: number): Reservation | null {
    const equal = this.#number(entry + AMOUNT) === amountCents;
    if (!this.#isUnchanged(entry)) return null;
    if (!equal) return 'conflict';
    const state = this.#foundState & STATE_MASK;
    if (state === IN_LEDGER) return 'in-ledger';
    return state === COMMITTED ? 'same' : 'pending';
  }

  /** Takes a free entry of the bucket, or else the oldest, for writing; NONE: another thread was faster. */
  #take(): number {
    let victim = NONE;
    let victimState = 0;
    let oldestMs = Number.POSITIVE_INFINITY;
    for (let way = 0; way < WAYS; way++) {
      const entry = this.#bucket + way * ENTRY_WORDS;
      const seen = Atomics.load(this.#words, entry);
      const state = seen & STATE_MASK;
      if (state === WRITING) continue;
      const acceptedAtMs = state === FREE ? NONE : this.#age(entry);
      if (acceptedAtMs >= oldestMs) continue;
      victim = entry;
      victimState = seen;
      oldestMs = acceptedAtMs;
      if (state === FREE) break;
    }
    if (victim === NONE) return NONE;
    const taken = ((victimState & ~(STATE_MASK | TAG_MASK)) + VERSION_STEP) | this.#tag | WRITING;
    return Atomics.compareExchange(this.#words, victim, victimState, taken) === victimState ? victim : NONE;
  }

  /** Fills an entry that was taken and publishes it to the other threads. Returns its state word. */
  #propose(entry: number, amountCents: number, acceptedAtMs: number): number {
    const words = this.#words;
    Atomics.store(words, entry + AMOUNT, amountCents | 0);
    Atomics.store(words, entry + AMOUNT + 1, Math.floor(amountCents / LOW_RANGE));
    Atomics.store(words, entry + ACCEPTED_AT, acceptedAtMs | 0);
    Atomics.store(words, entry + ACCEPTED_AT + 1, Math.floor(acceptedAtMs / LOW_RANGE));
    for (let word = 0; word < this.#id.length; word++) {
      Atomics.store(words, entry + ID + word, this.#id[word] as number);
    }
    const proposed = (Atomics.load(words, entry) & ~STATE_MASK) | PROPOSED;
    Atomics.store(words, entry, proposed);
    return proposed;
  }

  /** Frees every rival that is still `proposed`. False: a rival is past that, and wins. */
  #beatsRivals(entry: number): boolean {
    for (;;) {
      const rival = this.#find(PROPOSED, entry);
      if (rival === NONE) return true;
      if ((this.#foundState & STATE_MASK) !== PROPOSED) return false;
      this.#change(rival, this.#foundState, FREE);
    }
  }

  #change(entry: number, seen: number, state: number): boolean {
    const changed = (seen & ~STATE_MASK) | state;
    return Atomics.compareExchange(this.#words, entry, seen, changed) === seen;
  }

  #isUnchanged(entry: number): boolean {
    return Atomics.load(this.#words, entry) === this.#foundState;
  }

  #hasId(entry: number): boolean {
    for (let word = 0; word < this.#id.length; word++) {
      if (Atomics.load(this.#words, entry + ID + word) !== this.#id[word]) return false;
    }
    return true;
  }

  #number(word: number): number {
    const high = Atomics.load(this.#words, word + 1);
    return high * LOW_RANGE + (Atomics.load(this.#words, word) >>> 0);
  }

  /** `acceptedAtMs` by plain loads, good enough to pick the oldest. While the entry is being written it may be wrong. */
  #age(entry: number): number {
    const high = this.#words[entry + ACCEPTED_AT + 1] as number;
    return high * LOW_RANGE + ((this.#words[entry + ACCEPTED_AT] as number) >>> 0);
  }

  /** The floor never falls, so when the high half is the same before and after, the low half belongs to it. */
  #floorMs(): number {
    for (;;) {
      const high = Atomics.load(this.#words, FLOOR + 1);
      const low = Atomics.load(this.#words, FLOOR) >>> 0;
      if (Atomics.load(this.#words, FLOOR + 1) === high) return high * LOW_RANGE + low;
    }
  }
}

/**
 * HalfSipHash-1-3 (Aumasson and Bernstein; the Linux kernel's hash tables use it) of four words. The final length word
 * is left out, since the length is constant.
 */
function halfSipHash(words: Int32Array, key0: number, key1: number): number {
  let v0 = key0;
  let v1 = key1;
  let v2 = 0x6c796765 ^ key0;
  let v3 = 0x74656462 ^ key1;
  for (let round = 0; round < words.length + 3; round++) {
    const word = round < words.length ? (words[round] as number) : 0;
    if (round === words.length) v2 ^= 0xff;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  return v1 ^ v3;
}
