import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  BOUNDS_MS,
  type Counter,
  type Gauge,
  type HistogramName,
  MetricsTable,
  type ProcessorCounter,
  REFUSALS_MAX,
} from '../../src/shared-memory/metrics-table.ts';

const SHAPE = { processorCount: 2, threadCount: 3 };
const COUNTERS: Counter[] = [
  'accepted',
  'repeated',
  'journalWrites',
  'journalSyncs',
  'journalFailures',
  'purges',
  'commitFailures',
  'readFailures',
  'renewalFailures',
  'leasesLost',
  'takeOvers',
  'paymentsTakenOver',
  'deaths',
];
const GAUGES: Gauge[] = ['inFlight', 'waiting', 'oldestInFlightAtMs', 'leaseUntilMs'];
const HISTOGRAMS: HistogramName[] = ['accept', 'settle', 'commit'];
const PROCESSOR_COUNTERS: ProcessorCounter[] = [
  'committed',
  'duplicate',
  'refused',
  'failed',
  'unknown',
  'rejected',
  'foundHeld',
  'foundAbsent',
  'foundUnknown',
  'settled',
  'settledCents',
  'paymentsRejected',
  'breakerOpened',
  'breakerClosed',
  'healthWell',
  'healthFailing',
  'healthLimited',
  'healthUnknown',
];

/** Two views of one memory, as two threads have them. */
function twoViews(shape = SHAPE): [MetricsTable, MetricsTable] {
  const buffer = MetricsTable.allocate(shape);
  return [new MetricsTable(buffer, shape), new MetricsTable(buffer, shape)];
}

/** How many are in the bucket of each bound; those in no bucket of a bound come last. */
function filled(counts: readonly number[]): Record<number, number> {
  const entries = counts.map((count, bucket) => [BOUNDS_MS[bucket] ?? Number.POSITIVE_INFINITY, count]);
  return Object.fromEntries(entries.filter(([, count]) => count !== 0));
}

test('has the size of its table: 256 words a thread, and 64 a processor in each', () => {
  assert.is(MetricsTable.allocate(SHAPE).byteLength, 8 * 3 * (256 + 64 * 2));
  assert.throws(() => new MetricsTable(MetricsTable.allocate(SHAPE), { processorCount: 3, threadCount: 2 }));
  assert.throws(() => twoViews()[0].thread(3));
});

test('what one thread writes every other reads, and counts are the sum over all threads', () => {
  const [one, other] = twoViews();
  for (const thread of [0, 1, 2]) {
    const metrics = one.thread(thread);
    metrics.count('accepted', 10 ** thread);
    metrics.countRefusal(7);
    metrics.countAt(1, 'settledCents', 5 * 10 ** thread);
    metrics.addInDoubt(0, thread);
    metrics.observe('settle', 10 ** thread);
    metrics.observeCall(1, 2 * 10 ** thread);
    metrics.set('inFlight', thread + 1);
  }
  assert.is(other.counted('accepted'), 111);
  assert.is(other.refused(7), 3);
  assert.is(other.countedAt(1, 'settledCents'), 555);
  assert.is(other.inDoubt(0), 3);
  assert.equal(filled(other.histogram('settle').counts), { 1: 1, 10: 1, 100: 1 });
  assert.is(other.histogram('settle').sumMs, 111);
  assert.equal(filled(other.calls(1).counts), { 2: 1, 20: 1, 200: 1 });
  assert.is(other.calls(1).sumMs, 222);
  assert.equal(
    [0, 1, 2].map((thread) => other.gauge(thread, 'inFlight')),
    [1, 2, 3],
  );
});

test('bounds rise from 10 µs to 50 s, five to a decade, and a few of them are below a millisecond', () => {
  assert.is(BOUNDS_MS[0], 0.01);
  assert.is(BOUNDS_MS.at(-1), 50_000);
  assert.is(BOUNDS_MS.filter((bound) => bound < 1).length, 10);
  for (const [bucket, bound] of BOUNDS_MS.entries()) {
    const ratio = bound / (BOUNDS_MS[bucket - 1] ?? bound);
    assert.ok(bucket === 0 || (ratio > 1.3 && ratio <= 2.001), String(bound));
  }
});

