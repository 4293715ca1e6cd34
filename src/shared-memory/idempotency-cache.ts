import assert from 'node:assert';
import { UUID_BYTES } from '../core/uuid.ts';

/**
 * The payments that this instance has lately accepted, by id, shared by its HTTP threads. It answers a repeated post
 * at once and knows another amount for what it is. It is a memory, not the books: it has a fixed size, and the
 * oldest of a bucket gives way.
 *
 * | offset       | bytes | field             | type | who writes                       | memory order          |
 * |--------------|-------|-------------------|------|----------------------------------|-----------------------|
 * | 0            | 8     | seed              | u64  | allocate                         | before threads start  |
 * | 8            | 8     | floorMs           | u64  | any thread, CAS; only rises      | seq-cst               |
 * | 64 + 48e     | 4     | state             | u32  | see below                        | seq-cst               |
 * | 64 + 48e+4   | 4     | reserved          |      |                                  |                       |
 * | 64 + 48e+8   | 8     | amountCents       | u64  | who has the entry in `writing`   | seq-cst, two words    |
 * | 64 + 48e+16  | 8     | acceptedAtMs      | u64  | who has the entry in `writing`   | seq-cst, two words    |
 * | 64 + 48e+24  | 16    | id                | u32s | who has the entry in `writing`   | seq-cst, four words   |
 * | 64 + 48e+40  | 8     | reserved          |      |                                  |                       |
 *
 * A bucket is 8 entries that stand together. The low 3 bits of the first word are the state proper, the next 8 are of
 * the id's hash, to pass over the others at a glance, and the rest counts how often the entry has been taken, so that
 * whoever reads an entry can tell that it is still the one it looked at.
 *
 * | state   | by                                                             | to      |
 * |---------|----------------------------------------------------------------|---------|
 * | free    | a thread that needs an entry, CAS                              | writing |
 * | writing | that thread: the fields are there                              | offered |
 * | offered | that thread, when its bucket shows no rival                    | pending |
 * | offered | that thread (a rival was first), or a rival that came later    | free    |
 * | pending | confirm: the payment is accepted, its record is in the journal | known   |
 * | pending | forget: it isn't                                               | free    |
 * | any but writing | a thread that needs an entry, when this is the oldest  | writing |
 *
 * Of two threads that bring the same id at once only one gets past `offered`. Each offers its entry first and looks
 * through the bucket after. Whichever offers later finds the other's entry; if that is still only offered, it
 * strikes it out, and the first fails to leave `offered` and begins again. If it is further, it withdraws its own.
 *
 *     thread A    offer ──── look: no rival ── offered → pending: struck out, begin again ── finds B's, answers
 *     thread B          offer ── look: A's is offered: strike it out ── offered → pending ── new
 *
 * So nobody waits for anybody, and a thread that stops in the middle stops no other.
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
const OFFERED = 2;
const PENDING = 3;
const KNOWN = 4;
assert.ok(KNOWN <= STATE_MASK);

const LOW_RANGE = 2 ** 32;
/** How often one call lets rivals strike it out before it goes without an entry. */
const ATTEMPTS = 16;
const NONE = -1;

/**
 * | answer   | meaning                                                                                        |
 * |----------|------------------------------------------------------------------------------------------------|
 * | new      | nobody has brought it: accept it, then `confirm`, or `forget` it                                |
 * | pending  | same amount, not yet confirmed: its journal write may still fail, so journal this one as well   |
 * | same     | same amount, accepted                                                                          |
 * | conflict | brought with another amount                                                                    |
 */
