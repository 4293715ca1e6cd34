/** A final answer as received. */
export interface Answer {
  readonly status: number;
  /** Header names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Parses the answers on a connection, read as Latin-1, which maps each byte to a character. */
export class AnswerReader {
  readonly answers: Answer[] = [];
  readonly #methods: readonly string[];
  #text = '';

  /** The methods of the requests, in order, because the answer to HEAD has a length but no body. */
  constructor(methods: readonly string[] = []) {
    this.#methods = methods;
  }

  push(text: string): void {
    this.#text += text;
    while (this.#readOne());
  }

  /** The connection has closed, which ends an answer without a length. */
  end(): void {
    const head = headOf(this.#text);
    if (head === null || head.lengthBytes !== null) return;
    this.answers.push({ status: head.status, headers: head.headers, body: this.#text.slice(head.endAt) });
    this.#text = '';
  }

  #readOne(): boolean {
    const head = headOf(this.#text);
    if (head === null) return false;
    // A stream of events has no end: its head is all of the answer that is waited for.
    const isStream = head.headers.get('content-type') === 'text/event-stream';
    const isBare = head.status < 200 || isStream || this.#methods[this.answers.length] === 'HEAD';
    const endAt = head.endAt + (isBare ? 0 : (head.lengthBytes ?? Number.POSITIVE_INFINITY));
    if (this.#text.length < endAt) return false;
    const body = this.#text.slice(head.endAt, endAt);
    this.#text = this.#text.slice(endAt);
    if (head.status >= 200) this.answers.push({ status: head.status, headers: head.headers, body });
    return true;
  }
}

interface Head {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly lengthBytes: number | null;
  readonly endAt: number;
}

function headOf(text: string): Head | null {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [line = '', ...lines] = text.slice(0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1] ?? Number.NaN);
  if (Number.isNaN(status)) return null;
  const headers = new Map(lines.map(nameAndValue));
  const length = headers.get('content-length') ?? '';
  return { status, headers, lengthBytes: /^\d+$/.test(length) ? Number(length) : null, endAt: end + 4 };
}

function nameAndValue(line: string): readonly [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}
