import assert from 'node:assert/strict';
import type { HttpRequest, HttpResponse } from './uws.ts';

/** A body that comes in pieces gets this much memory first, and then twice as much each time. */
const GATHERED_MIN_BYTES = 4096;

/** A buffer for `sizeBytes` that begins with the first `usedBytes` of this one. */
function withRoom(gathered: Buffer | null, usedBytes: number, sizeBytes: number, limitBytes: number): Buffer {
  if (gathered !== null && gathered.length >= sizeBytes) return gathered;
  const wantedBytes = Math.max(sizeBytes, GATHERED_MIN_BYTES, 2 * (gathered?.length ?? 0));
  const larger = Buffer.allocUnsafe(Math.min(limitBytes, wantedBytes));
  gathered?.copy(larger, 0, 0, usedBytes);
  return larger;
}

export type Headers = readonly (readonly [name: string, value: string])[];

export const NO_STORE = ['Cache-Control', 'no-store'] as const;
/** JSON that is true for the moment only. */
export const FRESH_JSON_HEADERS = [['Content-Type', 'application/json'], NO_STORE] as const;

/** How much of a body over its limit is still read, so that a client that sends it all first sees the response. */
const DISCARD_LIMIT_BYTES = 1 << 20;

/**
 * A request and its pending response. Create it in the handler, before anything asynchronous; from then on every method
 * may be called at any time, and does nothing once the client has left.
 */
export class Exchange {
  readonly #response: HttpResponse;
  readonly #isHead: boolean;
  #open = true;
  /** Whether this runs within a callback in which the library has already corked the connection. */
  #corked = false;
  #onGone: (() => void) | null = null;

  /** With `request`, omits the body of a response to HEAD, which the client would take for the next response. */
  constructor(response: HttpResponse, request?: HttpRequest) {
    this.#response = response;
    this.#isHead = request?.getMethod() === 'head';
    response.onAborted(() => {
      this.#open = false;
      this.#onGone?.();
    });
  }

  /** False once the response was sent or the connection has ended. */
  get open(): boolean {
    return this.#open;
  }

  /** Calls `listener` if the connection ends before the response. A second listener replaces the first. */
  onGone(listener: () => void): void {
    this.#onGone = listener;
  }

  /**
   * Calls `onBody` with the whole body, or with null once it exceeds `limitBytes`: then answer 413 and close. The bytes
   * are only valid until `onBody` returns, because a body that arrives in one piece is not copied. If the client leaves
   * first, `onBody` is not called.
   */
  readBody(limitBytes: number, onBody: (body: Uint8Array | null) => void): void {
    let gathered: Buffer | null = null;
    let sizeBytes = 0;
    let handedOver = false;
    this.#response.onData((chunk, isLast) => {
      if (handedOver) return;
      const startBytes = sizeBytes;
      sizeBytes += chunk.byteLength;
      if (sizeBytes > limitBytes) {
        if (!isLast && sizeBytes <= limitBytes + DISCARD_LIMIT_BYTES) return;
        handedOver = true;
        onBody(null);
        return;
      }
      if (isLast && startBytes === 0) {
        handedOver = true;
        this.#corked = true;
        onBody(new Uint8Array(chunk));
        this.#corked = false;
        return;
      }
      if (chunk.byteLength > 0) {
        gathered = withRoom(gathered, startBytes, sizeBytes, limitBytes);
        gathered.set(new Uint8Array(chunk), startBytes);
      }
      if (isLast) {
        handedOver = true;
        assert(gathered !== null);
        onBody(gathered.subarray(0, sizeBytes));
      }
    });
  }

  /**
   * Sends the response in one write. `status` is code and phrase, such as `200 OK`. A null body also omits
   * `Content-Length`, as 204 requires. `close` closes the connection afterwards, and needs a body, which may be empty.
   */
  end(status: string, headers: Headers, body: string | Uint8Array | null, close = false): void {
    assert(body !== null || !close);
    if (!this.#open) return;
    this.#open = false;
    if (this.#corked) this.#write(status, headers, body, close);
    else this.#response.cork(() => this.#write(status, headers, body, close));
  }

  #write(status: string, headers: Headers, body: string | Uint8Array | null, close: boolean): void {
    const response = this.#response;
    response.writeStatus(status);
    for (const [name, value] of headers) response.writeHeader(name, value);
    if (body !== null && !this.#isHead) {
      response.end(body, close);
      return;
    }
    // Passed to `endWithoutBody`, the length would make the library wait for that many bytes.
    if (body !== null) response.writeHeader('Content-Length', String(Buffer.byteLength(body)));
    response.endWithoutBody();
  }

  /**
   * Begins a response with this text, which goes on until its `end`. Null: the client has left, or the request was HEAD,
   * which is answered now.
   */
  stream(status: string, headers: Headers, text: string): ResponseStream | null {
    if (!this.#open) return null;
    const response = this.#response;
    if (this.#isHead) {
      this.end(status, headers, null);
      return null;
    }
    this.#open = false;
    const stream = new ResponseStream(response, (listener) => this.onGone(listener));
    response.cork(() => {
      response.writeStatus(status);
      for (const [name, value] of headers) response.writeHeader(name, value);
      response.write(text);
    });
    return stream;
  }

  /** Sends an incomplete response and closes the connection, to test clients. */
  endBroken(status: string, headers: Headers, half: string): void {
    if (!this.#open) return;
    const response = this.#response;
    response.cork(() => {
      response.writeStatus(status);
      for (const [name, value] of headers) response.writeHeader(name, value);
      response.write(half);
    });
    // The bytes are sent when the handler returns; closing the connection earlier would discard them.
    setImmediate(() => this.drop());
  }

  /** Closes the connection without a response. */
  drop(): void {
    if (this.#open) this.#response.close();
  }
}

/** A response that goes on. Every method may be called at any time, and does nothing once it has ended. */
export class ResponseStream {
  readonly #response: HttpResponse;
  #open = true;
  #onEnd: () => void = () => {};

  constructor(response: HttpResponse, onGone: (listener: () => void) => void) {
    this.#response = response;
    onGone(() => this.#ended());
  }

  /** False: the client has not taken what was sent before, or has left. */
  send(text: string): boolean {
    let hasRoom = false;
    if (this.#open) {
      this.#response.cork(() => {
        hasRoom = this.#response.write(text);
      });
    }
    return hasRoom;
  }

  /** Calls `listener` each time that the client has taken everything. */
  onDrained(listener: () => void): void {
    if (!this.#open) return;
    this.#response.onWritable(() => {
      listener();
      return true;
    });
  }

  /** Calls `listener` once, when the response ends or the client leaves. */
  onEnd(listener: () => void): void {
    if (this.#open) this.#onEnd = listener;
    else listener();
  }

  end(): void {
    if (!this.#open) return;
    this.#response.cork(() => this.#response.end());
    this.#ended();
  }

  /** Closes the connection without sending what it has not taken. */
  drop(): void {
    if (this.#open) this.#response.close();
  }

  #ended(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#onEnd();
  }
}
