import type { WebhookTarget } from '../config/webhooks-file.ts';
import type { Log } from '../core/log.ts';
import { instanceOf } from '../ledger/exclusive-bookmark.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { changeProgress } from '../webhooks/progress.ts';
import { type WebhookStatus, webhookStatus } from '../webhooks/status.ts';
import { type Exchange, FRESH_JSON_HEADERS } from './exchange.ts';
import { type OperatorGuard, receiveChange, signature } from './operator-change.ts';
import { problem } from './problem.ts';
import { unknownParameter } from './query.ts';
import { guardedRoute, refuse } from './route.ts';
import type { HttpRequest, WebApp } from './uws.ts';
import { readWebhookChange, type WebhookChange } from './webhook-changes.ts';

export interface WebhookRoutesParts {
  readonly app: WebApp;
  readonly webhooks: readonly WebhookTarget[];
  /** Whether the ledger keeps events. */
  readonly hasEvents: boolean;
  readonly ledger: Pick<Ledger, 'bookmark' | 'setBookmark' | 'outbox' | 'outboxEnd'>;
  readonly log: Log;
}

const BODY_LIMIT_BYTES = 4096;

/**
 * Lists the endpoints of webhooks and how far each of them is, enables one again, or has it get events again.
 *
 * | answer                   | when                                                                        |
 * |--------------------------|-----------------------------------------------------------------------------|
 * | 200                      | here they are; or the change is made                                        |
 * | 400 `malformed-json`     | the body is not a JSON object                                               |
 * | 403 `other-origin`       | the change comes from a page of another origin                              |
 * | 404 `no-such-webhook`    | the `WEBHOOKS_FILE` of this instance does not list it                       |
 * | 412 `webhook-changed`    | others have changed it at the same time, again and again; nothing was changed |
 * | 422 `change-not-valid`   | a member is missing, unknown or invalid                                     |
 * | 503 `ledger-unavailable` | the ledger does not answer; a change may have been made, and may be repeated |
 */
export function serveWebhooks(parts: WebhookRoutesParts, path: string, guard: OperatorGuard): void {
  const { app } = parts;
  guardedRoute(app, path, guard, (exchange, request) => list(parts, exchange, request.getQuery()));
  const change = (exchange: Exchange, request: HttpRequest) => receive(parts, exchange, request, guard);
  guardedRoute(app, `${path}/:name`, guard, change, 'PATCH');
}

async function list(parts: WebhookRoutesParts, exchange: Exchange, query: string): Promise<void> {
  const unknown = unknownParameter(query, []);
  if (unknown !== null) return refuse(exchange, unknown);
  const { webhooks, hasEvents, ledger } = parts;
  const shown: object[] = [];
  // One after another, so that a look at many endpoints that are far behind holds up no payment.
  for (const target of webhooks) {
    const reply = await webhookStatus(ledger, target);
    if (reply.kind === 'unavailable') return refuse(exchange, problem('ledger-unavailable'));
    shown.push(shownWebhook(reply.value));
  }
  exchange.end('200 OK', FRESH_JSON_HEADERS, JSON.stringify({ events: hasEvents, webhooks: shown }));
}

function receive(
  parts: WebhookRoutesParts,
  exchange: Exchange,
  request: HttpRequest,
  guard: OperatorGuard,
): void {
  const parameter = request.getParameter(0) ?? '';
  const target = parts.webhooks.find(({ name }) => name === parameter);
  receiveChange(exchange, request, guard, BODY_LIMIT_BYTES, (body, keyName) => {
    if (target === undefined) return refuse(exchange, problem('no-such-webhook'));
    const change = readWebhookChange(body);
    if ('body' in change) return refuse(exchange, change);
    void carryOut(parts, exchange, target, { ...change, by: signature(keyName, change.by) });
  });
}

async function carryOut(
  { ledger, log }: WebhookRoutesParts,
  exchange: Exchange,
  target: WebhookTarget,
  { apply, asked, by, why }: WebhookChange,
): Promise<void> {
  const changed = await changeProgress(ledger, target.name, apply);
  if (changed.kind === 'unavailable') return refuse(exchange, problem('ledger-unavailable'));
  if (changed.value === null) return refuse(exchange, problem('webhook-changed'));
  log.warn({ webhook: target.name, ...asked, by, why }, 'a webhook is changed by an operator');
  const reply = await webhookStatus(ledger, target);
  if (reply.kind === 'unavailable') return refuse(exchange, problem('ledger-unavailable'));
  exchange.end('200 OK', FRESH_JSON_HEADERS, JSON.stringify(shownWebhook(reply.value)));
}

function shownWebhook({ target, state, progress, waiting }: WebhookStatus) {
  const { lastFailure = null, disabled = null } = progress ?? {};
  return {
    name: target.name,
    // The rest of the URL may be a secret.
    host: new URL(target.url).host,
    types: target.types,
    state,
    since: timeText(disabled?.atMs ?? progress?.failingSinceMs),
    instance: progress && instanceOf(progress),
    waiting: waiting.count,
    countsAll: waiting.isAll,
    oldestAt: timeText(waiting.oldestAtMs),
    lastSuccessAt: timeText(progress?.deliveredAtMs),
    failures: progress?.failures ?? 0,
    lastFailure: lastFailure && { at: timeText(lastFailure.atMs), reason: lastFailure.reason },
  };
}

function timeText(ms: number | null | undefined): string | null {
  return ms == null ? null : new Date(ms).toISOString();
}
