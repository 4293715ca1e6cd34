/** One event of a stream of server-sent events. */
export interface StreamEvent {
  /** Empty: this one only says where the stream is. */
  readonly data: string;
  /** The last `id` until now. */
  readonly id: string;
}

/** A line that has no end within so many characters is not one of a gateway. */
const LINE_MAX = 1 << 20;

/** Reads the lines of server-sent events, piece by piece, and returns the events that they complete. */
export class EventStreamReader {
  #rest = '';
  #data: string[] = [];
  #id = '';
  #hasId = false;

  push(text: string): StreamEvent[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > LINE_MAX) throw new SyntaxError('a line of server-sent events is too long');
    return lines.flatMap((line) => this.#line(line.endsWith('\r') ? line.slice(0, -1) : line));
  }

  #line(line: string): StreamEvent[] {
    if (line === '') return this.#end();
    const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (name === 'data') this.#data.push(value);
    if (name === 'id') {
      this.#id = value;
      this.#hasId = true;
    }
    return [];
  }

  #end(): StreamEvent[] {
    const [data, hasId] = [this.#data.join('\n'), this.#hasId];
    this.#data = [];
    this.#hasId = false;
    return data === '' && !hasId ? [] : [{ data, id: this.#id }];
  }
}
