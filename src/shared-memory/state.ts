import assert from 'node:assert';
import { REASONS, type Reason } from '../pool/routing.ts';

/**
 * What the threads of an instance show each other, in shared memory: how each processor is doing, what each pool
 * thread has in flight, and which threads work. What they count stands in `src/shared-memory/metrics-table.ts`.
 *
 * Words are 8 bytes. A count or flag that several threads change is an Int32 in the low half and is changed with
 * Atomics (sequentially consistent). A moment or measure is a Float64 with one writer at a time; the last writer
 * wins, and aligned 8-byte stores do not tear on the 64-bit machines that Node 22 runs on.
 *
 * | word                 | field           | type | who writes         | order   |
 * |----------------------|-----------------|------|--------------------|---------|
 * | 0                    | stopping        | i32  | primary            | seq-cst |
 * | 1                    | purgedAtMs      | f64  | any; only rises    | relaxed |
 * | 2                    | auditing        | i32  | HTTP threads, CAS  | seq-cst |
 * | 3                    | droppedLines    | i32  | any                | seq-cst |
 * | 4                    | leftJournals    | i32  | primary            | seq-cst |
 * | 5..7                 | reserved        |      |                    |         |
 * | 8 + 16p + 0          | breaker         | i32  | pool threads, CAS  | seq-cst |
 * | 8 + 16p + 1          | failuresInRow   | i32  | pool threads       | seq-cst |
 * | 8 + 16p + 2          | trialsInRow     | i32  | pool threads       | seq-cst |
 * | 8 + 16p + 3          | trialAtMs       | i64  | pool threads, CAS  | seq-cst |
 * | 8 + 16p + 4          | latencyMs       | f64  | pool threads       | relaxed |
 * | 8 + 16p + 5          | succeededAtMs   | f64  | pool threads       | relaxed |
 * | 8 + 16p + 6          | reason          | f64  | pool threads       | relaxed |
 * | 8 + 16p + 7          | reasonAtMs      | f64  | pool threads       | relaxed |
 * | 8 + 16p + 8          | reportedMs      | f64  | pool thread 0      | relaxed |
 * | 8 + 16p + 9          | reportedFailing | f64  | pool thread 0      | relaxed |
 * | 8 + 16p + 10         | reportedAtMs    | f64  | pool thread 0      | relaxed |
 * | 8 + 16p + 11         | breakerAtMs     | f64  | who sets breakerOpen | relaxed |
 * | 8 + 16p + 12..15     | reserved        |      |                    |         |
 * | rows + 2(tP + p)     | oldestCallAtMs  | f64  | pool thread t      | relaxed |
 * | rows + 2(tP + p) + 1 | callsInFlight   | i32  | pool thread t      | seq-cst |
 * | cells + t            | ready           | i32  | thread t, primary  | seq-cst |
 *
 * P processors, T threads (pool threads first, HTTP threads after them), `rows` = 8 + 16P, `cells` = rows + 2TP.
 * Moments are on the monotonic clock, which all threads share, but for `purgedAtMs`. `trialAtMs` is an
 * integer, so that compare-and-swap can take it, and of 64 bits, since 32 hold no more than 49 days. `breaker` is a place in `BREAKER_STATES`, `reason` one in
 * `REASONS`; `reason` and the last health report are for people to read, and nothing is decided by them.
 */
const HEADER_WORDS = 8;
const ROW_WORDS = 16;
const CELL_WORDS = 2;

const STOPPING = 0;
const PURGED_AT = 1;
const AUDITING = 2;
const DROPPED_LINES = 3;
const LEFT_JOURNALS = 4;
assert.ok(LEFT_JOURNALS < HEADER_WORDS);

const BREAKER = 0;
const FAILURES_IN_ROW = 1;
const TRIALS_IN_ROW = 2;
const TRIAL_AT = 3;
const LATENCY = 4;
const SUCCEEDED_AT = 5;
const REASON = 6;
const REASON_AT = 7;
const REPORTED = 8;
const REPORTED_FAILING = 9;
const REPORTED_AT = 10;
const BREAKER_AT = 11;
assert.ok(BREAKER_AT < ROW_WORDS);

/** What each state means, and what leads from one to another: `src/pool/circuit-breakers.ts`. */
export const BREAKER_STATES = ['closed', 'open', 'half-open'] as const;
export type BreakerState = (typeof BREAKER_STATES)[number];

export interface InstanceShape {
  readonly processorCount: number;
  readonly threadCount: number;
}

export interface Reported {
  readonly failing: boolean;
  readonly minResponseTimeMs: number;
  /** On the monotonic clock. */
  readonly atMs: number;
}

export class SharedState {
  readonly shape: InstanceShape;
  readonly #flags: Int32Array;
  readonly #measures: Float64Array;
  readonly #moments: BigInt64Array;

