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
import { pathHolder, portHolder } from '../core/socket-holder.ts';
import { isListenedOn } from './socket-file.ts';

/**
 * The only file that uses uWebSockets.js: applications, listening, request bodies, responses.
 *
 * What callers must know about the library:
 * - It closes connections that are idle for 10 s, which can't be configured. Keep a proxy's idle timeout below that.
 * - A second request on a connection whose response is still pending closes the connection without a response. Pipelined
 *   requests are safe only if the handler responds before it returns (or in a microtask or `nextTick` of it).
 * - Its parser answers HTTP/1.0, and a request line that is split within ` HTTP/1.1`, with 505 in HTML, and there is no
 *   hook to change that. `docs/operations.md` lists everything that it answers by itself. All versions that load on
 *   Node 22 do this; newer ones answer 400.
 * - It reads the PROXY protocol, version 2, on every connection.
 * - `get` doesn't match HEAD, and a response to HEAD is written with its body like any other; see `Exchange`.
 */
export type WebApp = TemplatedApp & Undeclared;
export type { HttpRequest, HttpResponse };
export type Socket = WebSocket<unknown>;

/** Methods that the binary has but its type declarations lack. */
interface Undeclared {
  listen(host: string, port: number, options: number, done: (socket: us_listen_socket | false) => void): this;
  /** A handle to this application that another thread may pass to `addChildAppDescriptor`. */
  getDescriptor(): number;
  /**
   * From now on, connections that this application accepts go to its children in turn, and none to itself. The child's
   * thread must stay alive until `removeChildAppDescriptor`, because the descriptor is a pointer.
   */
  addChildAppDescriptor(descriptor: number): this;
  removeChildAppDescriptor(descriptor: number): this;
}

/** An application without routes. Its `close` closes every connection, including those with a pending response. */
export function createApp(): WebApp {
  return App() as WebApp;
}

/**
 * Closes connections beyond `limit` as soon as they are accepted. The limit of open files can't do this job: once it is
 * reached, the library retries `accept` without a pause and uses a whole CPU.
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

/** Below this share of the limit the shortage is over; clients that come and go at the limit don't end it. */
const ROOM_AGAIN_SHARE = 0.75;

export type Listened =
  | { readonly kind: 'listening'; readonly listener: Listener }
  | { readonly kind: 'failed'; readonly reason: string };

/** A listening TCP port or unix socket. */
export class Listener {
  /** The address with its actual port, even if port 0 was requested. */
  readonly address: Address;
  readonly #socket: us_listen_socket;
  readonly #inode: number;
  #open = true;

  constructor(address: Address, socket: us_listen_socket) {
    this.address = address;
    this.#socket = socket;
    this.#inode = address.kind === 'unix' ? lstatSync(address.path).ino : 0;
  }

  /** Stops accepting; open connections stay open. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    // Unlink first, so that no client finds a socket that refuses. If a successor has replaced the file, keep it.
    if (this.address.kind === 'unix' && inodeOf(this.address.path) === this.#inode) {
      unlinkSync(this.address.path);
    }
    us_listen_socket_close(this.#socket);
  }
}

function inodeOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino;
}

/** A body that comes in pieces gets this much memory first, and then twice as much each time. */
const GATHERED_MIN_BYTES = 4096;

/** A buffer for `sizeBytes` that begins with the first `usedBytes` of this one. */
function withRoom(gathered: Buffer | null, usedBytes: number, sizeBytes: number, limitBytes: number): Buffer {
  if (gathered !== null && gathered.length >= sizeBytes) return gathered;
  const wantedBytes = Math.max(sizeBytes, GATHERED_MIN_BYTES, 2 * (gathered?.length ?? 0));
  const larger = Buffer.allocUnsafe(Math.min(limitBytes, wantedBytes));
  gathered?.copy(larger, 0, 0, usedBytes);
  return larger;
}

const LISTEN_SHARED = 0;
const LISTEN_EXCLUSIVE = 1;

export interface ListenOptions {
  /**
   * Shares the port with other threads and processes that set this too; the port must not be 0 then. Default false.
   */
  readonly shared?: boolean;
  /** Permissions of a unix socket's file. Default 0o666: a proxy usually runs as another user. */
  readonly mode?: number;
}

/** Listens. Expected failures (address in use, no permission, unknown host or directory) are `failed`. */
export function listen(app: WebApp, address: Address, options: ListenOptions = {}): Promise<Listened> {
  return address.kind === 'tcp'
    ? listenTcp(app, address.host, address.port, options.shared ?? false)
    : listenUnix(app, address.path, options.mode ?? 0o666);
}

const CAUSES: ReadonlyMap<string, string> = new Map([
  ['EADDRNOTAVAIL', 'no interface of this machine has that address'],
  ['EAFNOSUPPORT', 'this machine has no IPv6'],
]);

/** This machine does not have the address: IPv6 is off, or the name also resolves to another machine. */
const NO_SUCH_ADDRESS = ['EADDRNOTAVAIL', 'EAFNOSUPPORT'];

/**
 * Resolves the name, and listens on its first address that this machine has, IPv4 before IPv6. The library would try
 * only one of them: for `localhost` the IPv6 address, even if IPv6 is off.
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
  // The library unlinks whatever is at the path, even a regular file or the socket of a running process.
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined && !found.isSocket()) return failure(address, 'the file is not a socket');
  if (found !== undefined && (await isListenedOn(path))) return failure(address, 'EADDRINUSE');
  const socket = await new Promise<us_listen_socket | false>((done) => app.listen_unix(done, path));
  if (socket === false) return failure(address, await causeOf(address));
  chmodSync(path, mode);
  return { kind: 'listening', listener: new Listener(address, socket) };
}

/** The library does not report why listening failed, so try the same address with Node's own server. */
function causeOf(address: Address): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(address.kind === 'tcp' ? { ...address, exclusive: true } : { path: address.path }, () =>
      server.close(() => resolve('listening failed once, but the address is free now; try again')),
    );
  });
}

