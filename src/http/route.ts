import { methodNotAllowed, type Problem } from './problem.ts';
import { Exchange, type HttpRequest, type HttpResponse, type WebApp } from './uws.ts';

/** Answers one request. `request` is lent until this returns. */
export type Answer = (exchange: Exchange, request: HttpRequest) => unknown;

/** Makes `app` answer `path` to one method, GET to HEAD too, and any other method with 405. */
export function route(app: WebApp, path: string, method: 'GET' | 'POST', answer: Answer): void {
  const isGet = method === 'GET';
  const handle = (response: HttpResponse, request: HttpRequest) => {
    // A payment's post is never HEAD, and need not be asked.
    void answer(new Exchange(response, isGet ? request : undefined), request);
  };
  if (isGet) app.get(path, handle).head(path, handle);
  else app.post(path, handle);
  const refusal = methodNotAllowed(isGet ? 'GET, HEAD' : method);
  app.any(path, (response, request) => refuse(new Exchange(response, request), refusal));
}

/** Answers with a problem; `close` ends the connection after it. */
export function refuse(exchange: Exchange, { status, headers, body }: Problem, close = false): void {
  exchange.end(status, headers, body, close);
}
