import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../core/clock.ts';
import type { Tls } from '../core/tls.ts';
import type { Span, Tracer } from '../tracing/tracer.ts';
import { healthOf, lookUpOutcomeOf, payOutcomeOf, totalsOf } from './answer.ts';
import type { Contract, ContractRequest } from './contract.ts';
import { Call, type Response } from './http1/call.ts';
import { Connections } from './http1/connections.ts';
import { targetOf } from './http1/target.ts';
import type {
  Dispatch,
  Health,
  LookUpOutcome,
  PayOutcome,
  Processor,
  ProcessorBooks,
  TotalsOutcome,
} from './processor.ts';

export interface HttpProcessorOptions {
  readonly name: string;
  /** http or https, without a trailing slash. */
  readonly url: string;
  readonly contract: Contract;
  /** For https. */
  readonly tls?: Tls;
  /**
   * Maximum number of connections, opened on demand. With fewer than calls at once, a payment waits here after it was
   * stamped. A function where it changes.
   */
  readonly connectionCount: number | (() => number);
  readonly clock: Clock;
  readonly tracer: Tracer;
}

/** A processor reached over HTTP. Each thread has its own, since connections are not shared between threads. */
export class HttpProcessor implements Processor, ProcessorBooks {
  readonly #name: string;
  #contract: Contract;
  readonly #clock: Clock;
  readonly #tracer: Tracer;
  readonly #url: URL;
  #tls: Tls | undefined;
  readonly #pathPrefix: string;
  /** The rest of the request line, and the host. */
  readonly #lineEnd: string;
  /** Contracts use the same headers again and again. */
  readonly #headerTexts = new WeakMap<Readonly<Record<string, string>>, string>();
  readonly #connections: Connections;
  /** A separate connection: health matters most when all others are busy. */
  readonly #healthConnection: Connections;

  constructor({ name, url, contract, tls, connectionCount, clock, tracer }: HttpProcessorOptions) {
    const at = new URL(url);
    this.#name = name;
    this.#url = at;
    this.#tls = tls;
    this.#contract = contract;
    this.#clock = clock;
    this.#tracer = tracer;
    this.#pathPrefix = at.pathname.replace(/\/+$/, '');
    this.#lineEnd = ` HTTP/1.1\r\nhost: ${at.host}\r\n`;
    const target = targetOf(at, tls);
    const keptHeaders = new Set(contract.responseHeaders ?? []);
    const count = typeof connectionCount === 'number' ? () => connectionCount : connectionCount;
    this.#connections = new Connections({ target, count, clock, keptHeaders });
    this.#healthConnection = new Connections({ target, count: () => 1, clock, keptHeaders });
  }

