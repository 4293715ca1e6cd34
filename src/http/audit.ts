import type { Worker } from 'node:worker_threads';
import type { AuditMessage, AuditTask } from '../audit/worker.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../core/log.ts';
import { errorReason } from '../core/reason.ts';
import { startThread } from '../core/thread.ts';
import { parseWindow, type Window } from '../core/time-window.ts';
import type { SharedState } from '../shared-memory/state.ts';
import { Access } from './access.ts';
import { type Exchange, FRESH_JSON_HEADERS } from './exchange.ts';
import type { Keyring } from './keyring.ts';
import { noSumProblem } from './no-sum.ts';
import { problem } from './problem.ts';
import { unknownParameter } from './query.ts';
import { guardedRoute, refuse } from './route.ts';
import type { WebApp } from './uws.ts';

export interface AuditRouteParts {
  readonly app: WebApp;
  readonly config: Config;
  readonly keyring: Keyring;
  readonly sharedState: SharedState;
  readonly log: Log;
}

/** Differences listed in a response, at about 500 bytes each; the report still counts all of them. */
const DIFFERENCE_LIMIT = 200;
/** More than any report needs. Beyond it only the audit's thread dies. */
const HEAP_LIMIT_MB = 64;

/**
 * `GET /audit?from&to&payments=differing|every`, protected by AUDIT_ACCESS.
 *
 * | answer                  | when                                                                        |
 * |-------------------------|-----------------------------------------------------------------------------|
 * | 200, `AuditReport`      | the audit is done; `verdict` is its result (`src/audit/report.ts`)          |
 * | 400 `bad-window`        | `from`, `to` or `payments` is invalid                                       |
 * | 400 `unknown-parameter` | the query has any other parameter                                           |
 * | 401, 403, 404           | `src/http/access.ts`                                                        |
 * | 422 `window-too-fine`   | a bound is finer than what the books know of a time older than RETENTION    |
 * | 422 `sum-too-large`     | a sum of the window is too large to be exact                                |
 * | 429 `audit-running`     | this instance is already running an audit                                   |
 * | 503 `audit-failed`      | the thread of the audit died, or could not start                            |
 * | 503 `ledger-unavailable`| the ledger does not answer                                                  |
 *
 * An audit runs in its own thread, so that it costs this one neither time nor memory. It ends when its client leaves.
 */
export function serveAudit({ app, config, keyring, sharedState, log }: AuditRouteParts): void {
  const access = new Access({ mode: config.access.audit, keyring, scope: 'operate' });
  guardedRoute(app, '/audit', access, (exchange, request) => {
    const query = request.getQuery();
    const unknown = unknownParameter(query, ['from', 'to', 'payments']);
    const window = parseWindow(query);
    const every = readEvery(query);
    if (unknown !== null) refuse(exchange, unknown);
    else if (window.kind === 'bad' || every === null) refuse(exchange, badQuery(window));
    else if (!sharedState.beginAudit()) refuse(exchange, problem('audit-running'));
    else
      runAudit(
        exchange,
        { config, request: { ...window, every, differenceLimit: DIFFERENCE_LIMIT } },
        sharedState,
        log,
      );
  });
}

function runAudit(exchange: Exchange, task: AuditTask, sharedState: SharedState, log: Log): void {
  let worker: Worker;
  try {
    worker = startThread('an audit', new URL('../audit/worker.ts', import.meta.url), {
      workerData: task,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT_MB },
    });
  } catch (error) {
    log.error({ reason: errorReason(error) }, 'an audit thread cannot be started');
    sharedState.endAudit();
    respond(exchange, null);
    return;
  }
  let result: AuditMessage | null = null;
  exchange.onGone(() => worker.postMessage('end'));
  worker.once('message', (message: AuditMessage) => {
    result = message;
  });
  worker.once('error', (error) => log.error({ err: error }, 'audit thread died'));
  // After the thread has ended, because a client that has its response may start the next audit.
  worker.once('exit', () => {
    sharedState.endAudit();
    respond(exchange, result);
  });
}

function respond(exchange: Exchange, result: AuditMessage | null): void {
  if (result === null) refuse(exchange, problem('audit-failed'));
  else if (result.kind === 'report') exchange.end('200 OK', FRESH_JSON_HEADERS, result.json);
  else if (result.kind === 'unavailable')
    refuse(exchange, problem('ledger-unavailable', { detail: result.reason }));
  else refuse(exchange, noSumProblem(result));
}

/** Null when `payments` is invalid. */
function readEvery(query: string): boolean | null {
  const [word = 'differing', ...more] = new URLSearchParams(query).getAll('payments');
  if (more.length > 0 || (word !== 'differing' && word !== 'every')) return null;
  return word === 'every';
}

function badQuery(window: Window) {
  if (window.kind === 'bad') return problem('bad-window', { field: window.field, detail: window.detail });
  return problem('bad-window', {
    field: 'payments',
    detail: '`payments` is invalid: expected `differing` or `every`, once.',
  });
}
