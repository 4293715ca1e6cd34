import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { isUuid } from '../core/uuid.ts';
import { REOPENED_MAX, type Reopening, type ReopenReply } from '../ledger/actions.ts';
import { frozenReason } from '../ledger/books-status.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { sendAgain } from '../ledger/send-again.ts';
import {
  isText,
  NO_OBJECT,
  type OperatorGuard,
  parseObject,
  receiveChange,
  signature,
} from './operator-change.ts';
import { type Problem, problem } from './problem.ts';
import { unknownParameter } from './query.ts';
import { guardedRoute, refuse } from './route.ts';
import { type Exchange, FRESH_JSON_HEADERS, type HttpRequest, type WebApp } from './uws.ts';

export interface PaymentActionParts {
  readonly app: WebApp;
  readonly guard: OperatorGuard;
  readonly ledger: Ledger;
  readonly instanceId: string;
  readonly clock: Clock;
  readonly log: Log;
}

interface Order {
  readonly who: string;
  readonly why: string;
  readonly payments: readonly Reopening[];
}

/** The only kind of action. */
const SEND_AGAIN = 'send-again';
const BODY_LIMIT_BYTES = 16_384;
const WHO_MAX = 64;
const WHY_MAX = 200;

/**
 * `POST /actions` has rejected payments sent once more, and `GET /actions` shows what operators have done.
 *
 * | answer                   | when                                                                              |
 * |--------------------------|-----------------------------------------------------------------------------------|
 * | 200                      | the result of each payment, in the order of the request                           |
 * | 400 `malformed-json`     | the body is not a JSON object                                                     |
 * | 403 `other-origin`       | it comes from a page of another origin                                            |
 * | 409 `books-not-in-use`   | the books may not know where a payment was sent since                             |
 * | 422 `action-not-valid`   | a member is missing, unknown or invalid                                           |
 * | 503 `ledger-unavailable` | the ledger does not answer; some may have been opened, and it may be repeated     |
 */
export function servePaymentActions(parts: PaymentActionParts): void {
  const { app, guard } = parts;
  guardedRoute(app, '/actions', guard, (exchange, request) => receive(parts, exchange, request), 'POST');
  guardedRoute(app, '/actions', guard, (exchange, request) => list(parts, exchange, request.getQuery()));
}

async function list({ ledger }: PaymentActionParts, exchange: Exchange, query: string): Promise<void> {
  const unknown = unknownParameter(query, []);
  if (unknown !== null) return refuse(exchange, unknown);
  const reply = await ledger.actions();
  if (reply.kind === 'unavailable') return refuse(exchange, problem('ledger-unavailable'));
  const actions = reply.value.map(({ atMs, who, why, payments }) => ({
    at: new Date(atMs).toISOString(),
    what: SEND_AGAIN,
    who,
    why,
    payments,
  }));
  exchange.end('200 OK', FRESH_JSON_HEADERS, JSON.stringify({ actions }));
}

function receive(parts: PaymentActionParts, exchange: Exchange, request: HttpRequest): void {
  receiveChange(exchange, request, parts.guard, BODY_LIMIT_BYTES, (body, keyName) => {
    const order = readOrder(body);
    if ('body' in order) return refuse(exchange, order);
    void carryOut(parts, exchange, { ...order, who: signature(keyName, order.who) });
  });
}

async function carryOut(parts: PaymentActionParts, exchange: Exchange, order: Order): Promise<void> {
  const { ledger, instanceId, clock, log } = parts;
  const { who, why, payments } = order;
  const status = await ledger.booksStatus();
  if (status.kind === 'unavailable') return refuse(exchange, problem('ledger-unavailable'));
  if (status.value.kind !== 'in-use') {
    const reason = frozenReason(status.value) ?? 'the books are unproven';
    const detail = `${reason}: what they call rejected may have been charged since. Run \`dinossauro audit --adopt\` first.`;
    return refuse(exchange, problem('books-not-in-use', { detail }));
  }
  const reply = await sendAgain(ledger, instanceId, { atMs: clock.nowMs(), who, why }, payments);
  if (reply.kind === 'unavailable') return refuse(exchange, problem('ledger-unavailable'));
  const results = payments.map(({ correlationId }, index) => ({
    correlationId,
    result: reply.value[index] as ReopenReply,
  }));
  const reopenedCount = reply.value.filter((result) => result === 'reopened').length;
  if (reopenedCount > 0) log.warn({ payments: reopenedCount, who, why }, 'rejected payments are sent again');
  exchange.end('200 OK', FRESH_JSON_HEADERS, JSON.stringify({ results }));
}

function readOrder(body: Uint8Array): Order | Problem {
  const fields = parseObject(body);
  if (fields === null) return NO_OBJECT;
  const { what, payments, who = '', why, ...others } = fields;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    return invalid(unknown.slice(0, WHO_MAX), 'is not known: expected `what`, `payments`, `who` or `why`');
  if (what !== SEND_AGAIN) return invalid('what', `must be ${SEND_AGAIN}`);
  if (!isText(who, WHO_MAX)) return invalid('who', `must be text of at most ${WHO_MAX} characters`);
  if (!isText(why, WHY_MAX) || why === '')
    return invalid('why', `must say why, in text of at most ${WHY_MAX} characters`);
  if (!Array.isArray(payments) || payments.length < 1 || payments.length > REOPENED_MAX)
    return invalid('payments', `must be a list of 1 to ${REOPENED_MAX} payments`);
  if (!payments.every(isReopening))
    return invalid(
      'payments',
      'must have a `correlationId` and the `attempts` after which it was rejected, each',
    );
  const own = payments.map(({ correlationId, attempts }) => ({
    correlationId: correlationId.toLowerCase(),
    attempts,
  }));
  return { who, why, payments: own };
}

function isReopening(value: unknown): value is Reopening {
  if (typeof value !== 'object' || value === null) return false;
  const { correlationId, attempts } = value as Record<string, unknown>;
  return (
    typeof correlationId === 'string' &&
    isUuid(correlationId) &&
    typeof attempts === 'number' &&
    Number.isInteger(attempts) &&
    attempts >= 1 &&
    attempts < 2 ** 32
  );
}

function invalid(field: string, what: string): Problem {
  return problem('action-not-valid', { field, detail: `\`${field}\` ${what}.` });
}
