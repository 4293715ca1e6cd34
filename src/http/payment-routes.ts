import type { Scope } from '../config/api-key.ts';
import type { Config } from '../config/config.ts';
import { NO_STORY } from '../core/attempt.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { centsToDecimal } from '../core/money.ts';
import { OutageLog } from '../core/outage-log.ts';
import { parseWindow } from '../core/time-window.ts';
import { isUuid, readUuid, UUID_BYTES, writeUuid } from '../core/uuid.ts';
import { isAwaited } from '../ledger/actions.ts';
import { frozenReason } from '../ledger/books-status.ts';
import type { Ledger, LedgerEntry, ProcessorTotals } from '../ledger/ledger.ts';
import type { IdempotencyCache } from '../shared-memory/idempotency-cache.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';
import type { SharedState } from '../shared-memory/state.ts';
import type { Span, Tracer } from '../tracing/tracer.ts';
import type { Access } from './access.ts';
import type { PaymentDecoder } from './decoder.ts';
import { Exchange, FRESH_JSON_HEADERS, type Headers, NO_STORE } from './exchange.ts';
import type { Keyring } from './keyring.ts';
import { noSumProblem } from './no-sum.ts';
import { isOwnOrigin } from './origin.ts';
import type { PaymentAcceptor } from './payment-acceptor.ts';
import { acceptBatch, linesOf } from './payment-batch.ts';
import { paymentJson, storyJson } from './payment-json.ts';
import { ledgerProblem, type Problem, problem } from './problem.ts';
import { unknownParameter } from './query.ts';
import { refusalIndex, refusalOf } from './refusal.ts';
import { type Guard, guardedRoute, refuse, route } from './route.ts';
import type { WebApp } from './uws.ts';

export interface PaymentRoutesParts {
  readonly app: WebApp;
  readonly decoder: PaymentDecoder;
  readonly acceptor: PaymentAcceptor;
  readonly idempotencyCache: IdempotencyCache;
  readonly ledger: Ledger;
  readonly sharedState: SharedState;
  /** The metrics of this thread. */
  readonly metrics: ThreadMetrics;
  readonly poolThreadCount: number;
  readonly bodyLimitBytes: number;
  readonly postBatch: Config['postBatch'];
  readonly allowPurge: boolean;
  /** Who may post and read payments: clients with a key of `keyring`, or everyone. */
  readonly access: 'token' | 'open';
  readonly keyring: Keyring;
  /** Who is shown the story of a payment. */
  readonly operators: Pick<Access, 'allows'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly tracer: Tracer;
}

const JSON_HEADERS = [['Content-Type', 'application/json']] as const;
const NDJSON_HEADERS = [['Content-Type', 'application/x-ndjson'], NO_STORE] as const;
/** How many batches one thread reads or accepts at once, so that slow clients cannot fill its memory. */
const BATCHES_MAX = 32;

/** The routes for payments and health checks, and the 404 for every other path. */
export class PaymentRoutes {
  readonly #parts: PaymentRoutesParts;
  #batchCount = 0;
  readonly #summaryOutage: OutageLog;
  /** One for each shard of the ledger. */
  readonly #lookUpOutages: readonly OutageLog[];

