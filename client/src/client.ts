import {
  type BatchAnswer,
  type GatewayEvent,
  OPERATIONS,
  type Payment,
  type PaymentPage,
  type PaymentRequest,
  type Summary,
} from './api.ts';
import { parseInCents, toDecimal } from './cents.ts';
import { type CallOptions, checkedTimeoutMs, Deadline, delayMs } from './deadline.ts';
import { type ClientProblem, NoAnswerError, ProblemError, StillOpenError } from './errors.ts';
import { EventStreamReader } from './stream.ts';

const DEFAULT_REQUEST_TIMEOUT_MS = 10_000;
/** What a gateway or a proxy answers if the same request may succeed later. */
const REPEATED: readonly number[] = [429, 502, 503, 504];
const EXCERPT_LENGTH = 200;
const ACCEPTED = 202;
/** A gateway sends something every 5 s. */
const SILENCE_MAX_MS = 20_000;
/** As many payments as a gateway takes at once by default. */
const BATCH_SIZE = 500;

export interface ClientOptions {
  /** Where the gateway is, or the load balancer in front of several, such as `http://127.0.0.1:9999`. */
  readonly url: string;
  /** An API key of the gateway, if it needs one. */
  readonly apiKey?: string;
  /** The time limit of one HTTP request, by default 10 s. A request that takes longer is sent again. */
  readonly requestTimeoutMs?: number;
  /** In place of the global `fetch`: for headers, a proxy or a unix socket. */
  readonly fetch?: typeof fetch;
}

/** Both bounds are inclusive, to the millisecond. A bound that is left out leaves that side open. */
export interface TimeWindow {
  readonly from?: Date | string;
  readonly to?: Date | string;
}

/** What `list` returns; what is left out does not matter. */
export interface PaymentFilter extends TimeWindow {
  /** `open` is accepted, held or dispatched. Those and rejected payments are found at once; all others take a walk. */
  readonly status?: 'open' | Payment['status'];
  readonly processor?: string;
  /** Which time the window bounds, by default `accepted`; `requested` is when it was last sent to a processor. */
  readonly time?: 'accepted' | 'requested';
  readonly minAmountCents?: number;
  readonly maxAmountCents?: number;
  /** A part of the reason why it was rejected, in any case. */
  readonly reason?: string;
}

export interface EventOptions {
  /** The `cursor` of the last event that was handled, or a time. Default: only what happens from now on. */
  readonly after?: Date | string;
  /** Ends the iteration: it throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** An event, and where to continue once it is handled. */
export type ReceivedEvent = GatewayEvent & { readonly cursor: string };

/** A payment that will not change any more. */
export type FinishedPayment = Payment & { readonly status: 'settled' | 'rejected' };

interface Request {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  /** The status of success. */
  readonly success: number;
}

type Outcome =
  | { readonly kind: 'answered'; readonly text: string }
  | { readonly kind: 'refused'; readonly error: Error }
  /** The same request may succeed later. */
  | { readonly kind: 'failed'; readonly error: Error; readonly retryAfterMs: number };

/**
 * A client of the gateway. The gateway never charges an id twice, so every request may be repeated: each call repeats
 * what failed, with growing delays, until its time limit.
 *
 * Every call may throw a `ProblemError` if the gateway refuses it, and a `NoAnswerError` if no gateway answers.
 */
export class Client {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #requestTimeoutMs: number;
  readonly #fetch: typeof fetch;

  constructor({
    url,
    apiKey,
    requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS,
    fetch = globalThis.fetch,
  }: ClientOptions) {
    this.#url = new URL(url).href.replace(/\/+$/, '');
    this.#headers = apiKey === undefined ? {} : { Authorization: `Bearer ${apiKey}` };
    this.#requestTimeoutMs = checkedTimeoutMs('requestTimeoutMs', requestTimeoutMs);
    this.#fetch = fetch;
  }

  /**
   * Posts a payment, and returns once the gateway has accepted it; it is settled later. Choose the id and store it
   * before you post: then you can post again after a crash, and after a `NoAnswerError`, and nothing is charged twice.
   */
  async post(payment: PaymentRequest, options: CallOptions = {}): Promise<void> {
    await this.#call(
      { ...OPERATIONS.postPayment, body: jsonOf(payment), success: ACCEPTED },
      new Deadline(options),
    );
  }

