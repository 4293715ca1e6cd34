import { createHash, timingSafeEqual } from 'node:crypto';
import type { AccessMode } from '../config/config.ts';
import { type Problem, problem } from './problem.ts';
import type { HttpRequest, HttpResponse } from './uws.ts';

export interface AccessParts {
  readonly mode: AccessMode;
  /** What a bearer has to show; empty: there is none, and nobody passes. */
  readonly token: string;
}

/** Headers that a proxy adds: whoever sent the request sits behind it, and may be anywhere. */
const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'];

/** The one host of a request for this machine, with its port: a name that the world could bind to it is none. */
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

const BEARER = /^bearer +(\S+) *$/i;

/**
 * Who may use an operator's route.
 *
 * | mode     | who                                                                                              |
 * |----------|--------------------------------------------------------------------------------------------------|
 * | off      | nobody: the route is not there                                                                   |
 * | loopback | a client on this machine, over TCP and by no proxy, that calls it localhost or by loopback address |
 * | token    | who sends `Authorization: Bearer <token>`                                                        |
 * | open     | everybody                                                                                        |
 *
 * A browser on this machine also works for the pages of others. `Host` stops a page whose name was bound to this
 * machine's address, `Origin` one that calls from elsewhere.
 */
export class Access {
  readonly #mode: AccessMode;
  readonly #tokenDigest: Buffer | null;

  constructor({ mode, token }: AccessParts) {
    this.#mode = mode;
    this.#tokenDigest = token === '' ? null : digest(token);
  }

  /** Null when the request may pass; else what to answer it. To be asked within the handler of the request. */
  check(response: HttpResponse, request: HttpRequest): Problem | null {
    switch (this.#mode) {
      case 'off':
        return problem('no-such-route');
      case 'loopback':
        return refusal(response, request);
      case 'token':
        return this.#hasToken(request) ? null : problem('token-required');
      case 'open':
        return null;
    }
  }

  /** In constant time, so that no part of the token can be guessed alone. */
  isToken(shown: string): boolean {
    return this.#tokenDigest !== null && timingSafeEqual(digest(shown), this.#tokenDigest);
  }

  #hasToken(request: HttpRequest): boolean {
    const shown = BEARER.exec(request.getHeader('authorization'))?.[1];
    return shown !== undefined && this.isToken(shown);
  }
}

function refusal(response: HttpResponse, request: HttpRequest): Problem | null {
  if (!isLoopback(new Uint8Array(response.getRemoteAddress()))) return problem('loopback-only');
  // The library reads the PROXY protocol (version 2) on every connection, whether or not anybody asked for it.
  if (response.getProxiedRemoteAddress().byteLength > 0) {
    return refused('The request came through a proxy that speaks the PROXY protocol.');
  }
  const proxyHeader = PROXY_HEADERS.find((name) => request.getHeader(name) !== '');
  if (proxyHeader !== undefined) return refused(`The request came by a proxy: it has \`${proxyHeader}\`.`);
  const host = request.getHeader('host');
  if (!LOOPBACK_HOST.test(host)) return refused('`Host` is neither localhost nor a loopback address.');
  const origin = request.getHeader('origin');
  if (origin === '' || origin === `http://${host}`) return null;
  return refused('The page that asks is from another origin.');
}

function refused(detail: string): Problem {
  return problem('loopback-only', { detail });
}

/** Of 4 or 16 bytes; a unix socket has none, and whoever is behind it may be a proxy. */
function isLoopback(address: Uint8Array): boolean {
  if (address.length === 4) return address[0] === 127;
  if (address.length !== 16) return false;
  if (address.subarray(0, 10).some((byte) => byte !== 0)) return false;
  // An IPv4 client of a socket that listens on both: ::ffff:127.0.0.1.
  if (address[10] === 0xff && address[11] === 0xff) return address[12] === 127;
  return address.subarray(10, 15).every((byte) => byte === 0) && address[15] === 1;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
