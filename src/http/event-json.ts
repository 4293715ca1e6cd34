import { centsToDecimal } from '../core/money.ts';
import type { OutboxEvent } from '../ledger/ledger.ts';
import { eventId } from '../ledger/outbox.ts';
import { paymentJson } from './payment-json.ts';
import { changedLimitsJson, shownFee } from './shown-terms.ts';

/** An event as clients get it, in the form of the Standard Webhooks specification. */
export function eventJson(event: OutboxEvent): string {
  const head = JSON.stringify({
    id: eventId(event),
    type: event.type,
    timestamp: new Date(event.position.atMs).toISOString(),
  });
  return `${head.slice(0, -1)},"data":${dataJson(event)}}`;
}

function dataJson(event: OutboxEvent): string {
  switch (event.type) {
    case 'payment.settled':
      return `{"payment":${paymentJson(event.payment)},"chargedAmount":${centsToDecimal(event.chargedCents)}}`;
    case 'payment.rejected':
      return `{"payment":${paymentJson(event.payment)}}`;
    case 'processor.added':
    case 'processor.removed':
    case 'processor.paused':
    case 'processor.resumed': {
      const { processor, by, why } = event;
      return JSON.stringify({ processor, by, why });
    }
    case 'processor.circuit-opened':
    case 'processor.circuit-closed': {
      const { processor, instance } = event;
      return JSON.stringify({ processor, instance });
    }
    case 'processor.fee-changed': {
      const { processor, by, why, fee } = event;
      return JSON.stringify({ processor, by, why, fee: fee && shownFee(fee) });
    }
    case 'processor.limits-changed': {
      const { processor, by, why, limits } = event;
      const head = JSON.stringify({ processor, by, why });
      return `${head.slice(0, -1)},"limits":${changedLimitsJson(limits)}}`;
    }
  }
}
