import assert from 'node:assert';
import { type InstanceShape, processorRows } from './state.ts';

/**
 * What the threads of an instance count and measure, in shared memory. Each thread writes its own row; any thread may
 * read all rows. `/metrics` and the dashboard are built from it.
 *
 * A cell is a Float64 with one writer, the thread that owns the row. A thread that replaces a dead one continues its
 * counts. Stores are relaxed: aligned 8-byte stores do not tear on the 64-bit machines that Node 22 runs on, but a reader
 * may see two cells that were changed together at different times.
 *
 * | word of a row           | field                                       | unit                         |
 * |-------------------------|---------------------------------------------|------------------------------|
 * | 0                       | counters, in the order of `COUNTERS`        |                              |
 * | 24                      | refusals, by the index of their reason      | posts                        |
 * | 88                      | gauges, in the order of `GAUGES`            |                              |
 * | 120                     | histograms, in the order of `HISTOGRAMS`    | buckets, then the sum in ms  |
 * | 256 + 64p               | processor p: its counters                   |                              |
 * | 256 + 64p + 27          | processor p: payments in doubt, a gauge     | payments                     |
 * | 256 + 64p + 28          | processor p: histogram of its calls         | buckets, then the sum in ms  |
 *
 * Row t begins at word t (256 + 64P), with rows for P processors. Pool threads come first, HTTP threads after them. A histogram
 * has 35 buckets, the last for durations above every bound, followed by the sum.
 */
const COUNTERS = [
  /** Payments answered 202 that were not known before. */
  'accepted',
  /** Posts answered 202 whose payment was known before. */
  'repeated',
  'journalWrites',
  'journalSyncs',
  'journalFailures',
  /** Purges that this instance was asked for. */
  'purges',
  /** Commits that the ledger did not answer or refused, and checks whether it answers again. */
  'commitFailures',
  /** Reads for a client that the ledger did not answer. */
  'readFailures',
  /** Lease renewals that the ledger did not answer. */
  'renewalFailures',
  /** Leases that another owner took over. */
  'leasesLost',
  /** Former owners whose payments this thread took over. */
  'takeOvers',
  'paymentsTakenOver',
  /** Times that this thread died. */
  'deaths',
  /** Client connections that were closed at once because there were too many. */
  'connectionsRefused',
  /** Requests without the API key that they need. */
  'accessRefused',
  /** Requests beyond what their API key may make. */
  'rateLimited',
  /** Events that endpoints of webhooks have taken, and posts that they have not. */
  'webhookPosts',
  'webhookFailures',
] as const;

const GAUGES = [
  /** Payments that a pool thread is delivering, from the ring to the books. */
  'inFlight',
  /** Those among them that wait for a processor. */
  'waiting',
  /** When the oldest payment in flight was accepted, monotonic clock in ms; 0: none is in flight. */
  'oldestInFlightAtMs',
  /** When the last of the thread's leases expires, monotonic clock in ms; 0: it has none. There is one in each shard. */
  'leaseUntilMs',
  /** Since when this thread's commits to some shard have failed, monotonic clock in ms; 0: the last ones succeeded. */
  'commitFailingSinceMs',
  /** Since when acquiring or renewing a lease of the thread has failed, likewise. */
  'leaseFailingSinceMs',
  /** Since when writes to the thread's journal have failed, likewise. */
  'journalFailingSinceMs',
  /** Open payments of the deployment at processors that this instance is not configured with. */
  'stranded',
  /** What the books are used for: its place in `BOOKS_STATUSES`, from 1; 0: not known yet. */
  'booksStatus',
  /** Payments of this thread whose amounts no processor takes. */
  'notTaken',
  /** Payments in the books; bytes that they take, and may take at most; when they will be full. 0: not known yet. */
  'booksPayments',
  'booksHeld',
  'booksBytes',
  'booksLimitBytes',
  'booksFullInMs',
  /** What makes the thread's writes to the ledger count: its place in `CONFIRMATIONS`, from 1; 0: not known yet. */
  'confirmation',
  /** Shards of the ledger at which this thread's last commit or request for its lease failed. */
  'shardsFailing',
  /** API keys in force, as this HTTP thread knows them. */
  'apiKeys',
  /** Whether this HTTP thread last found something wrong in the file with API keys (1), or not (0). */
  'apiKeysWrong',
  /** Whether this pool thread could not read the processors again, and so keeps older credentials (1), or not (0). */
  'credentialsOutdated',
  /** Endpoints of webhooks that fail, and those that are disabled. */
  'webhooksFailing',
  'webhooksDisabled',
  /** Processors that operators have added and that this instance cannot open. */
  'processorsNotOpened',
] as const;

