// Posts one payment and waits for its outcome: node post-and-wait.ts AMOUNT. GATEWAY_URL says where the gateway is.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const GATEWAY_URL = process.env['GATEWAY_URL'] ?? 'http://127.0.0.1:9999';
const POLL_MS = 200;
const TIMEOUT_MS = 30_000;

interface PaymentStatus {
  readonly status: string;
  readonly processor?: string;
  readonly reason?: string;
}

async function post(correlationId: string, amount: string): Promise<void> {
  // The amount is written as it was given: a number of JavaScript is no exact decimal.
  const body = `{"correlationId":"${correlationId}","amount":${amount}}`;
  const response = await fetch(`${GATEWAY_URL}/payments`, { method: 'POST', body });
  if (response.status === 202) return;
  // A problem document (RFC 9457). After 503, or no answer at all, post the same id again: it is never charged twice.
  throw new Error(`not accepted: HTTP ${response.status} ${await response.text()}`);
}

async function outcomeOf(correlationId: string): Promise<PaymentStatus> {
  const deadlineMs = performance.now() + TIMEOUT_MS;
  while (performance.now() < deadlineMs) {
    const response = await fetch(`${GATEWAY_URL}/payments/${correlationId}`);
    if (response.status === 200) {
      const payment = (await response.json()) as PaymentStatus;
      if (payment.status !== 'accepted' && payment.status !== 'dispatched') return payment;
    }
    await sleep(POLL_MS);
  }
  throw new Error(`${correlationId} is still open after ${TIMEOUT_MS} ms: it is not lost, ask again later`);
}

const amount = process.argv[2] ?? '19.90';
if (!/^\d+(\.\d{1,2})?$/.test(amount)) throw new Error(`${amount} is not an amount such as 19.90`);
const correlationId = randomUUID();
await post(correlationId, amount);
console.log(`${correlationId} accepted`);
const { status, processor = '', reason = '' } = await outcomeOf(correlationId);
console.log(`${correlationId} ${status} ${status === 'settled' ? processor : reason}`.trimEnd());