export type Reservation = 'new' | 'pending' | 'same' | 'conflict';

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
  // The id that the current call is about, its bucket's first word, and its bits in the state word. Calls don't interleave within a thread.
  readonly #id = new Int32Array(UUID_BYTES / 4);
  #bucket = 0;
  #tag = 0;
  /** The state word of the entry found last. */
  #foundState = 0;

  /** `capacity` payments, a power of two, 8 or more; `seed`: two random u32, so that nobody can aim at a bucket. */
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

  /** Remembers a payment that is about to be accepted, unless its id is known already. */
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
      const offered = this.#offer(entry, amountCents, acceptedAtMs);
      if (this.#outlasts(entry) && this.#change(entry, offered, PENDING)) return 'new';
      this.#change(entry, offered, FREE);
    }
    // Only more threads at one bucket than it has entries come here. The ledger still knows an id from another.
    return 'new';
  }

  /** The payment remembered under this id is in the journal: from now on it is `same`, and found. */
  commit(id: Uint8Array): void {
    this.#decide(id, KNOWN);
  }

  /** The payment remembered under this id was not accepted after all. One that is confirmed stays. */
  abort(id: Uint8Array): void {
    this.#decide(id, FREE);
  }

  /** A payment that has been confirmed and not yet given way to another. */
  find(id: Uint8Array): CachedPayment | undefined {
    this.#turnTo(id);
    const found = this.#find(KNOWN, NONE);
    if (found === NONE) return undefined;
    const payment = {
      amountCents: this.#number(found + AMOUNT),
      acceptedAtMs: this.#number(found + ACCEPTED_AT),
    };
    return this.#isUnchanged(found) ? payment : undefined;
  }

  /** From now on payments accepted before `floorMs` are unknown. The floor never falls. */
  forgetBefore(floorMs: number): void {
    const floor = BigInt(floorMs);
    let seen = Atomics.load(this.#floor, 0);
    while (seen < floor) {
      const found = Atomics.compareExchange(this.#floor, 0, seen, floor);
      if (found === seen) return;
      seen = found;
    }
  }

  #decide(id: Uint8Array, state: number): void {
    this.#turnTo(id);
    const found = this.#find(PENDING, NONE);
    if (found === NONE || (this.#foundState & STATE_MASK) !== PENDING) return;
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

  /** The bucket's first entry that has the id, is not `except`, and in its state at least `state`. */
  #find(state: number, except: number): number {
    for (let way = 0; way < WAYS; way++) {
      const entry = this.#bucket + way * ENTRY_WORDS;
      if (entry === except) continue;
      const seen = Atomics.load(this.#words, entry);
      if ((seen & TAG_MASK) !== this.#tag || (seen & STATE_MASK) < state) continue;
      if (!this.#hasId(entry) || this.#number(entry + ACCEPTED_AT) < this.#floorMs()) continue;
      this.#foundState = seen;
      // An entry that was taken meanwhile may have been put together from two.
      if (this.#isUnchanged(entry)) return entry;
      way--;
    }
    return NONE;
  }

  /** What the entry found last answers to an amount; null when it has changed meanwhile. */
  #compare(entry: number, amountCents: number): Reservation | null {
    const equal = this.#number(entry + AMOUNT) === amountCents;
    if (!this.#isUnchanged(entry)) return null;
    if (!equal) return 'conflict';
    return (this.#foundState & STATE_MASK) === KNOWN ? 'same' : 'pending';
  }

  /** Takes an entry of the bucket for writing, a free one or else the oldest; NONE: another thread was faster. */
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

  /** Fills an entry that was taken and shows it to the other threads; returns its state word. */
  #offer(entry: number, amountCents: number, acceptedAtMs: number): number {
    const words = this.#words;
    Atomics.store(words, entry + AMOUNT, amountCents | 0);
    Atomics.store(words, entry + AMOUNT + 1, Math.floor(amountCents / LOW_RANGE));
    Atomics.store(words, entry + ACCEPTED_AT, acceptedAtMs | 0);
    Atomics.store(words, entry + ACCEPTED_AT + 1, Math.floor(acceptedAtMs / LOW_RANGE));
    for (let word = 0; word < this.#id.length; word++) {
      Atomics.store(words, entry + ID + word, this.#id[word] as number);
    }
    const offered = (Atomics.load(words, entry) & ~STATE_MASK) | OFFERED;
    Atomics.store(words, entry, offered);
    return offered;
  }

  /** Strikes out every rival that is still only offered. False: one was first. */
  #outlasts(entry: number): boolean {
    for (;;) {
      const rival = this.#find(OFFERED, entry);
      if (rival === NONE) return true;
      if ((this.#foundState & STATE_MASK) !== OFFERED) return false;
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

  /** `acceptedAtMs` by plain loads, to choose by: of an entry that is being written it may be any number. */
  #age(entry: number): number {
    const high = this.#words[entry + ACCEPTED_AT + 1] as number;
    return high * LOW_RANGE + ((this.#words[entry + ACCEPTED_AT] as number) >>> 0);
  }

  /** It only rises, so between two equal looks at its high half the low half belongs to it. */
  #floorMs(): number {
    for (;;) {
      const high = Atomics.load(this.#words, FLOOR + 1);
      const low = Atomics.load(this.#words, FLOOR) >>> 0;
      if (Atomics.load(this.#words, FLOOR + 1) === high) return high * LOW_RANGE + low;
    }
  }
}

/**
 * HalfSipHash-1-3 (Aumasson and Bernstein; the Linux kernel's hash tables use it) of four words, without the word of
 * length, as the length is always the same.
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