function failure(address: Address, cause: string): Listened {
  const words = cause === 'EADDRINUSE' ? `already in use by ${holderOf(address)}` : CAUSES.get(cause);
  const reason = words === undefined ? cause : `${words} (${cause})`;
  return { kind: 'failed', reason: `cannot listen on ${formatAddress(address)}: ${reason}` };
}

function holderOf(address: Address): string {
  return address.kind === 'tcp' ? portHolder(address.port) : pathHolder(address.path);
}

export type Headers = readonly (readonly [name: string, value: string])[];

export const NO_STORE = ['Cache-Control', 'no-store'] as const;
/** JSON that is true for the moment only. */
export const FRESH_JSON_HEADERS = [['Content-Type', 'application/json'], NO_STORE] as const;

/** How much of a body over its limit is still read, so that a client that sends it all first sees the response. */
const DISCARD_LIMIT_BYTES = 1 << 20;

/**
 * A request and its pending response. Create it in the handler, before anything asynchronous; from then on every method
 * may be called at any time, and does nothing once the client has left.
 */
export class Exchange {
  readonly #response: HttpResponse;
  readonly #isHead: boolean;
  #open = true;
  /** Whether this runs within a callback in which the library has already corked the connection. */
  #corked = false;
  #onGone: (() => void) | null = null;

  /** With `request`, omits the body of a response to HEAD, which the client would take for the next response. */
  constructor(response: HttpResponse, request?: HttpRequest) {
    this.#response = response;
    this.#isHead = request?.getMethod() === 'head';
    response.onAborted(() => {
      this.#open = false;
      this.#onGone?.();
    });
  }

  /** False once the response was sent or the connection has ended. */
  get open(): boolean {
    return this.#open;
  }

  /** Calls `listener` if the connection ends before the response. A second listener replaces the first. */
  onGone(listener: () => void): void {
    this.#onGone = listener;
  }

  /**
   * Calls `onBody` with the whole body, or with null once it exceeds `limitBytes`: then answer 413 and close. The bytes
   * are only valid until `onBody` returns, because a body that arrives in one piece is not copied. If the client leaves
   * first, `onBody` is not called.
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
        gathered = withRoom(gathered, startBytes, sizeBytes, limitBytes);
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
   * Sends the response in one write. `status` is code and phrase, such as `200 OK`. A null body also omits
   * `Content-Length`, as 204 requires. `close` closes the connection afterwards, and needs a body, which may be empty.
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
    // Passed to `endWithoutBody`, the length would make the library wait for that many bytes.
    if (body !== null) response.writeHeader('Content-Length', String(Buffer.byteLength(body)));
    response.endWithoutBody();
  }

  /**
   * Begins a response with this text, which goes on until its `end`. Null: the client has left, or the request was HEAD,
   * which is answered now.
   */
  stream(status: string, headers: Headers, text: string): ResponseStream | null {
    if (!this.#open) return null;
    const response = this.#response;
    if (this.#isHead) {
      this.end(status, headers, null);
      return null;
    }
    this.#open = false;
    const stream = new ResponseStream(response, (listener) => this.onGone(listener));
    response.cork(() => {
      response.writeStatus(status);
      for (const [name, value] of headers) response.writeHeader(name, value);
      response.write(text);
    });
    return stream;
  }

  /** Sends an incomplete response and closes the connection, to test clients. */
  endBroken(status: string, headers: Headers, half: string): void {
    if (!this.#open) return;
    const response = this.#response;
    response.cork(() => {
      response.writeStatus(status);
      for (const [name, value] of headers) response.writeHeader(name, value);
      response.write(half);
    });
    // The bytes are sent when the handler returns; closing the connection earlier would discard them.
    setImmediate(() => this.drop());
  }

  /** Closes the connection without a response. */
  drop(): void {
    if (this.#open) this.#response.close();
  }
}

/** A response that goes on. Every method may be called at any time, and does nothing once it has ended. */
export class ResponseStream {
  readonly #response: HttpResponse;
  #open = true;
  #onEnd: () => void = () => {};

  constructor(response: HttpResponse, onGone: (listener: () => void) => void) {
    this.#response = response;
    onGone(() => this.#ended());
  }

  /** False: the client has not taken what was sent before, or has left. */
  send(text: string): boolean {
    let hasRoom = false;
    if (this.#open) {
      this.#response.cork(() => {
        hasRoom = this.#response.write(text);
      });
    }
    return hasRoom;
  }

  /** Calls `listener` each time that the client has taken everything. */
  onDrained(listener: () => void): void {
    if (!this.#open) return;
    this.#response.onWritable(() => {
      listener();
      return true;
    });
  }

  /** Calls `listener` once, when the response ends or the client leaves. */
  onEnd(listener: () => void): void {
    if (this.#open) this.#onEnd = listener;
    else listener();
  }

  end(): void {
    if (!this.#open) return;
    this.#response.cork(() => this.#response.end());
    this.#ended();
  }

  /** Closes the connection without sending what it has not taken. */
  drop(): void {
    if (this.#open) this.#response.close();
  }

  #ended(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#onEnd();
  }
}
