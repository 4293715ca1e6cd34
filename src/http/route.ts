import { methodNotAllowed, type Problem } from './problem.ts';
import { Exchange, type HttpRequest, type HttpResponse, type WebApp } from './uws.ts';

/** Handles a request. `request` is only valid until this returns. Use `response` only to ask for the client's address. */
export type Handler = (exchange: Exchange, request: HttpRequest, response: HttpResponse) => unknown;

const GET_METHODS = ['GET', 'HEAD'];

/** Checks access: null, or the problem to answer instead. */
export interface Guard {
  check(response: HttpResponse, request: HttpRequest): Problem | null;
}

/** The methods that the paths of each application have. */
const METHODS = new WeakMap<WebApp, Map<string, string[]>>();

/**
 * Handles one method of `path`, where GET includes HEAD, and answers every other method 405, unless another route of this
 * path handles it. A guard, if there is one, is asked before the handler; without one, a request costs nothing more.
 */
export function route(
  app: WebApp,
  path: string,
  method: 'GET' | 'POST',
  handler: Handler,
  guard: Guard | null = null,
): void {
  const isGet = method === 'GET';
  const handle = (response: HttpResponse, request: HttpRequest) => {
    // `Exchange` needs the request only to recognize HEAD.
    const exchange = new Exchange(response, isGet ? request : undefined);
    const refusal = guard === null ? null : guard.check(response, request);
    if (refusal === null) void handler(exchange, request, response);
    else refuse(exchange, refusal);
  };
  if (isGet) app.get(path, handle).head(path, handle);
  else app.post(path, handle);
  refuseOthers(app, path, isGet ? GET_METHODS : [method], (respond) => (response, request) => {
    void respond(new Exchange(response, request), request, response);
  });
}

/** Like `route`, for an operator's route: `guard` is asked first, whatever the method. */
export function guardedRoute(
  app: WebApp,
  path: string,
  guard: Guard,
  handler: Handler,
  method: 'GET' | 'PATCH' | 'POST' = 'GET',
): void {
  const guarded = (respond: Handler) => (response: HttpResponse, request: HttpRequest) => {
    const exchange = new Exchange(response, request);
    const refusal = guard.check(response, request);
    if (refusal === null) void respond(exchange, request, response);
    else refuse(exchange, refusal);
  };
  const isGet = method === 'GET';
  if (isGet) app.get(path, guarded(handler)).head(path, guarded(handler));
  else if (method === 'PATCH') app.patch(path, guarded(handler));
  else app.post(path, guarded(handler));
  refuseOthers(app, path, isGet ? GET_METHODS : [method], guarded);
}

/** Responds with a problem; `close` closes the connection afterwards. */
export function refuse(exchange: Exchange, { status, headers, body }: Problem, close = false): void {
  exchange.end(status, headers, body, close);
}

/** Answers 405 where no route of the path handles the method. The first route of a path says how it is wrapped. */
function refuseOthers(
  app: WebApp,
  path: string,
  methods: readonly string[],
  wrapped: (respond: Handler) => (response: HttpResponse, request: HttpRequest) => void,
): void {
  const paths = METHODS.get(app) ?? new Map<string, string[]>();
  METHODS.set(app, paths);
  const known = paths.get(path);
  if (known !== undefined) {
    known.push(...methods);
    return;
  }
  const all = [...methods];
  paths.set(path, all);
  app.any(
    path,
    wrapped((exchange) => refuse(exchange, methodNotAllowed([...all].sort().join(', ')))),
  );
}
