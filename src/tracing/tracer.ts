import {
  formatTraceparent,
  isSampled,
  makeTrace,
  readTraceparent,
  spanIdOf,
  traceIdOf,
  withSpanId,
} from '../core/trace-context.ts';

/** The numbers that OTLP uses. */
export const SPAN_KINDS = { internal: 1, server: 2, client: 3 } as const;
export type SpanKind = keyof typeof SPAN_KINDS;

/** An ended span, ready for export. Ids are lower-case hexadecimal digits, times are µs since the Unix epoch. */
export interface SpanRecord {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the root span of a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: SpanKind;
  readonly startUs: number;
  readonly endUs: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** The reason for a failure; empty if there was none. */
  readonly error: string;
}

/** Receives the ended spans of sampled traces. */
export interface SpanSink {
  /** Never throws and never blocks. */
  take(record: SpanRecord): void;
  close(): Promise<void>;
}

export interface TracerParts {
  /** Null: traces are propagated, and no spans are exported. */
  readonly sink: SpanSink | null;
  /** The share of requests without a `traceparent` that start a trace: 0 to 1. */
  readonly ratio: number;
  /** Returns numbers in [0, 1). */
  readonly random: () => number;
  /** Whole microseconds since the Unix epoch. */
  readonly nowUs: () => number;
}

const SAMPLED = 1;
const TRACE_ID_WORDS = 4;
const SPAN_ID_WORDS = 2;

/** Creates the spans of one thread. */
export class Tracer {
  readonly #parts: TracerParts;

  constructor(parts: TracerParts) {
    this.#parts = parts;
  }

  /**
   * The span of an incoming request. It continues the trace of a valid `traceparent`; without one, a share of `ratio`
   * starts a new trace, and the others get null.
   */
  accept(traceparent: string, name: string): Span | null {
    const { ratio, random } = this.#parts;
    const parent = traceparent === '' ? null : readTraceparent(traceparent);
    if (parent !== null) return this.begin(parent, name, 'server');
    if (ratio === 0 || random() >= ratio) return null;
    const trace = makeTrace(this.#newId(TRACE_ID_WORDS), this.#newId(SPAN_ID_WORDS), SAMPLED);
    return new Span(this.#parts, trace, '', name, 'server');
  }

  /** Starts a child of the span in `parent`. */
  begin(parent: Buffer, name: string, kind: SpanKind): Span {
    const trace = withSpanId(parent, this.#newId(SPAN_ID_WORDS));
    return new Span(this.#parts, trace, spanIdOf(parent), name, kind);
  }

  /** Exports the remaining spans; takes about a second at most. */
  async close(): Promise<void> {
    await this.#parts.sink?.close();
  }

  /** A word is eight hexadecimal digits. The first word is not zero, because an id of zeros is invalid. */
  #newId(wordCount: number): string {
    const { random } = this.#parts;
    let id = '';
    for (let word = 0; word < wordCount; word++) {
      const drawn = word === 0 ? 1 + Math.floor(random() * (2 ** 32 - 1)) : Math.floor(random() * 2 ** 32);
      id += drawn.toString(16).padStart(8, '0');
    }
    return id;
  }
}

/** A span that has started. When it ends it is exported, if its trace is sampled. */
export class Span {
  /** The trace context that its children continue. */
  readonly trace: Buffer;
  readonly #parts: TracerParts;
  readonly #parentSpanId: string;
  readonly #name: string;
  readonly #kind: SpanKind;
  readonly #startUs: number;
  readonly #attributes: Record<string, string | number> = {};

  constructor(parts: TracerParts, trace: Buffer, parentSpanId: string, name: string, kind: SpanKind) {
    this.trace = trace;
    this.#parts = parts;
    this.#parentSpanId = parentSpanId;
    this.#name = name;
    this.#kind = kind;
    this.#startUs = parts.nowUs();
  }

  get traceparent(): string {
    return formatTraceparent(this.trace);
  }

  setAttribute(name: string, value: string | number): void {
    this.#attributes[name] = value;
  }

  /** Call it once. `error` is the reason for a failure, or empty. */
  end(error = ''): void {
    const { sink, nowUs } = this.#parts;
    if (sink === null || !isSampled(this.trace)) return;
    sink.take({
      traceId: traceIdOf(this.trace),
      spanId: spanIdOf(this.trace),
      parentSpanId: this.#parentSpanId,
      name: this.#name,
      kind: this.#kind,
      startUs: this.#startUs,
      endUs: nowUs(),
      attributes: this.#attributes,
      error,
    });
  }
}
