import assert from 'node:assert';

/**
 * The journal's segments, in memory that the threads of an instance share: which segments are in use, and which of their
 * records are done, which means that the ledger has their payments.
 *
 * | offset      | bytes | field             | type | who writes                | memory order              |
 * |-------------|-------|-------------------|------|---------------------------|---------------------------|
 * | 0           | 4     | segmentCount      | u32  | allocate                  | before any thread starts  |
 * | 4           | 4     | recordsPerSegment | u32  | allocate                  | before any thread starts  |
 * | 8           | 4     | lastFileNumber    | u32  | writers, add              | seq-cst                   |
 * | 16 + 16s    | 4     | state             | i32  | see below                 | seq-cst                   |
 * | 16 + 16s+4  | 4     | fileNumber        | u32  | thread that acquires or frees it | seq-cst; 0 = no file |
 * | 16 + 16s+8  | 4     | written           | u32  | its writer                | seq-cst                   |
 * | 16 + 16s+12 | 4     | lap               | u32  | thread that acquires it   | seq-cst                   |
 * | done + ...  | 4     | lap, 16 done bits | u16s | any thread, CAS           | seq-cst; lap in high half |
 *
 * `done` = 16 + 16 segmentCount; the words of a segment follow those of the one before it, 16 records to a word.
 *
 * | state      | by                                    | to         |
 * |------------|---------------------------------------|------------|
 * | free       | acquire, by a writer; adopt           | open       |
 * | open       | seal, by its writer; adopt            | sealed     |
 * | sealed     | beginReclaim, by the first thread     | reclaiming |
 * | reclaiming | free, its file is gone                | free       |
 * | reclaiming | keep, its file could not be removed   | sealed     |
 *
 * A ref names a record: `(lap * segmentCount + segment) * recordsPerSegment + record`, u32. The lap counts how often
 * a segment has been used. It is in the ref and in each word of done bits, so that a late thread that marks a record a
 * second time cannot mark another record that is in its place by then.
 */
const SEGMENT_COUNT = 0;
const RECORDS_PER_SEGMENT = 1;
const LAST_FILE_NUMBER = 2;
const FIRST_ROW = 4;
const ROW_WORDS = 4;
const STATE = 0;
const FILE_NUMBER = 1;
const WRITTEN = 2;
const LAP = 3;
assert.ok(LAP < ROW_WORDS);

const RECORDS_PER_WORD = 16;
const LAP_SHIFT = 16;
const ALL_DONE = 0xffff;
const LAP_LIMIT = 2 ** 16;
/** No record ever has this ref. */
const NO_REF = 2 ** 32 - 1;

const FREE = 0;
const OPEN = 1;
const SEALED = 2;
const RECLAIMING = 3;

/** A snapshot of a segment that holds records. */
export interface LiveSegment {
  readonly segment: number;
  readonly fileNumber: number;
  /** The ref of its first record. Those of the others follow. */
  readonly firstRef: number;
  /** The number of records in its file. */
  readonly written: number;
}

export class SegmentTable {
  readonly segmentCount: number;
  readonly recordsPerSegment: number;
  readonly #words: Int32Array;
  readonly #firstDone: number;
  readonly #doneWords: number;
  readonly #lapCount: number;

