import type { ProxiedRequest } from './exchange.ts';

const HEAD_END = '\r\n\r\n';

/** Reads requests from the bytes of one connection. They come from the gateway's own client, so nothing is checked. */
export class RequestReader {
  #bytes: Buffer = Buffer.alloc(0);

  push(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
  }

  /** The next complete request; null: more bytes are needed. */
  next(): ProxiedRequest | null {
    const headEnd = this.#bytes.indexOf(HEAD_END);
    if (headEnd === -1) return null;
    const [line = '', ...fields] = this.#bytes.toString('latin1', 0, headEnd).split('\r\n');
    const [method = '', path = ''] = line.split(' ');
    const headers: Record<string, string> = {};
    for (const field of fields) {
      const colon = field.indexOf(':');
      headers[field.slice(0, colon).toLowerCase()] = field.slice(colon + 1).trim();
    }
    const bodyStart = headEnd + HEAD_END.length;
    const bodyEnd = bodyStart + Number(headers['content-length'] ?? 0);
    if (this.#bytes.length < bodyEnd) return null;
    const body = this.#bytes.toString('utf8', bodyStart, bodyEnd);
    this.#bytes = this.#bytes.subarray(bodyEnd);
    return { method, path, headers, body };
  }
}
