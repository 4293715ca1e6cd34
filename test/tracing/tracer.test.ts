import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatTraceparent, traceIdOf } from '../../src/core/trace-context.ts';
import { type SpanRecord, Tracer, type TracerParts } from '../../src/tracing/tracer.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN_ID = '00f067aa0ba902b7';
const SAMPLED = `00-${TRACE_ID}-${SPAN_ID}-01`;
const UNSAMPLED = `00-${TRACE_ID}-${SPAN_ID}-00`;

/** A tracer whose clock advances by 1 µs with each reading, and the spans that it exported. */
function setUp(parts: Partial<TracerParts> = {}) {
  const exported: SpanRecord[] = [];
  let nowUs = 1_000_000;
  let seed = 0;
  const tracer = new Tracer({
    sink: { take: (record) => exported.push(record), close: async () => {} },
    ratio: 0,
    random: () => (seed = (seed + 0.31) % 1),
    nowUs: () => nowUs++,
    ...parts,
  });
  return { tracer, exported };
}

test('a request with a traceparent continues that trace in a new span', () => {
  const { tracer, exported } = setUp();
  const span = tracer.accept(SAMPLED, 'POST /payments');
  assert.match(span?.traceparent ?? '', new RegExp(`^00-${TRACE_ID}-(?!${SPAN_ID})[0-9a-f]{16}-01$`));
  span?.setAttribute('http.response.status_code', 202);
  span?.end();
  assert.equal(exported, [
    {
      traceId: TRACE_ID,
      spanId: span?.traceparent.slice(36, 52),
      parentSpanId: SPAN_ID,
      name: 'POST /payments',
      kind: 'server',
      startUs: 1_000_000,
      endUs: 1_000_001,
      attributes: { 'http.response.status_code': 202 },
      error: '',
    },
  ]);
});

test('the spans within a request are its children, each with its own id', () => {
  const { tracer, exported } = setUp();
  const request = tracer.accept(SAMPLED, 'POST /payments');
  if (request === null) throw new Error('expected a span');
  const [one, other] = [
    tracer.begin(request.trace, 'one', 'client'),
    tracer.begin(request.trace, 'other', 'client'),
  ];
  other.end('refused');
  one.end();
  assert.is.not(one.traceparent, other.traceparent);
  assert.equal(
    exported.map(({ name, parentSpanId, error }) => [name, parentSpanId, error]),
    [
      ['other', request.traceparent.slice(36, 52), 'refused'],
      ['one', request.traceparent.slice(36, 52), ''],
    ],
  );
});

test('a trace that is not sampled is propagated but not exported', () => {
  const { tracer, exported } = setUp({ ratio: 1 });
  const span = tracer.accept(UNSAMPLED, 'POST /payments');
  span?.end();
  assert.match(span?.traceparent ?? '', /-00$/);
  assert.equal(exported, []);
});

test('without a sink traces are still propagated', async () => {
  const { tracer } = setUp({ sink: null });
  const span = tracer.accept(SAMPLED, 'POST /payments');
  span?.end();
  assert.is(span === null ? '' : traceIdOf(span.trace), TRACE_ID);
  await tracer.close();
});

test('requests without a traceparent start traces at the given ratio', () => {
  let drawn = 0.5;
  const { tracer, exported } = setUp({ ratio: 0.5, random: () => drawn });
  assert.is(tracer.accept('', 'POST /payments'), null);
  assert.is(tracer.accept('garbage', 'POST /payments'), null);
  drawn = 0.49;
  const span = tracer.accept('', 'POST /payments');
  span?.end();
  assert.match(span === null ? '' : formatTraceparent(span.trace), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  assert.is(exported[0]?.parentSpanId, '');
});

test('no id is all zeros, even if every random number is zero', () => {
  const { tracer } = setUp({ ratio: 1, random: () => 0 });
  const span = tracer.accept('', 'POST /payments');
  assert.is(span?.traceparent, `00-00000001${'0'.repeat(24)}-00000001${'0'.repeat(8)}-01`);
});

test.run();
