import type { GatewayEvent } from './api.ts';
import { parseInCents } from './cents.ts';

/** The webhook is not from a gateway with one of these secrets, or it is too old. Answer it 400. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError';
}

export interface Webhook {
  /** The body exactly as it came, not parsed. */
  readonly body: string;
  /** The headers of the request: those of `fetch`, or of Node.js. */
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
}

const PREFIX = 'whsec_';
const TOLERANCE_SECONDS = 300;

/**
 * Verifies a webhook, and returns its event. `secrets` are those that the gateway signs with, such as `whsec_…`; one of them
 * must fit. A webhook that is more than five minutes old, or ahead, is refused, so that a copy of it cannot be sent later.
 * The same event may come again: note its `id`.
 */
export async function verifyWebhook(
  { body, headers }: Webhook,
  secrets: string | readonly string[],
  nowMs: number = Date.now(),
): Promise<GatewayEvent> {
  const header = (name: string) => {
    const value = headers instanceof Headers ? headers.get(name) : headers[name];
    if (typeof value !== 'string' || value === '') throw new WebhookError(`the header ${name} is missing`);
    return value;
  };
  const [id, timestamp] = [header('webhook-id'), header('webhook-timestamp')];
  const seconds = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) : Number.NaN;
  if (!(Math.abs(nowMs / 1000 - seconds) <= TOLERANCE_SECONDS))
    throw new WebhookError(`the time of the webhook is not within five minutes of now: ${timestamp}`);
  const message = new TextEncoder().encode(`${id}.${timestamp}.${body}`);
  const signatures = header('webhook-signature')
    .split(' ')
    .filter((each) => each.startsWith('v1,'))
    .map((each) => bytesOf(each.slice(3)));
  for (const secret of typeof secrets === 'string' ? [secrets] : secrets) {
    const key = await keyOf(secret);
    for (const signature of signatures)
      if (signature !== null && (await crypto.subtle.verify('HMAC', key, signature, message)))
        return parseInCents(body) as GatewayEvent;
  }
  throw new WebhookError('no signature of the webhook fits');
}

function keyOf(secret: string) {
  const bytes = secret.startsWith(PREFIX) ? bytesOf(secret.slice(PREFIX.length)) : null;
  if (bytes === null) throw new RangeError('a secret of webhooks begins with whsec_ and goes on in Base64');
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
}

/** Null: it is not Base64. */
function bytesOf(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}
