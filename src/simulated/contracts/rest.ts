import type { Row } from '../books.ts';
import type { ServedContract, ServedContractParts } from '../contract.ts';
import { formatDecimal } from '../decimal.ts';
import { answer, FAILED, type Reply } from '../reply.ts';
import { readPayment } from '../request.ts';

export const UNKNOWN_PAYMENT = answer(404, '{"code":"payment_not_found"}');
/** As the draft of the header `Idempotency-Key` wants it for a key that is used again with another payload. */
export const OTHER_PAYLOAD = answer(422, '{"code":"idempotency_key_reused"}');

/** A processor whose payments are charged by the time that they are answered. A repeated request gets the first answer. */
export function rest({ books }: ServedContractParts): ServedContract {
  return {
    healthPath: HEALTH_PATH,
    readPayment,
    take(payment) {
      const outcome = books.insert(payment);
      if (outcome === 'unwritten') return FAILED;
      const held = books.find(payment.correlationId) ?? payment;
      return held.amountCents === payment.amountCents ? answer(201, paymentJson(held)) : OTHER_PAYLOAD;
    },
    find(correlationId) {
      const row = books.find(correlationId);
      return row === undefined ? UNKNOWN_PAYMENT : answer(200, paymentJson(row));
    },
    health: healthReply,
    purged() {},
  };
}

export const HEALTH_PATH = '/health';

export function healthReply(failing: boolean): Reply {
  return answer(failing ? 503 : 200, `{"failing":${failing}}`);
}

/** `more`: members that follow those of the payment. */
export function paymentJson(
  { correlationId, amountCents, requestedAtMs }: Row,
  more: Readonly<Record<string, string>> = {},
): string {
  const amount = formatDecimal({ units: BigInt(amountCents), scale: 2 });
  const rest = { requestedAt: new Date(requestedAtMs).toISOString(), ...more };
  return `{"correlationId":"${correlationId}","amount":${amount},${JSON.stringify(rest).slice(1)}`;
}
