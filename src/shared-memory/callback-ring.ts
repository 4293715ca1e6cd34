import assert from 'node:assert';
import { UUID_BYTES } from '../core/uuid.ts';

/**
 * Callbacks of processors, from the HTTP threads to every pool thread. It is bounded and loses callbacks: a writer never
 * waits, and a reader that is more than a lap behind skips what was overwritten. A callback only hastens a look-up, so
 * one that is lost costs time and nothing else.
 *
 * | offset        | bytes | field     | type | who writes   | memory order                                       |
 * |---------------|-------|-----------|------|--------------|----------------------------------------------------|
 * | 0             | 4     | tail      | u32  | writers, add | seq-cst; readers wait on it                        |
 * | 64 + 32s      | 4     | sequence  | u32  | writer       | seq-cst; ticket + 1 once the rest is written       |
 * | 64 + 32s + 4  | 4     | processor | u32  | writer       | seq-cst                                            |
 * | 64 + 32s + 8  | 16    | id        | u32s | writer       | seq-cst, four words                                |
 * | 64 + 32s + 24 | 8     | reserved  |      |              |                                                    |
 *
 * Tickets count callbacks, modulo 2^32. Ticket t uses slot s = t mod capacity. Each reader has its own cursor, the
 * ticket that it reads next. Two writers that are a lap apart may mix their ids in one slot: the mixture is no payment's.
 */
const TAIL = 0;
const HEADER_BYTES = 64;
const SLOT_BYTES = 32;
const SLOT_WORDS = SLOT_BYTES / 4;
const FIRST_SLOT = HEADER_BYTES / 4;
const SEQUENCE = 0;
const PROCESSOR = 1;
const ID = 2;
const ID_WORDS = UUID_BYTES / 4;
assert.ok((ID + ID_WORDS) * 4 <= SLOT_BYTES);

/** The object that `take` fills. */
export class CallbackSlot {
  processor = 0;
  readonly id: Uint8Array = new Uint8Array(UUID_BYTES);
}

export class CallbackRing {
  readonly #words: Int32Array;
  readonly #capacity: number;
  /** One id, as bytes and as the words that the ring holds. */
  readonly #idBytes = new Uint8Array(UUID_BYTES);
  readonly #idWords = new Int32Array(this.#idBytes.buffer);
  #cursor: number;

  /** `capacity`: a power of two. */
  static allocate(capacity: number): SharedArrayBuffer {
    assert.equal(capacity & (capacity - 1), 0, 'the capacity is a power of two');
    return new SharedArrayBuffer(HEADER_BYTES + capacity * SLOT_BYTES);
  }

  /** Takes what is pushed from now on. */
  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.#capacity = (buffer.byteLength - HEADER_BYTES) / SLOT_BYTES;
    assert.ok(Number.isInteger(this.#capacity));
    this.#cursor = Atomics.load(this.#words, TAIL);
  }

  push(processor: number, id: Uint8Array): void {
    const words = this.#words;
    const ticket = Atomics.add(words, TAIL, 1);
    const slot = this.#slot(ticket);
    this.#idBytes.set(id);
    Atomics.store(words, slot + PROCESSOR, processor);
    for (let word = 0; word < ID_WORDS; word++) {
      Atomics.store(words, slot + ID + word, this.#idWords[word] as number);
    }
    Atomics.store(words, slot + SEQUENCE, (ticket + 1) | 0);
    Atomics.notify(words, TAIL);
  }

  /** Takes the next callback. False: no callback was pushed since; the contents of `into` are undefined then. */
  take(into: CallbackSlot): boolean {
    const words = this.#words;
    for (;;) {
      if (Atomics.load(words, TAIL) === this.#cursor) return false;
      const slot = this.#slot(this.#cursor);
      const expected = (this.#cursor + 1) | 0;
      const sequence = Atomics.load(words, slot + SEQUENCE);
      // Its writer is not done. It wakes the readers when it is.
      if (((sequence - expected) | 0) < 0) return false;
      this.#cursor = expected;
      // It has been overwritten.
      if (sequence !== expected) continue;
      into.processor = Atomics.load(words, slot + PROCESSOR);
      for (let word = 0; word < ID_WORDS; word++) {
        this.#idWords[word] = Atomics.load(words, slot + ID + word);
      }
      into.id.set(this.#idBytes);
      if (Atomics.load(words, slot + SEQUENCE) === expected) return true;
    }
  }

  /** Resolves when there may be something to take. A pending wait does not keep its thread alive. */
  async wait(): Promise<void> {
    const seen = Atomics.load(this.#words, TAIL);
    if (seen !== this.#cursor) return;
    const wait = Atomics.waitAsync(this.#words, TAIL, seen);
    if (wait.async) await wait.value;
  }

  #slot(ticket: number): number {
    return FIRST_SLOT + (ticket & (this.#capacity - 1)) * SLOT_WORDS;
  }
}
