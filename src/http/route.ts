import { methodNotAllowed, type Problem } from './problem.ts';
import { Exchange, type HttpRequest, type HttpResponse, type WebApp } from './uws.ts';

/** Answers one request. `request` is lent until this returns; `response` is only to be asked who is at its other end. */
export type Handler = (exchange: Exchange, request: HttpRequest, response: HttpResponse) => unknown;

const GET_METHODS = 'GET, HEAD';

/** Makes `app` answer `path` to one method, GET to HEAD too, and any other method with 405. */
export function route(app: WebApp, path: string, method: 'GET' | 'POST', answer: Handler): void {
  const isGet = method === 'GET';
  const handle = (response: HttpResponse, request: HttpRequest) => {
    // A payment's post is never HEAD, and need not be asked.
    void answer(new Exchange(response, isGet ? request : undefined), request, response);
  };
  if (isGet) app.get(path, handle).head(path, handle);
  else app.post(path, handle);
  const refuseOther = refusing(isGet ? GET_METHODS : method);
  app.any(path, (response, request) => void refuseOther(new Exchange(response, request), request, response));
}

/** Says who may pass: null, or what to answer instead. */
export interface Guard {
  check(response: HttpResponse, request: HttpRequest): Problem | null;
}

/** The same for GET of an operator's route: whoever `guard` refuses learns nothing of it, by no method. */
export function guardedRoute(app: WebApp, path: string, guard: Guard, answer: Handler): void {
  const guarded = (respond: Handler) => (response: HttpResponse, request: HttpRequest) => {
    const exchange = new Exchange(response, request);
    const refusal = guard.check(response, request);
    if (refusal === null) void respond(exchange, request, response);
    else refuse(exchange, refusal);
  };
  app.get(path, guarded(answer)).head(path, guarded(answer));
  app.any(path, guarded(refusing(GET_METHODS)));
}

/** Answers with a problem; `close` ends the connection after it. */
export function refuse(exchange: Exchange, { status, headers, body }: Problem, close = false): void {
  exchange.end(status, headers, body, close);
}

function refusing(allowed: string): Handler {
  const refusal = methodNotAllowed(allowed);
  return (exchange) => refuse(exchange, refusal);
}
