import {
  App,
  type HttpRequest,
  type HttpResponse,
  type TemplatedApp,
  type us_listen_socket,
  us_listen_socket_close,
  us_socket_local_port,
  type WebSocket,
} from 'uWebSockets.js';
import assert from 'node:assert/strict';
import { lookup } from 'node:dns/promises';
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { type Address, formatAddress } from '../core/address.ts';
import { errorReason } from '../core/reason.ts';
import { isListenedOn } from './socket-file.ts';

/**
 * The one home of uWebSockets.js: applications, listening, bodies, answers.
 *
 * What the library does that its users must know:
 * - A connection that is silent for 10 s is closed; that can't be set. Keep a proxy's idle time below it.
 * - A second request on a connection whose answer is still owed closes that connection, unanswered. Pipelined
 *   requests are safe only where the handler answers before it returns (or in a microtask or `nextTick` of it).
 * - It answers HTTP/1.0, and a first line that comes in two parts split within ` HTTP/1.1`, with 505 in HTML, out of
 *   its parser and without a hook. `docs/operations.md` lists everything that it answers by itself. No version that
 *   loads on Node 22 is different: newer ones say 400.
 * - It reads the PROXY protocol, version 2, on every connection.
 * - `get` doesn't match HEAD, and an answer to HEAD is written with its body like any other; see `Exchange`.
 */
export type WebApp = TemplatedApp & Undeclared;
export type { HttpRequest, HttpResponse };
export type Socket = WebSocket<unknown>;

/** What the binary has and its declarations leave out. */
interface Undeclared {
  listen(host: string, port: number, options: number, done: (socket: us_listen_socket | false) => void): this;
  /** A handle to this application, which another thread may pass to `addChildAppDescriptor`. */
  getDescriptor(): number;
  /**
   * From now on the connections that this application accepts go, in turns, to the children added, and none to
   * itself. The thread of the child must be alive until `removeChildAppDescriptor`: its handle is a pointer.
   */
  addChildAppDescriptor(descriptor: number): this;
  removeChildAppDescriptor(descriptor: number): this;
}

/** An application without routes. Its `close` ends every connection it has, and those still answered with them. */
export function createApp(): WebApp {
  return App() as WebApp;
}

/**
 * Closes connections beyond `limit` as soon as they are accepted. It can't be left to the limit of open files: once
 * that is reached, the library tries to accept without a pause, and takes a whole CPU for it.
 */
export function limitConnections(
  app: WebApp,
  limit: number,
  { onRefused, onRoom }: { readonly onRefused: () => void; readonly onRoom: () => void },
): void {
  let open = 0;
  const track: Parameters<WebApp['filter']>[0] = (response, change) => {
    open += change;
    if (open > limit) {
      if (change > 0) {
        onRefused();
        response.close();
      }
    } else if (open <= limit * ROOM_AGAIN_SHARE) onRoom();
  };
  app.filter(track);
}

/** Below this share of the limit there is room again: clients that come and go at the limit don't count as that. */
const ROOM_AGAIN_SHARE = 0.75;

export type Listened =
  | { readonly kind: 'listening'; readonly listener: Listener }
  | { readonly kind: 'failed'; readonly reason: string };

/** A port or a file that is listened on, until it is closed. */
export class Listener {
  /** The address with its real port, also where port 0 was asked for. */
  readonly address: Address;
  readonly #socket: us_listen_socket;
  readonly #inode: number;
  #open = true;

  constructor(address: Address, socket: us_listen_socket) {
    this.address = address;
    this.#socket = socket;
    this.#inode = address.kind === 'unix' ? lstatSync(address.path).ino : 0;
  }

  /** Accepts nothing more; connections that are open stay so. Harmless when repeated. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    // The file first: nobody finds a path that refuses. A successor may have put its own there; that one stays.
    if (this.address.kind === 'unix' && inodeOf(this.address.path) === this.#inode) {
      unlinkSync(this.address.path);
    }
    us_listen_socket_close(this.#socket);
  }
}

function inodeOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino;
}

const LISTEN_SHARED = 0;
const LISTEN_EXCLUSIVE = 1;

export interface ListenOptions {
  /**
   * Lets other threads and processes that say so too take connections from the same port, which can't be port 0
   * then. Default false.
   */
  readonly shared?: boolean;
  /** Permissions of a unix socket's file. Default 0o666: a proxy usually runs as another user. */
  readonly mode?: number;
}

