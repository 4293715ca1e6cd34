import { createHmac } from 'node:crypto';

/** Signatures by the Standard Webhooks specification, version 1: HMAC-SHA256 of id, time and body. */

const PREFIX = 'whsec_';
const [SECRET_MIN_BYTES, SECRET_MAX_BYTES] = [24, 64];
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

export function isWebhookSecret(text: string): boolean {
  const encoded = text.slice(PREFIX.length);
  const { length } = Buffer.from(encoded, 'base64');
  const isBounded = length >= SECRET_MIN_BYTES && length <= SECRET_MAX_BYTES;
  return text.startsWith(PREFIX) && BASE64.test(encoded) && isBounded;
}

export interface SignedMessage {
  readonly id: string;
  /** Unix time. */
  readonly timestampSeconds: number;
  readonly body: string;
}

/** The header `webhook-signature`: one signature for each secret. */
export function webhookSignature(
  secrets: readonly string[],
  { id, timestampSeconds, body }: SignedMessage,
): string {
  return secrets
    .map((secret) => {
      const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
      return `v1,${createHmac('sha256', key).update(`${id}.${timestampSeconds}.${body}`).digest('base64')}`;
    })
    .join(' ');
}
