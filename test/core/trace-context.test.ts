import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  formatTraceparent,
  isSampled,
  readTraceparent,
  spanIdOf,
  TRACE_BYTES,
  traceIdOf,
  withSpanId,
} from '../../src/core/trace-context.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN_ID = '00f067aa0ba902b7';
const SAMPLED = `00-${TRACE_ID}-${SPAN_ID}-01`;

function read(text: string): Buffer {
  const trace = readTraceparent(text);
  if (trace === null) throw new Error(`${text} is a traceparent`);
  return trace;
}

test('a context is parsed and formatted', () => {
  const trace = read(SAMPLED);
  assert.is(trace.length, TRACE_BYTES);
  assert.is(traceIdOf(trace), TRACE_ID);
  assert.is(spanIdOf(trace), SPAN_ID);
  assert.ok(isSampled(trace));
  assert.not.ok(isSampled(read(`00-${TRACE_ID}-${SPAN_ID}-00`)));
  assert.is(formatTraceparent(trace), SAMPLED);
});

test('flags that version 00 does not define are sent on as zeros', () => {
  assert.is(formatTraceparent(read(`00-${TRACE_ID}-${SPAN_ID}-ff`)), `00-${TRACE_ID}-${SPAN_ID}-03`);
});

test('withSpanId returns a copy', () => {
  const trace = read(SAMPLED);
  const child = withSpanId(trace, '1234567890abcdef');
  assert.is(formatTraceparent(child), `00-${TRACE_ID}-1234567890abcdef-01`);
  assert.is(formatTraceparent(trace), SAMPLED);
});

for (const [what, text] of [
  ['nothing', ''],
  ['another version', `01-${TRACE_ID}-${SPAN_ID}-01`],
  ['the forbidden version', `ff-${TRACE_ID}-${SPAN_ID}-01`],
  ['upper case', SAMPLED.toUpperCase()],
  ['a zero trace id', `00-${'0'.repeat(32)}-${SPAN_ID}-01`],
  ['a zero span id', `00-${TRACE_ID}-${'0'.repeat(16)}-01`],
  ['a short trace id', `00-${TRACE_ID.slice(1)}-${SPAN_ID}-01`],
  ['no flags', `00-${TRACE_ID}-${SPAN_ID}`],
  ['more text after it', `${SAMPLED}-00`],
  ['a line end after it', `${SAMPLED}\n`],
  ['two contexts', `${SAMPLED}, ${SAMPLED}`],
  ['a letter that is not a digit', SAMPLED.replace('4bf9', '4bg9')],
] as const) {
  test(`not a context: ${what}`, () => assert.is(readTraceparent(text), null));
}

test('every valid text is formatted again, except unknown flags, and no other text is valid', () => {
  const hex = (length: number) =>
    fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
  fc.assert(
    fc.property(hex(32), hex(16), fc.integer({ min: 0, max: 3 }), (traceId, spanId, flags) => {
      const text = `00-${traceId}-${spanId}-0${flags}`;
      const trace = readTraceparent(text);
      const isZero = /^0*$/.test(traceId) || /^0*$/.test(spanId);
      assert.is(trace === null ? null : formatTraceparent(trace), isZero ? null : text);
    }),
  );
});

test.run();