/** Listens; what is expected to go wrong (taken, not permitted, no such host or directory) is `failed`. */
export function listen(app: WebApp, address: Address, options: ListenOptions = {}): Promise<Listened> {
  return address.kind === 'tcp'
    ? listenTcp(app, address.host, address.port, options.shared ?? false)
    : listenUnix(app, address.path, options.mode ?? 0o666);
}

const CAUSES: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'already in use'],
  ['EADDRNOTAVAIL', 'no interface of this machine has that address'],
  ['EAFNOSUPPORT', 'this machine has no IPv6'],
]);

/** Where the machine has no such address: IPv6 is off, or a name also stands for an address of another machine. */
const NO_SUCH_ADDRESS = ['EADDRNOTAVAIL', 'EAFNOSUPPORT'];

/**
 * A name is resolved here, and the first of its addresses that this machine has is listened on, IPv4 before IPv6. The
 * library would try one of them alone: for `localhost` that of IPv6, also where IPv6 is off.
 */
async function listenTcp(app: WebApp, host: string, port: number, shared: boolean): Promise<Listened> {
  assert(!shared || port !== 0);
  const options = shared ? LISTEN_SHARED : LISTEN_EXCLUSIVE;
  const named: Address = { kind: 'tcp', host, port };
  const resolved = await resolve(host);
  if (resolved.kind === 'failed') return failure(named, resolved.reason);
  let cause = 'the host name has no address';
  for (const candidate of resolved.addresses) {
    const socket = await new Promise<us_listen_socket | false>((done) =>
      app.listen(candidate, port, options, done),
    );
    if (socket !== false) {
      const address: Address = { kind: 'tcp', host: candidate, port: us_socket_local_port(socket) };
      return { kind: 'listening', listener: new Listener(address, socket) };
    }
    cause = await causeOf({ kind: 'tcp', host: candidate, port });
    if (!NO_SUCH_ADDRESS.includes(cause)) break;
  }
  return failure(named, cause);
}

type Resolved =
  | { readonly kind: 'resolved'; readonly addresses: readonly string[] }
  | { readonly kind: 'failed'; readonly reason: string };

async function resolve(host: string): Promise<Resolved> {
  try {
    const found = await lookup(host, { all: true, order: 'ipv4first' });
    return { kind: 'resolved', addresses: found.map(({ address }) => address) };
  } catch (error) {
    return { kind: 'failed', reason: `the host name cannot be resolved: ${errorReason(error)}` };
  }
}

async function listenUnix(app: WebApp, path: string, mode: number): Promise<Listened> {
  const address: Address = { kind: 'unix', path };
  // The library unlinks whatever is in its way, be it a file or the socket of a process that lives.
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined && !found.isSocket()) return failure(address, 'the file is not a socket');
  if (found !== undefined && (await isListenedOn(path))) return failure(address, 'EADDRINUSE');
  const socket = await new Promise<us_listen_socket | false>((done) => app.listen_unix(done, path));
  if (socket === false) return failure(address, await causeOf(address));
  chmodSync(path, mode);
  return { kind: 'listening', listener: new Listener(address, socket) };
}

/** The library says only that it failed. Node's own server, asked for the same address, says why. */
function causeOf(address: Address): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(address.kind === 'tcp' ? { ...address, exclusive: true } : { path: address.path }, () =>
      server.close(() => resolve('it failed once, and the address is free now: try again')),
    );
  });
}

function failure(address: Address, cause: string): Listened {
  const words = CAUSES.get(cause);
  const reason = words === undefined ? cause : `${words} (${cause})`;
  return { kind: 'failed', reason: `cannot listen on ${formatAddress(address)}: ${reason}` };
}

export type Headers = readonly (readonly [name: string, value: string])[];

