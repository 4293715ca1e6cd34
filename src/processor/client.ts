import assert from 'node:assert';
import { Client, type Dispatcher, Pool } from 'undici';
import type { Clock } from '../clock.ts';
import { centsToDecimal } from '../money.ts';
import { reasonOf } from '../reason.ts';
import type { Tls } from '../tls.ts';
import type { Span, Tracer } from '../tracing/tracer.ts';
import type { Answer, Dispatch, Found, Health, Processor, ProcessorBooks, ToldTotals } from './processor.ts';
import { type Response, readAnswer, readFound, readHealth, readTotals } from './response.ts';

/** Longer than any processor takes to shake hands, and with room for one lost packet. */
const CONNECT_TIMEOUT_MS = 2000;
/** Shorter than servers keep an idle connection (Node 5 s, uWebSockets.js 10 s), so that they seldom close it first. */
const IDLE_TIMEOUT_MS = 4000;
const HEADERS_LIMIT_BYTES = 16_384;
const BODY_LIMIT_BYTES = 65_536;

const NO_HEADERS: readonly string[] = [];

const CONNECTION_OPTIONS = {
  // One call at a time on a connection: what happens to a connection happens to one payment.
  pipelining: 1,
  allowH2: false,
  connectTimeout: CONNECT_TIMEOUT_MS,
  keepAliveTimeout: IDLE_TIMEOUT_MS,
  maxHeaderSize: HEADERS_LIMIT_BYTES,
  maxResponseSize: BODY_LIMIT_BYTES,
  // Each call has a clock of its own, which also runs while it waits for a connection.
  headersTimeout: 0,
  bodyTimeout: 0,
};

export interface HttpProcessorOptions {
  readonly name: string;
  /** http or https, without a slash at its end; credentials in it go into an `Authorization` header. */
  readonly url: string;
  /** Of https. */
  readonly tls?: Tls;
  /**
   * Connections to the processor, opened as they are needed. At least as many as there are calls at once, or a
   * payment waits in here after it was stamped.
   */
  readonly connectionCount: number;
  readonly clock: Clock;
  readonly tracer: Tracer;
}

/** One request, before it is one of undici's. */
interface Request {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: string | null;
  readonly span: Span | null;
}

/** A processor behind HTTP. One thread's own: connections are not shared between threads. */
export class HttpProcessor implements Processor, ProcessorBooks {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #tracer: Tracer;
  readonly #pathPrefix: string;
  readonly #headers: string[];
  readonly #postHeaders: string[];
  readonly #pool: Pool;
  /** Has its own connection: health must be heard just when all others are busy. */
  readonly #healthClient: Client;

  constructor({ name, url, tls = {}, connectionCount, clock, tracer }: HttpProcessorOptions) {
    assert(connectionCount >= 1);
    const { origin, pathname, username, password } = new URL(url);
    this.#name = name;
    this.#clock = clock;
    this.#tracer = tracer;
    this.#pathPrefix = pathname.replace(/\/+$/, '');
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
    this.#headers = credentials === ':' ? [] : ['authorization', authorization];
    this.#postHeaders = ['content-type', 'application/json', ...this.#headers];
    const options = { ...CONNECTION_OPTIONS, connect: tls };
    this.#pool = new Pool(origin, { ...options, connections: connectionCount });
    this.#healthClient = new Client(origin, options);
  }

