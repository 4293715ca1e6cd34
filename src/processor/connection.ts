import assert from 'node:assert';
import type { Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { errorReason } from '../core/reason.ts';
import type { Call } from './call.ts';
import { isOwnLack } from './own-lack.ts';
import { ResponseReader } from './response-reader.ts';
import { open, type Target } from './target.ts';

/** Longer than any processor takes to shake hands, and with room for one lost packet. */
const CONNECT_TIMEOUT_MS = 2000;
const LIMITS = { headBytes: 16_384, bodyBytes: 65_536 };

interface ConnectionParts {
  readonly target: Target;
  readonly clock: Clock;
  /** What is read lies here until it is understood, which is before anything else is read. */
  readonly buffer: Buffer;
  /** Of TLS, from a former connection to the target, so that both need not prove themselves anew; null: none. */
  readonly session: Buffer | null;
  readonly onSession: (session: Buffer) => void;
  readonly onOpen: () => void;
  /** Its call is over, and it may carry another. */
  readonly onFree: () => void;
  readonly onOver: (call: Call) => void;
  /** Whether another connection to the target has been open before. */
  readonly wasReached: boolean;
  /** Called once, whatever it ends by; `wasOpen`: the other side had been reached. `isOwnLack`: see `Response`. */
  readonly onGone: (reason: string, wasOpen: boolean, isOwnLack: boolean) => void;
}

/**
 * One connection, and the call that it carries.
 *
 * | state   | by                                                        | to   |
 * |---------|-----------------------------------------------------------|------|
 * | opening | both sides have shaken hands                              | idle |
 * | idle    | `carry`                                                   | busy |
 * | busy    | the whole response, and nothing else                      | idle |
 * | any     | an error, an end, a deadline, a byte that answers nothing | gone |
 */
export class Connection {
  readonly #parts: ConnectionParts;
  readonly #socket: Socket;
  readonly #cancelTimeout: () => void;
  readonly #reader = new ResponseReader(LIMITS);
  #isOpen = false;
  #isGone = false;
  /** On its way; null: it is idle, opening or gone. */
  call: Call | null = null;
  idleSinceMs = 0;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    const { clock, target, buffer, session } = parts;
    const options = {
      noDelay: true,
      onread: {
        buffer,
        callback: (lengthBytes: number) => {
          this.#heard(lengthBytes);
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
    this.#socket.on('error', (error) => this.destroy(describe(error), isOwnLack(error, parts.wasReached)));
    this.#socket.on('end', () => this.#ended());
    this.#socket.on('close', () => this.destroy('the connection was closed'));
  }

  carry(call: Call): void {
    assert(this.call === null);
    this.call = call;
    call.sent = true;
    this.#reader.begin(call);
    this.#socket.write(call.request, 'latin1');
  }

  /** Hangs up, whatever is on its way. Harmless when it is gone. */
  destroy(reason: string, isOwnLack = false): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#cancelTimeout();
    this.#socket.destroy();
    this.#endCall(reason);
    this.#parts.onGone(reason, this.#isOpen, isOwnLack);
  }

  #opened(): void {
    this.#cancelTimeout();
    this.#isOpen = true;
    this.#parts.onOpen();
  }

  #heard(lengthBytes: number): void {
    const reader = this.#reader;
    if (this.call === null) {
      this.destroy('bytes that answer nothing');
      return;
    }
    const readBytes = reader.read(this.#parts.buffer, 0, lengthBytes);
    if (reader.problem !== '') this.destroy(reader.problem);
    else if (reader.done) this.#answered(reader.keepsAlive && readBytes === lengthBytes);
  }

  /** The call has the whole of its answer; whether the connection has a future. */
  #answered(hasFuture: boolean): void {
    this.#endCall('');
    // Whoever was told may have hung up.
    if (hasFuture && !this.#isGone) this.#parts.onFree();
    else this.destroy('the connection has served');
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

/** The code and the reason, which may be the same. */
function describe(error: Error & { readonly code?: string }): string {
  const reason = errorReason(error);
  return error.code === undefined || error.code === reason ? reason : `${error.code} ${reason}`;
}
