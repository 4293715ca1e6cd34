import { contract } from '../contract/kept.ts';
import type { Answer } from './answer.ts';
import type { Shot } from './shot.ts';

/** The source of an answer: a gateway directly, whose HTTP library refuses some requests by itself, or nginx. */
export type Side = 'direct' | 'nginx';

/**
 * The library's own answers to requests that it cannot read as HTTP/1.1. They are not configurable, and include 505, the
 * only 5xx besides 503. They occur only without nginx.
 */
const LIBRARY_STATUSES: readonly number[] = [400, 431, 505];

/** What is wrong with the answer to a well-formed request; null if nothing is. */
export function orderlyFault(answer: Answer, { bytes, statuses, sent }: Shot): string | null {
  if (!statuses.includes(answer.status))
    return `answered ${shown(answer)} instead of ${statuses.join(' or ')}`;
  const [method = '', target = ''] = bytes.toString('latin1', 0, bytes.indexOf('\r\n')).split(' ');
  return contract.fault({ method, target, sent, ...answer });
}

/** What is wrong with an answer to any request; null if nothing is. */
export function wildFault(answer: Answer, side: Side): string | null {
  const { status } = answer;
  if (side === 'direct' && isFromLibrary(answer)) return null;
  if (status >= 500 && status !== 503) return `answered ${shown(answer)}`;
  return status < 400 ? null : problemFault(answer);
}

export function isFromLibrary({ status, headers, body }: Answer): boolean {
  const isItsForm = headers.get('connection') === 'close' && body.includes('uWebSockets');
  return isItsForm && LIBRARY_STATUSES.includes(status);
}

/** An error must be a problem document (RFC 9457) matching its status, with `Retry-After` or `Allow` where required. */
function problemFault(answer: Answer): string | null {
  const { status, headers, body } = answer;
  if (headers.get('content-type') !== 'application/problem+json')
    return `answered ${shown(answer)}, which is not a problem document`;
  // The answer to HEAD has no body.
  if (body === '') return null;
  const document = parsed(body);
  const isProblem =
    document?.['status'] === status &&
    [document['type'], document['title'], document['detail']].every((member) => typeof member === 'string');
  if (!isProblem) return `answered ${shown(answer)}, an invalid problem document`;
  if (status === 503 && !/^[1-9]\d*$/.test(headers.get('retry-after') ?? ''))
    return 'answered 503 without Retry-After';
  if (status === 405 && !headers.has('allow')) return 'answered 405 without Allow';
  return null;
}

function parsed(body: string): Record<string, unknown> | null {
  try {
    return JSON.parse(Buffer.from(body, 'latin1').toString());
  } catch {
    return null;
  }
}

function shown({ status, body }: Answer): string {
  return `${status} ${JSON.stringify(body.slice(0, 200))}`;
}
