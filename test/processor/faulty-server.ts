import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { listenLocally } from '../listen-locally.ts';

/** A request as received. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: string;
  readonly body: string;
}

/** Answers a request as the test requires. `turn` counts the requests of the server, from 0. */
export type Behaviour = (socket: Socket, request: Received, turn: number) => void;

/** A processor below HTTP: it reads complete requests, and the test writes the bytes of the answer, if any. */
export class FaultyServer {
  readonly received: Received[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #closed: Promise<unknown>;
  #port = 0;
  connectionCount = 0;

  private constructor(behaviour: Behaviour) {
    this.#server = createServer((socket) => {
      this.connectionCount++;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      let pending = '';
      socket.on('data', (chunk) => {
        pending += chunk.toString('latin1');
        const request = parseRequest(pending);
        if (request === null) return;
        pending = '';
        behaviour(socket, request, this.received.push(request) - 1);
      });
    });
    this.#closed = once(this.#server, 'close');
  }

  static async start(behaviour: Behaviour): Promise<FaultyServer> {
    const server = new FaultyServer(behaviour);
    server.#port = await listenLocally(server.#server);
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get openConnectionCount(): number {
    return this.#sockets.size;
  }

  /** Refuses new connections, and keeps the open ones. */
  refuse(): void {
    this.#server.close();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await this.#closed;
  }
}

/** The bytes of a response with a body of known length. */
export function httpResponse(status: number, body = '', headers: readonly string[] = []): string {
  const lines = [`HTTP/1.1 ${status} Word`, `Content-Length: ${Buffer.byteLength(body)}`, ...headers];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** Clients send one request at a time per connection, so leftover bytes need not be kept. */
function parseRequest(text: string): Received | null {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const headers = text.slice(0, headEnd);
  const bodyLength = Number(/content-length: (\d+)/i.exec(headers)?.[1] ?? 0);
  const body = text.slice(headEnd + 4);
  if (body.length < bodyLength) return null;
  const [method = '', path = ''] = headers.split(' ');
  return { method, path, headers, body };
}
