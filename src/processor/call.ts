import type { Response } from './response.ts';

/**
 * One HTTP call and its result.
 *
 * | state   | by                                                 | to   | note                                |
 * |---------|----------------------------------------------------|------|-------------------------------------|
 * | waiting | a connection is free: `send`                       | sent |                                     |
 * | waiting | no connection, deadline, close                     | over | `sent` stays false for good           |
 * | sent    | the whole response, connection lost, deadline, close | over | status and body, as far as received |
 */
export class Call implements Response {
  /** Request line, headers and body. */
  readonly request: string;
  readonly timeoutMs: number;
  /** On the monotonic clock. */
  readonly deadlineMs: number;
  sent = false;
  status = 0;
  retryAfter = '';
  cut = '';
  isOwnLack = false;
  #isOver = false;
  #body: Buffer | null = null;
  readonly #onOver: (response: Response) => void;

  constructor(request: string, timeoutMs: number, nowMs: number, onOver: (response: Response) => void) {
    this.request = request;
    this.timeoutMs = timeoutMs;
    this.deadlineMs = nowMs + timeoutMs;
    this.#onOver = onOver;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  text(): string {
    return this.#body === null ? '' : this.#body.toString();
  }

  /** Appends to the body; copies the bytes. */
  append(bytes: Buffer): void {
    this.#body = this.#body === null ? Buffer.from(bytes) : Buffer.concat([this.#body, bytes]);
  }

  /** Ends the call. `cut`: why the response is incomplete; empty: it is complete. Does nothing if the call is over. */
  end(cut: string, isOwnLack = false): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.cut = cut;
    this.isOwnLack = isOwnLack;
    this.#onOver(this);
  }
}
