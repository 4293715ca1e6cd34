import assert from 'node:assert';
import type { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import { errorReason } from '../../core/reason.ts';
import type { Call } from './call.ts';
import { isExhausted } from './exhaustion.ts';
import { ResponseReader } from './response-reader.ts';
import { open, type Target } from './target.ts';

/** Enough for a TLS handshake and one lost packet. */
const CONNECT_TIMEOUT_MS = 2000;
const LIMITS = { headBytes: 16_384, bodyBytes: 65_536 };

interface ConnectionParts {
  readonly target: Target;
  readonly clock: Clock;
  /** Response headers to keep, in lower case. */
  readonly keptHeaders: ReadonlySet<string>;
  /** Receives each read, which is parsed before the next one. */
  readonly buffer: Buffer;
  /** TLS session of an earlier connection, to skip the full handshake; null: none. */
  readonly session: Buffer | null;
  readonly onSession: (session: Buffer) => void;
  readonly onOpen: () => void;
  /** Its call is over, and it can carry another. */
  readonly onFree: () => void;
  readonly onOver: (call: Call) => void;
  /** Whether another connection to the target has been open before. */
  readonly wasReached: boolean;
  /** Called once, when the connection ends. `wasOpen`: it had been established. `isExhausted`: see `Response`. */
  readonly onGone: (reason: string, wasOpen: boolean, isExhausted: boolean) => void;
}

/**
 * One connection, and the call that it carries.
 *
 * | state   | by                                                        | to   |
 * |---------|-----------------------------------------------------------|------|
 * | opening | the handshake is complete                                 | idle |
 * | idle    | `carry`                                                   | busy |
 * | busy    | the whole response, and nothing else                      | idle |
 * | any     | an error, an end, a deadline, an unexpected byte          | gone |
 */
export class Connection {
  readonly #parts: ConnectionParts;
  readonly #socket: Socket;
  readonly #cancelTimeout: () => void;
  readonly #reader: ResponseReader;
  #isOpen = false;
  #isGone = false;
  /** The call in flight; null: idle, opening or gone. */
  call: Call | null = null;
  idleSinceMs = 0;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    this.#reader = new ResponseReader(LIMITS, parts.keptHeaders);
    const { clock, target, buffer, session } = parts;
    const options = {
      noDelay: true,
      onread: {
        buffer,
        callback: (lengthBytes: number) => {
          this.#received(lengthBytes);
          return true;
        },
      },
      ...(session !== null && { session }),
    };
    this.#socket = open(target, () => this.#opened(), options);
    this.#cancelTimeout = clock.after(CONNECT_TIMEOUT_MS, () =>
      this.destroy(`no connection within ${CONNECT_TIMEOUT_MS} ms`),
    );
    this.#socket.on('session', (newer: Buffer) => parts.onSession(newer));
    this.#socket.on('error', (error) => this.destroy(describe(error), isExhausted(error, parts.wasReached)));
    this.#socket.on('end', () => this.#ended());
    this.#socket.on('close', () => this.destroy('the connection was closed'));
  }

  carry(call: Call): void {
    assert(this.call === null);
    this.call = call;
    call.sent = true;
    this.#reader.begin(call);
    this.#socket.write(call.request, call.encoding);
  }

  /** Closes the connection, and ends its call. Does nothing if it is gone. */
  destroy(reason: string, isExhausted = false): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#cancelTimeout();
    this.#hangUp();
    this.#endCall(reason);
    this.#parts.onGone(reason, this.#isOpen, isExhausted);
  }

  /**
   * A request without an answer is taken back with a reset. After an ordinary close, the kernel would go on delivering it
   * for up to a minute to a processor whose queue of new connections is full. With TLS nothing is sent before the processor
   * has accepted the connection.
   */
  #hangUp(): void {
    const socket = this.#socket;
    if (this.call === null || this.#parts.target.tls !== null || socket.connecting) socket.destroy();
    else socket.resetAndDestroy();
  }

  #opened(): void {
    this.#cancelTimeout();
    this.#isOpen = true;
    this.#parts.onOpen();
  }

  #received(lengthBytes: number): void {
    const reader = this.#reader;
    if (this.call === null) {
      this.destroy('received bytes without a request');
      return;
    }
    const readBytes = reader.read(this.#parts.buffer, 0, lengthBytes);
    if (reader.problem !== '') this.destroy(reader.problem);
    else if (reader.done) this.#answered(reader.keepsAlive && readBytes === lengthBytes);
  }

  /** Its call has been answered; the connection is kept if it `isReusable`. */
  #answered(isReusable: boolean): void {
    this.#endCall('');
    // The callback may have closed the connection.
    if (isReusable && !this.#isGone) this.#parts.onFree();
    else this.destroy('not kept alive');
  }

  #ended(): void {
    if (this.call !== null && this.#reader.finish()) this.#answered(false);
    else this.destroy('the other side closed the connection');
  }

  #endCall(cut: string): void {
    const { call } = this;
    if (call === null) return;
    this.call = null;
    this.#parts.onOver(call);
    call.end(cut);
  }
}

/** Code and reason, once if both are the same. */
function describe(error: Error & { readonly code?: string }): string {
  const reason = errorReason(error);
  return error.code === undefined || error.code === reason ? reason : `${error.code} ${reason}`;
}
