import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Usage } from '../../../bench/rinha/deployment.ts';
import { Meter } from '../../../bench/rinha/meter.ts';

function used(part: string, cpuMs: number, periods: number | null, throttled: number, memory: number): Usage {
  return { part, cpuMs, periods, throttledPeriods: throttled, memoryBytes: memory };
}

test('the meter reports the usage in between and the highest sum of memory', () => {
  const usages = [
    [used('one', 100, 10, 1, 50), used('two', 10, null, 0, 50)],
    [used('one', 150, 15, 1, 90), used('two', 15, null, 0, 10)],
    [used('one', 300, 20, 2, 20), used('two', 30, null, 0, 60)],
  ];
  const meter = new Meter({
    target: '',
    usage: () => usages.shift() ?? [],
    audit: async () => null,
    close: async () => undefined,
  });
  meter.start(1_000);
  meter.sample();
  const { parts, cpuPerPaymentUs, peakBytes, stealShare } = meter.stop(1_200);
  assert.equal(parts, [
    { part: 'one', cpuMs: 200, cpuPerPaymentUs: 1_000, throttledShare: 0.1, peakBytes: 90 },
    { part: 'two', cpuMs: 20, cpuPerPaymentUs: 100, throttledShare: null, peakBytes: 60 },
  ]);
  assert.is(cpuPerPaymentUs, 1_100);
  assert.is(peakBytes, 100);
  assert.ok(stealShare >= 0 && stealShare <= 1);
});

test.run();
