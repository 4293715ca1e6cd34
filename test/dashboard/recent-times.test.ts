import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RecentTimes } from '../../src/dashboard/recent-times.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';

const SHAPE = { processorCount: 1, threadCount: 1 };

function setUp() {
  const metricsTable = new MetricsTable(MetricsTable.allocate(SHAPE), SHAPE);
  const metrics = metricsTable.thread(0);
  const times = new RecentTimes();
  const read = () => times.read(metricsTable.histogram('accept'));
  const observe = (ms: number, count = 1) => {
    for (let seen = 0; seen < count; seen++) metrics.observe('accept', ms);
  };
  return { observe, read };
}

test('null without measurements', () => {
  const { observe, read } = setUp();
  observe(5);
  assert.is(read(), null, 'measurements before the first reading do not count');
  assert.is(read(), null);
});

test('quantiles lie in the bucket of their rank', () => {
  const { observe, read } = setUp();
  read();
  observe(1, 98);
  observe(400, 2);
  const seen = read();
  assert.ok(seen !== null);
  assert.ok(seen.p50Ms > 0.7 && seen.p50Ms <= 1, `p50 ${seen.p50Ms}`);
  assert.is(seen.p99Ms, 400, 'the middle of the bucket from 300 to 500 ms');
});

test('durations beyond the last bound count as that bound', () => {
  const { observe, read } = setUp();
  read();
  observe(1e9);
  assert.equal(read(), { p50Ms: 50_000, p99Ms: 50_000 });
});

test('measurements expire after ten readings', () => {
  const { observe, read } = setUp();
  read();
  observe(30);
  for (let reading = 1; reading <= 10; reading++) assert.ok(read() !== null, `reading ${reading}`);
  assert.is(read(), null);
});

test.run();
