import { Exchange } from './exchange.ts';
import { methodNotAllowed, type Problem } from './problem.ts';
import type { HttpRequest, HttpResponse, WebApp } from './uws.ts';

/** Handles a request. `request` is only valid until this returns. Use `response` only to ask for the client's address. */
export type Handler = (exchange: Exchange, request: HttpRequest, response: HttpResponse) => unknown;

const GET_METHODS = ['GET', 'HEAD'];

/** Checks access: null, or the problem to answer instead. */
export interface Guard {
  check(response: HttpResponse, request: HttpRequest): Problem | null;
}

/** The methods that the paths of each application have. */
const METHODS = new WeakMap<WebApp, Map<string, string[]>>();

type Method = 'GET' | 'PATCH' | 'POST';

/**
 * Handles one method of `path`, where GET includes HEAD, and answers every other method 405, unless another route of this
 * path handles it. A guard, if there is one, is asked before the handler; without one, a request costs nothing more.
 */
export function route(
  app: WebApp,
  path: string,
  method: Method,
  handler: Handler,
  guard: Guard | null = null,
): void {
  add(app, path, method, listener(handler, guard, method === 'GET'));
  refuseOthers(app, path, method, null);
}

/** Like `route`, for an operator's route: `guard` is asked first, whatever the method. */
export function guardedRoute(
  app: WebApp,
  path: string,
  guard: Guard,
  handler: Handler,
  method: Method = 'GET',
): void {
  add(app, path, method, listener(handler, guard, method === 'GET'));
  refuseOthers(app, path, method, guard);
}

type Listener = (response: HttpResponse, request: HttpRequest) => void;

function listener(handler: Handler, guard: Guard | null, mayBeHead: boolean): Listener {
  return (response, request) => {
    // `Exchange` needs the request only to recognize HEAD.
    const exchange = new Exchange(response, mayBeHead ? request : undefined);
    const refusal = guard === null ? null : guard.check(response, request);
    if (refusal === null) void handler(exchange, request, response);
    else refuse(exchange, refusal);
  };
}

function add(app: WebApp, path: string, method: Method, listen: Listener): void {
  if (method === 'GET') app.get(path, listen).head(path, listen);
  else if (method === 'PATCH') app.patch(path, listen);
  else app.post(path, listen);
}

/** Responds with a problem; `close` closes the connection afterwards. */
export function refuse(exchange: Exchange, { status, headers, body }: Problem, close = false): void {
  exchange.end(status, headers, body, close);
}

/** Answers 405 where no route of the path handles the method. The first route of a path says who may learn that. */
function refuseOthers(app: WebApp, path: string, method: Method, guard: Guard | null): void {
  const methods = method === 'GET' ? GET_METHODS : [method];
  const paths = METHODS.get(app) ?? new Map<string, string[]>();
  METHODS.set(app, paths);
  const known = paths.get(path);
  if (known !== undefined) {
    known.push(...methods);
    return;
  }
  const all = [...methods];
  paths.set(path, all);
  const others: Handler = (exchange) => refuse(exchange, methodNotAllowed([...all].sort().join(', ')));
  app.any(path, listener(others, guard, true));
}