/** How much of a body over its limit is still read, so that the client, which sends first, hears the answer. */
const DISCARD_LIMIT_BYTES = 1 << 20;

/**
 * One request and the answer owed to it. Make it in the handler, before anything asynchronous; from then on every
 * call is safe at any time: what would touch a client that has left does nothing.
 */
export class Exchange {
  readonly #response: HttpResponse;
  readonly #isHead: boolean;
  #open = true;
  /** Within a callback of the library, which corks the connection by itself: what is written leaves when it returns. */
  #corked = false;
  #onGone: (() => void) | null = null;

  /** Given the request, it leaves out the body of an answer to HEAD, which would be read as the next answer. */
  constructor(response: HttpResponse, request?: HttpRequest) {
    this.#response = response;
    this.#isHead = request?.getMethod() === 'head';
    response.onAborted(() => {
      this.#open = false;
      this.#onGone?.();
    });
  }

  /** False once it is answered, closed, or the client has left. */
  get open(): boolean {
    return this.#open;
  }

  /** Calls `listener` if the connection ends before the answer, by the client or by `drop`. One at a time. */
  onGone(listener: () => void): void {
    this.#onGone = listener;
  }

  /**
   * Hands over the whole body, or null as soon as it is known to exceed `limitBytes`: answer 413 then, and close.
   * The bytes are lent until `onBody` returns: a body that came in one piece is not copied. Not called at all
   * when the client leaves first.
   */
  readBody(limitBytes: number, onBody: (body: Uint8Array | null) => void): void {
    let gathered: Buffer | null = null;
    let sizeBytes = 0;
    let handedOver = false;
    this.#response.onData((chunk, isLast) => {
      if (handedOver) return;
      const startBytes = sizeBytes;
      sizeBytes += chunk.byteLength;
      if (sizeBytes > limitBytes) {
        if (!isLast && sizeBytes <= limitBytes + DISCARD_LIMIT_BYTES) return;
        handedOver = true;
        onBody(null);
        return;
      }
      if (isLast && startBytes === 0) {
        handedOver = true;
        this.#corked = true;
        onBody(new Uint8Array(chunk));
        this.#corked = false;
        return;
      }
      if (chunk.byteLength > 0) {
        gathered ??= Buffer.allocUnsafe(limitBytes);
        gathered.set(new Uint8Array(chunk), startBytes);
      }
      if (isLast) {
        handedOver = true;
        assert(gathered !== null);
        onBody(gathered.subarray(0, sizeBytes));
      }
    });
  }

  /**
   * Answers in one write. `status` is code and phrase, as in `200 OK`. A null body also leaves out its length, as
   * 204 wants it. `close` ends the connection after the answer, which must have a body then, if an empty one.
   */
  end(status: string, headers: Headers, body: string | Uint8Array | null, close = false): void {
    assert(body !== null || !close);
    if (!this.#open) return;
    this.#open = false;
    if (this.#corked) this.#write(status, headers, body, close);
    else this.#response.cork(() => this.#write(status, headers, body, close));
  }

  #write(status: string, headers: Headers, body: string | Uint8Array | null, close: boolean): void {
    const response = this.#response;
    response.writeStatus(status);
    for (const [name, value] of headers) response.writeHeader(name, value);
    if (body !== null && !this.#isHead) {
      response.end(body, close);
      return;
    }
    // Given to `endWithoutBody`, the length makes the library wait for as many bytes.
    if (body !== null) response.writeHeader('Content-Length', String(Buffer.byteLength(body)));
    response.endWithoutBody();
  }

  /** Begins an answer that will never be complete, for tests of those who read it, then ends the connection. */
  endBroken(status: string, headers: Headers, half: string): void {
    if (!this.#open) return;
    const response = this.#response;
    response.cork(() => {
      response.writeStatus(status);
      for (const [name, value] of headers) response.writeHeader(name, value);
      response.write(half);
    });
    // Within the handler the bytes leave when it returns, and a connection closed before that never sends them.
    setImmediate(() => this.drop());
  }

  /** Ends the connection without an answer. */
  drop(): void {
    if (this.#open) this.#response.close();
  }
}