/** The kinds of `BooksStatus` (`src/ledger/books-status.ts`). */
export const BOOKS_STATUSES = ['in-use', 'filling', 'moved', 'behind', 'unproven'] as const;

/** The kinds of `Confirmation` (`src/ledger/confirmation.ts`). */
export const CONFIRMATIONS = ['none', 'sync', 'replicas'] as const;

const HISTOGRAMS = [
  /** From the complete request to its 202. */
  'accept',
  /** From the 202 to the books; whole milliseconds. */
  'settle',
  /** One ledger commit, including its answer. */
  'commit',
] as const;

const PROCESSOR_COUNTERS = [
  // Outcomes of calls: the kinds of `PayOutcome`, with `exhausted` below.
  'committed',
  'duplicate',
  'refused',
  'failed',
  'unknown',
  'rejected',
  // Outcomes of look-ups: the kinds of `LookUpOutcome`.
  'foundHeld',
  'foundAbsent',
  'foundUnknown',
  /** Payments in the books, and their total amount. */
  'settled',
  'settledCents',
  /** Payments that the processor will never take. */
  'paymentsRejected',
  'breakerOpened',
  'breakerClosed',
  // Answers to this instance's health calls.
  'healthWell',
  'healthFailing',
  'healthLimited',
  'healthUnknown',
  /** Calls that were not made, because this machine was out of descriptors, ports or memory. */
  'exhausted',
  // More outcomes of calls and look-ups.
  'pending',
  'unfit',
  'foundPending',
  'foundRejected',
  /** What the payments in the books cost, to fractions of a cent, at the fees in force when they settled. */
  'feeCents',
  /** Callbacks of the processor that its contract could read. */
  'callbacks',
] as const;

export type Counter = (typeof COUNTERS)[number];
export type Gauge = (typeof GAUGES)[number];
export type HistogramName = (typeof HISTOGRAMS)[number];
export type ProcessorCounter = (typeof PROCESSOR_COUNTERS)[number];

/** Inclusive upper bounds of the buckets, in microseconds: five per decade, from 10 µs to 50 s. */
const BOUNDS_US = [1, 2, 3, 4, 5, 6, 7].flatMap((decade) =>
  (decade < 7 ? [1, 2, 3, 5, 7] : [1, 2, 3, 5]).map((digit) => digit * 10 ** decade),
);
/** The same bounds in milliseconds, the unit in which durations are observed. */
export const BOUNDS_MS: Float64Array = Float64Array.from(BOUNDS_US, (boundUs) => boundUs / 1000);

const BUCKETS = BOUNDS_MS.length + 1;
const HISTOGRAM_WORDS = BUCKETS + 1;

const REFUSALS_AT = 24;
/** The number of refusal reasons that there is room for. */
export const REFUSALS_MAX = 64;
const GAUGES_AT = REFUSALS_AT + REFUSALS_MAX;
const GAUGES_MAX = 32;
const HISTOGRAMS_AT = GAUGES_AT + GAUGES_MAX;
const PROCESSORS_AT = 256;
const IN_DOUBT_AT = 27;
const CALLS_AT = IN_DOUBT_AT + 1;
const PROCESSOR_WORDS = 64;
assert.equal(BUCKETS, 35);
assert.equal(HISTOGRAMS_AT, 120);
assert.ok(GAUGES.length <= GAUGES_MAX);
assert.ok(COUNTERS.length <= REFUSALS_AT);
assert.ok(HISTOGRAMS_AT + HISTOGRAMS.length * HISTOGRAM_WORDS <= PROCESSORS_AT);
assert.ok(PROCESSOR_COUNTERS.length <= IN_DOUBT_AT);
assert.ok(CALLS_AT + HISTOGRAM_WORDS <= PROCESSOR_WORDS);

