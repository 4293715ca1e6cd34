import type { HttpRequest } from './uws.ts';

/** A browser says which page asks, and a program that is none may say nothing. */
export function isOwnOrigin(request: HttpRequest): boolean {
  const origin = request.getHeader('origin');
  return origin === '' || URL.parse(origin)?.host === request.getHeader('host');
}
