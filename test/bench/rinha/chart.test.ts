import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chart } from '../../../bench/rinha/chart.ts';

const course = {
  untilMs: 60_000,
  bands: [{ fromMs: 20_000, toMs: 30_000, bad: true, label: 'default fails', caption: '2000 | 0' }],
  marks: [{ atMs: 25_000, label: 'books off by 3' }],
};

test('areas are stacked on one scale', () => {
  const svg = chart('settled', course, [
    { name: 'default', points: [{ atMs: 30_000, value: 300 }] },
    { name: 'fallback', points: [{ atMs: 30_000, value: 150 }] },
  ]);
  // The scale ends at 500: the first area reaches 300, the second continues to 450.
  assert.match(svg, 'M504.0,71.2L504.0,160.0Z');
  assert.match(svg, 'M504.0,26.8L504.0,71.2Z');
  assert.match(svg, '>500<');
  assert.match(svg, 'default fails');
  assert.match(svg, 'books off by 3');
});

test('a run without data has an empty chart', () => {
  assert.match(chart('p99', course, [{ name: 'p99', points: [] }]), 'd=""');
  assert.not.match(chart('p99', course, [{ name: 'p99', points: [{ atMs: 0, value: Number.NaN }] }]), 'NaN');
});

test.run();