  async pay(dispatch: Dispatch, timeoutMs: number): Promise<Answer> {
    const { correlationId, amountCents, requestedAtMs, trace } = dispatch;
    const requestedAt = new Date(requestedAtMs).toISOString();
    const body = `{"correlationId":"${correlationId}","amount":${centsToDecimal(amountCents)},"requestedAt":"${requestedAt}"}`;
    const span = this.#begin(trace, 'POST /payments', correlationId);
    const request: Request = { method: 'POST', path: '/payments', body, span };
    const response = await this.#call(this.#pool, request, timeoutMs);
    return readAnswer(response, this.#clock.nowMs());
  }

  async find(correlationId: string, timeoutMs: number, trace: Buffer | null = null): Promise<Found> {
    const span = this.#begin(trace, 'GET /payments/{id}', correlationId);
    const request: Request = { method: 'GET', path: `/payments/${correlationId}`, body: null, span };
    const response = await this.#call(this.#pool, request, timeoutMs);
    return readFound(response, correlationId);
  }

  async health(timeoutMs: number): Promise<Health> {
    const request: Request = { method: 'GET', path: '/payments/service-health', body: null, span: null };
    return readHealth(await this.#call(this.#healthClient, request, timeoutMs));
  }

  async totals(fromMs: number, toMs: number, token: string, timeoutMs: number): Promise<ToldTotals> {
    const window = `from=${new Date(fromMs).toISOString()}&to=${new Date(toMs).toISOString()}`;
    const path = `/admin/payments-summary?${window}`;
    const request: Request = { method: 'GET', path, body: null, span: null };
    return readTotals(await this.#call(this.#pool, request, timeoutMs, ['x-rinha-token', token]));
  }

  /** Hangs up at once: what is in flight is answered as cut off. */
  async close(): Promise<void> {
    await Promise.all([this.#pool.destroy(), this.#healthClient.destroy()]);
  }

  /** Resolves within `timeoutMs`, whatever happens. */
  async #call(
    dispatcher: Dispatcher,
    request: Request,
    timeoutMs: number,
    extraHeaders: readonly string[] = NO_HEADERS,
  ): Promise<Response> {
    const { method, path, body, span } = request;
    const plain = body === null ? this.#headers : this.#postHeaders;
    const traced = span === null ? plain : [...plain, 'traceparent', span.traceparent];
    const headers = extraHeaders.length === 0 ? traced : [...traced, ...extraHeaders];
    const response = await new Promise<Response>((resolve) => {
      const call = new Call(this.#clock, timeoutMs, resolve);
      dispatcher.dispatch({ method, path: this.#pathPrefix + path, headers, body }, call);
    });
    if (span !== null) endAnswered(span, response);
    return response;
  }

  #begin(trace: Buffer | null, name: string, correlationId: string): Span | null {
    if (trace === null) return null;
    const span = this.#tracer.begin(trace, name, 'client');
    span.note('dinossauro.correlation_id', correlationId);
    span.note('dinossauro.processor', this.#name);
    span.note('http.request.method', name.slice(0, name.indexOf(' ')));
    return span;
  }
}

/**
 * One HTTP call, as undici tells of it.
 *
 * | state   | by                                                   | to    | note                              |
 * |---------|------------------------------------------------------|-------|-----------------------------------|
 * | waiting | onRequestStart, just before the first byte           | sent  | for a connection, till then       |
 * | waiting | error, timeout                                       | over  | `sent` stays false                |
 * | sent    | onResponseEnd, error, body over the limit, timeout   | over  | status and body, as far as heard  |
 *
 * It starts once: a call that is over or sent already is not put on the wire, again or belatedly.
 */
class Call implements Response, Dispatcher.DispatchHandler {
  sent = false;
  status = 0;
  retryAfter = '';
  cut = '';
  #isOver = false;
  #controller: Dispatcher.DispatchController | null = null;
  readonly #chunks: Buffer[] = [];
  readonly #cancelTimeout: () => void;
  readonly #onOver: (response: Response) => void;

  constructor(clock: Clock, timeoutMs: number, onOver: (response: Response) => void) {
    this.#onOver = onOver;
    this.#cancelTimeout = clock.after(timeoutMs, () => this.#giveUp(timeoutMs));
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Undici drops a request whose handler throws here, and the connection serves the next one. Aborting it
    // would cost the connection.
    if (this.#isOver || this.sent) throw new Error('this call is over');
    this.sent = true;
    this.#controller = controller;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return;
    this.status = status;
    const retryAfter = headers['retry-after'];
    if (typeof retryAfter === 'string') this.retryAfter = retryAfter;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#end('');
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end(describe(error));
  }

  #giveUp(timeoutMs: number): void {
    const reason = `no answer within ${timeoutMs} ms`;
    this.#end(reason);
    this.#controller?.abort(new Error(reason));
  }

  #end(cut: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.cut = cut;
    this.#cancelTimeout();
    this.#onOver(this);
  }
}

function endAnswered(span: Span, { status, cut }: Response): void {
  if (status !== 0) span.note('http.response.status_code', status);
  span.end(cut !== '' || status < 400 ? cut : `HTTP ${status}`);
}

/** The code and the reason, which may be the same. */
function describe(error: Error & { readonly code?: string }): string {
  const reason = reasonOf(error);
  return error.code === undefined || error.code === reason ? reason : `${error.code} ${reason}`;
}
