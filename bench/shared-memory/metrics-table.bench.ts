import { Bench } from 'tinybench';
import { systemClock } from '../../src/core/clock.ts';
import { expose } from '../../src/metrics/openmetrics.ts';
import { Scrape } from '../../src/metrics/scrape.ts';
import { Meters } from '../../src/shared-memory/metrics-table.ts';
import { Ring } from '../../src/shared-memory/ring.ts';
import { Segments } from '../../src/shared-memory/segment-table.ts';
import { Board } from '../../src/shared-memory/state.ts';

const smoke = process.env['BENCH_SMOKE'] === '1';
const SHAPE = { processorCount: 2, threadCount: 2 };
const PAYMENTS = 1000;

const meters = new Meters(Meters.allocate(SHAPE), SHAPE);
const sheet = meters.sheet(0);
const clock = systemClock;

/** What the meters take of one post, in the thread that answers it: two looks at the clock, two counts, one bucket. */
function post(): void {
  const beganAtMs = clock.stopwatchMs();
  sheet.count('journalWrites');
  sheet.count('accepted');
  sheet.observe('accept', clock.stopwatchMs() - beganAtMs);
}

/** What they take of one payment in a pool thread, from the call to the books. */
function settle(): void {
  const beganAtMs = clock.stopwatchMs();
  sheet.observeCall(0, clock.stopwatchMs() - beganAtMs);
  sheet.countAt(0, 'committed');
  sheet.countAt(0, 'settled');
  sheet.countAt(0, 'settledCents', 1990);
  sheet.observe('settle', 73);
}

const scrape = new Scrape({
  meters,
  board: new Board(Board.allocate(SHAPE), SHAPE),
  ring: new Ring(Ring.allocate(65_536)),
  segments: new Segments(Segments.allocate(64, 16_384)),
  config: {
    processors: ['default', 'fallback'].map((name) => ({ name, feePpm: 50_000, url: 'http://processor' })),
    poolThreadCount: 1,
  },
  refusals: [],
  version: '0',
  clock,
});

const bench = new Bench({ time: smoke ? 5 : 1000, warmupTime: smoke ? 5 : 500 });
const times = (run: () => void) => () => {
  for (let number = 0; number < PAYMENTS; number++) run();
};
bench.add(`${PAYMENTS} posts, meters alone`, times(post));
bench.add(`${PAYMENTS} settlements, meters alone`, times(settle));
bench.add('a scrape', () => {
  expose(scrape.families(), 'openmetrics');
});
await bench.run();
console.table(bench.table());
