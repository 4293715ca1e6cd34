import type { Scope } from '../config/api-key.ts';
import type { AccessMode } from '../config/config.ts';
import type { Keyring } from './keyring.ts';
import { type Problem, problem } from './problem.ts';
import type { HttpRequest, HttpResponse } from './uws.ts';

export interface AccessParts {
  readonly mode: AccessMode;
  readonly keyring: Keyring;
  /** What a key must be for. */
  readonly scope: Scope;
}

/** Headers that proxies add: the client behind a proxy may be on any machine. */
const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'];

/** `Host` values that name this machine. Other names may be bound to it by anyone (DNS rebinding). */
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/**
 * Decides who may use a route.
 *
 * | mode     | allows                                                                                            |
 * |----------|---------------------------------------------------------------------------------------------------|
 * | off      | no request: 404                                                                                   |
 * | loopback | clients on this machine, over TCP, without a proxy, with `Host` localhost or a loopback address   |
 * | token    | requests with `Authorization: Bearer <key>`, where the key has the scope of the route             |
 * | open     | every request                                                                                     |
 *
 * A browser on this machine also sends requests for foreign pages. Checking `Host` stops DNS rebinding; checking
 * `Origin` stops cross-origin requests.
 */
export class Access {
  readonly #parts: AccessParts;

  constructor(parts: AccessParts) {
    this.#parts = parts;
  }

  /** Whether the request may see more than others. Unlike `check`, it refuses nothing, so nothing is counted. */
  allows(response: HttpResponse, request: HttpRequest): boolean {
    const { mode, keyring, scope } = this.#parts;
    return mode === 'token'
      ? keyring.allows(request.getHeader('authorization'), scope)
      : this.check(response, request) === null;
  }

  /** The name of the key that lets the request pass; empty where it needs none. */
  keyName(request: HttpRequest): string {
    const { mode, keyring, scope } = this.#parts;
    return mode === 'token' ? keyring.nameOf(request.getHeader('authorization'), scope) : '';
  }

  /** Null when the request may pass; otherwise the response. Call it synchronously in the request's handler. */
  check(response: HttpResponse, request: HttpRequest): Problem | null {
    const { mode, keyring, scope } = this.#parts;
    switch (mode) {
      case 'off':
        return problem('no-such-route');
      case 'loopback':
        return refusal(response, request);
      case 'token':
        return keyring.check(request.getHeader('authorization'), scope);
      case 'open':
        return null;
    }
  }
}

function refusal(response: HttpResponse, request: HttpRequest): Problem | null {
  if (!isLoopback(new Uint8Array(response.getRemoteAddress()))) return problem('loopback-only');
  // uWebSockets.js reads the PROXY protocol (version 2) on every connection; it can't be turned off.
  if (response.getProxiedRemoteAddress().byteLength > 0) {
    return refused('The request came through a proxy that speaks the PROXY protocol.');
  }
  const proxyHeader = PROXY_HEADERS.find((name) => request.getHeader(name) !== '');
  if (proxyHeader !== undefined)
    return refused(`The request came through a proxy: it has the header \`${proxyHeader}\`.`);
  const host = request.getHeader('host');
  if (!LOOPBACK_HOST.test(host)) return refused('`Host` is neither localhost nor a loopback address.');
  const origin = request.getHeader('origin');
  if (origin === '' || origin === `http://${host}`) return null;
  return refused('The request comes from a page of another origin.');
}

function refused(detail: string): Problem {
  return problem('loopback-only', { detail });
}

/** `address` has 4 or 16 bytes, or none on a unix socket, where the client may be a proxy. */
function isLoopback(address: Uint8Array): boolean {
  if (address.length === 4) return address[0] === 127;
  if (address.length !== 16) return false;
  if (address.subarray(0, 10).some((byte) => byte !== 0)) return false;
  // An IPv4 client of a dual-stack socket: ::ffff:127.0.0.1.
  if (address[10] === 0xff && address[11] === 0xff) return address[12] === 127;
  return address.subarray(10, 15).every((byte) => byte === 0) && address[15] === 1;
}
