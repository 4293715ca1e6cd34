import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { UUID_BYTES, writeUuid } from '../core/uuid.ts';
import type { Action, Cancellation } from '../ledger/actions.ts';
import { frozenReason } from '../ledger/books-status.ts';
import { cancel } from '../ledger/cancel.ts';
import { hold, release } from '../ledger/hold.ts';
import type { Ledger, Reply } from '../ledger/ledger.ts';
import { sendAgain } from '../ledger/send-again.ts';
import type { IdempotencyCache } from '../shared-memory/idempotency-cache.ts';
import { type Exchange, FRESH_JSON_HEADERS } from './exchange.ts';
import { type OperatorGuard, receiveChange, signature } from './operator-change.ts';
import { type Order, readOrder } from './payment-orders.ts';
import { ledgerProblem, problem } from './problem.ts';
import { unknownParameter } from './query.ts';
import { guardedRoute, refuse } from './route.ts';
import type { HttpRequest, WebApp } from './uws.ts';

export interface PaymentActionParts {
  readonly app: WebApp;
  readonly ledger: Ledger;
  readonly idempotencyCache: Pick<IdempotencyCache, 'leaveToLedger'>;
  readonly instanceId: string;
  readonly clock: Clock;
  readonly log: Log;
}

const BODY_LIMIT_BYTES = 16_384;
/** What to do about unproven books, in the words of `frozenReason`. */
const UNPROVEN =
  'the books are a restored copy that may not know every charge: run dinossauro audit --adopt, if possible with --ids';
/** Results by which something was done. */
const DONE: readonly string[] = ['reopened', 'cancelled', 'held', 'awaited', 'released'];
const LOGGED: Readonly<Record<Action['what'], string>> = {
  'send-again': 'rejected payments are sent again',
  cancel: 'payments are cancelled',
  hold: 'payments are held',
  release: 'held payments are released',
};

/**
 * `POST /actions` has rejected payments sent once more, and cancels, holds or releases payments that were not dispatched.
 * `GET /actions` shows what operators have done.
 *
 * | answer                   | when                                                                              |
 * |--------------------------|-----------------------------------------------------------------------------------|
 * | 200                      | the result of each payment, in the order of the request                           |
 * | 400 `malformed-json`     | the body is not a JSON object                                                     |
 * | 403 `other-origin`       | it comes from a page of another origin                                            |
 * | 409 `books-not-in-use`   | the books may not know where a payment was sent since; frozen meanwhile: it may have been done to some |
 * | 422 `action-not-valid`   | a member is missing, unknown or invalid                                           |
 * | 503 `ledger-unavailable` | the ledger does not answer; it may have been done to some, and may be repeated    |
 */
export function servePaymentActions(parts: PaymentActionParts, path: string, guard: OperatorGuard): void {
  const { app } = parts;
  guardedRoute(app, path, guard, (exchange, request) => receive(parts, exchange, request, guard), 'POST');
  guardedRoute(app, path, guard, (exchange, request) => list(parts, exchange, request.getQuery()));
}

async function list({ ledger }: PaymentActionParts, exchange: Exchange, query: string): Promise<void> {
  const unknown = unknownParameter(query, []);
  if (unknown !== null) return refuse(exchange, unknown);
  const reply = await ledger.actions();
  if (reply.kind === 'unavailable') return refuse(exchange, problem('ledger-unavailable'));
  const actions = reply.value.map(({ atMs, what, by, why, payments }) => ({
    at: new Date(atMs).toISOString(),
    what,
    by,
    why,
    payments,
  }));
  exchange.end('200 OK', FRESH_JSON_HEADERS, JSON.stringify({ actions }));
}

function receive(
  parts: PaymentActionParts,
  exchange: Exchange,
  request: HttpRequest,
  guard: OperatorGuard,
): void {
  receiveChange(exchange, request, guard, BODY_LIMIT_BYTES, (body, keyName) => {
    const order = readOrder(body);
    if ('body' in order) return refuse(exchange, order);
    void carryOut(parts, exchange, { ...order, by: signature(keyName, order.by) });
  });
}

async function carryOut(parts: PaymentActionParts, exchange: Exchange, order: Order): Promise<void> {
  const { ledger, log } = parts;
  const { what, by, why, payments } = order;
  const status = await ledger.booksStatus();
  if (status.kind === 'unavailable') return refuse(exchange, problem('ledger-unavailable'));
  if (status.value.kind !== 'in-use') {
    const detail = frozenReason(status.value) ?? UNPROVEN;
    return refuse(exchange, problem('books-not-in-use', { detail }));
  }
  const reply = await act(parts, order);
  if (reply.kind === 'unavailable') return refuse(exchange, ledgerProblem(reply));
  const replies = reply.value;
  const results = payments.map(({ correlationId }, index) => ({ correlationId, result: replies[index] }));
  const doneCount = replies.filter((result) => DONE.includes(result)).length;
  if (doneCount > 0) log.warn({ payments: doneCount, by, why }, LOGGED[what]);
  exchange.end('200 OK', FRESH_JSON_HEADERS, JSON.stringify({ results }));
}

function act(parts: PaymentActionParts, order: Order): Promise<Reply<readonly string[]>> {
  const { ledger, instanceId, clock } = parts;
  const { what, by, why } = order;
  const action = { what, atMs: clock.nowMs(), by, why };
  switch (order.what) {
    case 'send-again':
      return sendAgain(ledger, instanceId, action, order.payments);
    case 'cancel':
      return cancelEverywhere(parts, action, order.payments);
    case 'hold':
      return hold(ledger, action, order.payments);
    case 'release':
      return release(ledger, instanceId, action, order.payments);
  }
}

async function cancelEverywhere(
  { ledger, idempotencyCache }: PaymentActionParts,
  action: Action,
  payments: readonly Cancellation[],
): Promise<Reply<readonly string[]>> {
  const reply = await cancel(ledger, action, payments);
  if (reply.kind === 'unavailable') return reply;
  // Other instances answer repeated posts from their caches until they have tried to claim the payment. What was cancelled before
  // may have been by a request that was answered 503.
  const id = Buffer.alloc(UUID_BYTES);
  for (const [index, { correlationId }] of payments.entries()) {
    const result = reply.value[index];
    if (result !== 'cancelled' && result !== 'cancelled-before') continue;
    writeUuid(correlationId, id, 0);
    idempotencyCache.leaveToLedger(id);
  }
  return reply;
}
