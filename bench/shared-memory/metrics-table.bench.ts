import { Bench } from 'tinybench';
import { systemClock } from '../../src/core/clock.ts';
import { expose } from '../../src/metrics/openmetrics.ts';
import { Scrape } from '../../src/metrics/scrape.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { Ring } from '../../src/shared-memory/ring.ts';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { processorTarget } from '../../test/processor-target.ts';

const smoke = process.env['BENCH_SMOKE'] === '1';
const SHAPE = { processorCount: 2, threadCount: 2 };
const PAYMENTS = 1000;

const metricsTable = new MetricsTable(MetricsTable.allocate(SHAPE), SHAPE);
const metrics = metricsTable.thread(0);
const clock = systemClock;

/** The cost of metrics per post in the HTTP thread: two clock reads, two counters, one bucket. */
function post(): void {
  const beganAtMs = clock.stopwatchMs();
  metrics.count('journalWrites');
  metrics.count('accepted');
  metrics.observe('accept', clock.stopwatchMs() - beganAtMs);
}

/** Their cost per payment in a pool thread, from the call to the settlement. */
function settle(): void {
  const beganAtMs = clock.stopwatchMs();
  metrics.observeCall(0, clock.stopwatchMs() - beganAtMs);
  metrics.countAt(0, 'committed');
  metrics.countAt(0, 'settled');
  metrics.countAt(0, 'settledCents', 1990);
  metrics.observe('settle', 73);
}

const scrape = new Scrape({
  metricsTable,
  sharedState: new SharedState(SharedState.allocate(SHAPE), SHAPE),
  ring: new Ring(Ring.allocate(65_536)),
  segments: new SegmentTable(SegmentTable.allocate(64, 16_384)),
  config: { httpThreadCount: 1, poolThreadCount: 1 },
  processors: ['default', 'fallback'].map((name) => processorTarget({ name })),
  refusals: [],
  version: '0',
  clock,
});

const bench = new Bench({ time: smoke ? 5 : 1000, warmupTime: smoke ? 5 : 500 });
const times = (run: () => void) => () => {
  for (let number = 0; number < PAYMENTS; number++) run();
};
bench.add(`${PAYMENTS} posts, metrics table alone`, times(post));
bench.add(`${PAYMENTS} settlements, metrics table alone`, times(settle));
bench.add('a scrape', () => {
  expose(scrape.families(), 'openmetrics');
});
await bench.run();
console.table(bench.table());
