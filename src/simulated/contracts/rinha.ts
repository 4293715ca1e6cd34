import type { Row } from '../books.ts';
import type { ServedContract, ServedContractParts } from '../contract.ts';
import { formatDecimal } from '../decimal.ts';
import { answer, FAILED, NOT_FOUND } from '../reply.ts';
import { readPayment } from '../request.ts';

const PROCESSED = answer(200, '{"message":"payment processed successfully"}');

/** The contest's official processor. */
export function rinha({ books }: ServedContractParts): ServedContract {
  return {
    healthPath: '/payments/service-health',
    readPayment,
    take(payment) {
      const outcome = books.insert(payment);
      if (outcome === 'inserted') return PROCESSED;
      if (outcome === 'unwritten') return FAILED;
      const message = `Payment could not be processed. CorrelationId already exists: ${payment.correlationId}.`;
      return answer(422, JSON.stringify({ message }));
    },
    find(correlationId) {
      const row = books.find(correlationId);
      return row === undefined ? NOT_FOUND : answer(200, rowJson(row));
    },
    health: (failing, delayMs) => answer(200, `{"failing":${failing},"minResponseTime":${delayMs}}`),
    purged() {},
  };
}

/** Like the official processor, writes the time without a zone and without trailing zeros. */
function rowJson({ correlationId, amountCents, requestedAtMs }: Row): string {
  const amount = formatDecimal({ units: BigInt(amountCents), scale: 2 });
  const requestedAt = new Date(requestedAtMs).toISOString().replace(/\.?0*Z$/, '');
  return `{"correlationId":"${correlationId}","amount":${amount},"requestedAt":"${requestedAt}"}`;
}
