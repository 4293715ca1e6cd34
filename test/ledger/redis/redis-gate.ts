import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A proxy between a ledger and its Redis that can cut connections and lose answers. */
export class RedisGate {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #losesAnswers = false;
  #isShut = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async before(port: number): Promise<RedisGate> {
    const server = createServer();
    const gate = new RedisGate(server);
    server.on('connection', (inside) => {
      if (gate.#isShut) inside.destroy();
      else gate.#join(inside, connect(port, '127.0.0.1'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return gate;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string')
      throw new Error('a listening socket must have a port');
    return `redis://127.0.0.1:${address.port}`;
  }

  /** Drops the next answer and closes its connection; Redis has executed the command. */
  loseNextAnswer(): void {
    this.#losesAnswers = true;
  }

  /** Refuses all connections until `reopen`. */
  shut(): void {
    this.#isShut = true;
    this.cutAll();
  }

  reopen(): void {
    this.#isShut = false;
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cutAll();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(inside: Socket, outside: Socket): void {
    for (const [socket, other] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    inside.on('data', (chunk) => outside.write(chunk));
    outside.on('data', (chunk) => {
      if (!this.#losesAnswers) return void inside.write(chunk);
      this.#losesAnswers = false;
      inside.destroy();
    });
  }
}
