import assert from 'node:assert';

/**
 * What the threads of an instance count and measure, in shared memory: each thread writes a sheet of its own, anybody
 * reads all of them, and nobody is asked. `/metrics` and the dashboard are made of it.
 *
 * A cell is a Float64 with one writer, the thread whose sheet it is on; its successor goes on where it stopped. Stores
 * are relaxed: aligned 8-byte stores do not tear on the 64-bit machines that Node 22 runs on, and a reader sees each
 * cell somewhat late. So what one thread adds to two cells may be seen in one of them only.
 *
 * | word of a sheet         | field                                       | unit                         |
 * |-------------------------|---------------------------------------------|------------------------------|
 * | 0                       | counters, in the order of `COUNTERS`        |                              |
 * | 16                      | refusals, by the place of their reason      | posts                        |
 * | 80                      | gauges, in the order of `GAUGES`            |                              |
 * | 96                      | histograms, in the order of `HISTOGRAMS`    | buckets, then the sum in ms  |
 * | 256 + 64p               | processor p: its counters                   |                              |
 * | 256 + 64p + 20          | processor p: payments pinned to it, a gauge | payments                     |
 * | 256 + 64p + 21          | processor p: histogram of its calls         | buckets, then the sum in ms  |
 * | 256 + 64p + 57..63      | reserved                                    |                              |
 *
 * Sheet t begins at word t (256 + 64P); P processors, T threads: pool threads first, HTTP threads after them. A
 * histogram has 35 buckets, the last for whatever is longer than every bound, and its sum behind them.
 */
const COUNTERS = [
  /** Payments answered 202 that were not known before. */
  'accepted',
  /** Posts answered 202 of a payment that was known. */
  'repeated',
  'journalWrites',
  'journalSyncs',
  'journalFailures',
  /** Purges that this instance was asked for. */
  'purges',
  /** Commits that the ledger did not answer, or refused as a whole. */
  'commitFailures',
  /** Reads of the ledger for a client, likewise. */
  'readFailures',
  /** Renewals of a lease, likewise. */
  'renewalFailures',
  /** Leases that another owner took over. */
  'leasesLost',
  /** Former owners that this thread took payments over from. */
  'takeOvers',
  'paymentsTakenOver',
  /** Threads of this seat that died. */
  'deaths',
  /** Connections of clients that were closed at once, since there were enough. */
  'connectionsRefused',
] as const;

const GAUGES = [
  /** Payments in the hands of a pool thread, from the ring to the books. */
  'inFlight',
  /** Of those: they wait for a processor that can take them. */
  'waiting',
  /** When the oldest of those held was accepted, monotonic clock in ms; 0: none is held. */
  'oldestInFlightAtMs',
  /** Until when the lease of the thread is good, monotonic clock in ms; 0: it has none. */
  'leaseUntilMs',
  /** Since when the ledger has confirmed none of this thread's commits, monotonic clock in ms; 0: the last was confirmed. */
  'commitFailingSinceMs',
  /** The same of gaining and renewing the thread's lease. */
  'leaseFailingSinceMs',
  /** Since when no write to the thread's journal has succeeded, monotonic clock in ms; 0: the last did. */
  'journalFailingSinceMs',
  /** Open payments at processors that are not configured, which this deployment cannot ask about. */
  'stranded',
] as const;

const HISTOGRAMS = [
  /** From a post that is all there to its 202. */
  'accept',
  /** From its 202 to the books; whole milliseconds. */
  'settle',
  /** One atomic write of the ledger, with its answer. */
  'commit',
] as const;

const PROCESSOR_COUNTERS = [
  // What calls showed; see `Answer`.
  'committed',
  'duplicate',
  'refused',
  'failed',
  'unknown',
  'rejected',
  // What questions about a payment showed; see `Found`.
  'foundHeld',
  'foundAbsent',
  'foundUnknown',
  /** Payments in the books, and what they amount to. */
  'settled',
  'settledCents',
  /** Payments that the processor will never take. */
  'paymentsRejected',
  'breakerOpened',
  'breakerClosed',
  // What health calls of this instance showed.
  'healthWell',
  'healthFailing',
  'healthLimited',
  'healthUnknown',
  /** Calls that were not made: this machine had run out of something. See `Answer`. */
  'exhausted',
] as const;

