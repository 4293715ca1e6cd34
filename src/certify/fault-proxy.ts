import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { Exchange, type ExchangeKind, type ProxiedRequest, type Subject } from './exchange.ts';
import { RequestReader } from './request-reader.ts';
import type { Upstream } from './upstream.ts';

/** What a script does with one request. */
export type Act = (exchange: Exchange) => Promise<void>;

/** What happens to each kind of request; missing: it is passed on, and so is the answer. */
export type Script = { readonly [kind in ExchangeKind]?: Act };

export interface FaultProxyParts {
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly script: Script;
  /** Plays for requests that the script does not mention, and for all once the proxy is healed. */
  readonly honest: Act;
  /** What a request is about, and the request as it is to be passed on. */
  readonly read: (request: ProxiedRequest) => { readonly subject: Subject; readonly request: ProxiedRequest };
}

/** Stands between the gateway's client and a processor, and plays a script with HTTP messages. */
export class FaultProxy {
  readonly exchanges: Exchange[] = [];
  readonly #parts: FaultProxyParts;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #acting = new Set<Promise<void>>();
  readonly #startedAtMs: number;
  #isHealed = false;

  constructor(parts: FaultProxyParts) {
    this.#parts = parts;
    this.#server = createServer({ noDelay: true }, (socket) => this.#connected(socket));
    this.#startedAtMs = parts.clock.monotonicMs();
  }

  /** Resolves with the port. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', () => {
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  }

  /** From now on, every new request is passed on, and so is its answer. */
  heal(): void {
    this.#isHealed = true;
  }

  /** Resolves when every request is dealt with, late ones included. */
  async settled(): Promise<void> {
    while (this.#acting.size > 0) await Promise.all(this.#acting);
  }

  async close(): Promise<void> {
    await this.settled();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The requests of this kind about this payment. */
  about(kind: ExchangeKind, correlationId: string): Exchange[] {
    return this.exchanges.filter((one) => one.kind === kind && one.correlationId === correlationId);
  }

  #connected(socket: Socket): void {
    const reader = new RequestReader();
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    // The gateway may break the connection at any time, for example at its timeout.
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      reader.push(bytes);
      for (let request = reader.next(); request !== null; request = reader.next())
        this.#play(socket, request);
    });
  }

  #play(socket: Socket, received: ProxiedRequest): void {
    const { clock, script, honest, upstream, read } = this.#parts;
    const { subject, request } = read(received);
    const { kind, correlationId } = subject;
    const exchange = new Exchange({
      ...subject,
      socket,
      clock,
      elapsedMs: clock.monotonicMs() - this.#startedAtMs,
      nth: this.about(kind, correlationId).length + 1,
      nthOfAll: this.exchanges.filter((one) => one.kind === kind).length + 1,
      send: () => (kind === 'health' ? upstream.health(request) : upstream.send(request)),
    });
    this.exchanges.push(exchange);
    const act = this.#isHealed ? honest : (script[kind] ?? honest);
    // The processor did not answer, so neither does the proxy.
    const acting = act(exchange).catch(() => exchange.reset());
    this.#acting.add(acting);
    void acting.then(() => this.#acting.delete(acting));
  }
}
