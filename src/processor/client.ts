import type { Clock } from '../core/clock.ts';
import { centsToDecimal } from '../core/money.ts';
import type { Tls } from '../core/tls.ts';
import type { Span, Tracer } from '../tracing/tracer.ts';
import { Call } from './call.ts';
import { Connections } from './connections.ts';
import type {
  Dispatch,
  Health,
  LookUpOutcome,
  PayOutcome,
  Processor,
  ProcessorBooks,
  ToldTotals,
} from './processor.ts';
import { type Response, readHealth, readLookUpOutcome, readPayOutcome, readTotals } from './response.ts';
import { targetOf } from './target.ts';

export interface HttpProcessorOptions {
  readonly name: string;
  /** http or https, without a trailing slash; credentials are sent in an `Authorization` header. */
  readonly url: string;
  /** For https. */
  readonly tls?: Tls;
  /**
   * Maximum number of connections, opened on demand. With fewer than calls at once, a payment waits here after it was
   * stamped.
   */
  readonly connectionCount: number;
  readonly clock: Clock;
  readonly tracer: Tracer;
}

/** A processor reached over HTTP. Each thread has its own, since connections are not shared between threads. */
export class HttpProcessor implements Processor, ProcessorBooks {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #tracer: Tracer;
  readonly #pathPrefix: string;
  /** The rest of the request line, and the headers that all requests share. */
  readonly #headers: string;
  #instantMs = Number.NaN;
  #instantText = '';
  readonly #connections: Connections;
  /** A separate connection: health matters most when all others are busy. */
  readonly #healthConnection: Connections;

  constructor({ name, url, tls, connectionCount, clock, tracer }: HttpProcessorOptions) {
    const at = new URL(url);
    this.#name = name;
    this.#clock = clock;
    this.#tracer = tracer;
    this.#pathPrefix = at.pathname.replace(/\/+$/, '');
    const credentials = `${decodeURIComponent(at.username)}:${decodeURIComponent(at.password)}`;
    const authorization = `authorization: Basic ${Buffer.from(credentials).toString('base64')}\r\n`;
    this.#headers = ` HTTP/1.1\r\nhost: ${at.host}\r\n${credentials === ':' ? '' : authorization}`;
    const target = targetOf(at, tls);
    this.#connections = new Connections({ target, count: connectionCount, clock });
    this.#healthConnection = new Connections({ target, count: 1, clock });
  }

  pay(dispatch: Dispatch, timeoutMs: number): Promise<PayOutcome> {
    const { correlationId, amountCents, requestedAtMs, trace } = dispatch;
    const requestedAt = this.#instant(requestedAtMs);
    const body = `{"correlationId":"${correlationId}","amount":${centsToDecimal(amountCents)},"requestedAt":"${requestedAt}"}`;
    const span = this.#begin(trace, 'POST /payments', correlationId);
    const headers = `content-type: application/json\r\ncontent-length: ${body.length}\r\n`;
    const request = this.#request('POST', '/payments', headers, span, body);
    return this.#call(this.#connections, request, timeoutMs, span, (response) =>
      readPayOutcome(response, this.#clock.nowMs()),
    );
  }

  find(correlationId: string, timeoutMs: number, trace: Buffer | null = null): Promise<LookUpOutcome> {
    const span = this.#begin(trace, 'GET /payments/{id}', correlationId);
    const request = this.#request('GET', `/payments/${correlationId}`, '', span);
    return this.#call(this.#connections, request, timeoutMs, span, (response) =>
      readLookUpOutcome(response, correlationId),
    );
  }

  health(timeoutMs: number): Promise<Health> {
    const request = this.#request('GET', '/payments/service-health', '', null);
    return this.#call(this.#healthConnection, request, timeoutMs, null, readHealth);
  }

  totals(fromMs: number, toMs: number, token: string, timeoutMs: number): Promise<ToldTotals> {
    const window = `from=${new Date(fromMs).toISOString()}&to=${new Date(toMs).toISOString()}`;
    const path = `/admin/payments-summary?${window}`;
    const request = this.#request('GET', path, `x-rinha-token: ${token}\r\n`, null);
    return this.#call(this.#connections, request, timeoutMs, null, readTotals);
  }

  /** Closes all connections at once: calls in flight end as cut off. */
  async close(): Promise<void> {
    this.#connections.close();
    this.#healthConnection.close();
  }

  /** Cached, since payments that are claimed together share one timestamp. */
  #instant(ms: number): string {
    if (ms !== this.#instantMs) {
      this.#instantMs = ms;
      this.#instantText = new Date(ms).toISOString();
    }
    return this.#instantText;
  }

  #request(method: 'GET' | 'POST', path: string, headers: string, span: Span | null, body = ''): string {
    const traced = span === null ? '' : `traceparent: ${span.traceparent}\r\n`;
    return `${method} ${this.#pathPrefix}${path}${this.#headers}${headers}${traced}\r\n${body}`;
  }

  /** Resolves within `timeoutMs`, whatever happens. */
  #call<T>(
    connections: Connections,
    request: string,
    timeoutMs: number,
    span: Span | null,
    read: (response: Response) => T,
  ): Promise<T> {
    return new Promise((resolve) => {
      const onOver = (response: Response) => {
        if (span !== null) endAnswered(span, response);
        resolve(read(response));
      };
      connections.send(new Call(request, timeoutMs, this.#clock.monotonicMs(), onOver));
    });
  }

  #begin(trace: Buffer | null, name: string, correlationId: string): Span | null {
    if (trace === null) return null;
    const span = this.#tracer.begin(trace, name, 'client');
    span.setAttribute('dinossauro.correlation_id', correlationId);
    span.setAttribute('dinossauro.processor', this.#name);
    span.setAttribute('http.request.method', name.slice(0, name.indexOf(' ')));
    return span;
  }
}

function endAnswered(span: Span, { status, cut }: Response): void {
  if (status !== 0) span.setAttribute('http.response.status_code', status);
  span.end(cut !== '' || status < 400 ? cut : `HTTP ${status}`);
}
