/** An HTTP answer as the processor gave it, or as a situation replaces it. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export function answer(status: number, headers: Readonly<Record<string, string>> = {}, body = ''): Answer {
  return { status, headers, body };
}

export function html(status: number): Answer {
  const body = `<html><head><title>${status}</title></head><body><h1>${status}</h1><hr>proxy</body></html>`;
  return answer(status, { 'content-type': 'text/html' }, body);
}

/** The status line, the headers and `Content-Length`, up to the empty line. */
export function headText({ status, headers, body }: Answer, length = Buffer.byteLength(body)): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} Answer\r\n${lines.join('')}content-length: ${length}\r\n\r\n`;
}

export function answerText(given: Answer): string {
  return `${headText(given)}${given.body}`;
}

/** The body in chunks of a few bytes each, without the head. */
export function chunksOf(body: string): string {
  const bytes = Buffer.from(body);
  let text = '';
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const chunk = bytes.subarray(at, at + CHUNK_BYTES);
    text += `${chunk.length.toString(16)}\r\n${chunk.toString('latin1')}\r\n`;
  }
  return `${text}0\r\n\r\n`;
}

export function chunkedHeadText({ status, headers }: Answer): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} Answer\r\n${lines.join('')}transfer-encoding: chunked\r\n\r\n`;
}

const CHUNK_BYTES = 7;