  /**
   * Posts many payments, in batches, and returns what has become of each, in their order: `status` is 202 if it was
   * accepted. Those that the gateway could not take yet are posted again until the time limit; then their `status` is 503.
   * A refused payment throws no error, because the others may have been accepted.
   */
  async postAll(payments: readonly PaymentRequest[], options: CallOptions = {}): Promise<BatchAnswer[]> {
    const deadline = new Deadline(options);
    const answers: BatchAnswer[] = [];
    let open = payments.map((payment, place) => ({ line: jsonOf(payment), place }));
    for (let attempt = 1; open.length > 0; attempt++) {
      const again: typeof open = [];
      for (let start = 0; start < open.length; start += BATCH_SIZE) {
        const batch = open.slice(start, start + BATCH_SIZE);
        const body = batch.map(({ line }) => line).join('\n');
        const text = await this.#call({ ...OPERATIONS.postBatch, body, success: 200 }, deadline);
        for (const [index, line] of text.trimEnd().split('\n').entries()) {
          const [answer, posted] = [JSON.parse(line) as BatchAnswer, batch[index]];
          if (posted === undefined) throw new NoAnswerError('the gateway answered more lines than were sent');
          answers[posted.place] = answer;
          if (REPEATED.includes(answer.status)) again.push(posted);
        }
      }
      open = again;
      const pauseMs = delayMs(attempt);
      if (pauseMs >= deadline.leftMs) break;
      if (open.length > 0) await deadline.sleep(pauseMs);
    }
    return answers;
  }

  /** The payment, or undefined if the gateway does not know it. */
  async find(correlationId: string, options: CallOptions = {}): Promise<Payment | undefined> {
    return this.#find(correlationId, new Deadline(options));
  }

  /**
   * Waits until a payment is settled or rejected. It also waits for an id that this gateway does not know, because
   * another instance may have accepted it. Throws a `StillOpenError` at the time limit; you can wait again.
   */
  async waitFor(correlationId: string, options: CallOptions = {}): Promise<FinishedPayment> {
    const deadline = new Deadline(options);
    let payment: Payment | undefined;
    try {
      for (let attempt = 1; deadline.leftMs > 0; attempt++) {
        payment = await this.#find(correlationId, deadline);
        if (payment?.status === 'settled' || payment?.status === 'rejected')
          return payment as FinishedPayment;
        await deadline.sleep(delayMs(attempt));
      }
    } catch (error) {
      // A look that ends at the time limit has found nothing out.
      if (!(error instanceof NoAnswerError) || deadline.leftMs > 0) throw error;
    }
    throw new StillOpenError(correlationId, payment, deadline.timeoutMs);
  }

