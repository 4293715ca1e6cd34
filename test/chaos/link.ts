import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Random } from '../sim/random.ts';

/**
 * | fault   | effect on a connection                                                   |
 * |---------|--------------------------------------------------------------------------|
 * | none    | none                                                                     |
 * | delay   | every chunk, either way, arrives later by `delayMs`                      |
 * | reset   | each chunk, either way, may be lost and the connection reset             |
 * | cut     | each chunk of an answer may be cut in half and the connection closed     |
 * | away    | open connections are reset and new ones refused                          |
 */
export type LinkFault =
  | { readonly kind: 'none' }
  | { readonly kind: 'delay'; readonly delayMs: number }
  | { readonly kind: 'reset' | 'cut'; readonly rate: number }
  | { readonly kind: 'away' };

const NO_FAULT: LinkFault = { kind: 'none' };
const HOST = '127.0.0.1';

/** A network link to a loopback server, with faults of its own. */
export class Link {
  readonly port: number;
  readonly #targetPort: number;
  readonly #random: Random;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #fault: LinkFault = NO_FAULT;

  private constructor(port: number, targetPort: number, random: Random) {
    this.port = port;
    this.#targetPort = targetPort;
    this.#random = random;
    this.#server = createServer((inside) => this.#join(inside));
  }

  static async before(targetPort: number, port: number, random: Random): Promise<Link> {
    const link = new Link(port, targetPort, random);
    await link.#listen();
    return link;
  }

  async setFault(fault: LinkFault): Promise<void> {
    const was = this.#fault;
    this.#fault = fault;
    if (fault.kind === 'away' && was.kind !== 'away') await this.#vanish();
    if (fault.kind !== 'away' && was.kind === 'away') await this.#listen();
  }

  async close(): Promise<void> {
    if (this.#fault.kind !== 'away') await this.#vanish();
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.port, HOST);
    await once(this.#server, 'listening');
  }

  async #vanish(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }

  #join(inside: Socket): void {
    const outside = connect(this.#targetPort, HOST);
    for (const socket of [inside, outside]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    }
    const questions = new Lane(() => this.#delayMs);
    const answers = new Lane(() => this.#delayMs);
    inside.on('data', (piece) => questions.carry(() => this.#ask(inside, outside, piece)));
    // A caller that gives up takes back its undelivered data: nothing arrives after its sender has left.
    inside.on('close', () => {
      questions.clear();
      answers.clear();
      if (outside.connecting) outside.destroy();
      else outside.resetAndDestroy();
    });
    outside.on('data', (piece) => answers.carry(() => this.#answer(inside, outside, piece)));
    outside.on('close', (hadError) => {
      if (inside.destroyed) return;
      answers.carry(() => {
        if (hadError) inside.resetAndDestroy();
        else inside.end();
      });
    });
  }

  get #delayMs(): number {
    return this.#fault.kind === 'delay' ? this.#fault.delayMs : 0;
  }

  #ask(inside: Socket, outside: Socket, piece: Buffer): void {
    if (this.#strikes('reset')) reset(inside, outside);
    else outside.write(piece);
  }

  #answer(inside: Socket, outside: Socket, piece: Buffer): void {
    if (this.#strikes('reset')) {
      reset(inside, outside);
    } else if (this.#strikes('cut')) {
      inside.end(piece.subarray(0, piece.length >> 1));
      outside.destroy();
    } else {
      inside.write(piece);
    }
  }

  #strikes(kind: 'reset' | 'cut'): boolean {
    const fault = this.#fault;
    return fault.kind === kind && this.#random.chance(fault.rate);
  }
}

function reset(...sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.resetAndDestroy();
}

/** One direction of a connection: data arrives late but in order. */
class Lane {
  readonly #delayMs: () => number;
  readonly #carried: { readonly dueMs: number; readonly arrive: () => void }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(delayMs: () => number) {
    this.#delayMs = delayMs;
  }

  carry(arrive: () => void): void {
    const dueMs = performance.now() + this.#delayMs();
    this.#carried.push({ dueMs, arrive });
    if (this.#carried.length === 1) this.#deliver();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#carried.length = 0;
  }

  /** One timer for all, because timers of different durations may fire out of order. */
  #deliver(): void {
    for (let first = this.#carried[0]; first !== undefined; first = this.#carried[0]) {
      const leftMs = first.dueMs - performance.now();
      if (leftMs > 0) {
        this.#timer = setTimeout(() => this.#deliver(), Math.ceil(leftMs));
        return;
      }
      this.#carried.shift();
      first.arrive();
    }
  }
}
