import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';
import { type Clock, within } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { OutageLog } from '../core/outage-log.ts';
import { errorReason } from '../core/reason.ts';
import { clientOptions } from '../core/tls.ts';
import { SPAN_KINDS, type SpanRecord, type SpanSink } from './tracer.ts';

export interface OtlpExporterParts {
  /** An http or https URL without a trailing slash. Credentials in it are sent as an `Authorization` header. */
  readonly otlpUrl: string;
  /** The capacity of the queue; spans that do not fit are dropped. */
  readonly queueSpans: number;
  /** The longest time that a span waits for others before it is sent. */
  readonly intervalMs: number;
  /** The longest wait for the collector's answer. */
  readonly timeoutMs: number;
  readonly instanceId: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** The most spans in one request. */
const BATCH_SPANS = 512;
/** How long closing waits for the collector. */
const CLOSE_TIMEOUT_MS = 1000;
const ERROR_STATUS = 2;

/**
 * Exports spans to an OpenTelemetry collector: OTLP over HTTP, in JSON. Payments never wait for the collector.
 * docs/decisions/otlp-exporter.md says why this is not the official exporter.
 */
export class OtlpExporter implements SpanSink {
  readonly #parts: OtlpExporterParts;
  readonly #collector: Collector;
  readonly #outage: OutageLog;
  #queue: SpanRecord[] = [];
  #sending: Promise<void> | null = null;
  #cancelTimer: (() => void) | null = null;
  #closed = false;
  #droppedCount = 0;

  constructor(parts: OtlpExporterParts) {
    this.#parts = parts;
    this.#collector = new Collector(parts.otlpUrl, parts.clock);
    this.#outage = new OutageLog({
      log: parts.log,
      began: 'spans cannot be exported',
      ended: 'spans are exported again',
    });
  }

  take(record: SpanRecord): void {
    if (this.#queue.length >= this.#parts.queueSpans) {
      this.#droppedCount++;
      this.#outage.failed('the queue is full');
      return;
    }
    this.#queue.push(record);
    if (this.#sending !== null || this.#closed) return;
    if (this.#queue.length === BATCH_SPANS) this.#send();
    else this.#sendLater();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await within(this.#parts.clock, CLOSE_TIMEOUT_MS, this.#flush());
    this.#collector.close();
  }

  async #flush(): Promise<void> {
    await this.#sending;
    this.#send();
    await this.#sending;
  }

  #sendLater(): void {
    this.#cancelTimer ??= this.#parts.clock.after(this.#parts.intervalMs, () => this.#send());
  }

  #send(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#sending = this.#sendAll().then(() => {
      this.#sending = null;
      if (this.#queue.length > 0 && !this.#closed) this.#sendLater();
    });
  }

  /** Sends batch after batch until the queue is empty or a batch is not accepted. */
  async #sendAll(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.slice(0, BATCH_SPANS);
      const reply = await this.#collector.post(encode(batch, this.#parts.instanceId), this.#parts.timeoutMs);
      if (reply.kind !== 'later') this.#queue.splice(0, batch.length);
      if (reply.kind === 'accepted') continue;
      if (reply.kind === 'rejected') this.#droppedCount += batch.length;
      this.#outage.failed(reply.reason);
      return;
    }
    this.#outage.recovered({ droppedCount: this.#droppedCount });
    this.#droppedCount = 0;
  }
}

/** The result of sending a batch. `later`: it is to be sent again. */
type Reply =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'later'; readonly reason: string }
  | { readonly kind: 'rejected'; readonly reason: string };

/** The statuses that OTLP defines as retryable. */
const RETRYABLE = [429, 502, 503, 504];

/** The HTTP client: one connection, one request at a time. */
class Collector {
  readonly #clock: Clock;
  readonly #url: URL;
  readonly #http: typeof import('node:http') | typeof import('node:https');
  readonly #options: RequestOptions;
  readonly #agent: Agent;

  constructor(url: string, clock: Clock) {
    this.#clock = clock;
    this.#url = new URL(`${url}/v1/traces`);
    // Imported by name, these modules would also load Node's own undici, which takes 6 MB and is not used.
    this.#http = process.getBuiltinModule(this.#url.protocol === 'https:' ? 'node:https' : 'node:http');
    this.#agent = new this.#http.Agent({ keepAlive: true, maxSockets: 1 });
    const headers = { 'content-type': 'application/json' };
    this.#options = { ...clientOptions({}), method: 'POST', agent: this.#agent, headers };
  }

  /** Always resolves, within `timeoutMs`. */
  post(body: string, timeoutMs: number): Promise<Reply> {
    return new Promise((resolve) => {
      const request = this.#http.request(this.#url, this.#options, (response) => {
        response.resume();
        response.once('close', () => end(replyOf(response.statusCode ?? 0)));
      });
      const cancel = this.#clock.after(timeoutMs, () =>
        request.destroy(new Error(`no answer within ${timeoutMs} ms`)),
      );
      const end = (reply: Reply) => {
        cancel();
        resolve(reply);
      };
      request.on('error', (error) => end({ kind: 'later', reason: errorReason(error) }));
      request.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function replyOf(status: number): Reply {
  if (status >= 200 && status <= 299) return { kind: 'accepted' };
  return { kind: RETRYABLE.includes(status) ? 'later' : 'rejected', reason: `HTTP ${status}` };
}

/** An `ExportTraceServiceRequest` in OTLP's JSON. */
function encode(records: readonly SpanRecord[], instanceId: string): string {
  const resource = { 'service.name': 'dinossauro', 'service.instance.id': instanceId };
  const scopeSpans = [{ scope: { name: 'dinossauro' }, spans: records.map(encodeSpan) }];
  return JSON.stringify({
    resourceSpans: [{ resource: { attributes: encodeAttributes(resource) }, scopeSpans }],
  });
}

function encodeSpan(record: SpanRecord): object {
  const { traceId, spanId, parentSpanId, name, kind, startUs, endUs, attributes, error } = record;
  return {
    traceId,
    spanId,
    ...(parentSpanId === '' ? {} : { parentSpanId }),
    name,
    kind: SPAN_KINDS[kind],
    // Strings, because nanoseconds since 1970 exceed the safe integers of JavaScript.
    startTimeUnixNano: `${startUs}000`,
    endTimeUnixNano: `${endUs}000`,
    attributes: encodeAttributes(attributes),
    status: error === '' ? {} : { code: ERROR_STATUS, message: error },
  };
}

function encodeAttributes(attributes: SpanRecord['attributes']): object[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value },
  }));
}
