import { parseJsonObject } from '../core/json-object.ts';
import type { Exchange } from './exchange.ts';
import { isOwnOrigin } from './origin.ts';
import { type Problem, problem } from './problem.ts';
import { unknownParameter } from './query.ts';
import { type Guard, refuse } from './route.ts';
import type { HttpRequest } from './uws.ts';

/** Lets operators pass, and knows by which API key. */
export interface OperatorGuard extends Guard {
  /** The name of the API key that lets this request pass; empty: it needs none. */
  keyName(request: HttpRequest): string;
}

/** Text is shown in terminals, where control characters are commands. */
const CONTROL_CHARACTER = /\p{Cc}/u;

export const NO_OBJECT = problem('malformed-json', { detail: 'The body is not a JSON object in UTF-8.' });

/**
 * Reads the body of a request by which an operator changes something, and which `guard` has let pass. A request with query
 * parameters, or from a page of another origin, is refused.
 */
export function receiveChange(
  exchange: Exchange,
  request: HttpRequest,
  guard: OperatorGuard,
  limitBytes: number,
  onBody: (body: Uint8Array, keyName: string) => void,
): void {
  const unknown = unknownParameter(request.getQuery(), []);
  const isOwn = isOwnOrigin(request);
  const keyName = guard.keyName(request);
  exchange.readBody(limitBytes, (body) => {
    if (body === null) {
      const detail = `The body exceeds the limit of ${limitBytes} bytes.`;
      return refuse(exchange, problem('body-too-large', { detail }), true);
    }
    if (unknown !== null) return refuse(exchange, unknown);
    if (!isOwn) return refuse(exchange, problem('other-origin'));
    onBody(body, keyName);
  });
}

/** Who asks: first the API key, which is certain, then the name that the client gives. */
export function signature(keyName: string, said: string): string {
  if (keyName === '' || keyName === said) return said;
  return said === '' ? keyName : `${keyName} (${said})`;
}

const WHY_MAX = 200;
export const BY_MAX = 64;

/** The answer to a change whose member `field` is missing, unknown or invalid. */
export function invalidChange(field: string, what: string): Problem {
  return problem('change-not-valid', { field, detail: `\`${field}\` ${what}.` });
}

/** Who changes something, and why: members that every change may have. */
export function readSignature(
  by: unknown,
  why: unknown,
): { readonly by: string; readonly why: string } | Problem {
  if (!isText(why, WHY_MAX)) return invalidChange('why', textOf(WHY_MAX));
  if (!isText(by, BY_MAX)) return invalidChange('by', textOf(BY_MAX));
  return { by, why };
}

function textOf(max: number): string {
  return `must be text of at most ${max} characters, without control characters`;
}

/** Null if the body is not a JSON object in UTF-8. */
export function parseObject(body: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    return parseJsonObject(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return null;
  }
}

export function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length <= maxLength && !CONTROL_CHARACTER.test(value);
}
