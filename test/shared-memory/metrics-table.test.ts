import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  BOUNDS_MS,
  type Counter,
  type Gauge,
  type HistogramName,
  Meters,
  type ProcessorCounter,
  REFUSALS_MAX,
} from '../../src/shared-memory/metrics-table.ts';

const SHAPE = { processorCount: 2, threadCount: 3 };
const COUNTERS: Counter[] = [
  'accepted',
  'repeated',
  'journalWrites',
  'journalFlushes',
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
const GAUGES: Gauge[] = ['held', 'waiting', 'oldestHeldAtMs', 'leaseUntilMs'];
const HISTOGRAMS: HistogramName[] = ['accept', 'settle', 'commit'];
const PROCESSOR_COUNTERS: ProcessorCounter[] = [
  'committed',
  'duplicate',
  'refused',
  'failed',
  'unknown',
  'invalid',
  'foundHeld',
  'foundAbsent',
  'foundUnknown',
  'settled',
  'settledCents',
  'setAside',
  'breakerOpened',
  'breakerClosed',
  'healthWell',
  'healthFailing',
  'healthLimited',
  'healthUnknown',
];

/** Two views of one memory, as two threads have them. */
function twoViews(shape = SHAPE): [Meters, Meters] {
  const buffer = Meters.allocate(shape);
  return [new Meters(buffer, shape), new Meters(buffer, shape)];
}

/** How many are in the bucket of each bound; those in no bucket of a bound come last. */
function filled(counts: readonly number[]): Record<number, number> {
  const entries = counts.map((count, bucket) => [BOUNDS_MS[bucket] ?? Number.POSITIVE_INFINITY, count]);
  return Object.fromEntries(entries.filter(([, count]) => count !== 0));
}

test('has the size of its table: 256 words a thread, and 64 a processor in each', () => {
  assert.is(Meters.allocate(SHAPE).byteLength, 8 * 3 * (256 + 64 * 2));
  assert.throws(() => new Meters(Meters.allocate(SHAPE), { processorCount: 3, threadCount: 2 }));
  assert.throws(() => twoViews()[0].sheet(3));
});

test('what one thread writes every other reads, and counts are the sum over all threads', () => {
  const [one, other] = twoViews();
  for (const thread of [0, 1, 2]) {
    const sheet = one.sheet(thread);
    sheet.count('accepted', 10 ** thread);
    sheet.countRefusal(7);
    sheet.countAt(1, 'settledCents', 5 * 10 ** thread);
    sheet.pin(0, thread);
    sheet.observe('settle', 10 ** thread);
    sheet.observeCall(1, 2 * 10 ** thread);
    sheet.set('held', thread + 1);
  }
  assert.is(other.counted('accepted'), 111);
  assert.is(other.refused(7), 3);
  assert.is(other.countedAt(1, 'settledCents'), 555);
  assert.is(other.pinned(0), 3);
  assert.equal(filled(other.histogram('settle').counts), { 1: 1, 10: 1, 100: 1 });
  assert.is(other.histogram('settle').sumMs, 111);
  assert.equal(filled(other.calls(1).counts), { 2: 1, 20: 1, 200: 1 });
  assert.is(other.calls(1).sumMs, 222);
  assert.equal(
    [0, 1, 2].map((thread) => other.gauge(thread, 'held')),
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
    const [meters] = twoViews();
    const sheet = meters.sheet(0);
    sheet.observe('accept', bound);
    sheet.observe('accept', bound * 1.0001);
    const next = BOUNDS_MS[bucket + 1] ?? Number.POSITIVE_INFINITY;
    assert.equal(filled(meters.histogram('accept').counts), { [bound]: 1, [next]: 1 });
  }
});

test('no time at all is in the first bucket, and so is less than that, which adds nothing', () => {
  const [meters] = twoViews();
  meters.sheet(0).observe('settle', 0);
  meters.sheet(0).observe('settle', -5000);
  assert.equal(filled(meters.histogram('settle').counts), { 0.01: 2 });
  assert.is(meters.histogram('settle').sumMs, 0);
});

test('the gauges of a thread that died are gone, its counts stay, and others keep theirs', () => {
  const [meters] = twoViews();
  for (const thread of [0, 1]) {
    const sheet = meters.sheet(thread);
    for (const gauge of GAUGES) sheet.set(gauge, 7);
    for (const processor of [0, 1]) {
      sheet.pin(processor, 3);
      sheet.countAt(processor, 'committed');
      sheet.observeCall(processor, 1);
    }
    sheet.count('deaths');
    sheet.observe('accept', 1);
  }
  meters.sheet(0).clearGauges();
  for (const gauge of GAUGES) assert.equal([meters.gauge(0, gauge), meters.gauge(1, gauge)], [0, 7], gauge);
  for (const processor of [0, 1]) {
    assert.is(meters.pinned(processor), 3);
    assert.is(meters.countedAt(processor, 'committed'), 2);
    assert.is(meters.calls(processor).sumMs, 2);
  }
  assert.is(meters.counted('deaths'), 2);
  assert.is(meters.histogram('accept').sumMs, 2);
});

test('no field shares a cell with another', () => {
  const [meters] = twoViews();
  const sheet = meters.sheet(1);
  for (const counter of COUNTERS) sheet.count(counter);
  for (let problem = 0; problem < REFUSALS_MAX; problem++) sheet.countRefusal(problem);
  for (const gauge of GAUGES) sheet.set(gauge, 1);
  for (const name of HISTOGRAMS) for (const bound of [...BOUNDS_MS, 1e6]) sheet.observe(name, bound);
  for (const processor of [0, 1]) {
    for (const counter of PROCESSOR_COUNTERS) sheet.countAt(processor, counter);
    for (const bound of [...BOUNDS_MS, 1e6]) sheet.observeCall(processor, bound);
    sheet.pin(processor, 1);
  }
  const sumMs = [...BOUNDS_MS, 1e6].reduce((sum, bound) => sum + bound, 0);
  for (const counter of COUNTERS) assert.is(meters.counted(counter), 1, counter);
  for (let problem = 0; problem < REFUSALS_MAX; problem++) assert.is(meters.refused(problem), 1);
  for (const gauge of GAUGES) assert.is(meters.gauge(1, gauge), 1, gauge);
  const histograms = [...HISTOGRAMS.map((name) => meters.histogram(name)), meters.calls(0), meters.calls(1)];
  for (const reading of histograms) {
    assert.ok(reading.counts.every((count) => count === 1));
    assert.is(reading.sumMs, sumMs);
  }
  for (const processor of [0, 1]) {
    for (const counter of PROCESSOR_COUNTERS) assert.is(meters.countedAt(processor, counter), 1, counter);
    assert.is(meters.pinned(processor), 1);
  }
});

test.run();