  constructor(parts: PaymentRoutesParts) {
    this.#parts = parts;
    const { app, operators, ledger, log } = parts;
    this.#summaryOutage = new OutageLog({
      log,
      began: 'summaries are refused: the ledger cannot be read',
      ended: 'summaries are answered again',
    });
    this.#lookUpOutages = ledger.shards.map(
      (_, shard) =>
        new OutageLog({
          log,
          fields: ledger.shards.length > 1 ? { shard } : {},
          began: 'look-ups of payments are refused: the ledger cannot be read',
          ended: 'look-ups of payments are answered again',
        }),
    );
    const readers = this.#guardFor('read');
    route(
      app,
      '/payments',
      'POST',
      (exchange, request) =>
        this.#postPayment(exchange, request.getHeader('traceparent'), request.getHeader('idempotency-key')),
      this.#counting(this.#guardFor('post')),
    );
    // A path of its own: `POST /payments` takes any content type for one payment, and reads no header to find out.
    route(app, '/payments-batch', 'POST', (exchange, request) =>
      this.#postBatch(exchange, request.getHeader('traceparent'), request.getHeader('authorization')),
    );
    route(
      app,
      '/payments-summary',
      'GET',
      (exchange, request) => this.#getSummary(exchange, request.getQuery()),
      readers,
    );
    route(
      app,
      '/payments/:id',
      'GET',
      (exchange, request, response) => {
        const toJson = operators.allows(response, request) ? storyJson : paymentJson;
        return this.#getPayment(exchange, request.getParameter(0), toJson);
      },
      readers,
    );
    route(
      app,
      '/purge-payments',
      'POST',
      (exchange, request) => this.#postPurge(exchange, isOwnOrigin(request), request.getQuery()),
      this.#guardFor('operate'),
    );
    route(app, '/livez', 'GET', (exchange) => exchange.end('200 OK', [NO_STORE], ''));
    route(app, '/readyz', 'GET', (exchange) => this.#getReady(exchange));
    app.any('/*', (response, request) => refuse(new Exchange(response, request), problem('no-such-route')));
  }

  /** Serves the stories of payments below `path`, to those whom the guard lets pass. */
  serveStories(path: string, guard: Guard): void {
    guardedRoute(this.#parts.app, `${path}/:id`, guard, (exchange, request) =>
      this.#getPayment(exchange, request.getParameter(0), storyJson),
    );
  }

  /** Null while payments need no key: then nothing is asked. */
  #guardFor(scope: Scope): Guard | null {
    const { access, keyring } = this.#parts;
    if (access === 'open') return null;
    return {
      check: (_response, request) => {
        const admitted = keyring.admit(request.getHeader('authorization'), scope);
        return 'slug' in admitted ? admitted : null;
      },
    };
  }

  /** Posts that a guard refuses are counted like other refused posts. */
  #counting(guard: Guard | null): Guard | null {
    if (guard === null) return null;
    return {
      check: (response, request) => {
        const refusal = guard.check(response, request);
        if (refusal !== null) this.#parts.metrics.countRefusal(refusalIndex(refusal.slug));
        return refusal;
      },
    };
  }

  #postPayment(exchange: Exchange, traceparent: string, idempotencyKey: string): void {
    const { decoder, acceptor, bodyLimitBytes, clock, tracer } = this.#parts;
    const post = { exchange, route: '/payments', span: tracer.accept(traceparent, 'POST /payments') };
    exchange.readBody(bodyLimitBytes, (body) => {
      // Measured from the complete request: how fast the client sends is not our latency.
      const beganAtMs = clock.stopwatchMs();
      if (!this.#isWhole(body, bodyLimitBytes, post)) return;
      const decodeProblem = decoder.decode(body, idempotencyKey);
      if (decodeProblem !== null) {
        this.#refusePost(post, problem(decodeProblem, decoder.detailOf(decodeProblem, body)));
        return;
      }
      const { span } = post;
      span?.setAttribute('dinossauro.correlation_id', readUuid(decoder.id, 0));
      acceptor.accept(decoder.id, decoder.amountCents, span === null ? null : span.trace, (verdict) => {
        const refusal = refusalOf(verdict);
        if (refusal !== null) this.#refusePost(post, refusal);
        else this.#answerPost(post, ACCEPTED, [], '', beganAtMs);
      });
    });
  }

  /** The answer is 200, whatever becomes of the lines: each has its own status. */
  #postBatch(exchange: Exchange, traceparent: string, authorization: string): void {
    const { decoder, acceptor, access, keyring, postBatch, clock, tracer } = this.#parts;
    const route = '/payments-batch';
    const post = { exchange, route, span: tracer.accept(traceparent, `POST ${route}`) };
    const admitted = access === 'open' ? null : keyring.admit(authorization, 'post');
    if (admitted !== null && 'slug' in admitted) {
      this.#refusePost(post, admitted);
      return;
    }
    if (this.#batchCount >= BATCHES_MAX) {
      this.#refusePost(post, problem('batches-limit'));
      return;
    }
    this.#batchCount++;
    const end = once(() => this.#batchCount--);
    exchange.onGone(end);
    exchange.readBody(postBatch.bytes, (body) => {
      const beganAtMs = clock.stopwatchMs();
      const lines = body === null ? [] : linesOf(body);
      if (!this.#isWhole(body, postBatch.bytes, post) || !this.#isBatch(lines, post)) {
        end();
        return;
      }
      if (admitted !== null) keyring.charge(admitted, lines.length - 1);
      const trace = post.span === null ? null : post.span.trace;
      acceptBatch(lines, decoder, acceptor, trace, ({ body: answer, problems }) => {
        end();
        for (const { slug } of problems) this.#parts.metrics.countRefusal(refusalIndex(slug));
        this.#answerPost(post, '200 OK', NDJSON_HEADERS, answer, beganAtMs);
      });
    });
  }

  /** Answers a post that is too large, or comes while the gateway stops. */
  #isWhole(body: Uint8Array | null, limitBytes: number, post: Post): body is Uint8Array {
    if (body === null) {
      const detail = `The body exceeds the limit of ${limitBytes} bytes.`;
      this.#refusePost(post, problem('body-too-large', { detail }), true);
      return false;
    }
    if (!this.#parts.sharedState.stopping) return true;
    this.#refusePost(post, problem('stopping'), true);
    return false;
  }

  #isBatch(lines: readonly Uint8Array[], post: Post): boolean {
    const { lineLimit } = this.#parts.postBatch;
    if (lines.length > lineLimit) {
      const detail = `The batch has ${lines.length} lines: it may have ${lineLimit} (POST_BATCH_LIMIT).`;
      this.#refusePost(post, problem('body-too-large', { detail }));
    } else if (lines.length === 0) {
      const detail = 'The batch is empty: expected one payment a line, each a JSON object.';
      this.#refusePost(post, problem('malformed-json', { detail }));
    } else return true;
    return false;
  }

  #answerPost(
    { exchange, route, span }: Post,
    status: string,
    headers: Headers,
    body: string,
    beganAtMs: number,
  ): void {
    const { metrics, clock } = this.#parts;
    exchange.end(status, headers, body);
    metrics.observe('accept', clock.stopwatchMs() - beganAtMs);
    if (span !== null) endAnswered(span, route, status);
  }

  #refusePost({ exchange, route, span }: Post, why: Problem, close = false): void {
    this.#parts.metrics.countRefusal(refusalIndex(why.slug));
    refuse(exchange, why, close);
    if (span !== null) endAnswered(span, route, why.status);
  }

  #refuseUnread(exchange: Exchange, why = problem('ledger-unavailable')): void {
    this.#parts.metrics.count('readFailures');
    refuse(exchange, why);
  }

  async #getSummary(exchange: Exchange, query: string): Promise<void> {
    const unknown = unknownParameter(query, ['from', 'to']);
    if (unknown !== null) {
      refuse(exchange, unknown);
      return;
    }
    const window = parseWindow(query);
    if (window.kind === 'bad') {
      refuse(exchange, problem('bad-window', { field: window.field, detail: window.detail }));
      return;
    }
    const totals = await this.#parts.ledger.summary(window.fromMs, window.toMs);
    if (totals.kind === 'unavailable') {
      this.#summaryOutage.failed(totals.reason);
      this.#refuseUnread(exchange, problem('ledger-unavailable'));
      return;
    }
    this.#summaryOutage.recovered();
    if (totals.kind !== 'ok') {
      refuse(exchange, noSumProblem(totals));
      return;
    }
    exchange.end('200 OK', FRESH_JSON_HEADERS, summaryJson(totals.value));
  }

  async #getPayment(
    exchange: Exchange,
    parameter: string | undefined,
    toJson: (entry: LedgerEntry) => string,
  ): Promise<void> {
    const { ledger, idempotencyCache } = this.#parts;
    if (parameter === undefined || !isUuid(parameter)) {
      refuse(exchange, problem('no-such-payment'));
      return;
    }
    const correlationId = parameter.toLowerCase();
    const id = Buffer.alloc(UUID_BYTES);
    writeUuid(correlationId, id, 0);
    // The cache before the ledger: a payment that leaves the cache in between is in the ledger by then.
    const accepted = idempotencyCache.find(id);
    const reply = await ledger.find(correlationId);
    const outage = this.#lookUpOutages[ledger.shardOf(correlationId)];
    if (reply.kind === 'unavailable') {
      outage?.failed(reply.reason);
      this.#refuseUnread(exchange);
      return;
    }
    outage?.recovered();
    if (reply.value !== undefined) {
      const { amountCents, acceptedAtMs } = accepted ?? reply.value;
      const entry = isAwaited(reply.value) ? { ...reply.value, amountCents, acceptedAtMs } : reply.value;
      exchange.end('200 OK', FRESH_JSON_HEADERS, toJson(entry));
    } else if (accepted !== undefined) {
      exchange.end('200 OK', FRESH_JSON_HEADERS, toJson(notYetClaimed(correlationId, accepted)));
    } else {
      refuse(exchange, problem('no-such-payment'));
    }
  }

  /** Removes every payment accepted before the response, wherever it is; payments accepted later stay. */
  async #postPurge(exchange: Exchange, isOwn: boolean, query: string): Promise<void> {
    const { allowPurge, ledger, sharedState, idempotencyCache, metrics, clock, log } = this.#parts;
    if (!allowPurge) {
      refuse(exchange, problem('purge-not-allowed'));
      return;
    }
    if (!isOwn) {
      refuse(exchange, problem('other-origin'));
      return;
    }
    // A purge removes everything; a client that sends a window expects less.
    const unknown = unknownParameter(query, []);
    if (unknown !== null) {
      refuse(exchange, unknown);
      return;
    }
    const status = await ledger.booksStatus();
    if (status.kind === 'unavailable') {
      this.#refuseUnread(exchange);
      return;
    }
    const detail = frozenReason(status.value);
    if (detail !== null) {
      refuse(exchange, problem('books-not-in-use', { detail }));
      return;
    }
    const purgedAtMs = Math.max(clock.nowMs(), sharedState.purgedAtMs) + 1;
    const reply = await ledger.purge(purgedAtMs);
    if (reply.kind === 'unavailable') {
      this.#refuseUnread(exchange, ledgerProblem(reply));
      return;
    }
    metrics.count('purges');
    // Only now: once the shared state shows the purge, the ledger must refuse payments from before it.
    sharedState.raisePurgedAt(purgedAtMs);
    idempotencyCache.forgetBefore(purgedAtMs);
    log.info({ purgedAtMs }, 'books purged');
    exchange.end('200 OK', JSON_HEADERS, '{"message":"All payments purged."}');
  }

  async #getReady(exchange: Exchange): Promise<void> {
    const { sharedState, poolThreadCount, ledger } = this.#parts;
    if (sharedState.stopping) {
      refuse(exchange, problem('stopping'));
      return;
    }
    // The ledger first: threads that are starting may be waiting for it, and its error is the useful one.
    const reply = await ledger.ping();
    if (reply.kind === 'unavailable')
      this.#refuseUnread(exchange, problem('ledger-unavailable', { detail: reply.reason }));
    else if (sharedState.threadsReady < poolThreadCount) refuse(exchange, problem('starting'));
    else exchange.end('200 OK', [NO_STORE], '');
  }
}

