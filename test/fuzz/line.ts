import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type Answer, AnswerReader } from './answer.ts';

/** A connection to a server under test, and the bytes received on it. */
export class Line {
  readonly #socket: Socket;
  readonly #reader = new AnswerReader();
  #closed = false;
  #heardAtMs = performance.now();
  #onData: () => void = () => {};

  /** `localAddress` is any loopback address: one address has ports for only about 10,000 connections per minute. */
  static async open(port: number, localAddress: string): Promise<Line> {
    const socket = connect({ host: '127.0.0.1', port, localAddress, noDelay: true, allowHalfOpen: true });
    const line = new Line(socket);
    await once(socket, 'connect');
    return line;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#reader.push(text);
      this.#dataCame();
    });
    socket.on('error', () => this.#close());
    socket.on('end', () => this.#close());
    socket.on('close', () => this.#close());
  }

  /** Closed by the server. */
  get closed(): boolean {
    return this.#closed;
  }

  get answers(): readonly Answer[] {
    return this.#reader.answers;
  }

  send(bytes: Buffer): void {
    if (!this.#closed) this.#socket.write(bytes);
  }

  /** Half-closes the connection: sends no more, but still receives. */
  finish(): void {
    if (!this.#closed) this.#socket.end();
  }

  /** Takes the received answers; the next ones are counted from 0. */
  take(): Answer[] {
    return this.#reader.answers.splice(0);
  }

  /** Resolves after this many answers, at the end of the connection, or after a silence. */
  async heard(count: number, silenceMs: number): Promise<void> {
    this.#heardAtMs = performance.now();
    while (this.answers.length < count && !this.#closed) {
      const leftMs = this.#heardAtMs + silenceMs - performance.now();
      if (leftMs <= 0) return;
      await this.#nextData(leftMs);
    }
  }

  /** Closes the connection; data that still arrives is answered with a reset. */
  drop(): void {
    this.#socket.destroy();
  }

  #nextData(maxMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, maxMs);
      this.#onData = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #dataCame(): void {
    this.#heardAtMs = performance.now();
    this.#onData();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader.end();
    this.#dataCame();
  }
}
