import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { errorReason } from '../core/reason.ts';
import { clientOptions } from '../core/tls.ts';
import { SPAN_KINDS, type SpanRecord, type SpanSink } from './tracer.ts';

export interface OtlpExporterParts {
  /** http or https, without a slash at its end; credentials in it go into an `Authorization` header. */
  readonly otlpUrl: string;
  /** Spans that wait, at most; more are dropped. */
  readonly queueSpans: number;
  /** How long spans are gathered. */
  readonly intervalMs: number;
  /** Wait for the collector's answer. */
  readonly timeoutMs: number;
  readonly instanceId: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** In one request, so that it and its answer stay small. */
const BATCH_SPANS = 512;
/** How long the end of a thread waits for the collector. */
const CLOSE_TIMEOUT_MS = 1000;
const ERROR_STATUS = 2;

/**
 * Tells an OpenTelemetry collector of spans: OTLP over HTTP, in JSON. By hand, because a span of ours is a dozen fields,
 * and the official packages would take 13 MB of the image and 3 MB of the heap of every thread more than this file.
 *
 * Nothing waits for the collector: what it does not take is dropped, and each change between taken and dropped is
 * logged.
 */
export class OtlpExporter implements SpanSink {
  readonly #parts: OtlpExporterParts;
  readonly #collector: Collector;
  #queue: SpanRecord[] = [];
  #sending: Promise<void> | null = null;
  #cancelTimer: (() => void) | null = null;
  #closed = false;
  /** Something was dropped, or is refused: said once, and once when it is over. */
  #troubled = false;
  #droppedCount = 0;

  constructor(parts: OtlpExporterParts) {
    this.#parts = parts;
    this.#collector = new Collector(parts.otlpUrl, parts.clock);
  }

  take(record: SpanRecord): void {
    if (this.#queue.length >= this.#parts.queueSpans) {
      this.#droppedCount++;
      this.#outage('the queue is full');
      return;
    }
    this.#queue.push(record);
    if (this.#sending !== null || this.#closed) return;
    if (this.#queue.length === BATCH_SPANS) this.#send();
    else this.#sendLater();
  }

  async close(): Promise<void> {
    this.#closed = true;
    let cancel: () => void = () => {};
    const late = new Promise<void>((resolve) => {
      cancel = this.#parts.clock.after(CLOSE_TIMEOUT_MS, resolve);
    });
    await Promise.race([this.#flush(), late]);
    cancel();
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

  /** Batch after batch, until one has to be sent again. */
  async #sendAll(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.slice(0, BATCH_SPANS);
      const reply = await this.#collector.post(encode(batch, this.#parts.instanceId), this.#parts.timeoutMs);
      if (reply.kind === 'later') {
        this.#outage(reply.reason);
        return;
      }
      this.#queue.splice(0, batch.length);
      if (reply.kind === 'taken') continue;
      this.#droppedCount += batch.length;
      this.#outage(reply.reason);
      return;
    }
    if (this.#troubled) this.#parts.log.info({ droppedCount: this.#droppedCount }, 'spans are taken again');
    this.#troubled = false;
    this.#droppedCount = 0;
  }

  #outage(reason: string): void {
    if (!this.#troubled) this.#parts.log.warn({ reason }, 'spans are not taken');
    this.#troubled = true;
  }
}

/** What became of a batch. `later`: the collector may take it yet. */
type Reply =
  | { readonly kind: 'taken' }
  | { readonly kind: 'later'; readonly reason: string }
  | { readonly kind: 'never'; readonly reason: string };

/** Statuses by which OTLP asks for another try. */
const LATER = [429, 502, 503, 504];

/** The other end: one connection, one request at a time. */
class Collector {
  readonly #clock: Clock;
  readonly #url: URL;
  readonly #http: typeof import('node:http') | typeof import('node:https');
  readonly #options: RequestOptions;
  readonly #agent: Agent;

  constructor(url: string, clock: Clock) {
    this.#clock = clock;
    this.#url = new URL(`${url}/v1/traces`);
    // Imported by name, these modules would load Node's own undici as well: 6 MB that nobody needs here.
    this.#http = process.getBuiltinModule(this.#url.protocol === 'https:' ? 'node:https' : 'node:http');
    this.#agent = new this.#http.Agent({ keepAlive: true, maxSockets: 1 });
    const headers = { 'content-type': 'application/json' };
    this.#options = { ...clientOptions({}), method: 'POST', agent: this.#agent, headers };
  }

  /** Resolves always, and within `timeoutMs`. */
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
  if (status >= 200 && status <= 299) return { kind: 'taken' };
  return { kind: LATER.includes(status) ? 'later' : 'never', reason: `HTTP ${status}` };
}

/** An `ExportTraceServiceRequest`, as OTLP writes it in JSON. */
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
    // Nanoseconds are more than a JSON number holds.
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