const ACCEPTED = '202 Accepted';

/** A post that is being answered. */
interface Post {
  readonly exchange: Exchange;
  readonly route: string;
  readonly span: Span | null;
}

function once(run: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) run();
    isDone = true;
  };
}

/** Only 5xx makes the span an error. */
function endAnswered(span: Span, route: string, status: string): void {
  const code = Number.parseInt(status, 10);
  span.setAttribute('http.request.method', 'POST');
  span.setAttribute('http.route', route);
  span.setAttribute('http.response.status_code', code);
  span.end(code >= 500 ? status : '');
}

function summaryJson(totals: readonly ProcessorTotals[]): string {
  const members = totals.map(
    ({ name, count, amountCents }) =>
      `${JSON.stringify(name)}:{"totalRequests":${count},"totalAmount":${centsToDecimal(amountCents)}}`,
  );
  return `{${members.join(',')}}`;
}

function notYetClaimed(
  correlationId: string,
  accepted: { amountCents: number; acceptedAtMs: number },
): LedgerEntry {
  return {
    correlationId,
    amountCents: accepted.amountCents,
    acceptedAtMs: accepted.acceptedAtMs,
    status: 'accepted',
    owner: 0,
    processor: null,
    processorName: null,
    requestedAtMs: 0,
    attempts: 0,
    story: NO_STORY,
    reason: '',
    conflictingAmountCents: null,
  };
}
