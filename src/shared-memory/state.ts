import assert from 'node:assert';
import type { Terms } from '../core/terms.ts';
import { ROUTING_REASONS, type RoutingReason } from './routing-reason.ts';

/**
 * The state that the threads of an instance share: how each processor is doing, which calls each pool thread has in
 * flight, and which threads are ready. Counts are in `src/shared-memory/metrics-table.ts`.
 *
 * Words are 8 bytes. A count or flag that several threads change is an Int32 in the low half, changed with Atomics
 * (sequentially consistent). A time or measurement is a Float64 with one writer at a time; the last writer wins, and
 * aligned 8-byte stores do not tear on the 64-bit machines that Node 22 runs on.
 *
 * | word                 | field           | type | who writes         | order   |
 * |----------------------|-----------------|------|--------------------|---------|
 * | 0                    | stop            | i32  | primary            | seq-cst |
 * | 1                    | purgedAtMs      | f64  | any; never falls   | relaxed |
 * | 2                    | auditing        | i32  | HTTP threads, CAS  | seq-cst |
 * | 3                    | droppedLines    | i32  | any                | seq-cst |
 * | 4                    | leftJournals    | i32  | primary            | seq-cst |
 * | 5                    | controls        | i32  | pool thread 0      | seq-cst |
 * | 6                    | credentialsAtMs | f64  | pool threads       | relaxed |
 * | 7                    | addedProcessors | i32  | pool thread 0      | seq-cst |
 * | 8 + 41p + 0          | breaker         | i32  | pool threads, CAS  | seq-cst |
 * | 8 + 41p + 1          | failuresInRow   | i32  | pool threads       | seq-cst |
 * | 8 + 41p + 2          | probesInRow     | i32  | pool threads       | seq-cst |
 * | 8 + 41p + 3          | probeAtMs       | i64  | pool threads, CAS  | seq-cst |
 * | 8 + 41p + 4          | latencyMs       | f64  | pool threads       | relaxed |
 * | 8 + 41p + 5          | succeededAtMs   | f64  | pool threads       | relaxed |
 * | 8 + 41p + 6          | reason          | f64  | pool threads       | relaxed |
 * | 8 + 41p + 7          | reasonAtMs      | f64  | pool threads       | relaxed |
 * | 8 + 41p + 8          | reportedMs      | f64  | pool thread 0      | relaxed |
 * | 8 + 41p + 9          | reportedFailing | f64  | pool thread 0      | relaxed |
 * | 8 + 41p + 10         | reportedAtMs    | f64  | pool thread 0      | relaxed |
 * | 8 + 41p + 11         | openedAtMs      | f64  | pool threads       | relaxed |
 * | 8 + 41p + 12         | restUntilMs     | f64  | pool threads       | relaxed |
 * | 8 + 41p + 13         | lookUpAtMs      | i64  | pool threads, CAS  | seq-cst |
 * | 8 + 41p + 14         | unfit           | i32  | pool threads       | seq-cst |
 * | 8 + 41p + 15         | paceAtUs        | i64  | pool threads, CAS  | seq-cst |
 * | 8 + 41p + 16         | use             | i32  | pool thread 0      | seq-cst |
 * | 8 + 41p + 17         | feePpm          | f64  | pool thread 0      | relaxed |
 * | 8 + 41p + 18         | feeFixedCents   | f64  | pool thread 0      | relaxed |
 * | 8 + 41p + 19         | callLimit       | f64  | pool thread 0      | relaxed |
 * | 8 + 41p + 20         | callsPerSecond  | f64  | pool thread 0      | relaxed |
 * | 8 + 41p + 21         | minAmountCents  | f64  | pool thread 0      | relaxed |
 * | 8 + 41p + 22         | maxAmountCents  | f64  | pool thread 0      | relaxed |
 * | 8 + 41p + 23         | closedAtMs      | f64  | pool threads       | relaxed |
 * | 8 + 41p + 24         | unfitAtMs       | f64  | pool threads       | relaxed |
 * | 8 + 41p + 25         | openedWhy       | text | pool threads       | relaxed |
 * | rows + 2(tP + p)     | oldestCallAtMs  | f64  | pool thread t      | relaxed |
 * | rows + 2(tP + p) + 1 | callsInFlight   | i32  | pool thread t      | seq-cst |
 * | cells + t            | ready           | i32  | thread t, primary  | seq-cst |
 *
 * Rows for P processors, T threads (pool threads first, HTTP threads after them), `rows` = 8 + 41P, `cells` = rows + 2TP.
 * The processors of the settings have the first rows, and `addedProcessors` of the rows behind them are in force, too.
 * Times are on the monotonic clock, which all threads share, except `purgedAtMs` and `credentialsAtMs`. `probeAtMs` is an
 * integer so that compare-and-swap works on it, and has 64 bits because 32 hold only 49 days. `paceAtUs` is in
 * microseconds, because more than a thousand calls a second are less than a millisecond apart. `breaker` is an index into
 * `BREAKER_STATES`, `use` one into `USES`, `reason` one into `ROUTING_REASONS`. `openedWhy` has 16 words of UTF-8 that end at the first zero.
 * `reason`, `openedWhy` and the last health report are only shown to people.
 */
