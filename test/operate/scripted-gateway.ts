import { createServer } from 'node:http';
import { listenLocally } from '../listen-locally.ts';

interface Asked {
  readonly line: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** A gateway that gives these answers one after another, and the last one again and again. */
export async function withGateway(
  answers: readonly (readonly [status: number, body: unknown])[],
  use: (url: string) => Promise<number>,
) {
  const asked: Asked[] = [];
  const out: string[] = [];
  const err: string[] = [];
  const left = [...answers];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      asked.push({
        line: `${request.method} ${request.url}`,
        authorization: request.headers.authorization,
        body,
      });
      const [status, value] = (left.length > 1 ? left.shift() : left[0]) ?? [500, ''];
      const isText = typeof value === 'string';
      const json = status < 300 ? 'application/json' : 'application/problem+json';
      response.writeHead(status, { 'content-type': isText ? 'text/html' : json });
      response.end(isText ? value : JSON.stringify(value));
    });
  });
  output.log = (text) => out.push(text);
  output.error = (text) => err.push(text);
  const code = await use(`http://127.0.0.1:${await listenLocally(server)}`);
  server.closeAllConnections();
  server.close();
  return { code, asked, out, err };
}

const output = { log: (_: string): unknown => undefined, error: (_: string): unknown => undefined };
/** Prints to where `withGateway` looks. */
export const print = { log: (text: string) => output.log(text), error: (text: string) => output.error(text) };