  /** `recordsPerSegment` is a multiple of 16. */
  static allocate(segmentCount: number, recordsPerSegment: number): SharedArrayBuffer {
    assert.ok(segmentCount >= 1);
    assert.equal(recordsPerSegment % RECORDS_PER_WORD, 0);
    const doneWords = (segmentCount * recordsPerSegment) / RECORDS_PER_WORD;
    const buffer = new SharedArrayBuffer((FIRST_ROW + segmentCount * ROW_WORDS + doneWords) * 4);
    const words = new Int32Array(buffer);
    words[SEGMENT_COUNT] = segmentCount;
    words[RECORDS_PER_SEGMENT] = recordsPerSegment;
    return buffer;
  }

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.segmentCount = this.#words[SEGMENT_COUNT] as number;
    this.recordsPerSegment = this.#words[RECORDS_PER_SEGMENT] as number;
    this.#firstDone = FIRST_ROW + this.segmentCount * ROW_WORDS;
    this.#doneWords = this.recordsPerSegment / RECORDS_PER_WORD;
    this.#lapCount = Math.min(LAP_LIMIT, Math.floor(NO_REF / (this.segmentCount * this.recordsPerSegment)));
    assert.ok(this.#lapCount >= 2, 'too many records for two laps in a ref');
    assert.equal(this.#words.length, this.#firstDone + this.segmentCount * this.#doneWords);
  }

  // Records. Any thread may call these.

  /** The ref of a record in a segment that the caller has open or has adopted. */
  ref(segment: number, record: number): number {
    assert.ok(record < this.recordsPerSegment);
    const lap = Atomics.load(this.#words, this.#row(segment) + LAP);
    return (lap * this.segmentCount + segment) * this.recordsPerSegment + record;
  }

  /** The ledger has the payment of this record. May be called any number of times, at any time. */
  markDone(ref: number): void {
    const index = this.#doneIndex(ref);
    const lap = this.#lapOf(ref);
    const bit = 1 << (ref % RECORDS_PER_WORD);
    let seen = Atomics.load(this.#words, index);
    while (seen >>> LAP_SHIFT === lap && (seen & bit) === 0) {
      const found = Atomics.compareExchange(this.#words, index, seen, seen | bit);
      if (found === seen) return;
      seen = found;
    }
  }

  /** Also true when the record's segment has been reclaimed since. */
  isDone(ref: number): boolean {
    const word = Atomics.load(this.#words, this.#doneIndex(ref));
    return word >>> LAP_SHIFT !== this.#lapOf(ref) || (word & (1 << (ref % RECORDS_PER_WORD))) !== 0;
  }

  /** Whether all the records written in a segment are done. */
  allDone(segment: number): boolean {
    const written = Atomics.load(this.#words, this.#row(segment) + WRITTEN);
    const first = this.#firstDone + segment * this.#doneWords;
    for (let record = 0; record < written; record += RECORDS_PER_WORD) {
      const expected = ALL_DONE >>> Math.max(0, RECORDS_PER_WORD - (written - record));
      const bits = Atomics.load(this.#words, first + record / RECORDS_PER_WORD) & expected;
      if (bits !== expected) return false;
    }
    return true;
  }

  // Segments.

  /** Opens a free segment for the caller, with a new file number; -1: no segment is free. */
  acquire(): number {
    for (let segment = 0; segment < this.segmentCount; segment++) {
      const row = this.#row(segment);
      if (Atomics.compareExchange(this.#words, row + STATE, FREE, OPEN) !== FREE) continue;
      const lap = (Atomics.load(this.#words, row + LAP) + 1) % this.#lapCount;
      const first = this.#firstDone + segment * this.#doneWords;
      for (let word = 0; word < this.#doneWords; word++) {
        Atomics.store(this.#words, first + word, lap << LAP_SHIFT);
      }
      Atomics.store(this.#words, row + LAP, lap);
      Atomics.store(this.#words, row + WRITTEN, 0);
      Atomics.store(this.#words, row + FILE_NUMBER, Atomics.add(this.#words, LAST_FILE_NUMBER, 1) + 1);
      return segment;
    }
    return -1;
  }

  /** Adds a file of an earlier run as a sealed segment; -1: no segment is free. Call it before any writer starts. */
  adopt(fileNumber: number, written: number): number {
    assert.ok(fileNumber > 0);
    const segment = this.acquire();
    if (segment === -1) return -1;
    const last = Atomics.load(this.#words, LAST_FILE_NUMBER) - 1;
    Atomics.store(this.#words, LAST_FILE_NUMBER, Math.max(last, fileNumber));
    Atomics.store(this.#words, this.#row(segment) + FILE_NUMBER, fileNumber);
    this.setWritten(segment, written);
    this.seal(segment);
    return segment;
  }

  /** Sets how many records the file of an open segment has. */
  setWritten(segment: number, written: number): void {
    assert.ok(written <= this.recordsPerSegment);
    this.#expect(segment, OPEN);
    Atomics.store(this.#words, this.#row(segment) + WRITTEN, written);
  }

  /** The writer has finished with the segment. */
  seal(segment: number): void {
    this.#move(segment, OPEN, SEALED);
  }

  fileNumber(segment: number): number {
    return Atomics.load(this.#words, this.#row(segment) + FILE_NUMBER);
  }

  /** Takes a sealed segment whose records are all done, to remove its file; then call `free`, or `keep` on failure. */
  beginReclaim(segment: number): boolean {
    const state = this.#row(segment) + STATE;
    if (Atomics.load(this.#words, state) !== SEALED || !this.allDone(segment)) return false;
    if (Atomics.compareExchange(this.#words, state, SEALED, RECLAIMING) !== SEALED) return false;
    if (this.allDone(segment)) return true;
    // It was reclaimed and used again between the check and the exchange.
    this.keep(segment);
    return false;
  }

  free(segment: number): void {
    this.#expect(segment, RECLAIMING);
    Atomics.store(this.#words, this.#row(segment) + FILE_NUMBER, 0);
    Atomics.store(this.#words, this.#row(segment) + WRITTEN, 0);
    this.#move(segment, RECLAIMING, FREE);
  }

  keep(segment: number): void {
    this.#move(segment, RECLAIMING, SEALED);
  }

  /** Open and sealed segments that hold records, oldest file first. */
  live(): LiveSegment[] {
    const live: LiveSegment[] = [];
    for (let segment = 0; segment < this.segmentCount; segment++) {
      const row = this.#row(segment);
      const fileNumber = Atomics.load(this.#words, row + FILE_NUMBER);
      const firstRef = this.ref(segment, 0);
      const written = Atomics.load(this.#words, row + WRITTEN);
      // File numbers are never reused: if it is still the same, the values read in between belong together.
      if (fileNumber === 0 || written === 0 || this.fileNumber(segment) !== fileNumber) continue;
      live.push({ segment, fileNumber, firstRef, written });
    }
    return live.sort((one, other) => one.fileNumber - other.fileNumber);
  }

  #row(segment: number): number {
    return FIRST_ROW + segment * ROW_WORDS;
  }

  #doneIndex(ref: number): number {
    const record = ref % (this.segmentCount * this.recordsPerSegment);
    return this.#firstDone + Math.floor(record / RECORDS_PER_WORD);
  }

  #lapOf(ref: number): number {
    return Math.floor(ref / (this.segmentCount * this.recordsPerSegment));
  }

  #expect(segment: number, state: number): void {
    assert.equal(Atomics.load(this.#words, this.#row(segment) + STATE), state);
  }

  #move(segment: number, from: number, to: number): void {
    const found = Atomics.compareExchange(this.#words, this.#row(segment) + STATE, from, to);
    assert.equal(found, from);
  }
}