export type Counter = (typeof COUNTERS)[number];
export type Gauge = (typeof GAUGES)[number];
export type HistogramName = (typeof HISTOGRAMS)[number];
export type ProcessorCounter = (typeof PROCESSOR_COUNTERS)[number];

/** Upper bounds of the buckets, inclusive, in microseconds: five to a decade, from 10 µs to 50 s. */
const BOUNDS_US = [1, 2, 3, 4, 5, 6, 7].flatMap((decade) =>
  (decade < 7 ? [1, 2, 3, 5, 7] : [1, 2, 3, 5]).map((digit) => digit * 10 ** decade),
);
/** The same in milliseconds, as durations are observed. */
export const BOUNDS_MS: Float64Array = Float64Array.from(BOUNDS_US, (boundUs) => boundUs / 1000);

const BUCKETS = BOUNDS_MS.length + 1;
const HISTOGRAM_WORDS = BUCKETS + 1;

const REFUSALS_AT = 16;
/** Reasons that refusals can be told apart by. */
export const REFUSALS_MAX = 64;
const GAUGES_AT = REFUSALS_AT + REFUSALS_MAX;
const GAUGES_MAX = 16;
const HISTOGRAMS_AT = GAUGES_AT + GAUGES_MAX;
const PROCESSORS_AT = 256;
const IN_DOUBT_AT = 20;
const CALLS_AT = IN_DOUBT_AT + 1;
const PROCESSOR_WORDS = 64;
assert.equal(BUCKETS, 35);
assert.equal(HISTOGRAMS_AT, 96);
assert.ok(GAUGES.length <= GAUGES_MAX);
assert.ok(COUNTERS.length <= REFUSALS_AT);
assert.ok(HISTOGRAMS_AT + HISTOGRAMS.length * HISTOGRAM_WORDS <= PROCESSORS_AT);
assert.ok(PROCESSOR_COUNTERS.length <= IN_DOUBT_AT);
assert.ok(CALLS_AT + HISTOGRAM_WORDS <= PROCESSOR_WORDS);

const COUNTER_WORD = cellsOf(COUNTERS, 0, 1);
const GAUGE_WORD = cellsOf(GAUGES, GAUGES_AT, 1);
const HISTOGRAM_WORD = cellsOf(HISTOGRAMS, HISTOGRAMS_AT, HISTOGRAM_WORDS);
const PROCESSOR_COUNTER_WORD = cellsOf(PROCESSOR_COUNTERS, 0, 1);

export interface MetricsShape {
  readonly processorCount: number;
  readonly threadCount: number;
}

/** A histogram as one moment shows it. */
export interface HistogramReading {
  /** How many fell into each bucket, and into no lower one; one more than there are bounds. */
  readonly counts: readonly number[];
  readonly sumMs: number;
}

export class MetricsTable {
  readonly shape: MetricsShape;
  readonly #words: Float64Array;

  static allocate(shape: MetricsShape): SharedArrayBuffer {
    return new SharedArrayBuffer(shape.threadCount * threadRowCells(shape) * 8);
  }

  constructor(buffer: SharedArrayBuffer, shape: MetricsShape) {
    assert.equal(buffer.byteLength, shape.threadCount * threadRowCells(shape) * 8);
    this.shape = shape;
    this.#words = new Float64Array(buffer);
  }

