import assert from 'node:assert';
import { Client, type Dispatcher, Pool } from 'undici';
import type { Clock } from '../clock.ts';
import { centsToDecimal } from '../money.ts';
import type { Answer, Dispatch, Found, Health, Processor } from './processor.ts';
import { type Response, readAnswer, readFound, readHealth } from './response.ts';

/** Longer than any processor takes to shake hands, and with room for one lost packet. */
const CONNECT_TIMEOUT_MS = 2000;
/** Shorter than servers keep an idle connection (Node 5 s, uWebSockets.js 10 s), so that they seldom close it first. */
const IDLE_TIMEOUT_MS = 4000;
const HEADERS_LIMIT_BYTES = 16_384;
const BODY_LIMIT_BYTES = 65_536;

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
  /** http or https, without a slash at its end; credentials in it go into an `Authorization` header. */
  readonly url: string;
  /**
   * Connections to the processor, opened as they are needed. At least as many as there are calls at once, or a
   * payment waits in here after it was stamped.
   */
  readonly connectionCount: number;
  readonly clock: Clock;
}

/** A processor behind HTTP. One thread's own: connections are not shared between threads. */
export class HttpProcessor implements Processor {
  readonly #clock: Clock;
  readonly #pathPrefix: string;
  readonly #headers: string[];
  readonly #postHeaders: string[];
  readonly #pool: Pool;
  /** Has its own connection: health must be heard just when all others are busy. */
  readonly #healthClient: Client;

  constructor({ url, connectionCount, clock }: HttpProcessorOptions) {
    assert(connectionCount >= 1);
    const { origin, pathname, username, password } = new URL(url);
    this.#clock = clock;
    this.#pathPrefix = pathname.replace(/\/+$/, '');
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
    this.#headers = credentials === ':' ? [] : ['authorization', authorization];
    this.#postHeaders = ['content-type', 'application/json', ...this.#headers];
    this.#pool = new Pool(origin, { ...CONNECTION_OPTIONS, connections: connectionCount });
    this.#healthClient = new Client(origin, CONNECTION_OPTIONS);
  }

  async pay({ correlationId, amountCents, requestedAtMs }: Dispatch, timeoutMs: number): Promise<Answer> {
    const requestedAt = new Date(requestedAtMs).toISOString();
    const body = `{"correlationId":"${correlationId}","amount":${centsToDecimal(amountCents)},"requestedAt":"${requestedAt}"}`;
    const response = await this.#call(this.#pool, 'POST', '/payments', body, timeoutMs);
    return readAnswer(response, this.#clock.nowMs());
  }

  async find(correlationId: string, timeoutMs: number): Promise<Found> {
    const response = await this.#call(this.#pool, 'GET', `/payments/${correlationId}`, null, timeoutMs);
    return readFound(response, correlationId);
  }

  async health(timeoutMs: number): Promise<Health> {
    return readHealth(
      await this.#call(this.#healthClient, 'GET', '/payments/service-health', null, timeoutMs),
    );
  }

  /** Hangs up at once: what is in flight is answered as cut off. */
  async close(): Promise<void> {
    await Promise.all([this.#pool.destroy(), this.#healthClient.destroy()]);
  }

  /** Resolves within `timeoutMs`, whatever happens. */
  #call(
    dispatcher: Dispatcher,
    method: 'GET' | 'POST',
    path: string,
    body: string | null,
    timeoutMs: number,
  ): Promise<Response> {
    const headers = body === null ? this.#headers : this.#postHeaders;
    return new Promise((resolve) => {
      const call = new Call(this.#clock, timeoutMs, resolve);
      dispatcher.dispatch({ method, path: this.#pathPrefix + path, headers, body }, call);
    });
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

/** The code and the message; an error over several addresses has only the code. */
function describe(error: Error & { readonly code?: string }): string {
  return [error.code, error.message].filter((part) => part !== undefined && part !== '').join(' ');
}
