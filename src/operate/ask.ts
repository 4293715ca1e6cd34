import { failed, type Outcome } from '../core/outcome.ts';

export interface GatewayOrder {
  /** The origin of the gateway. */
  readonly url: string;
  /** Empty: none. */
  readonly token: string;
}

/** Where a command prints. */
export interface Output {
  log(text: string): void;
  error(text: string): void;
}

/** A request to a gateway that is answered, or not, within a few seconds. */
const TIMEOUT_MS = 10_000;

/** Asks a gateway. What it answers but 200 is a failure, in one line for people. */
export async function askGateway<T>(
  { url, token }: GatewayOrder,
  path: string,
  change: object | null = null,
): Promise<Outcome<T>> {
  const headers: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${token}` };
  const patch = change === null ? {} : { method: 'PATCH', body: JSON.stringify(change) };
  try {
    const response = await fetch(url + path, { headers, ...patch, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await response.text();
    if (response.status === 200) return { kind: 'ok', value: JSON.parse(text) as T };
    const { type, detail } = problemOf(text);
    return failed(`${url} answered ${response.status}: ${detail}${HINTS[type] ?? ''}`);
  } catch (error) {
    return failed(`${url} does not answer: ${reasonOf(error)}`);
  }
}

const WHO_MAY = ' OPERATOR_ACCESS of the gateway says who may use this.';
/** What to do, by the type of the problem. */
const HINTS: Readonly<Record<string, string>> = {
  '/errors#token-required': ' Give it with --token or ADMIN_TOKEN.',
  '/errors#no-such-route': WHO_MAY,
  '/errors#loopback-only': WHO_MAY,
};

/** A proxy may answer something else than a problem document. */
function problemOf(text: string): { readonly type: string; readonly detail: string } {
  try {
    const { type = '', detail = 'no reason given' } = JSON.parse(text) as { type?: string; detail?: string };
    return { type, detail };
  } catch {
    return { type: '', detail: 'no reason given' };
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