  /** The sheet of one thread, to write on. */
  thread(thread: number): ThreadMetrics {
    assert.ok(thread < this.shape.threadCount);
    const words = threadRowCells(this.shape);
    return new ThreadMetrics(this.#words.subarray(thread * words, (thread + 1) * words));
  }

  // Reading, over all threads.

  counted(counter: Counter): number {
    return this.#sum(COUNTER_WORD[counter]);
  }

  /** Posts refused for the reason at this place (`src/http/refusal.ts`). */
  refused(place: number): number {
    assert.ok(place < REFUSALS_MAX);
    return this.#sum(REFUSALS_AT + place);
  }

  /** What one thread shows. */
  gauge(thread: number, gauge: Gauge): number {
    return this.#word(thread, GAUGE_WORD[gauge]);
  }

  histogram(name: HistogramName): HistogramReading {
    return this.#histogram(HISTOGRAM_WORD[name]);
  }

  countedAt(processor: number, counter: ProcessorCounter): number {
    return this.#sum(processorCell(processor) + PROCESSOR_COUNTER_WORD[counter]);
  }

  inDoubt(processor: number): number {
    return this.#sum(processorCell(processor) + IN_DOUBT_AT);
  }

  calls(processor: number): HistogramReading {
    return this.#histogram(processorCell(processor) + CALLS_AT);
  }

  #histogram(word: number): HistogramReading {
    const counts = Array.from({ length: BUCKETS }, (_, bucket) => this.#sum(word + bucket));
    return { counts, sumMs: this.#sum(word + BUCKETS) };
  }

  #sum(word: number): number {
    let sum = 0;
    for (let thread = 0; thread < this.shape.threadCount; thread++) sum += this.#word(thread, word);
    return sum;
  }

  #word(thread: number, word: number): number {
    const value = this.#words[thread * threadRowCells(this.shape) + word];
    assert.ok(value !== undefined);
    return value;
  }
}

/** The one writer of a thread's cells. Nothing here allocates, and a payment passes several of these. */
export class ThreadMetrics {
  readonly #words: Float64Array;

  constructor(words: Float64Array) {
    this.#words = words;
  }

  count(counter: Counter, by = 1): void {
    this.#add(COUNTER_WORD[counter], by);
  }

  countRefusal(place: number): void {
    this.#add(REFUSALS_AT + place, 1);
  }

  set(gauge: Gauge, value: number): void {
    this.#words[GAUGE_WORD[gauge]] = value;
  }

  observe(histogram: HistogramName, durationMs: number): void {
    this.#observe(HISTOGRAM_WORD[histogram], durationMs);
  }

  countAt(processor: number, counter: ProcessorCounter, by = 1): void {
    this.#add(processorCell(processor) + PROCESSOR_COUNTER_WORD[counter], by);
  }

  observeCall(processor: number, durationMs: number): void {
    this.#observe(processorCell(processor) + CALLS_AT, durationMs);
  }

  /** Payments whose outcome that processor alone can tell: `by` more of them, or fewer. */
  addInDoubt(processor: number, by: number): void {
    this.#add(processorCell(processor) + IN_DOUBT_AT, by);
  }

  /** Whoever wrote here is no more, and holds nothing: counts stay, gauges go. */
  clearGauges(): void {
    this.#words.fill(0, GAUGES_AT, GAUGES_AT + GAUGES.length);
    for (let word = PROCESSORS_AT; word < this.#words.length; word += PROCESSOR_WORDS)
      this.#words[word + IN_DOUBT_AT] = 0;
  }

  /** A wall clock that was set back makes a duration negative, which counts as none. */
  #observe(word: number, durationMs: number): void {
    this.#add(word + bucketOf(durationMs), 1);
    this.#add(word + BUCKETS, Math.max(0, durationMs));
  }

  #add(word: number, by: number): void {
    this.#words[word] = (this.#words[word] as number) + by;
  }
}

/** The first bucket whose bound is not below the duration, found by halving. */
function bucketOf(durationMs: number): number {
  let low = 0;
  let high = BUCKETS - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (durationMs <= (BOUNDS_MS[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function processorCell(processor: number): number {
  return PROCESSORS_AT + processor * PROCESSOR_WORDS;
}

function threadRowCells({ processorCount }: MetricsShape): number {
  return PROCESSORS_AT + processorCount * PROCESSOR_WORDS;
}

function cellsOf<Name extends string>(
  names: readonly Name[],
  first: number,
  words: number,
): Readonly<Record<Name, number>> {
  const entries = names.map((name, index) => [name, first + index * words] as const);
  return Object.fromEntries(entries) as Record<Name, number>;
}
