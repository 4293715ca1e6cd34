import { strict as assert } from 'node:assert';
import { connect, type Socket } from 'node:net';

/**
 * A keep-alive HTTP/1.1 connection of one virtual user, with one request at a time. It uses plain sockets, a third of
 * the cost of `node:http`, because it shares two cores with what it measures.
 */
export class Connection {
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | undefined;
  #exchange: Exchange | undefined;
  #received = '';

  constructor(url: URL) {
    this.#host = url.hostname;
    this.#port = Number(url.port || 80);
  }

  /**
   * Sends a request and resolves with its answer; never rejects. The duration excludes the time to open a connection.
   * Status 0: no answer in time, or the connection broke.
   */
  exchange(request: string, timeoutMs: number): Promise<Answer> {
    assert(this.#exchange === undefined, 'one request at a time');
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#fail(), timeoutMs);
      this.#exchange = { request, resolve, timer, sentAtMs: performance.now() };
      if (this.#socket === undefined) this.#open();
      else this.#socket.write(request, 'latin1');
    });
  }

  close(): void {
    this.#fail();
  }

  #open(): void {
    const socket = connect({ host: this.#host, port: this.#port, noDelay: true });
    this.#socket = socket;
    socket.on('connect', () => this.#opened(socket));
    socket.on('data', (chunk) => this.#take(socket, chunk));
    // A `close` event follows, and the request counts as unanswered.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#socket === socket) this.#fail();
    });
  }

  #opened(socket: Socket): void {
    if (this.#exchange === undefined || this.#socket !== socket) return;
    this.#exchange.sentAtMs = performance.now();
    socket.write(this.#exchange.request, 'latin1');
  }

  #take(socket: Socket, chunk: Buffer): void {
    if (this.#socket !== socket) return;
    this.#received += chunk.toString('latin1');
    const response = parseResponse(this.#received);
    if (response === undefined) return;
    this.#received = '';
    if (response.closes) this.#drop();
    this.#finish(response.status, response.body);
  }

  #fail(): void {
    this.#drop();
    this.#finish(0, '');
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#received = '';
    socket?.destroy();
  }

  #finish(status: number, body: string): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    this.#exchange = undefined;
    clearTimeout(exchange.timer);
    exchange.resolve({ status, body, durationMs: performance.now() - exchange.sentAtMs });
  }
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly durationMs: number;
}

interface Exchange {
  readonly request: string;
  readonly resolve: (answer: Answer) => void;
  readonly timer: NodeJS.Timeout;
  sentAtMs: number;
}

interface Response {
  readonly status: number;
  readonly body: string;
  /** The server takes no further request on this connection. */
  readonly closes: boolean;
}

/** The response in `text` (latin1), or undefined if it is incomplete. */
export function parseResponse(text: string): Response | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = text.slice(0, headEnd);
  const bodyStart = headEnd + 4;
  const body = /\r\ntransfer-encoding: *chunked/i.test(head)
    ? unchunked(text, bodyStart)
    : sized(text, bodyStart, Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0));
  if (body === undefined) return undefined;
  return { status: Number(text.slice(9, 12)), body, closes: /\r\nconnection: *close/i.test(head) };
}

function sized(text: string, start: number, length: number): string | undefined {
  return text.length < start + length ? undefined : text.slice(start, start + length);
}

function unchunked(text: string, start: number): string | undefined {
  let body = '';
  for (let at = start; ; ) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const length = Number.parseInt(text.slice(at, lineEnd), 16);
    const chunk = sized(text, lineEnd + 2, length + 2);
    if (chunk === undefined) return undefined;
    if (length === 0) return body;
    body += chunk.slice(0, length);
    at = lineEnd + 2 + length + 2;
  }
}
