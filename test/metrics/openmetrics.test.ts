import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { expose, type Family } from '../../src/metrics/openmetrics.ts';
import { readStrictly } from './strict-reader.ts';

const CALLS: Family = {
  type: 'counter',
  name: 'calls',
  help: 'Calls, by outcome.',
  samples: [
    { labels: { outcome: 'well' }, value: 3 },
    { labels: { outcome: 'odd "\\\n' }, value: 0.5 },
  ],
};
const SIZE: Family = {
  type: 'gauge',
  name: 'size_bytes',
  unit: 'bytes',
  help: 'A\nB.',
  samples: [{ value: -1 }],
};
const BUILD: Family = {
  type: 'info',
  name: 'build',
  help: 'What runs.',
  samples: [{ labels: { version: '1' }, value: 1 }],
};
const TIME: Family = {
  type: 'histogram',
  name: 'time_seconds',
  unit: 'seconds',
  help: 'How long.',
  bounds: [0.00001, 0.00025, 0.5, 2, 10],
  samples: [{ labels: { to: 'a' }, counts: [1, 0, 2, 3, 0, 4], sum: 7.25 }],
};

test('OpenMetrics: types, units, help, suffixes, escapes, end marker', () => {
  const text = expose([CALLS, SIZE, BUILD], 'openmetrics');
  assert.is(
    text,
    [
      '# TYPE calls counter',
      '# HELP calls Calls, by outcome.',
      'calls_total{outcome="well"} 3',
      'calls_total{outcome="odd \\"\\\\\\n"} 0.5',
      '# TYPE size_bytes gauge',
      '# UNIT size_bytes bytes',
      '# HELP size_bytes A\\nB.',
      'size_bytes -1',
      '# TYPE build info',
      '# HELP build What runs.',
      'build_info{version="1"} 1',
      '# EOF',
      '',
    ].join('\n'),
  );
  assert.is(readStrictly(text).samples.size, 4);
});

test('the older format: names with suffix, no unit, no info, no end marker', () => {
  assert.is(
    expose([CALLS, SIZE, BUILD], 'prometheus'),
    [
      '# HELP calls_total Calls, by outcome.',
      '# TYPE calls_total counter',
      'calls_total{outcome="well"} 3',
      'calls_total{outcome="odd \\"\\\\\\n"} 0.5',
      '# HELP size_bytes A\\nB.',
      '# TYPE size_bytes gauge',
      'size_bytes -1',
      '# HELP build_info What runs.',
      '# TYPE build_info gauge',
      'build_info{version="1"} 1',
      '',
    ].join('\n'),
  );
});

test('histogram: cumulative buckets, bounds in canonical form, count and sum', () => {
  const text = expose([TIME], 'openmetrics');
  assert.equal(text.split('\n').slice(3, -2), [
    'time_seconds_bucket{to="a",le="1e-05"} 1',
    'time_seconds_bucket{to="a",le="0.00025"} 1',
    'time_seconds_bucket{to="a",le="0.5"} 3',
    'time_seconds_bucket{to="a",le="2.0"} 6',
    'time_seconds_bucket{to="a",le="10.0"} 6',
    'time_seconds_bucket{to="a",le="+Inf"} 10',
    'time_seconds_count{to="a"} 10',
    'time_seconds_sum{to="a"} 7.25',
  ]);
  assert.is(readStrictly(text).samples.get('time_seconds_count{to="a"}'), 10);
});

test('writes NaN and infinities as the format spells them', () => {
  const values = [Number.POSITIVE_INFINITY, Number.NaN, 1e21, 1e-7, 0.1];
  const samples = values.map((value, index) => ({ labels: { index: String(index) }, value }));
  const text = expose([{ type: 'gauge', name: 'odd', help: 'Odd.', samples }], 'openmetrics');
  const written = text.split('\n').flatMap((line) => /^odd\{.*\} (.*)$/.exec(line)?.[1] ?? []);
  assert.equal(written, ['+Inf', 'NaN', '1e+21', '1e-7', '0.1']);
  readStrictly(text);
});

test('without metrics only the end marker is left', () => {
  assert.is(expose([], 'openmetrics'), '# EOF\n');
});

/** Unlike `assert.throws`, also accepts a failed assertion. */
function refuses(text: string): boolean {
  try {
    readStrictly(text);
    return false;
  } catch {
    return true;
  }
}

test('the strict reader refuses malformed text', () => {
  const good = expose([CALLS, SIZE, TIME], 'openmetrics');
  readStrictly(good);
  const wrongs: readonly (readonly [from: string, to: string])[] = [
    ['# EOF\n', ''],
    ['# EOF\n', '# EOF\n\n'],
    ['calls_total{outcome="well"}', 'calls{outcome="well"}'],
    ['calls_total{outcome="well"}', 'calls_total{outcome="odd \\"\\\\\\n"}'],
    ['calls_total{outcome="well"} 3', 'calls_total{outcome="well"} three'],
    ['calls_total{outcome="well"} 3', 'calls_total{outcome="well"} -3'],
    ['# UNIT size_bytes bytes', '# UNIT size_bytes seconds'],
    ['# TYPE size_bytes gauge', '# TYPE calls gauge'],
    ['size_bytes -1', 'size_bytes -1\n# HELP size_bytes B.'],
    ['le="2.0"} 6', 'le="2.0"} 2'],
    ['le="2.0"} 6', 'le="2"} 6'],
    ['time_seconds_count{to="a"} 10', 'time_seconds_count{to="a"} 11'],
    ['time_seconds_sum{to="a"} 7.25\n', ''],
  ];
  for (const [from, to] of wrongs) {
    assert.ok(good.includes(from), from);
    assert.ok(refuses(good.replace(from, () => to)), `${from} -> ${to}`);
  }
});

test.run();
