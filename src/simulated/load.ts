import { Agent, request } from 'node:http';
import type { Clock } from '../core/clock.ts';
import type { LoadFigures } from './lab-state.ts';

export interface LoadParts {
  /** Host of the gateway. */
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  /** Numbers from 0 to 1, exclusive. */
  readonly random: () => number;
  readonly newId: () => string;
}

const TICK_MS = 50;
const LEAST_CENTS = 100;
const SPAN_CENTS = 20_000;
const CONNECTIONS = 32;
/** Maximum number of posts in flight; further ones are delayed. */
const IN_FLIGHT_LIMIT = 256;

/** Posts payments at a fixed rate for a while, to give the dashboard something to show. */
export class Load {
  readonly #parts: LoadParts;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  #ratePerS = 0;
  #remaining = 0;
  #owed = 0;
  #inFlight = 0;
  #accepted = 0;
  #refused = 0;
  #cancel: () => void = () => {};

  constructor(parts: LoadParts) {
    this.#parts = parts;
  }

  get figures(): LoadFigures {
    return {
      ratePerS: this.#ratePerS,
      remaining: this.#remaining,
      accepted: this.#accepted,
      refused: this.#refused,
    };
  }

  /** Starts a new load in place of the current one; a rate of 0 stops it. */
  start(ratePerS: number, seconds: number): void {
    this.#cancel();
    this.#ratePerS = ratePerS;
    this.#remaining = ratePerS * seconds;
    this.#owed = 0;
    this.#next();
  }

  close(): void {
    this.start(0, 0);
    this.#agent.destroy();
  }

  #next(): void {
    if (this.#remaining === 0) {
      this.#ratePerS = 0;
      return;
    }
    this.#cancel = this.#parts.clock.after(TICK_MS, () => {
      this.#owed += (this.#ratePerS * TICK_MS) / 1000;
      while (this.#owed >= 1 && this.#remaining > 0 && this.#inFlight < IN_FLIGHT_LIMIT) {
        this.#owed--;
        this.#remaining--;
        this.#post();
      }
      this.#next();
    });
  }

  #post(): void {
    const { host, port, random, newId } = this.#parts;
    const amountCents = LEAST_CENTS + Math.floor(random() * SPAN_CENTS);
    const amount = `${Math.floor(amountCents / 100)}.${String(amountCents % 100).padStart(2, '0')}`;
    const body = `{"correlationId":"${newId()}","amount":${amount}}`;
    const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length };
    this.#inFlight++;
    const post = request({ host, port, path: '/payments', method: 'POST', agent: this.#agent, headers });
    post.once('response', (response) => {
      response.resume();
      if (response.statusCode === 202) this.#accepted++;
      else this.#refused++;
    });
    post.once('error', () => this.#refused++);
    post.once('close', () => this.#inFlight--);
    post.end(body);
  }
}
