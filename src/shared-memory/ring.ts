import assert from 'node:assert';
import { PAYMENT_RECORD_BYTES, PaymentRecord, writePaymentRecord } from './payment-record.ts';

/**
 * The queue from the HTTP threads to the pool threads: bounded, with many producers and consumers, in shared memory,
 * with Atomics only. It follows Dmitry Vyukov's bounded MPMC queue (1024cores.net), where each slot says for which
 * turn it is filled.
 *
 * | offset        | bytes | field      | type | who writes          | memory order                               |
 * |---------------|-------|------------|------|---------------------|--------------------------------------------|
 * | 0             | 4     | tail       | u32  | producers, add      | seq-cst                                    |
 * | 64            | 4     | head       | u32  | consumers, CAS      | seq-cst                                    |
 * | 128           | 4     | taken      | i32  | both, add           | seq-cst                                    |
 * | 192           | 4     | sleepers   | i32  | consumers, add      | seq-cst                                    |
 * | 196           | 4     | wakes      | i32  | producers, add      | seq-cst; consumers wait on it              |
 * | 256 + 64s     | 4     | lap        | u32  | producer            | seq-cst; publishes the rest of the slot    |
 * | 256 + 64s + 4 | 4     | journalRef | u32  | producer            | plain, before `lap`                        |
 * | 256 + 64s + 8 | 56    | payment    | u8   | producer            | plain, before `lap`                        |
 *
 * Tickets count pushes, modulo 2^32. Ticket t uses slot s = t mod capacity, whose `lap` becomes ⌊t / capacity⌋ + 1 when
 * its payment is published. No lap is 0, so fresh memory is a ring of empty slots, and takes no room before it is used.
 * Tail, head and taken are written most, so each has its own cache line.
 *
 *        head                 tail                taken = payments queued + places reserved and not yet pushed
 *          │ published         │  free              reserve   taken + 1, if that is within capacity
 *     ─────▼──┬──┬──┬──┬──┬──┬─▼┬──┬──┬─────        push      ticket = tail + 1, write slot, publish
 *       ..│t │t+1  ..  │h │h │  │  │  │..           pop       read slot, head + 1 by CAS, taken - 1
 *     ────┴──┴──┴──┴──┴──┴──┴──┴──┴──┴─────
 *                     h: ticket given, being written: consumers wait behind it
 *
 * It differs from Vyukov's queue in two ways. A place is reserved before it is needed, so a push cannot fail. And a
 * consumer reads a slot before it moves the head. If its CAS succeeds, no producer can have written there meanwhile,
 * since only slots behind the head are free; if it fails, what was read is discarded. So a consumer never holds a slot,
 * and one that stalls or dies during a pop blocks no other. (The CAS would not notice a head that moved by exactly 2^32
 * since the read.)
 */
const TAIL = 0;
const HEAD = 16;
const TAKEN = 32;
const SLEEPERS = 48;
const WAKES = 49;
const HEADER_BYTES = 256;

const SLOT_BYTES = 64;
const SLOT_WORDS = SLOT_BYTES / 4;
const FIRST_LAP = HEADER_BYTES / 4;
const REF = 4;
const PAYMENT = 8;
assert.ok(WAKES * 4 < HEADER_BYTES);
assert.equal(PAYMENT + PAYMENT_RECORD_BYTES, SLOT_BYTES);

const MAX_RING_CAPACITY = 2 ** 24;

/** The object that `pop` fills. */
export class RingSlot extends PaymentRecord {
  /** The payment's record in the journal, u32. */
  journalRef = 0;
}

export class Ring {
  readonly capacity: number;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #mask: number;
  readonly #lapShift: number;

  /** `firstTicket`, u32, is the first ticket: tests start close to where tickets wrap. */
  static allocate(capacity: number, firstTicket = 0): SharedArrayBuffer {
    assert.ok(capacity >= 1 && capacity <= MAX_RING_CAPACITY);
    assert.equal(capacity & (capacity - 1), 0, 'the capacity is a power of two');
    const buffer = new SharedArrayBuffer(HEADER_BYTES + capacity * SLOT_BYTES);
    const words = new Int32Array(buffer);
    words[TAIL] = firstTicket;
    words[HEAD] = firstTicket;
    return buffer;
  }

  constructor(buffer: SharedArrayBuffer) {
    this.capacity = (buffer.byteLength - HEADER_BYTES) / SLOT_BYTES;
    assert.ok(Number.isInteger(this.capacity));
    this.#words = new Int32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
    this.#mask = this.capacity - 1;
    this.#lapShift = Math.log2(this.capacity);
  }

