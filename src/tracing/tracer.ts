import {
  formatTraceparent,
  isSampled,
  makeTrace,
  readTraceparent,
  spanIdOf,
  traceIdOf,
  withSpanId,
} from '../core/trace-context.ts';

/** As OpenTelemetry numbers them. */
export const SPAN_KINDS = { internal: 1, server: 2, client: 3 } as const;
export type SpanKind = keyof typeof SPAN_KINDS;

/** What is told of a span when it has ended. Ids are lower-case hexadecimal digits, times µs since the Unix epoch. */
export interface SpanRecord {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first span of a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: SpanKind;
  readonly startUs: number;
  readonly endUs: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** Why what it tells of has failed; empty when it has not. */
  readonly error: string;
}

/** Where ended spans of sampled traces go. */
export interface SpanSink {
  /** Never throws, never waits. */
  take(record: SpanRecord): void;
  close(): Promise<void>;
}

export interface TracerParts {
  /** Null: traces are carried, and nothing is told of them. */
  readonly sink: SpanSink | null;
  /** Of the posts without a trace, the share that begin one: 0 to 1. */
  readonly ratio: number;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  /** Microseconds since the Unix epoch, whole. */
  readonly nowUs: () => number;
}

const SAMPLED = 1;
const TRACE_ID_WORDS = 4;
const SPAN_ID_WORDS = 2;

/** One thread's part in the traces of its payments. */
export class Tracer {
  readonly #parts: TracerParts;

  constructor(parts: TracerParts) {
    this.#parts = parts;
  }

  /**
   * The span of a request: in the trace that its `traceparent` names, or (where it names none) in a new one if it is
   * drawn. Null, as a rule: there is no trace.
   */
  accept(traceparent: string, name: string): Span | null {
    const { ratio, random } = this.#parts;
    const parent = traceparent === '' ? null : readTraceparent(traceparent);
    if (parent !== null) return this.begin(parent, name, 'server');
    if (ratio === 0 || random() >= ratio) return null;
    const trace = makeTrace(this.#newId(TRACE_ID_WORDS), this.#newId(SPAN_ID_WORDS), SAMPLED);
    return new Span(this.#parts, trace, '', name, 'server');
  }

  /** A span below the one that `parent` names. */
  begin(parent: Buffer, name: string, kind: SpanKind): Span {
    const trace = withSpanId(parent, this.#newId(SPAN_ID_WORDS));
    return new Span(this.#parts, trace, spanIdOf(parent), name, kind);
  }

  /** Tells what there is still to tell, within about a second. */
  async close(): Promise<void> {
    await this.#parts.sink?.close();
  }

  /** Eight hexadecimal digits a word. The first word is not zero, since no id may be. */
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

/** Something that takes time, within a trace. It is told of when it ends, if its trace is sampled. */
export class Span {
  /** What those below it continue. */
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

  /** Once. `error` says why it has failed; empty: it has not. */
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