const HEADER_WORDS = 8;
const ROW_WORDS = 41;
const CELL_WORDS = 2;

const STOP = 0;
const PURGED_AT = 1;
const AUDITING = 2;
const DROPPED_LINES = 3;
const LEFT_JOURNALS = 4;
const CONTROLS = 5;
const CREDENTIALS_AT = 6;
const ADDED = 7;
assert.ok(ADDED < HEADER_WORDS);

const BREAKER = 0;
const FAILURES_IN_ROW = 1;
const PROBES_IN_ROW = 2;
const PROBE_AT = 3;
const LATENCY = 4;
const SUCCEEDED_AT = 5;
const REASON = 6;
const REASON_AT = 7;
const REPORTED = 8;
const REPORTED_FAILING = 9;
const REPORTED_AT = 10;
const OPENED_AT = 11;
const REST_UNTIL = 12;
const LOOK_UP_AT = 13;
const UNFIT = 14;
const PACE_AT = 15;
const USE = 16;
const FEE_PPM = 17;
const FEE_FIXED = 18;
const CALL_LIMIT = 19;
const CALLS_PER_SECOND = 20;
const MIN_AMOUNT = 21;
const MAX_AMOUNT = 22;
const CLOSED_AT = 23;
const UNFIT_AT = 24;
const OPENED_WHY = 25;
const WHY_WORDS = 16;
assert.equal(OPENED_WHY + WHY_WORDS, ROW_WORDS);

/** The values of `stop`, in their order in time. */
const RUNNING = 0;
const STOPPING = 1;
const CUT_OFF = 2;

/** In place of `feePpm`: the terms are as configured. */
const AS_CONFIGURED = -1;
/** In place of `callsPerSecond`. */
const NO_LIMIT = 0;

/** The states and their transitions are described in `src/pool/circuit-breakers.ts`. */
export const BREAKER_STATES = ['closed', 'open', 'half-open'] as const;
export type BreakerState = (typeof BREAKER_STATES)[number];

/** Whether a processor gets payments. One that operators have removed never gets any again, unless they add it again. */
export const USES = ['in-use', 'paused', 'removed'] as const;
export type Use = (typeof USES)[number];

export interface InstanceShape {
  /** The processors of the settings. */
  readonly processorCount: number;
  /** How many there is room for, with those that operators add. Default: only those of the settings. */
  readonly processorsMax?: number;
  readonly threadCount: number;
}

/** The number of processors that there are rows for. */
export function processorRows({ processorCount, processorsMax = 0 }: InstanceShape): number {
  return Math.max(processorCount, processorsMax);
}

/** What operators have decided about a processor. */
export interface Controls {
  readonly use: Use;
  /** What it costs and takes. Default: as configured. */
  readonly terms?: Terms;
}

export interface Reported {
  readonly failing: boolean;
  readonly minResponseTimeMs: number;
  /** On the monotonic clock. */
  readonly atMs: number;
}

export class SharedState {
  readonly shape: InstanceShape;
  readonly #rows: number;
  readonly #flags: Int32Array;
  readonly #measures: Float64Array;
  readonly #moments: BigInt64Array;

  static allocate(shape: InstanceShape): SharedArrayBuffer {
    return new SharedArrayBuffer(wordsOf(shape) * 8);
  }

  constructor(buffer: SharedArrayBuffer, shape: InstanceShape) {
    assert.equal(buffer.byteLength, wordsOf(shape) * 8);
    this.shape = shape;
    this.#rows = processorRows(shape);
    this.#flags = new Int32Array(buffer);
    this.#measures = new Float64Array(buffer);
    this.#moments = new BigInt64Array(buffer);
  }

  // The instance.

