import type { HttpRequest } from './uws.ts';

/** True for a request from one of our own pages, and for one without `Origin`, which is not from a page. */
export function isOwnOrigin(request: HttpRequest): boolean {
  const origin = request.getHeader('origin');
  return origin === '' || URL.parse(origin)?.host === request.getHeader('host');
}