  /** The number of payments in the queue. For gauges: it may change at any time. */
  get size(): number {
    const head = Atomics.load(this.#words, HEAD);
    return (Atomics.load(this.#words, TAIL) - head) >>> 0;
  }

  /** The number of places that can still be reserved. */
  get room(): number {
    return Math.max(0, this.capacity - Atomics.load(this.#words, TAKEN));
  }

  /** Reserves a place, to `push` into or to `release`. False: the queue is full. */
  reserve(): boolean {
    // When the queue is full, threads overshoot briefly, which only makes it look fuller.
    if (Atomics.add(this.#words, TAKEN, 1) < this.capacity) return true;
    Atomics.sub(this.#words, TAKEN, 1);
    return false;
  }

  /** Gives back a reserved place. */
  release(): void {
    const taken = Atomics.sub(this.#words, TAKEN, 1);
    assert.ok(taken > 0, 'release without reserve');
  }

  /** Pushes into a reserved place; cannot fail. Sleeping consumers see the payment after the next `wake`. */
  push(
    id: Uint8Array,
    amountCents: number,
    acceptedAtMs: number,
    journalRef: number,
    trace: Uint8Array | null,
  ): void {
    const words = this.#words;
    const ticket = Atomics.add(words, TAIL, 1);
    const queued = (ticket - Atomics.load(words, HEAD)) >>> 0;
    assert.ok(queued < this.capacity, 'push without reserve');
    const slot = ticket & this.#mask;
    const offset = HEADER_BYTES + slot * SLOT_BYTES;
    this.#view.setUint32(offset + REF, journalRef, true);
    writePaymentRecord(this.#view, this.#bytes, offset + PAYMENT, id, amountCents, acceptedAtMs, trace);
    Atomics.store(words, FIRST_LAP + slot * SLOT_WORDS, this.#lapOf(ticket));
  }

  /** When the oldest payment in the queue was accepted, wall clock in ms; null if the queue is empty. For gauges. */
  oldestAcceptedAtMs(): number | null {
    const words = this.#words;
    const seen = new RingSlot();
    for (;;) {
      const head = Atomics.load(words, HEAD);
      const slot = head & this.#mask;
      if (!this.#isFilled(head)) return null;
      seen.read(this.#view, this.#bytes, HEADER_BYTES + slot * SLOT_BYTES + PAYMENT);
      // The slot at the head is never written. If the head has moved, what was read may be from two payments.
      if (Atomics.load(words, HEAD) === head) return seen.acceptedAtMs;
    }
  }

  /** Takes the oldest payment. Returns false if the queue is empty; then the contents of `into` are undefined. */
  pop(into: RingSlot): boolean {
    const words = this.#words;
    for (;;) {
      const head = Atomics.load(words, HEAD);
      const slot = head & this.#mask;
      if (this.#isFilled(head)) {
        const offset = HEADER_BYTES + slot * SLOT_BYTES;
        into.journalRef = this.#view.getUint32(offset + REF, true);
        into.read(this.#view, this.#bytes, offset + PAYMENT);
        if (Atomics.compareExchange(words, HEAD, head, (head + 1) | 0) === head) {
          Atomics.sub(words, TAKEN, 1);
          return true;
        }
      } else if (Atomics.load(words, HEAD) === head) {
        return false;
      }
      // Another consumer has moved the head: try again with the next slot.
    }
  }

  /**
   * Resolves when there may be something to pop, after a `wake` or `wakeAll`, or after `maxMs`. `unless` is for other
   * conditions that the sleeper must not miss, such as a stop flag in shared memory: it is called once, after the
   * sleeper has announced itself, and true means stay awake. A pending sleep does not keep its thread alive.
   *
   * No wake-up is lost. All four steps are sequentially consistent, so either the producer sees the sleeper or the
   * sleeper sees the payment:
   *
   *     consumer                             producer
   *     1  sleepers + 1                      a  publish
   *     2  seen = wakes                      b  sleepers = 0? then done: 1 is still to come, so 3 will see a
   *     3  anything there? then stay awake   c  wakes + 1
   *     4  wait while wakes = seen           d  notify one
   *
   * A sleeper that has not reached 4 at d finds at 4 that `wakes` has changed; if it reads `wakes` only after c, it
   * looks (3) after a. A thread that dies asleep leaves `sleepers` one too high, which only costs a needless notify
   * (about 50 ns) with each later wake.
   */
  async sleep(maxMs = Number.POSITIVE_INFINITY, unless: () => boolean = () => false): Promise<void> {
    const words = this.#words;
    Atomics.add(words, SLEEPERS, 1);
    const seen = Atomics.load(words, WAKES);
    if (!this.#hasNext() && !unless()) {
      const wait = Atomics.waitAsync(words, WAKES, seen, maxMs);
      if (wait.async) await wait.value;
    }
    Atomics.sub(words, SLEEPERS, 1);
  }

  /** Wakes one sleeper, if there is one. Call it once after the pushes of a batch. */
  wake(): void {
    if (Atomics.load(this.#words, SLEEPERS) === 0) return;
    Atomics.add(this.#words, WAKES, 1);
    Atomics.notify(this.#words, WAKES, 1);
  }

  /** Wakes every sleeper, for changes other than a push. */
  wakeAll(): void {
    Atomics.add(this.#words, WAKES, 1);
    Atomics.notify(this.#words, WAKES);
  }

  /**
   * Wrong only if the head moves and its old slot is filled again between the two loads. That push came after the
   * sleeper had announced itself, so its producer wakes the sleeper.
   */
  #hasNext(): boolean {
    return this.#isFilled(Atomics.load(this.#words, HEAD));
  }

  /** Whether the payment of this ticket is published. */
  #isFilled(ticket: number): boolean {
    return Atomics.load(this.#words, FIRST_LAP + (ticket & this.#mask) * SLOT_WORDS) === this.#lapOf(ticket);
  }

  /** A signed word, as Atomics read it. */
  #lapOf(ticket: number): number {
    return ((ticket >>> this.#lapShift) + 1) | 0;
  }
}
