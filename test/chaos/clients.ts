import { Agent } from 'node:http';
import { connect } from 'node:net';
import { exchangeKept } from '../contract/kept.ts';
import { uuidOf } from '../sim/profiles.ts';
import type { Random } from '../sim/random.ts';
import { pause } from '../system/until.ts';

/** Where a client posts to: nginx or an instance. */
export interface Entrance {
  readonly name: string;
  readonly url: string;
}

/**
 * | manner  | what the client does                                                          |
 * |---------|-------------------------------------------------------------------------------|
 * | plain   | posts, and repeats until it gets an answer                                    |
 * | twice   | posts again a little later, to another address                                |
 * | amount  | posts another amount a little later, to another address                       |
 * | half    | disconnects in the middle of the body                                         |
 * | leaves  | posts, and disconnects before the answer                                      |
 * | drips   | posts byte by byte, except the request line                                   |
 */
type Manner = 'plain' | 'twice' | 'amount' | 'half' | 'leaves' | 'drips';

const WAITS: readonly Manner[] = ['plain', 'twice', 'amount'];

export interface Post {
  readonly atMs: number;
  readonly to: string;
  readonly amountCents: number;
  readonly manner: Manner;
  /** 0 if there was no answer. */
  status: number;
}

export interface Paid {
  readonly correlationId: string;
  readonly posts: Post[];
}

export interface ClientsPlan {
  readonly entrances: readonly [Entrance, ...Entrance[]];
  readonly ratePerS: number;
  readonly durationMs: number;
  readonly random: Random;
}

const MAX_AMOUNT_CENTS = 999_999;
const TICK_MS = 5;
const AGAIN_WITHIN_MS = 1_500;
const INSIST_EVERY_MS = 250;
const INSIST_MS = 30_000;
const DRIP_MS = 3;
const CONNECTIONS = 64;

/** Clients that post payments; some are clumsy, some hostile. */
export class Clients {
  /** All posts, in every manner. */
  readonly paid: Paid[] = [];
  readonly #plan: ClientsPlan;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

  constructor(plan: ClientsPlan) {
    this.#plan = plan;
  }

  /** Resolves when every client has its answer or has given up. */
  async run(): Promise<void> {
    const { durationMs, ratePerS } = this.#plan;
    const startMs = performance.now();
    const visits: Promise<void>[] = [];
    for (;;) {
      const spentMs = performance.now() - startMs;
      const due = Math.ceil((Math.min(spentMs, durationMs) / 1000) * ratePerS);
      while (visits.length < due) visits.push(this.#visit());
      if (spentMs >= durationMs) break;
      await pause(TICK_MS);
    }
    await Promise.all(visits);
    this.#agent.destroy();
  }

  /** Posts of clients that wait for an answer, and got 503 or none there. */
  refusedBehind(name: string): number {
    const isRefused = ({ to, status, manner }: Post) =>
      to === name && WAITS.includes(manner) && (status === 0 || status === 503);
    return this.paid.reduce((sum, { posts }) => sum + posts.filter(isRefused).length, 0);
  }

  async #visit(): Promise<void> {
    const { random } = this.#plan;
    const paid: Paid = { correlationId: uuidOf(random), posts: [] };
    this.paid.push(paid);
    const amountCents = random.int(1, MAX_AMOUNT_CENTS);
    const manner = mannerOf(random);
    switch (manner) {
      case 'plain':
        await this.#insist(paid, amountCents, manner);
        break;
      case 'twice':
      case 'amount': {
        const otherCents = manner === 'twice' ? amountCents : (amountCents % MAX_AMOUNT_CENTS) + 1;
        const later = pause(random.int(0, AGAIN_WITHIN_MS)).then(() =>
          this.#insist(paid, otherCents, manner),
        );
        await Promise.all([this.#insist(paid, amountCents, manner), later]);
        break;
      }
      default:
        await this.#oddly(paid, amountCents, manner);
    }
  }

  async #insist(paid: Paid, amountCents: number, manner: Manner): Promise<void> {
    const endMs = performance.now() + INSIST_MS;
    for (;;) {
      const { entrance, post } = this.#newPost(paid, amountCents, manner);
      const body = bodyOf(paid, amountCents);
      const url = `${entrance.url}/payments`;
      post.status = (await exchangeKept('POST', url, { body, agent: this.#agent })).status;
      if ((post.status !== 0 && post.status !== 503) || performance.now() >= endMs) return;
      await pause(INSIST_EVERY_MS);
    }
  }

  /** Posts once over a raw socket. Never rejects. */
  async #oddly(paid: Paid, amountCents: number, manner: 'half' | 'leaves' | 'drips'): Promise<void> {
    const { entrance, post } = this.#newPost(paid, amountCents, manner);
    const { hostname, port, host } = new URL(entrance.url);
    const body = bodyOf(paid, amountCents);
    const request = `POST /payments HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
    const socket = connect(Number(port), hostname);
    socket.setNoDelay(true);
    let answer = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      answer += text;
    });
    socket.on('error', () => {});
    const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    if (manner === 'drips') {
      for (const piece of drops(request)) {
        if (socket.destroyed) break;
        socket.write(piece);
        await pause(DRIP_MS);
      }
    } else {
      const sent = manner === 'half' ? request.slice(0, -Math.ceil(body.length / 2)) : request;
      socket.write(sent, () => socket.destroy());
    }
    socket.setTimeout(INSIST_MS, () => socket.destroy());
    await gone;
    post.status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 0);
  }

  #newPost(paid: Paid, amountCents: number, manner: Manner): { entrance: Entrance; post: Post } {
    const { random, entrances } = this.#plan;
    const entrance = random.pick(entrances);
    const post: Post = { atMs: Date.now(), to: entrance.name, amountCents, manner, status: 0 };
    paid.posts.push(post);
    return { entrance, post };
  }
}

/** Nine in ten clients are plain. */
function mannerOf(random: Random): Manner {
  if (random.chance(0.9)) return 'plain';
  return random.pick(['twice', 'twice', 'amount', 'half', 'leaves', 'drips']);
}

/** uWebSockets.js answers 505 if a request line is split within ` HTTP/1.1`; nginx never forwards one like that. */
function drops(request: string): string[] {
  const start = request.indexOf('\r\n') + 2;
  return [request.slice(0, start), ...request.slice(start)];
}

function bodyOf({ correlationId }: Paid, amountCents: number): string {
  const digits = String(amountCents).padStart(3, '0');
  return `{"correlationId":"${correlationId}","amount":${digits.slice(0, -2)}.${digits.slice(-2)}}`;
}
