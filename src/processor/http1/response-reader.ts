/** Receives a response, piece by piece. */
export interface ResponseSink {
  status: number;
  retryAfter: string;
  /** The headers that the reader was asked to keep, by their names in lower case; null: none was received. */
  headers: ReadonlyMap<string, string> | null;
  /** Receives more of the body; the bytes are valid during the call only. */
  append(bytes: Buffer): void;
}

export interface ReaderLimits {
  readonly headBytes: number;
  readonly bodyBytes: number;
}

const NOWHERE: ResponseSink = { status: 0, retryAfter: '', headers: null, append() {} };

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const ZERO = 0x30;
const COLON = 0x3a;
const TO_LOWER = 0x20;
const LETTER_C = 0x63;
const LETTER_R = 0x72;
const LETTER_T = 0x74;
const VERSION = Buffer.from('HTTP/1.1 ');
/** In lower case. `-`, `:` and the space have the lower-case bit set, too, and control characters never get here. */
const LENGTH_NAME = Buffer.from('content-length: ');
const LENGTH_DIGITS = 9;

// The tab is the only control character that text may contain.
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t -\xff]*)?$/;
const LENGTH = /^\d{1,15}$/;
const CHUNK_SIZE = /^([\dA-Fa-f]{1,8})(?:[ \t]*;[\t -\xff]*)?$/;
/** Matches the value word by word, so that a long run of spaces is scanned only once. */
const FIELD = /^([!#$%&'*+.^_`|~\dA-Za-z-]+):[ \t]*(?:([!-\xff]+(?:[ \t]+[!-\xff]+)*)[ \t]*)?$/;
/** By byte: 1 if it is allowed in a header name. */
const IN_NAME = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(FIELD.test(`${String.fromCharCode(byte)}:`)),
);

/**
 * | state   | reads                                          | then                              |
 * |---------|------------------------------------------------|-----------------------------------|
 * | status  | the status line                                | fields                            |
 * | fields  | a header, or the empty line that ends them     | status (1xx), body, size or done  |
 * | body    | as many bytes as are left of `Content-Length`  | done                              |
 * | rest    | everything, until the connection ends          | `finish`                          |
 * | size    | the line before a chunk                        | chunk, or trailer when it is 0    |
 * | chunk   | as many bytes as are left of the chunk         | gap                               |
 * | gap     | the end of line after a chunk                  | size                              |
 * | trailer | a header, or the empty line that ends them     | done                              |
 */
type State = 'status' | 'fields' | 'body' | 'rest' | 'size' | 'chunk' | 'gap' | 'trailer' | 'done';

/**
 * Parses HTTP/1.1 responses (RFC 9112) from the bytes of one connection, one after another. It is strict: a response that
 * two readers might understand differently is a problem, and the connection cannot be used any more.
 */
export class ResponseReader {
  readonly #limits: ReaderLimits;
  readonly #keptNames: ReadonlySet<string>;
  #sink: ResponseSink = NOWHERE;
  #state: State = 'done';
  /** The beginning of an incomplete line. */
  #line = '';
  #headBytes = 0;
  #bodyBytes = 0;
  #status = 0;
  #retryAfter = '';
  #headers: Map<string, string> | null = null;
  /** Bytes left of the body or the chunk. */
  #leftBytes = 0;
  #length = -1;
  #chunked = false;
  #keepsAlive = false;
  #problem = '';

  /** `keptNames`: headers to keep for the sink, in lower case. */
  constructor(limits: ReaderLimits, keptNames: ReadonlySet<string> = new Set()) {
    this.#limits = limits;
    this.#keptNames = keptNames;
  }

  /** Whether the response is complete. */
  get done(): boolean {
    return this.#state === 'done';
  }

  /** Whether the connection can carry another request afterwards. */
  get keepsAlive(): boolean {
    return this.#keepsAlive;
  }

  /** Why this is not a valid response; empty: it is valid so far. */
  get problem(): string {
    return this.#problem;
  }

  /** Starts the next response, which goes to `sink`. */
  begin(sink: ResponseSink): void {
    this.#sink = sink;
    this.#state = 'status';
    this.#headBytes = 0;
    this.#bodyBytes = 0;
  }

  /** Parses bytes [start, end), up to the end of the response at most; returns where it stopped. */
  read(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.#state !== 'done' && this.#problem === '') {
      at = this.#readsBytes() ? this.#readBytes(bytes, at, end) : this.#readLine(bytes, at, end);
    }
    return at;
  }

  /** Call when the connection has ended. True: this completes the response. */
  finish(): boolean {
    if (this.#state !== 'rest' || this.#problem !== '') return false;
    this.#state = 'done';
    return true;
  }

  #readsBytes(): boolean {
    return this.#state === 'body' || this.#state === 'chunk' || this.#state === 'rest';
  }

  #readBytes(bytes: Buffer, start: number, end: number): number {
    const until = Math.min(end, start + this.#leftBytes);
    this.#bodyBytes += until - start;
    if (this.#bodyBytes > this.#limits.bodyBytes) {
      this.#problem = 'the body exceeds the limit';
      return end;
    }
    this.#sink.append(bytes.subarray(start, until));
    this.#leftBytes -= until - start;
    if (this.#leftBytes === 0) this.#state = this.#state === 'chunk' ? 'gap' : 'done';
    return until;
  }

  #readLine(bytes: Buffer, start: number, end: number): number {
    let textEnd = start;
    while (textEnd < end && (bytes[textEnd] as number) >= SPACE) textEnd++;
    let at = textEnd;
    while (at < end && bytes[at] !== LF) at++;
    this.#headBytes += Math.min(at + 1, end) - start;
    if (this.#headBytes > this.#limits.headBytes) {
      this.#problem = 'the headers exceed the limit';
      return end;
    }
    if (at === end) {
      this.#line += bytes.toString('latin1', start, end);
      return end;
    }
    const isPlain = this.#line === '' && at === textEnd + 1 && bytes[textEnd] === CR;
    if (isPlain && this.#takeFast(bytes, start, textEnd)) return at + 1;
    const line = this.#line + bytes.toString('latin1', start, at);
    this.#line = '';
    if (line.endsWith('\r')) this.#take(line.slice(0, -1));
    else this.#problem = 'a line does not end in CRLF';
    return at + 1;
  }

  /** Handles the most common lines without creating strings. False: not one of them. */
  #takeFast(bytes: Buffer, start: number, end: number): boolean {
    if (this.#state === 'status') return this.#takeStatusFast(bytes, start, end);
    if (this.#state !== 'fields') return false;
    if (start === end) {
      this.#takeEndOfFields();
      return true;
    }
    return this.#passesOver(bytes, start) || this.#takeLengthFast(bytes, start, end);
  }

  #takeStatusFast(bytes: Buffer, start: number, end: number): boolean {
    const codeAt = start + VERSION.length;
    if (end < codeAt + 3 || (end > codeAt + 3 && bytes[codeAt + 3] !== SPACE)) return false;
    for (let index = 0; index < VERSION.length; index++) {
      if (bytes[start + index] !== VERSION[index]) return false;
    }
    const code = digitsAt(bytes, codeAt, codeAt + 3);
    // Statuses below 200 are left to the slow path.
    if (code < 200 || code > 599) return false;
    this.#begin(code, true);
    return true;
  }

  /** Whether the header can be skipped, as most can. */
  #passesOver(bytes: Buffer, start: number): boolean {
    if (this.#keptNames.size > 0) return false;
    let at = start;
    while (IN_NAME[bytes[at] as number] === 1) at++;
    return at > start && bytes[at] === COLON && !mayMatter((bytes[start] as number) | TO_LOWER, at - start);
  }

  #takeLengthFast(bytes: Buffer, start: number, end: number): boolean {
    const valueAt = start + LENGTH_NAME.length;
    if (this.#length !== -1 || end <= valueAt || end > valueAt + LENGTH_DIGITS) return false;
    for (let index = 0; index < LENGTH_NAME.length; index++) {
      if (((bytes[start + index] as number) | TO_LOWER) !== LENGTH_NAME[index]) return false;
    }
    const length = digitsAt(bytes, valueAt, end);
    if (length < 0) return false;
    this.#length = length;
    return true;
  }

  #take(line: string): void {
    switch (this.#state) {
      case 'status':
        this.#takeStatus(line);
        break;
      case 'fields':
        if (line === '') this.#takeEndOfFields();
        else this.#takeField(line);
        break;
      case 'size':
        this.#takeSize(line);
        break;
      case 'gap':
        if (line === '') this.#state = 'size';
        else this.#problem = 'a chunk is longer than its size';
        break;
      case 'trailer':
        if (line === '') this.#state = 'done';
        else if (!FIELD.test(line)) this.#problem = 'a trailer has no name';
        break;
    }
  }

  #takeStatus(line: string): void {
    const [, minor, status] = STATUS_LINE.exec(line) ?? [];
    if (status === undefined) {
      this.#problem = 'not an HTTP/1.1 response';
      return;
    }
    const code = Number(status);
    const isOld = minor === '0';
    // We never ask for another protocol, so what follows a 101 is undefined. HTTP/1.0 has no interim responses.
    if (code === 101 || (code < 200 && isOld)) this.#problem = `unexpected HTTP ${code}`;
    this.#begin(code, !isOld);
  }

  #begin(code: number, keepsAlive: boolean): void {
    this.#state = 'fields';
    this.#status = code;
    this.#retryAfter = '';
    this.#headers = null;
    this.#length = -1;
    this.#chunked = false;
    this.#keepsAlive = keepsAlive;
  }

  #takeField(line: string): void {
    const [, written = '', value = ''] = FIELD.exec(line) ?? [];
    const name = written.toLowerCase();
    if (this.#keptNames.has(name)) {
      this.#headers ??= new Map();
      this.#headers.set(name, value);
    }
    switch (name) {
      case '':
        this.#problem = 'a header has no name';
        break;
      case 'content-length':
        this.#takeLength(value);
        break;
      case 'transfer-encoding':
        if (this.#chunked || value.toLowerCase() !== 'chunked') this.#problem = `Transfer-Encoding: ${value}`;
        this.#chunked = true;
        break;
      case 'connection':
        if (/(?:^|,)\s*close\s*(?:,|$)/i.test(value)) this.#keepsAlive = false;
        break;
      case 'retry-after':
        this.#retryAfter = value;
        break;
    }
  }

  #takeLength(value: string): void {
    const length = LENGTH.test(value) ? Number(value) : -1;
    if (length === -1 || (this.#length !== -1 && this.#length !== length))
      this.#problem = `Content-Length: ${value}`;
    this.#length = length;
  }

  #takeEndOfFields(): void {
    const status = this.#status;
    if (status < 200) {
      this.#state = 'status';
      return;
    }
    if (this.#chunked && this.#length !== -1) {
      this.#problem = 'both Content-Length and Transfer-Encoding';
      return;
    }
    this.#sink.status = status;
    this.#sink.retryAfter = this.#retryAfter;
    this.#sink.headers = this.#headers;
    this.#leftBytes = this.#length;
    const isBare = status === 204 || status === 304;
    // A server that announces a body here, where none is allowed, may send it.
    if (isBare && (this.#chunked || this.#length > 0)) this.#keepsAlive = false;
    if (isBare || this.#length === 0) this.#state = 'done';
    else if (this.#chunked) this.#state = 'size';
    else if (this.#length > 0) this.#state = 'body';
    else {
      this.#state = 'rest';
      this.#leftBytes = Number.POSITIVE_INFINITY;
      this.#keepsAlive = false;
    }
  }

  #takeSize(line: string): void {
    const [, size] = CHUNK_SIZE.exec(line) ?? [];
    if (size === undefined) {
      this.#problem = 'a chunk has no valid size';
      return;
    }
    this.#leftBytes = Number.parseInt(size, 16);
    this.#state = this.#leftBytes === 0 ? 'trailer' : 'chunk';
  }
}

/** Whether a header may be one that we read, by the first letter (in lower case) and the length of its name. */
function mayMatter(letter: number, length: number): boolean {
  switch (letter) {
    case LETTER_C:
      return length === 'connection'.length || length === 'content-length'.length;
    case LETTER_T:
      return length === 'transfer-encoding'.length;
    case LETTER_R:
      return length === 'retry-after'.length;
    default:
      return false;
  }
}

/** The number in bytes [start, end); negative unless all are digits. */
function digitsAt(bytes: Buffer, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