  static allocate(shape: InstanceShape): SharedArrayBuffer {
    return new SharedArrayBuffer(wordsOf(shape) * 8);
  }

  constructor(buffer: SharedArrayBuffer, shape: InstanceShape) {
    assert.equal(buffer.byteLength, wordsOf(shape) * 8);
    this.shape = shape;
    this.#flags = new Int32Array(buffer);
    this.#measures = new Float64Array(buffer);
    this.#moments = new BigInt64Array(buffer);
  }

  // The instance.

  get stopping(): boolean {
    return Atomics.load(this.#flags, STOPPING * 2) === 1;
  }

  stop(): void {
    Atomics.store(this.#flags, STOPPING * 2, 1);
  }

  /** Journals of other instances that hold payments and that no process uses, as the primary last saw them. */
  get leftJournals(): number {
    return Atomics.load(this.#flags, LEFT_JOURNALS * 2);
  }

  set leftJournals(count: number) {
    Atomics.store(this.#flags, LEFT_JOURNALS * 2, count);
  }

  /** How many threads have said that they work. */
  get threadsReady(): number {
    let ready = 0;
    for (let thread = 0; thread < this.shape.threadCount; thread++) {
      ready += Atomics.load(this.#flags, this.#ready(thread) * 2);
    }
    return ready;
  }

  setReady(thread: number, ready: boolean): void {
    Atomics.store(this.#flags, this.#ready(thread) * 2, ready ? 1 : 0);
  }

  /** Payments accepted before this moment (wall clock) have been purged. It never goes back. */
  get purgedAtMs(): number {
    return this.#measure(PURGED_AT);
  }

  raisePurgedAt(purgedAtMs: number): void {
    this.#measures[PURGED_AT] = Math.max(this.purgedAtMs, purgedAtMs);
  }

  /** False: an audit of this instance is not over yet. */
  beginAudit(): boolean {
    return Atomics.compareExchange(this.#flags, AUDITING * 2, 0, 1) === 0;
  }

  endAudit(): void {
    Atomics.store(this.#flags, AUDITING * 2, 0);
  }

  /** Lines of the log that were dropped, modulo 2^32. */
  get droppedLines(): number {
    return Atomics.load(this.#flags, DROPPED_LINES * 2) >>> 0;
  }

  countDroppedLines(lineCount: number): void {
    Atomics.add(this.#flags, DROPPED_LINES * 2, lineCount);
  }

  // A processor, as all threads see it.

  breaker(processor: number): BreakerState {
    const state = BREAKER_STATES[Atomics.load(this.#flags, this.#row(processor, BREAKER) * 2)];
    assert.ok(state !== undefined);
    return state;
  }

  /** Open or half-open: only trials go there. */
  breakerOpen(processor: number): boolean {
    return this.breaker(processor) !== 'closed';
  }

  /** The only setter of a breaker. False: it was not in state `from`, or another thread was first. */
  moveBreaker(processor: number, from: BreakerState, to: BreakerState, nowMs: number): boolean {
    const [before, after] = [BREAKER_STATES.indexOf(from), BREAKER_STATES.indexOf(to)];
    const word = this.#row(processor, BREAKER) * 2;
    if (Atomics.compareExchange(this.#flags, word, before, after) !== before) return false;
    if (from === 'closed' || to === 'closed') this.#measures[this.#row(processor, BREAKER_AT)] = nowMs;
    return true;
  }

  /** When it was last closed, or left that state; 0: it never was. For people to read. */
  breakerAtMs(processor: number): number {
    return this.#measure(this.#row(processor, BREAKER_AT));
  }

  /** Answers the count with this failure. */
  countFailure(processor: number): number {
    return Atomics.add(this.#flags, this.#row(processor, FAILURES_IN_ROW) * 2, 1) + 1;
  }

  /** Trials since the processor last did well; the next one's delay grows with it. Answers the new count. */
  countProbe(processor: number): number {
    return Atomics.add(this.#flags, this.#row(processor, TRIALS_IN_ROW) * 2, 1) + 1;
  }

  /** Trials since the processor last did well, or was last said to be well. */
  trialsInRow(processor: number): number {
    return Atomics.load(this.#flags, this.#row(processor, TRIALS_IN_ROW) * 2);
  }

  resetFailures(processor: number): void {
    Atomics.store(this.#flags, this.#row(processor, FAILURES_IN_ROW) * 2, 0);
  }

  resetProbes(processor: number): void {
    Atomics.store(this.#flags, this.#row(processor, TRIALS_IN_ROW) * 2, 0);
  }

  isProbeDue(processor: number, nowMs: number): boolean {
    return Atomics.load(this.#moments, this.#row(processor, TRIAL_AT)) <= nowMs;
  }

  /** Takes the trial that is due, for one thread alone; the next one is due at `nextAtMs`. */
  takeProbe(processor: number, nowMs: number, nextAtMs: number): boolean {
    const word = this.#row(processor, TRIAL_AT);
    const atMs = Atomics.load(this.#moments, word);
    if (atMs > nowMs) return false;
    return Atomics.compareExchange(this.#moments, word, atMs, BigInt(Math.trunc(nextAtMs))) === atMs;
  }

  setProbeAt(processor: number, atMs: number): void {
    Atomics.store(this.#moments, this.#row(processor, TRIAL_AT), BigInt(Math.trunc(atMs)));
  }

  /** How long a call takes: lately observed, or reported when that is newer. */
  latencyMs(processor: number): number {
    return this.#measure(this.#row(processor, LATENCY));
  }

  setLatency(processor: number, latencyMs: number): void {
    this.#measures[this.#row(processor, LATENCY)] = latencyMs;
  }

  succeededAtMs(processor: number): number {
    return this.#measure(this.#row(processor, SUCCEEDED_AT));
  }

  setSucceededAt(processor: number, atMs: number): void {
    this.#measures[this.#row(processor, SUCCEEDED_AT)] = atMs;
  }

  /** Why payments went there, or did not, and since when; 0 before the first was routed. */
  reason(processor: number): { readonly reason: Reason; readonly sinceMs: number } {
    const reason = REASONS[this.#measure(this.#row(processor, REASON))];
    assert.ok(reason !== undefined);
    return { reason, sinceMs: this.#measure(this.#row(processor, REASON_AT)) };
  }

  /** Writes nothing while the reason stays. */
  setReason(processor: number, reason: Reason, nowMs: number): void {
    const word = this.#row(processor, REASON);
    const code = REASONS.indexOf(reason);
    if (this.#measure(word) === code) return;
    this.#measures[word] = code;
    this.#measures[this.#row(processor, REASON_AT)] = nowMs;
  }

  /** What the last health answer said, and when it was heard; null before the first. */
  reported(processor: number): Reported | null {
    const atMs = this.#measure(this.#row(processor, REPORTED_AT));
    if (atMs === 0) return null;
    const minResponseTimeMs = this.#measure(this.#row(processor, REPORTED));
    return { failing: this.#measure(this.#row(processor, REPORTED_FAILING)) === 1, minResponseTimeMs, atMs };
  }

  setReported(processor: number, { failing, minResponseTimeMs, atMs }: Reported): void {
    this.#measures[this.#row(processor, REPORTED)] = minResponseTimeMs;
    this.#measures[this.#row(processor, REPORTED_FAILING)] = failing ? 1 : 0;
    this.#measures[this.#row(processor, REPORTED_AT)] = atMs;
  }

  // The calls of a pool thread.

  /** When the oldest call that is still in flight to a processor began, over all threads; null: there is none. */
  oldestCallAtMs(processor: number): number | null {
    let oldestAtMs = Number.POSITIVE_INFINITY;
    for (let thread = 0; thread < this.shape.threadCount; thread++) {
      const atMs = this.#measure(this.#cell(thread, processor));
      if (atMs !== 0 && atMs < oldestAtMs) oldestAtMs = atMs;
    }
    return oldestAtMs === Number.POSITIVE_INFINITY ? null : oldestAtMs;
  }

  callsInFlight(processor: number): number {
    let calls = 0;
    for (let thread = 0; thread < this.shape.threadCount; thread++) {
      calls += Atomics.load(this.#flags, (this.#cell(thread, processor) + 1) * 2);
    }
    return calls;
  }

  /** What `thread` has in flight to a processor: how many calls, and when the oldest began (0: none). */
  setCalls(thread: number, processor: number, calls: number, oldestAtMs: number): void {
    this.#measures[this.#cell(thread, processor)] = oldestAtMs;
    Atomics.store(this.#flags, (this.#cell(thread, processor) + 1) * 2, calls);
  }

  /** Its calls are nobody's any more, and it is not ready until its successor is. */
  threadDied(thread: number): void {
    for (let processor = 0; processor < this.shape.processorCount; processor++)
      this.setCalls(thread, processor, 0, 0);
    this.setReady(thread, false);
  }

  // The layout.

  #row(processor: number, field: number): number {
    return HEADER_WORDS + processor * ROW_WORDS + field;
  }

  #cell(thread: number, processor: number): number {
    const rowsEnd = HEADER_WORDS + this.shape.processorCount * ROW_WORDS;
    return rowsEnd + (thread * this.shape.processorCount + processor) * CELL_WORDS;
  }

  #ready(thread: number): number {
    return this.#cell(this.shape.threadCount, 0) + thread;
  }

  #measure(word: number): number {
    const value = this.#measures[word];
    assert.ok(value !== undefined);
    return value;
  }
}

function wordsOf({ processorCount, threadCount }: InstanceShape): number {
  return HEADER_WORDS + processorCount * ROW_WORDS + threadCount * (processorCount * CELL_WORDS + 1);
}