const COUNTER_WORD = cellsOf(COUNTERS, 0, 1);
const GAUGE_WORD = cellsOf(GAUGES, GAUGES_AT, 1);
const HISTOGRAM_WORD = cellsOf(HISTOGRAMS, HISTOGRAMS_AT, HISTOGRAM_WORDS);
const PROCESSOR_COUNTER_WORD = cellsOf(PROCESSOR_COUNTERS, 0, 1);

/** A snapshot of a histogram. */
export interface HistogramReading {
  /** The count of each bucket, not cumulative. There is one bucket more than there are bounds. */
  readonly counts: readonly number[];
  readonly sumMs: number;
}

export class MetricsTable {
  readonly shape: InstanceShape;
  readonly #words: Float64Array;

  static allocate(shape: InstanceShape): SharedArrayBuffer {
    return new SharedArrayBuffer(shape.threadCount * threadRowCells(shape) * 8);
  }

  constructor(buffer: SharedArrayBuffer, shape: InstanceShape) {
    assert.equal(buffer.byteLength, shape.threadCount * threadRowCells(shape) * 8);
    this.shape = shape;
    this.#words = new Float64Array(buffer);
  }

  /** The row of one thread, to write to. */
  thread(thread: number): ThreadMetrics {
    assert.ok(thread < this.shape.threadCount);
    const words = threadRowCells(this.shape);
    return new ThreadMetrics(this.#words.subarray(thread * words, (thread + 1) * words));
  }

  // Reading, over all threads.

  counted(counter: Counter): number {
    return this.#sum(COUNTER_WORD[counter]);
  }

  /** Posts refused for the reason with this index (`src/http/refusal.ts`). */
  refused(reason: number): number {
    assert.ok(reason < REFUSALS_MAX);
    return this.#sum(REFUSALS_AT + reason);
  }

  /** The gauge of one thread. */
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

/** Writes the row of one thread. Nothing here allocates, because every payment passes through several of these calls. */
export class ThreadMetrics {
  readonly #words: Float64Array;

  constructor(words: Float64Array) {
    this.#words = words;
  }

  count(counter: Counter, by = 1): void {
    this.#add(COUNTER_WORD[counter], by);
  }

  countRefusal(reason: number): void {
    this.#add(REFUSALS_AT + reason, 1);
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

  /** Changes the number of payments that are in doubt at a processor. */
  addInDoubt(processor: number, by: number): void {
    this.#add(processorCell(processor) + IN_DOUBT_AT, by);
  }

  /** For a thread that died: keeps its counts and clears its gauges. */
  clearGauges(): void {
    this.#words.fill(0, GAUGES_AT, GAUGES_AT + GAUGES.length);
    for (let word = PROCESSORS_AT; word < this.#words.length; word += PROCESSOR_WORDS)
      this.#words[word + IN_DOUBT_AT] = 0;
  }

  /** A duration is negative when the wall clock was set back; it then counts as 0. */
  #observe(word: number, durationMs: number): void {
    this.#add(word + bucketOf(durationMs), 1);
    this.#add(word + BUCKETS, Math.max(0, durationMs));
  }

  #add(word: number, by: number): void {
    this.#words[word] = (this.#words[word] as number) + by;
  }
}

/** The first bucket whose bound is not below the duration, by binary search. */
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

function threadRowCells(shape: InstanceShape): number {
  return PROCESSORS_AT + processorRows(shape) * PROCESSOR_WORDS;
}

function cellsOf<Name extends string>(
  names: readonly Name[],
  first: number,
  words: number,
): Readonly<Record<Name, number>> {
  const entries = names.map((name, index) => [name, first + index * words] as const);
  return Object.fromEntries(entries) as Record<Name, number>;
}
