import type { Socket } from 'node:net';
import { type Clock, sleep } from '../core/clock.ts';
import type { Answer } from './answer-bytes.ts';

export type ExchangeKind = 'pay' | 'find' | 'health';

/** What a request is about; the gateway's client says so in a header that the proxy takes out again. */
export interface Subject {
  readonly kind: ExchangeKind;
  /** Empty for health. */
  readonly correlationId: string;
  /** The number of the call in `ObservedContract.calls`; -1 for health. */
  readonly call: number;
}

export interface ProxiedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** In milliseconds from when the answer is read, or until a moment on the monotonic clock. */
export type Rest =
  | { readonly kind: 'delay'; readonly delayMs: number }
  | { readonly kind: 'until'; readonly untilMs: number };

interface ExchangeParts extends Subject {
  readonly socket: Socket;
  readonly clock: Clock;
  /** Since the situation began. */
  readonly elapsedMs: number;
  /** Among the requests of this kind about this payment, from 1. */
  readonly nth: number;
  /** Among all requests of this kind, from 1. */
  readonly nthOfAll: number;
  readonly send: () => Promise<Answer>;
}

/** One request of the gateway, as a situation's script sees it: what reaches the processor, and what is answered. */
export class Exchange {
  readonly kind: ExchangeKind;
  readonly correlationId: string;
  readonly call: number;
  readonly elapsedMs: number;
  readonly nth: number;
  readonly nthOfAll: number;
  /** What the processor said, if it got the request and answered. */
  truth: Answer | null = null;
  /** The rest that the answer asked for; null: none. */
  rest: Rest | null = null;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #send: () => Promise<Answer>;
  #sending: Promise<Answer> | null = null;

  constructor(parts: ExchangeParts) {
    this.kind = parts.kind;
    this.correlationId = parts.correlationId;
    this.call = parts.call;
    this.elapsedMs = parts.elapsedMs;
    this.nth = parts.nth;
    this.nthOfAll = parts.nthOfAll;
    this.#socket = parts.socket;
    this.#clock = parts.clock;
    this.#send = parts.send;
  }

  /** Sends the request on, at most once, and resolves with the processor's answer. */
  forward(): Promise<Answer> {
    this.#sending ??= this.#send().then((answer) => {
      this.truth = answer;
      return answer;
    });
    return this.#sending;
  }

  /** Sends the request once more, as a proxy or a network that repeats it. */
  async forwardAgain(): Promise<Answer> {
    await this.forward();
    return this.#send();
  }

  write(text: string): void {
    if (!this.#socket.destroyed) this.#socket.write(text, 'utf8');
  }

  /** Closes the connection once everything is written. */
  end(): void {
    this.#socket.end();
  }

  /** Breaks the connection, so that the other side sees a reset. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  wait(delayMs: number): Promise<void> {
    return sleep(this.#clock, delayMs);
  }

  /** The wall clock. */
  nowMs(): number {
    return this.#clock.nowMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }
}
