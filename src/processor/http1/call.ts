import type { ResponseSink } from './response-reader.ts';

/** The response to one HTTP call, complete or not. */
export interface Response {
  /** False: no byte of the request was sent, and none will be. */
  readonly sent: boolean;
  /** Status of the final response; 0: no status line was received. */
  readonly status: number;
  /** The header as received; empty: none. */
  readonly retryAfter: string;
  /** Why the response is incomplete; empty: it is complete. */
  readonly cut: string;
  /** Nothing was sent, because this machine has run out of something that a connection needs. */
  readonly isExhausted: boolean;
  /** One of the headers that the contract reads; empty: missing. */
  header(name: string): string;
  /** The body, as far as received. */
  text(): string;
}

/**
 * One HTTP call and its result.
 *
 * | state   | by                                                 | to   | note                                |
 * |---------|----------------------------------------------------|------|-------------------------------------|
 * | waiting | a connection is free: `send`                       | sent |                                     |
 * | waiting | no connection, deadline, close                     | over | `sent` stays false for good           |
 * | sent    | the whole response, connection lost, deadline, close | over | status and body, as far as received |
 */
export class Call implements Response, ResponseSink {
  /** Request line, headers and body. */
  readonly request: string;
  /** `latin1` is faster, and right for ASCII. */
  readonly encoding: 'latin1' | 'utf8';
  readonly timeoutMs: number;
  /** On the monotonic clock. */
  readonly deadlineMs: number;
  sent = false;
  status = 0;
  retryAfter = '';
  headers: ReadonlyMap<string, string> | null = null;
  cut = '';
  isExhausted = false;
  #isOver = false;
  #body: Buffer | null = null;
  readonly #onOver: (response: Response) => void;

  constructor(
    request: string,
    timeoutMs: number,
    nowMs: number,
    onOver: (response: Response) => void,
    encoding: 'latin1' | 'utf8' = 'latin1',
  ) {
    this.request = request;
    this.encoding = encoding;
    this.timeoutMs = timeoutMs;
    this.deadlineMs = nowMs + timeoutMs;
    this.#onOver = onOver;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  header(name: string): string {
    return this.headers?.get(name) ?? '';
  }

  text(): string {
    return this.#body === null ? '' : this.#body.toString();
  }

  /** Appends to the body; copies the bytes. */
  append(bytes: Buffer): void {
    this.#body = this.#body === null ? Buffer.from(bytes) : Buffer.concat([this.#body, bytes]);
  }

  /** Ends the call. `cut`: why the response is incomplete; empty: it is complete. Does nothing if the call is over. */
  end(cut: string, isExhausted = false): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.cut = cut;
    this.isExhausted = isExhausted;
    this.#onOver(this);
  }
}
