import type { Row } from '../books.ts';
import type { ServedContract, ServedContractParts } from '../contract.ts';
import { answer, type Reply } from '../reply.ts';
import { readPayment } from '../request.ts';
import { HEALTH_PATH, healthReply, OTHER_PAYLOAD, paymentJson, UNKNOWN_PAYMENT } from './rest.ts';

type State = 'pending' | 'succeeded' | 'failed';

interface Accepted {
  readonly row: Row;
  state: State;
  reason: string;
}

/**
 * A processor that accepts a payment with 202, and charges or declines it after a delay. It forgets payments that it has
 * not charged when its process ends, so that they are never charged.
 */
export function restAsync({ books, clock, charging, notify }: ServedContractParts): ServedContract {
  /** Those that are not in the books: pending or failed. */
  const accepted = new Map<string, Accepted>();

  const decide = (payment: Accepted) => {
    // Purged meanwhile.
    if (accepted.get(payment.row.correlationId) !== payment) return;
    const { declines } = charging;
    const outcome = declines ? 'declined' : books.insert(payment.row);
    if (outcome === 'inserted' || outcome === 'known') {
      accepted.delete(payment.row.correlationId);
      payment.state = 'succeeded';
    } else {
      payment.state = 'failed';
      payment.reason = outcome === 'declined' ? 'card declined' : 'the charge could not be recorded';
    }
    notify(stateJson(payment));
  };

  const known = (correlationId: string): Accepted | undefined => {
    const row = books.find(correlationId);
    return row === undefined ? accepted.get(correlationId) : { row, state: 'succeeded', reason: '' };
  };

  return {
    healthPath: HEALTH_PATH,
    readPayment,
    take(row): Reply {
      const before = known(row.correlationId);
      if (before !== undefined && before.row.amountCents !== row.amountCents) return OTHER_PAYLOAD;
      if (before !== undefined) return answer(before.state === 'pending' ? 202 : 200, stateJson(before));
      const payment: Accepted = { row, state: 'pending', reason: '' };
      accepted.set(row.correlationId, payment);
      clock.after(charging.delayMs, () => decide(payment));
      return answer(202, stateJson(payment));
    },
    find(correlationId) {
      const payment = known(correlationId);
      return payment === undefined ? UNKNOWN_PAYMENT : answer(200, stateJson(payment));
    },
    health: healthReply,
    purged: () => accepted.clear(),
  };
}

function stateJson({ row, state, reason }: Accepted): string {
  return paymentJson(row, reason === '' ? { status: state } : { status: state, reason });
}