  get stopping(): boolean {
    return Atomics.load(this.#flags, STOP * 2) !== RUNNING;
  }

  stop(): void {
    this.#setStop(STOPPING);
  }

  /** The time to stop is over: pool threads are to end at once. */
  cutOff(): void {
    this.#setStop(CUT_OFF);
  }

  /** Waiting does not keep a thread alive. */
  async untilCutOff(): Promise<void> {
    for (;;) {
      const stop = Atomics.load(this.#flags, STOP * 2);
      if (stop === CUT_OFF) return;
      const wait = Atomics.waitAsync(this.#flags, STOP * 2, stop);
      if (wait.async) await wait.value;
    }
  }

  #setStop(stop: number): void {
    Atomics.store(this.#flags, STOP * 2, stop);
    Atomics.notify(this.#flags, STOP * 2);
  }

  /** How many journals of other instances hold payments and are used by no process, as the primary last saw it. */
  get leftJournals(): number {
    return Atomics.load(this.#flags, LEFT_JOURNALS * 2);
  }

  set leftJournals(count: number) {
    Atomics.store(this.#flags, LEFT_JOURNALS * 2, count);
  }

  /** How many threads are ready. */
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

  /** Payments accepted before this time (wall clock) have been purged. It never goes back. */
  get purgedAtMs(): number {
    return this.#measure(PURGED_AT);
  }

  raisePurgedAt(purgedAtMs: number): void {
    this.#measures[PURGED_AT] = Math.max(this.purgedAtMs, purgedAtMs);
  }

  /** When the credentials that are in force were read (wall clock); 0: not yet. */
  get credentialsAtMs(): number {
    return this.#measure(CREDENTIALS_AT);
  }

  set credentialsAtMs(atMs: number) {
    this.#measures[CREDENTIALS_AT] = atMs;
  }

  /** False: an audit of this instance is still running. */
  beginAudit(): boolean {
    return Atomics.compareExchange(this.#flags, AUDITING * 2, 0, 1) === 0;
  }

  endAudit(): void {
    Atomics.store(this.#flags, AUDITING * 2, 0);
  }

  /** The number of log lines that were dropped, modulo 2^32. */
  get droppedLines(): number {
    return Atomics.load(this.#flags, DROPPED_LINES * 2) >>> 0;
  }

  countDroppedLines(lineCount: number): void {
    Atomics.add(this.#flags, DROPPED_LINES * 2, lineCount);
  }

  // What operators have decided.

  /** How often what they have decided has changed since the instance started; 0: it is not known yet. */
  get controlsRevision(): number {
    return Atomics.load(this.#flags, CONTROLS * 2);
  }

  /**
   * The only setter of what they have decided, for all processors in their order. Those behind the ones that were known
   * are new, and never leave the list again. Readers look at the revision first.
   */
  setControls(controls: readonly Controls[]): void {
    assert.ok(controls.length >= this.processorCount && controls.length <= this.#rows);
    for (const [processor, { use, terms }] of controls.entries()) {
      this.#setTerms(processor, terms);
      Atomics.store(this.#flags, this.#row(processor, USE) * 2, USES.indexOf(use));
    }
    Atomics.store(this.#flags, ADDED * 2, controls.length - this.shape.processorCount);
    Atomics.add(this.#flags, CONTROLS * 2, 1);
    Atomics.notify(this.#flags, CONTROLS * 2);
  }

  /** How many processors the instance has: those of the settings, and those that operators have added. It never falls. */
  get processorCount(): number {
    return this.shape.processorCount + Atomics.load(this.#flags, ADDED * 2);
  }

  /** Resolves once the revision is not this one any more. Waiting does not keep a thread alive. */
  async untilControlsChange(revision: number): Promise<void> {
    const wait = Atomics.waitAsync(this.#flags, CONTROLS * 2, revision);
    if (wait.async) await wait.value;
  }

  #setTerms(processor: number, terms: Terms | undefined): void {
    this.#measures[this.#row(processor, FEE_PPM)] = terms?.feePpm ?? AS_CONFIGURED;
    if (terms === undefined) return;
    this.#measures[this.#row(processor, FEE_FIXED)] = terms.feeFixedCents;
    this.#measures[this.#row(processor, CALL_LIMIT)] = terms.callLimit;
    this.#measures[this.#row(processor, CALLS_PER_SECOND)] = terms.callsPerSecond ?? NO_LIMIT;
    this.#measures[this.#row(processor, MIN_AMOUNT)] = terms.minAmountCents;
    this.#measures[this.#row(processor, MAX_AMOUNT)] = terms.maxAmountCents;
  }

  /** What operators have decided about its use. */
  use(processor: number): Use {
    const use = USES[Atomics.load(this.#flags, this.#row(processor, USE) * 2)];
    assert.ok(use !== undefined);
    return use;
  }

  /** What it costs and takes, after what operators have decided; null: as configured. */
  terms(processor: number): Terms | null {
    if (this.controlsRevision === 0) return null;
    const of = (field: number) => this.#measure(this.#row(processor, field));
    const feePpm = of(FEE_PPM);
    if (feePpm === AS_CONFIGURED) return null;
    return {
      feePpm,
      feeFixedCents: of(FEE_FIXED),
      callLimit: of(CALL_LIMIT),
      callsPerSecond: of(CALLS_PER_SECOND) === NO_LIMIT ? null : of(CALLS_PER_SECOND),
      minAmountCents: of(MIN_AMOUNT),
      maxAmountCents: of(MAX_AMOUNT),
    };
  }

  /** Whether payments may be sent to it: not before it is known what operators have decided. */
  mayGetPayments(processor: number): boolean {
    return this.controlsRevision > 0 && this.use(processor) === 'in-use';
  }

  // Processors.

  breaker(processor: number): BreakerState {
    const state = BREAKER_STATES[Atomics.load(this.#flags, this.#row(processor, BREAKER) * 2)];
    assert.ok(state !== undefined);
    return state;
  }

  /** Open or half-open: only probes go there. */
  breakerOpen(processor: number): boolean {
    return this.breaker(processor) !== 'closed';
  }

  /** The only setter of a breaker. False: it was not in state `from`, or another thread changed it first. */
  moveBreaker(processor: number, from: BreakerState, to: BreakerState, nowMs: number): boolean {
    const [before, after] = [BREAKER_STATES.indexOf(from), BREAKER_STATES.indexOf(to)];
    const word = this.#row(processor, BREAKER) * 2;
    if (Atomics.compareExchange(this.#flags, word, before, after) !== before) return false;
    if (from === 'closed') this.#measures[this.#row(processor, OPENED_AT)] = nowMs;
    if (to === 'closed') this.#measures[this.#row(processor, CLOSED_AT)] = nowMs;
    return true;
  }

  /** When the breaker last opened from closed; 0: never. Only shown to people. */
  openedAtMs(processor: number): number {
    return this.#measure(this.#row(processor, OPENED_AT));
  }

  /** When the breaker last closed; 0: never. */
  closedAtMs(processor: number): number {
    return this.#measure(this.#row(processor, CLOSED_AT));
  }

  /** Why the breaker last opened. */
  openedWhy(processor: number): string {
    const text = this.#why(processor).toString('utf8');
    const [why = ''] = text.split('\0');
    return why;
  }

  /** What does not fit is cut off. */
  setOpenedWhy(processor: number, why: string): void {
    const text = this.#why(processor);
    // A character is written whole or not at all.
    text.fill(0, text.write(why, 'utf8'));
  }

  #why(processor: number): Buffer {
    return Buffer.from(this.#flags.buffer, this.#row(processor, OPENED_WHY) * 8, WHY_WORDS * 8);
  }

  /** Returns the number of failures in a row, including this one. */
  countFailure(processor: number): number {
    return Atomics.add(this.#flags, this.#row(processor, FAILURES_IN_ROW) * 2, 1) + 1;
  }

  /** Counts a probe and returns the number of probes in a row; the delay of the next probe grows with it. */
  countProbe(processor: number): number {
    return Atomics.add(this.#flags, this.#row(processor, PROBES_IN_ROW) * 2, 1) + 1;
  }

  /** Probes since a call last succeeded within the latency budget, or health last said well. */
  probesInRow(processor: number): number {
    return Atomics.load(this.#flags, this.#row(processor, PROBES_IN_ROW) * 2);
  }

  resetFailures(processor: number): void {
    Atomics.store(this.#flags, this.#row(processor, FAILURES_IN_ROW) * 2, 0);
  }

  resetProbes(processor: number): void {
    Atomics.store(this.#flags, this.#row(processor, PROBES_IN_ROW) * 2, 0);
  }

  isProbeDue(processor: number, nowMs: number): boolean {
    return Atomics.load(this.#moments, this.#row(processor, PROBE_AT)) <= nowMs;
  }

  /** Takes the probe that is due; only one thread gets it. The next one is due at `nextAtMs`. */
  takeProbe(processor: number, nowMs: number, nextAtMs: number): boolean {
    const word = this.#row(processor, PROBE_AT);
    const atMs = Atomics.load(this.#moments, word);
    if (atMs > nowMs) return false;
    return Atomics.compareExchange(this.#moments, word, atMs, BigInt(Math.trunc(nextAtMs))) === atMs;
  }

  setProbeAt(processor: number, atMs: number): void {
    Atomics.store(this.#moments, this.#row(processor, PROBE_AT), BigInt(Math.trunc(atMs)));
  }

  /** Until when the processor has asked for a rest; 0: never. It never goes back. */
  restUntilMs(processor: number): number {
    return this.#measure(this.#row(processor, REST_UNTIL));
  }

  extendRest(processor: number, untilMs: number): void {
    const word = this.#row(processor, REST_UNTIL);
    this.#measures[word] = Math.max(this.#measure(word), untilMs);
  }

  /** When the processor may be asked about payments in doubt again. */
  lookUpAtMs(processor: number): number {
    return Number(Atomics.load(this.#moments, this.#row(processor, LOOK_UP_AT)));
  }

  /** Moves that time from `fromMs` to `toMs`. False: another thread has moved it. */
  moveLookUpAt(processor: number, fromMs: number, toMs: number): boolean {
    const word = this.#row(processor, LOOK_UP_AT);
    const from = BigInt(Math.trunc(fromMs));
    return Atomics.compareExchange(this.#moments, word, from, BigInt(Math.trunc(toMs))) === from;
  }

  /** When the processor may get its next request if requests are evenly spaced, in µs; see `src/pool/pace.ts`. */
  paceAtUs(processor: number): number {
    return Number(Atomics.load(this.#moments, this.#row(processor, PACE_AT)));
  }

  /** Moves that time from `fromUs` to `toUs`. False: another thread has moved it. */
  movePaceAt(processor: number, fromUs: number, toUs: number): boolean {
    const word = this.#row(processor, PACE_AT);
    const from = BigInt(Math.trunc(fromUs));
    return Atomics.compareExchange(this.#moments, word, from, BigInt(Math.trunc(toUs))) === from;
  }

  /** Whether the processor refuses every request: what it says about payments in doubt means nothing, either. */
  isUnfit(processor: number): boolean {
    return Atomics.load(this.#flags, this.#row(processor, UNFIT) * 2) === 1;
  }

  /** The processor has refused a request that it should have taken. */
  setUnfit(processor: number, nowMs: number): void {
    this.#measures[this.#row(processor, UNFIT_AT)] = nowMs;
    Atomics.store(this.#flags, this.#row(processor, UNFIT) * 2, 1);
  }

  setFit(processor: number): void {
    Atomics.store(this.#flags, this.#row(processor, UNFIT) * 2, 0);
  }

  /** When it last refused one, 0: never. */
  unfitAtMs(processor: number): number {
    return this.#measure(this.#row(processor, UNFIT_AT));
  }

  /** How long a call takes: as last observed, or as reported by a newer health answer. */
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

  /** Why payments go to this processor or not, and since when; 0 before the first payment was routed. */
  reason(processor: number): { readonly reason: RoutingReason; readonly sinceMs: number } {
    const reason = ROUTING_REASONS[this.#measure(this.#row(processor, REASON))];
    assert.ok(reason !== undefined);
    return { reason, sinceMs: this.#measure(this.#row(processor, REASON_AT)) };
  }

  /** Does nothing while the reason is unchanged. */
  setReason(processor: number, reason: RoutingReason, nowMs: number): void {
    const word = this.#row(processor, REASON);
    const code = ROUTING_REASONS.indexOf(reason);
    if (this.#measure(word) === code) return;
    this.#measures[word] = code;
    this.#measures[this.#row(processor, REASON_AT)] = nowMs;
  }

  /** The last health answer and when it arrived; null before the first. */
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

  // Calls of the pool threads.

  /** When the oldest call in flight to a processor began, over all threads; null if no call is in flight. */
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

  /** Sets how many calls `thread` has in flight to a processor, and when the oldest began (0: none). */
  setCalls(thread: number, processor: number, calls: number, oldestAtMs: number): void {
    this.#measures[this.#cell(thread, processor)] = oldestAtMs;
    Atomics.store(this.#flags, (this.#cell(thread, processor) + 1) * 2, calls);
  }

  /** Clears the calls of a dead thread and marks it as not ready. */
  threadDied(thread: number): void {
    for (let processor = 0; processor < this.#rows; processor++) this.setCalls(thread, processor, 0, 0);
    this.setReady(thread, false);
  }

  // The layout.

  #row(processor: number, field: number): number {
    return HEADER_WORDS + processor * ROW_WORDS + field;
  }

  #cell(thread: number, processor: number): number {
    const rowsEnd = HEADER_WORDS + this.#rows * ROW_WORDS;
    return rowsEnd + (thread * this.#rows + processor) * CELL_WORDS;
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

function wordsOf(shape: InstanceShape): number {
  const rows = processorRows(shape);
  return HEADER_WORDS + rows * ROW_WORDS + shape.threadCount * (rows * CELL_WORDS + 1);
}
