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
 * The only file that uses uWebSockets.js: applications and listening. `exchange.ts` has requests and responses.
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
