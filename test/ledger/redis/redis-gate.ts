import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { listenLocally } from '../../listen-locally.ts';

/** A proxy between a ledger and its Redis that can cut connections and lose answers. */
export class RedisGate {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** How many answers still pass before one is lost; null: none is to be lost. */
  #passing: number | null = null;
  #isMute = false;
  #port: number;
  #ownPort = 0;
  #isShut = false;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.#port = port;
  }

  static async before(port: number): Promise<RedisGate> {
    const server = createServer();
    const gate = new RedisGate(server, port);
    server.on('connection', (inside) => {
      if (gate.#isShut) inside.destroy();
      else gate.#join(inside, connect(gate.#port, '127.0.0.1'));
    });
    gate.#ownPort = await listenLocally(server);
    return gate;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return this.#ownPort;
  }

  /** Drops the next answer, or a later one, and closes its connection; Redis has executed the command. */
  loseNextAnswer(passing = 0): void {
    this.#passing = passing;
  }

  /** Drops all answers until `reopen`, and lets commands pass. */
  mute(): void {
    this.#isMute = true;
  }

  /** New connections go to another server. */
  leadTo(port: number): void {
    this.#port = port;
    this.cutAll();
  }

  /** Refuses all connections until `reopen`. */
  shut(): void {
    this.#isShut = true;
    this.cutAll();
  }

  reopen(): void {
    this.#isShut = false;
    this.#isMute = false;
    this.#passing = null;
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
      if (this.#isMute) return;
      if (this.#passing === null || this.#passing-- > 0) return void inside.write(chunk);
      this.#passing = null;
      inside.destroy();
    });
  }
}
