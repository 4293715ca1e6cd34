import type { WebhookTarget } from '../config/webhooks-file.ts';
import { errorReason } from '../core/reason.ts';
import { webhookSignature } from '../core/webhook-signature.ts';

export type PostOutcome =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'failed'; readonly reason: string }
  /** The endpoint wants no more: 410. */
  | { readonly kind: 'gone' };

export interface Message {
  readonly id: string;
  readonly body: string;
}

const TIMEOUT_MS = 10_000;

/** Posts a message to an endpoint. Any answer of 200 to 299 has taken it. Redirects are not followed. */
export async function postMessage(
  { url, secrets }: WebhookTarget,
  { id, body }: Message,
  nowMs: number,
  stopped: AbortSignal,
): Promise<PostOutcome> {
  const timestampSeconds = Math.floor(nowMs / 1000);
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'Content-Type': 'application/json',
        'User-Agent': 'dinossauro',
        'webhook-id': id,
        'webhook-timestamp': String(timestampSeconds),
        'webhook-signature': webhookSignature(secrets, { id, timestampSeconds, body }),
      },
      body,
      signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), stopped]),
    });
    // What it says does not matter, and may have no end.
    await response.body?.cancel();
    if (response.ok) return { kind: 'delivered' };
    if (response.status === 410) return { kind: 'gone' };
    return { kind: 'failed', reason: `HTTP ${response.status}` };
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    return { kind: 'failed', reason: errorReason(cause) };
  }
}