test('a bound is in its own bucket, and what is above it in the next', () => {
  for (const [bucket, bound] of BOUNDS_MS.entries()) {
    const [metricsTable] = twoViews();
    const metrics = metricsTable.thread(0);
    metrics.observe('accept', bound);
    metrics.observe('accept', bound * 1.0001);
    const next = BOUNDS_MS[bucket + 1] ?? Number.POSITIVE_INFINITY;
    assert.equal(filled(metricsTable.histogram('accept').counts), { [bound]: 1, [next]: 1 });
  }
});

test('no time at all is in the first bucket, and so is less than that, which adds nothing', () => {
  const [metricsTable] = twoViews();
  metricsTable.thread(0).observe('settle', 0);
  metricsTable.thread(0).observe('settle', -5000);
  assert.equal(filled(metricsTable.histogram('settle').counts), { 0.01: 2 });
  assert.is(metricsTable.histogram('settle').sumMs, 0);
});

test('the gauges of a thread that died are gone, its counts stay, and others keep theirs', () => {
  const [metricsTable] = twoViews();
  for (const thread of [0, 1]) {
    const metrics = metricsTable.thread(thread);
    for (const gauge of GAUGES) metrics.set(gauge, 7);
    for (const processor of [0, 1]) {
      metrics.addInDoubt(processor, 3);
      metrics.countAt(processor, 'committed');
      metrics.observeCall(processor, 1);
    }
    metrics.count('deaths');
    metrics.observe('accept', 1);
  }
  metricsTable.thread(0).clearGauges();
  for (const gauge of GAUGES)
    assert.equal([metricsTable.gauge(0, gauge), metricsTable.gauge(1, gauge)], [0, 7], gauge);
  for (const processor of [0, 1]) {
    assert.is(metricsTable.inDoubt(processor), 3);
    assert.is(metricsTable.countedAt(processor, 'committed'), 2);
    assert.is(metricsTable.calls(processor).sumMs, 2);
  }
  assert.is(metricsTable.counted('deaths'), 2);
  assert.is(metricsTable.histogram('accept').sumMs, 2);
});

test('no field shares a cell with another', () => {
  const [metricsTable] = twoViews();
  const metrics = metricsTable.thread(1);
  for (const counter of COUNTERS) metrics.count(counter);
  for (let problem = 0; problem < REFUSALS_MAX; problem++) metrics.countRefusal(problem);
  for (const gauge of GAUGES) metrics.set(gauge, 1);
  for (const name of HISTOGRAMS) for (const bound of [...BOUNDS_MS, 1e6]) metrics.observe(name, bound);
  for (const processor of [0, 1]) {
    for (const counter of PROCESSOR_COUNTERS) metrics.countAt(processor, counter);
    for (const bound of [...BOUNDS_MS, 1e6]) metrics.observeCall(processor, bound);
    metrics.addInDoubt(processor, 1);
  }
  const sumMs = [...BOUNDS_MS, 1e6].reduce((sum, bound) => sum + bound, 0);
  for (const counter of COUNTERS) assert.is(metricsTable.counted(counter), 1, counter);
  for (let problem = 0; problem < REFUSALS_MAX; problem++) assert.is(metricsTable.refused(problem), 1);
  for (const gauge of GAUGES) assert.is(metricsTable.gauge(1, gauge), 1, gauge);
  const histograms = [
    ...HISTOGRAMS.map((name) => metricsTable.histogram(name)),
    metricsTable.calls(0),
    metricsTable.calls(1),
  ];
  for (const reading of histograms) {
    assert.ok(reading.counts.every((count) => count === 1));
    assert.is(reading.sumMs, sumMs);
  }
  for (const processor of [0, 1]) {
    for (const counter of PROCESSOR_COUNTERS)
      assert.is(metricsTable.countedAt(processor, counter), 1, counter);
    assert.is(metricsTable.inDoubt(processor), 1);
  }
});

test.run();