  /**
   * The contract with other credentials, and what TLS presents now, from the next request on. Calls in flight end as they
   * began.
   */
  replace(contract: Contract, tls: Tls | undefined): void {
    this.#contract = contract;
    if (isDeepStrictEqual(tls, this.#tls)) return;
    this.#tls = tls;
    const target = targetOf(this.#url, tls);
    this.#connections.retarget(target);
    this.#healthConnection.retarget(target);
  }

  get reportsHealth(): boolean {
    return this.#contract.health !== undefined;
  }

  pay(dispatch: Dispatch, timeoutMs: number): Promise<PayOutcome> {
    const { correlationId, trace } = dispatch;
    const contract = this.#contract;
    return this.#ask(
      this.#connections,
      () => contract.pay(dispatch),
      timeoutMs,
      { trace, name: 'pay', correlationId },
      (response) => payOutcomeOf(contract, response, dispatch, this.#clock.nowMs()),
    );
  }

  find(correlationId: string, timeoutMs: number, trace: Buffer | null = null): Promise<LookUpOutcome> {
    const contract = this.#contract;
    return this.#ask(
      this.#connections,
      () => contract.find(correlationId),
      timeoutMs,
      { trace, name: 'look up', correlationId },
      (response) => lookUpOutcomeOf(contract, response, correlationId, this.#clock.nowMs()),
    );
  }

  async health(timeoutMs: number): Promise<Health> {
    const contract = this.#contract;
    const { health } = contract;
    if (health === undefined) return { kind: 'unknown', reason: 'the contract has no health route' };
    return this.#ask(
      this.#healthConnection,
      () => health.request,
      timeoutMs,
      null,
      (response) => healthOf(contract, response, this.#clock.nowMs()),
    );
  }

  async totals(fromMs: number, toMs: number, token: string, timeoutMs: number): Promise<TotalsOutcome> {
    const contract = this.#contract;
    const { totals } = contract;
    if (totals === undefined) return { kind: 'unknown', reason: 'the contract has no totals route' };
    return this.#ask(
      this.#connections,
      () => totals.request(fromMs, toMs, token),
      timeoutMs,
      null,
      (response) => totalsOf(contract, response, this.#clock.nowMs()),
    );
  }

  /** Closes all connections at once: calls in flight end as cut off. */
  async close(): Promise<void> {
    this.#connections.close();
    this.#healthConnection.close();
  }

  /** Resolves within `timeoutMs`, whatever happens. If the contract fails to write a request, nothing is sent. */
  #ask<T>(
    connections: Connections,
    write: () => ContractRequest,
    timeoutMs: number,
    traced: Traced | null,
    read: (response: Response) => T,
  ): Promise<T> {
    return new Promise((resolve) => {
      let span: Span | null = null;
      let text: string;
      let encoding: 'latin1' | 'utf8';
      try {
        const request = write();
        const { body = '' } = request;
        const bodyBytes = Buffer.byteLength(body);
        encoding = bodyBytes === body.length ? 'latin1' : 'utf8';
        span = this.#begin(traced, request);
        text = this.#textOf(request, bodyBytes, span);
      } catch (error) {
        resolve(read(unsent(`the contract failed: ${String(error)}`)));
        return;
      }
      const onOver = (response: Response) => {
        if (span !== null) endAnswered(span, response);
        resolve(read(response));
      };
      const nowMs = this.#clock.monotonicMs();
      connections.send(new Call(text, timeoutMs, nowMs, onOver, encoding));
    });
  }

  #textOf({ method, path, headers, body }: ContractRequest, bodyBytes: number, span: Span | null): string {
    if (!PATH.test(path)) throw new Error(`invalid path ${JSON.stringify(path)}`);
    const length = body === undefined ? '' : `content-length: ${bodyBytes}\r\n`;
    const traced = span === null ? '' : `traceparent: ${span.traceparent}\r\n`;
    const start = `${method} ${this.#pathPrefix}${path}${this.#lineEnd}`;
    return `${start}${this.#headerText(headers)}${length}${traced}\r\n${body ?? ''}`;
  }

  #headerText(headers: Readonly<Record<string, string>> | undefined): string {
    if (headers === undefined) return '';
    const known = this.#headerTexts.get(headers);
    if (known !== undefined) return known;
    let text = '';
    for (const [name, value] of Object.entries(headers)) {
      if (!HEADER_NAME.test(name) || !HEADER_VALUE.test(value)) throw new Error(`invalid header ${name}`);
      text += `${name}: ${value}\r\n`;
    }
    this.#headerTexts.set(headers, text);
    return text;
  }

  #begin(traced: Traced | null, { method }: ContractRequest): Span | null {
    if (traced === null || traced.trace === null) return null;
    const span = this.#tracer.begin(traced.trace, traced.name, 'client');
    span.setAttribute('dinossauro.correlation_id', traced.correlationId);
    span.setAttribute('dinossauro.processor', this.#name);
    span.setAttribute('http.request.method', method);
    return span;
  }
}

interface Traced {
  readonly trace: Buffer | null;
  readonly name: 'pay' | 'look up';
  readonly correlationId: string;
}

const PATH = /^\/[!-~]*$/;
const HEADER_NAME = /^[!#$%&'*+.^_`|~\dA-Za-z-]+$/;
const HEADER_VALUE = /^[\t -~]*$/;

function unsent(cut: string): Response {
  return {
    sent: false,
    status: 0,
    retryAfter: '',
    cut,
    isExhausted: false,
    header: () => '',
    text: () => '',
  };
}

function endAnswered(span: Span, { status, cut }: Response): void {
  if (status !== 0) span.setAttribute('http.response.status_code', status);
  span.end(cut !== '' || status < 400 ? cut : `HTTP ${status}`);
}
