import { type Agent, request } from 'node:http';

export interface Answer {
  /** 0 if no answer came in time. */
  readonly status: number;
  /** Header names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Why there was no answer, if there was none. */
  readonly body: string;
}

export interface Call {
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** By default each call opens a connection, because a kept one may belong to a process that has exited. */
  readonly agent?: Agent;
}

const TIMEOUT_MS = 20_000;

/** One HTTP exchange. Never rejects. */
export function exchange(method: string, url: string, call: Call = {}): Promise<Answer> {
  const { body = '', headers = {}, agent = false } = call;
  return new Promise((resolve) => {
    const fail = (error: Error) => resolve({ status: 0, headers: new Map(), body: error.message });
    const outgoing = request(url, {
      method,
      headers: { ...headers, 'Content-Length': Buffer.byteLength(body) },
      agent,
      timeout: TIMEOUT_MS,
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('error', fail);
    outgoing.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('error', fail);
      response.on('end', () => {
        const headers = new Map(
          Object.entries(response.headers).map(([name, value]) => [name, String(value)]),
        );
        resolve({ status: response.statusCode ?? 0, headers, body: text });
      });
    });
    outgoing.end(body);
  });
}
