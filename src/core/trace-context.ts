import assert from 'node:assert';

/**
 * The layout of a W3C trace context in ring and journal:
 *
 * | offset | bytes | field    | note                                  |
 * |--------|-------|----------|---------------------------------------|
 * | 0      | 16    | trace id | not all zeros                         |
 * | 16     | 8     | span id  | the parent of spans begun from here   |
 * | 24     | 1     | flags    | 1: sampled; 2: the trace id is random |
 */
export const TRACE_BYTES = 25;

const SPAN_ID = 16;
const FLAGS = 24;
assert.equal(FLAGS + 1, TRACE_BYTES);

const SAMPLED = 1;
/** The flags that version 00 defines; others must be sent on as 0. */
const KNOWN_FLAGS = 3;

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Parses a `traceparent` header; null unless it is valid in version 00. */
export function readTraceparent(text: string): Buffer | null {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(text) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return null;
  return makeTrace(traceId, spanId, Number.parseInt(flags, 16) & KNOWN_FLAGS);
}

/** The ids are 32 and 16 lower-case hexadecimal digits. */
export function makeTrace(traceId: string, spanId: string, flags: number): Buffer {
  const trace = Buffer.from(`${traceId}${spanId}00`, 'hex');
  trace[FLAGS] = flags;
  return trace;
}

/** The value of a `traceparent` header. */
export function formatTraceparent(trace: Buffer): string {
  return `00-${traceIdOf(trace)}-${spanIdOf(trace)}-${trace.toString('hex', FLAGS)}`;
}

export function traceIdOf(trace: Buffer): string {
  return trace.toString('hex', 0, SPAN_ID);
}

export function spanIdOf(trace: Buffer): string {
  return trace.toString('hex', SPAN_ID, FLAGS);
}

export function isSampled(trace: Buffer): boolean {
  return ((trace[FLAGS] as number) & SAMPLED) !== 0;
}

/** The same trace with another span id. */
export function withSpanId(trace: Buffer, spanId: string): Buffer {
  const child = Buffer.from(trace);
  child.write(spanId, SPAN_ID, 'hex');
  return child;
}