  /** Count and sum of the settled payments of each processor, by the time at which they were sent to it. */
  async summary({ from, to }: TimeWindow = {}, options: CallOptions = {}): Promise<Summary> {
    const query = new URLSearchParams();
    if (from !== undefined) query.set('from', moment(from));
    if (to !== undefined) query.set('to', moment(to));
    const { method, path } = OPERATIONS.getSummary;
    const request = { method, path: query.size === 0 ? path : `${path}?${query}`, success: 200 };
    return parseInCents(await this.#call(request, new Deadline(options))) as Summary;
  }

  /**
   * The payments that match, page after page, for operators: give the client an `apiKey` with `operate`. The order is
   * not that of time. The time limit is that of each page.
   */
  async *list(
    filter: PaymentFilter = {},
    options: CallOptions = {},
  ): AsyncGenerator<Payment, void, undefined> {
    const { minAmountCents, maxAmountCents, from, to, ...texts } = filter;
    const query = new URLSearchParams(texts);
    if (from !== undefined) query.set('from', moment(from));
    if (to !== undefined) query.set('to', moment(to));
    if (minAmountCents !== undefined) query.set('minAmount', toDecimal(minAmountCents));
    if (maxAmountCents !== undefined) query.set('maxAmount', toDecimal(maxAmountCents));
    const { method, path } = OPERATIONS.listPayments;
    for (let next: string | null = ''; next !== null; ) {
      if (next !== '') query.set('after', next);
      const request = { method, path: query.size === 0 ? path : `${path}?${query}`, success: 200 };
      const page = parseInCents(await this.#call(request, new Deadline(options))) as PaymentPage;
      yield* page.payments;
      next = page.next;
    }
  }

  /**
   * What becomes of payments, as it happens, for operators: give the client an `apiKey` with `read`. It goes on until you
   * leave the loop or the signal ends it; a connection that breaks is replaced, and continues where it was. Store the
   * `cursor` of an event once you have handled it, and begin with it as `after` the next time: so none is missed. The same
   * event may come again, with the same `id`.
   */
  async *events({ after = '', signal }: EventOptions = {}): AsyncGenerator<ReceivedEvent, void, undefined> {
    let cursor = typeof after === 'string' ? after : after.toISOString();
    for (let failures = 0; ; ) {
      try {
        for await (const { data, id } of this.#stream(cursor, signal)) {
          failures = 0;
          cursor = id;
          if (data !== '') yield { ...(parseInCents(data) as GatewayEvent), cursor };
        }
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof SyntaxError) throw error;
        if (error instanceof ProblemError && !REPEATED.includes(error.problem.status)) throw error;
      }
      failures++;
      await new Deadline({ ...(signal && { signal }) }).sleep(delayMs(failures));
    }
  }

  /** One connection, until it ends, or nothing comes for longer than a gateway is silent. */
  async *#stream(cursor: string, signal: AbortSignal | undefined) {
    const silence = new AbortController();
    const listen = () => setTimeout(() => silence.abort(), SILENCE_MAX_MS);
    let timer = listen();
    try {
      const response = await this.#fetch(`${this.#url}${OPERATIONS.readEvents.path}`, {
        headers: { ...this.#headers, ...(cursor === '' ? {} : { 'Last-Event-ID': cursor }) },
        signal: signal === undefined ? silence.signal : AbortSignal.any([silence.signal, signal]),
      });
      if (response.status !== 200) throw errorOf(response, await response.text());
      const reader = new EventStreamReader();
      const decoder = new TextDecoder();
      for await (const bytes of chunksOf(response)) {
        clearTimeout(timer);
        yield* reader.push(decoder.decode(bytes, { stream: true }));
        timer = listen();
      }
    } finally {
      clearTimeout(timer);
      silence.abort();
    }
  }

  async #find(correlationId: string, deadline: Deadline): Promise<Payment | undefined> {
    const { method, path } = OPERATIONS.getPayment;
    const filled = path.replace('{correlationId}', encodeURIComponent(correlationId));
    try {
      return parseInCents(await this.#call({ method, path: filled, success: 200 }, deadline)) as Payment;
    } catch (error) {
      if (error instanceof ProblemError && error.problem.type === '/errors#no-such-payment') return undefined;
      throw error;
    }
  }

  /** The body of the success. */
  async #call(request: Request, deadline: Deadline): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(request, deadline);
      if (outcome.kind === 'answered') return outcome.text;
      if (outcome.kind === 'refused') throw outcome.error;
      const pauseMs = Math.max(delayMs(attempt), outcome.retryAfterMs);
      if (pauseMs >= deadline.leftMs) throw outcome.error;
      await deadline.sleep(pauseMs);
    }
  }

  async #attempt({ method, path, body, success }: Request, deadline: Deadline): Promise<Outcome> {
    const url = `${this.#url}${path}`;
    try {
      const response = await this.#fetch(url, {
        method,
        ...(body === undefined ? {} : { body }),
        headers: { ...this.#headers, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
        signal: deadline.requestSignal(this.#requestTimeoutMs),
      });
      const text = await response.text();
      if (response.status === success) return { kind: 'answered', text };
      const error = errorOf(response, text);
      if (!REPEATED.includes(response.status)) return { kind: 'refused', error };
      return { kind: 'failed', error, retryAfterMs: retryAfterMs(response.headers.get('Retry-After')) };
    } catch (cause) {
      deadline.throwIfAborted();
      return {
        kind: 'failed',
        error: new NoAnswerError(`no answer from ${url}`, { cause }),
        retryAfterMs: 0,
      };
    }
  }
}

async function* chunksOf({ body }: Response): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body?.getReader();
  for (;;) {
    const next = await reader?.read();
    if (next === undefined || next.done) return;
    yield next.value;
  }
}

function jsonOf({ correlationId, amountCents }: PaymentRequest): string {
  return `{"correlationId":${JSON.stringify(correlationId)},"amount":${toDecimal(amountCents)}}`;
}

function errorOf({ status, headers }: Response, text: string): Error {
  const contentType = headers.get('Content-Type') ?? '';
  if (contentType.startsWith('application/problem+json')) {
    return new ProblemError(JSON.parse(text) as ClientProblem);
  }
  return new NoAnswerError(`HTTP ${status} is not an answer of a gateway: ${text.slice(0, EXCERPT_LENGTH)}`);
}

/** 0 if it is not given in seconds, which is how a gateway gives it. */
function retryAfterMs(value: string | null): number {
  return Number(/^\d+$/.exec(value ?? '')?.[0] ?? 0) * 1_000;
}

function moment(bound: Date | string): string {
  return typeof bound === 'string' ? bound : bound.toISOString();
}
