import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { expose } from '../../src/metrics/openmetrics.ts';
import { Scrape } from '../../src/metrics/scrape.ts';
import { CONFIRMATIONS, MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { Ring } from '../../src/shared-memory/ring.ts';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { ManualClock } from '../manual-clock.ts';
import { processorTarget } from '../processor-target.ts';
import { readStrictly } from './strict-reader.ts';

const SHAPE = { processorCount: 2, threadCount: 3 };
const POOL_THREADS = 2;
const HTTP_THREAD = 2;
const SEGMENTS = 4;

function setUp() {
  const clock = new ManualClock();
  clock.jump(1_760_000_000_000);
  const metricsTable = new MetricsTable(MetricsTable.allocate(SHAPE), SHAPE);
  const sharedState = new SharedState(SharedState.allocate(SHAPE), SHAPE);
  const ring = new Ring(Ring.allocate(8));
  const segments = new SegmentTable(SegmentTable.allocate(SEGMENTS, 16));
  const processors = [
    processorTarget(),
    processorTarget({ name: 'fallback', feePpm: 150_000, feeFixedCents: 30, url: 'http://b' }),
  ];
  const scrape = new Scrape({
    metricsTable,
    sharedState,
    ring,
    segments,
    config: { httpThreadCount: 1, poolThreadCount: POOL_THREADS },
    processors,
    refusals: [
      { slug: 'queue-full', status: 503 },
      { slug: 'amount-conflict', status: 409 },
    ],
    version: '1.2.3',
    clock,
  });
  const read = () => readStrictly(expose(scrape.families(), 'openmetrics')).samples;
  return { clock, metricsTable, sharedState, ring, segments, scrape, read };
}

test('every counter is exported from the start, as 0', () => {
  const { read, scrape } = setUp();
  const samples = read();
  for (const [key, value] of samples) {
    const isOfProcess = key.startsWith('process_') || key.startsWith('dinossauro_build_info');
    const isGiven =
      /^dinossauro_(processor_(fee_ratio|fixed_fee_cents|info)|pool_threads$|\w+_capacity_)/.test(key);
    if (!isOfProcess && !isGiven) assert.is(value, 0, key);
  }
  assert.is(samples.get('dinossauro_posts_refused_total{problem="queue-full",status="503"}'), 0);
  assert.is(samples.get('dinossauro_calls_total{processor="fallback",outcome="unknown"}'), 0);
  assert.is(samples.get('dinossauro_processor_fee_ratio{processor="fallback"}'), 0.15);
  assert.is(samples.get('dinossauro_processor_fixed_fee_cents{processor="fallback"}'), 30);
  assert.is(samples.get('dinossauro_queue_capacity_payments'), 8);
  assert.is(samples.get('dinossauro_journal_capacity_segments'), SEGMENTS);
  assert.ok(scrape.families().every(({ help }) => /^[A-Z].*\.$/.test(help)));
});

test('reports no health figures before the first health report', () => {
  const { sharedState, clock, read } = setUp();
  const names = ['failing', 'delay_seconds'].map((what) => `dinossauro_processor_reported_${what}`);
  const has = (name: string, processor: string) => read().has(`${name}{processor="${processor}"}`);
  for (const name of names) assert.not(has(name, 'default'), name);
  sharedState.setReported(0, { failing: true, minResponseTimeMs: 120, atMs: clock.monotonicMs() });
  clock.pass(1500);
  for (const name of names) assert.equal([has(name, 'default'), has(name, 'fallback')], [true, false], name);
  assert.is(read().get('dinossauro_processor_reported_delay_seconds{processor="default"}'), 0.12);
  assert.is(read().get('dinossauro_processor_reported_failing{processor="default"}'), 1);
  assert.is(read().get('dinossauro_processor_report_age_seconds{processor="default"}'), 1.5);
});

test('a processor that was removed keeps its totals, and says nothing that could raise an alert', () => {
  const { sharedState, metricsTable, read } = setUp();
  metricsTable.thread(0).countAt(1, 'settled', 3);
  sharedState.moveBreaker(1, 'closed', 'open', 1);
  assert.is(read().get('dinossauro_breaker_open{processor="fallback"}'), 1);
  sharedState.setControls([{ use: 'in-use' }, { use: 'removed' }]);
  const samples = read();
  assert.is(samples.get('dinossauro_payments_settled_total{processor="fallback"}'), 3);
  assert.is(samples.get('dinossauro_processor_removed{processor="fallback"}'), 1);
  assert.is(samples.get('dinossauro_breaker_open{processor="default"}'), 0);
  assert.not(samples.has('dinossauro_breaker_open{processor="fallback"}'));
});

test('adds up the counters of all threads, by processor and outcome', () => {
  const { clock, sharedState, metricsTable, read } = setUp();
  metricsTable.thread(HTTP_THREAD).count('accepted', 7);
  metricsTable.thread(HTTP_THREAD).count('repeated', 2);
  metricsTable.thread(HTTP_THREAD).countRefusal(1);
  for (const thread of [0, 1]) {
    const metrics = metricsTable.thread(thread);
    metrics.countAt(1, 'committed', 3);
    metrics.countAt(0, 'settled');
    metrics.countAt(0, 'settledCents', 1990);
    metrics.countAt(0, 'foundAbsent');
    metrics.countAt(1, 'breakerOpened');
    metrics.countAt(1, 'healthLimited');
    metrics.countAt(1, 'paymentsRejected');
    metrics.countAt(1, 'callbacks', 2);
    metrics.addInDoubt(1, 5);
    metrics.count('takeOvers');
    metrics.count('paymentsTakenOver', 40);
    metrics.count('renewalFailures');
  }
  sharedState.setUnfit(0, clock.monotonicMs());
  sharedState.moveBreaker(0, 'closed', 'open', 1);
  sharedState.extendRest(1, clock.monotonicMs() + 90_500);
  clock.pass(500);
  const samples = read();
  const expected = {
    'dinossauro_processor_info{processor="fallback",contract="rinha"}': 1,
    'dinossauro_processor_unfit{processor="default"}': 1,
    'dinossauro_processor_unfit{processor="fallback"}': 0,
    'dinossauro_processor_rest_seconds{processor="default"}': 0,
    'dinossauro_processor_rest_seconds{processor="fallback"}': 90,
    'dinossauro_callbacks_total{processor="fallback"}': 4,
    dinossauro_payments_accepted_total: 7,
    dinossauro_posts_repeated_total: 2,
    'dinossauro_posts_refused_total{problem="amount-conflict",status="409"}': 1,
    'dinossauro_calls_total{processor="fallback",outcome="committed"}': 6,
    'dinossauro_calls_total{processor="default",outcome="committed"}': 0,
    'dinossauro_payments_settled_total{processor="default"}': 2,
    'dinossauro_settled_amount_cents_total{processor="default"}': 3980,
    'dinossauro_lookups_total{processor="default",found="absent"}': 2,
    'dinossauro_breaker_changes_total{processor="fallback",to="open"}': 2,
    'dinossauro_health_calls_total{processor="fallback",answer="limited"}': 2,
    'dinossauro_payments_rejected_total{processor="fallback"}': 2,
    'dinossauro_in_doubt_payments{processor="fallback"}': 10,
    dinossauro_takeovers_total: 2,
    dinossauro_payments_taken_over_total: 80,
    'dinossauro_ledger_failures_total{operation="renew"}': 2,
    [`dinossauro_build_info{version="1.2.3",node="${process.versions.node}"}`]: 1,
  };
  for (const [key, value] of Object.entries(expected)) {
    assert.is(samples.get(key), value, key);
  }
});

test('reports durations in seconds, also below a millisecond', () => {
  const { metricsTable, read } = setUp();
  metricsTable.thread(HTTP_THREAD).observe('accept', 0.045);
  metricsTable.thread(0).observeCall(1, 12);
  metricsTable.thread(1).observeCall(1, 700);
  const samples = read();
  assert.is(samples.get('dinossauro_accept_duration_seconds_bucket{le="3e-05"}'), 0);
  assert.is(samples.get('dinossauro_accept_duration_seconds_bucket{le="5e-05"}'), 1);
  assert.ok(Math.abs((samples.get('dinossauro_accept_duration_seconds_sum') ?? 0) - 0.000045) < 1e-12);
  const calls = 'dinossauro_call_duration_seconds';
  assert.is(samples.get(`${calls}_bucket{processor="fallback",le="0.01"}`), 0);
  assert.is(samples.get(`${calls}_bucket{processor="fallback",le="0.02"}`), 1);
  assert.is(samples.get(`${calls}_bucket{processor="fallback",le="0.7"}`), 2);
  assert.is(samples.get(`${calls}_sum{processor="fallback"}`), 0.712);
  assert.is(samples.get(`${calls}_count{processor="default"}`), 0);
});

test('the backlog is queued and in-flight payments, and the age of the oldest', () => {
  const { clock, metricsTable, ring, read } = setUp();
  const age = () => read().get('dinossauro_backlog_oldest_age_seconds');
  const acceptedAtMs = clock.nowMs();
  clock.pass(3000);
  assert.ok(ring.reserve() && ring.reserve());
  ring.push(Buffer.alloc(16), 1, acceptedAtMs + 1000, 0, null);
  ring.push(Buffer.alloc(16), 1, acceptedAtMs, 0, null);
  assert.is(read().get('dinossauro_queue_payments'), 2);
  assert.is(age(), 2);
  metricsTable.thread(0).set('inFlight', 4);
  metricsTable.thread(1).set('inFlight', 3);
  metricsTable.thread(1).set('waiting', 2);
  metricsTable.thread(1).set('oldestInFlightAtMs', clock.monotonicMs() - 2500);
  assert.is(age(), 2.5);
  assert.is(read().get('dinossauro_in_flight_payments'), 7);
  assert.is(read().get('dinossauro_waiting_payments'), 2);
  clock.jump(-10_000);
  assert.is(age(), 2.5, 'setting the clock back makes nothing younger');
});

test('reports calls in flight, breakers and threads from the shared state', () => {
  const { clock, sharedState, metricsTable, read } = setUp();
  sharedState.setReady(0, true);
  sharedState.setCalls(0, 1, 4, clock.monotonicMs() - 250);
  sharedState.setCalls(1, 1, 1, clock.monotonicMs() - 100);
  sharedState.moveBreaker(0, 'closed', 'open', 1);
  sharedState.setLatency(1, 15);
  metricsTable.thread(1).set('leaseUntilMs', clock.monotonicMs() + 1);
  metricsTable.thread(0).set('leaseUntilMs', clock.monotonicMs());
  // An HTTP thread may have a lease, too, but sends no payments.
  metricsTable.thread(HTTP_THREAD).set('leaseUntilMs', clock.monotonicMs() + 1);
  metricsTable.thread(1).set('confirmation', CONFIRMATIONS.indexOf('sync') + 1);
  const samples = read();
  assert.is(samples.get('dinossauro_ledger_confirmation{by="sync"}'), 1);
  assert.is(samples.get('dinossauro_ledger_confirmation{by="none"}'), 0);
  assert.is(samples.get('dinossauro_calls_in_flight{processor="fallback"}'), 5);
  assert.is(samples.get('dinossauro_oldest_call_age_seconds{processor="fallback"}'), 0.25);
  assert.is(samples.get('dinossauro_oldest_call_age_seconds{processor="default"}'), 0);
  assert.is(samples.get('dinossauro_breaker_open{processor="default"}'), 1);
  assert.is(samples.get('dinossauro_processor_latency_seconds{processor="fallback"}'), 0.015);
  assert.is(samples.get('dinossauro_pool_threads'), POOL_THREADS);
  assert.is(samples.get('dinossauro_pool_threads_ready'), 1);
  assert.is(samples.get('dinossauro_leases_valid'), 1);
  assert.is(samples.get('dinossauro_stopping'), 0);
  sharedState.stop();
  assert.is(read().get('dinossauro_stopping'), 1);
});

test('counts only journal segments and bytes that hold payments', () => {
  const { segments, read } = setUp();
  const first = segments.acquire();
  segments.setWritten(first, 16);
  segments.setWritten(segments.acquire(), 3);
  segments.acquire();
  assert.is(read().get('dinossauro_journal_segments'), 2);
  assert.is(read().get('dinossauro_journal_bytes'), 19 * 64);
});

test('reports CPU, memory and files of the process under their conventional names', () => {
  const { read } = setUp();
  const once = read();
  const startedAtSeconds = once.get('process_start_time_seconds') ?? 0;
  assert.ok(Math.abs(startedAtSeconds - (Date.now() / 1000 - process.uptime())) < 5);
  assert.ok((once.get('process_resident_memory_bytes') ?? 0) > 1e7);
  const cpuSeconds = once.get('process_cpu_seconds_total') ?? 0;
  assert.ok(cpuSeconds > 0 && (read().get('process_cpu_seconds_total') ?? 0) >= cpuSeconds);
  if (process.platform === 'linux') assert.ok((once.get('process_open_fds') ?? 0) >= 3);
});

test.run();
