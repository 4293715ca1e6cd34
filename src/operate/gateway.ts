import { parseJsonObject } from '../core/json-object.ts';
import { failed, type Outcome } from '../core/outcome.ts';

/** A running gateway that a command asks, and the token that it sends; empty: none. */
export interface GatewayAddress {
  readonly url: string;
  readonly token: string;
}

interface Asked {
  readonly method?: 'GET' | 'POST' | 'PATCH';
  /** With its query. */
  readonly path: string;
  /** JSON. */
  readonly body?: string;
}

/** Asks a gateway, and returns the text of a success. A refusal or a missing answer becomes a sentence. */
export async function askGateway(
  { url, token }: GatewayAddress,
  { method = 'GET', path, body }: Asked,
): Promise<Outcome<string>> {
  const headers: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${token}` };
  if (body !== undefined) headers['content-type'] = 'application/json';
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${url.replace(/\/+$/, '')}${path}`, {
      method,
      headers,
      ...(body !== undefined && { body }),
    });
    text = await response.text();
  } catch (error) {
    return failed(`${url} does not answer: ${reasonOf(error)}`);
  }
  const type = response.headers.get('content-type') ?? '';
  if (response.ok && type === 'application/json') return { kind: 'ok', value: text };
  const detail = type === 'application/problem+json' ? detailOf(text) : undefined;
  const hint = HINTS.get(response.status) ?? '';
  if (detail !== undefined) return failed(`${url} answered ${response.status}: ${detail}${hint}`);
  return failed(
    `${url} answered ${response.status} with ${type === '' ? 'no content' : type}: this is not a gateway`,
  );
}

/** What to do, by the status. */
const HINTS: ReadonlyMap<number, string> = new Map([
  [401, ' Give an API key for operators with --token or ADMIN_TOKEN.'],
  [403, ' OPERATOR_ACCESS of the gateway says who may use this.'],
]);

function detailOf(text: string): string | undefined {
  const detail = parseJsonObject(text)?.['detail'];
  return typeof detail === 'string' ? detail : undefined;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
