import { isOwnOrigin } from './origin.ts';
import { problem } from './problem.ts';
import { unknownParameter } from './query.ts';
import { refuse } from './route.ts';
import type { Exchange, HttpRequest } from './uws.ts';

/** Text is shown in terminals, where control characters are commands. */
const CONTROL_CHARACTER = /\p{Cc}/u;

export const NO_OBJECT = problem('malformed-json', { detail: 'The body is not a JSON object in UTF-8.' });

/**
 * Reads the body of a request by which an operator changes something. It takes no query parameters, and does not come from
 * a page of another origin; otherwise it is refused.
 */
export function receiveChange(
  exchange: Exchange,
  request: HttpRequest,
  limitBytes: number,
  onBody: (body: Uint8Array) => void,
): void {
  const unknown = unknownParameter(request.getQuery(), []);
  const isOwn = isOwnOrigin(request);
  exchange.readBody(limitBytes, (body) => {
    if (body === null) {
      const detail = `The body exceeds the limit of ${limitBytes} bytes.`;
      return refuse(exchange, problem('body-too-large', { detail }), true);
    }
    if (unknown !== null) return refuse(exchange, unknown);
    if (!isOwn) return refuse(exchange, problem('other-origin'));
    onBody(body);
  });
}

/** Null if the body is not a JSON object in UTF-8. */
export function parseObject(body: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

export function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length <= maxLength && !CONTROL_CHARACTER.test(value);
}
