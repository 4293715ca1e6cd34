import type { Contract, ContractOptions, ContractResponse, HealthRoute, Proof } from '../contract.ts';
import type { Health, PayOutcome } from '../processor.ts';
import { RestMessages } from './rest-messages.ts';
import { type RestOptions, readRestOptions } from './rest-options.ts';
import { CAREFUL_RULES, type StatusMeaning, StatusTable } from './rest-statuses.ts';

/**
 * A JSON API of which nothing is known but what HTTP says and the options state: a payment is charged by the time that it
 * is answered. Where nothing is stated, the reading is the careful one (`rest-statuses.ts`).
 */
export function rest({ options: given, authorization }: ContractOptions): Contract {
  const options = readRestOptions(given);
  const messages = new RestMessages(options, authorization);
  const statuses = new StatusTable(CAREFUL_RULES, options.statuses);
  return {
    name: 'rest',
    proofs: [
      {
        seen: `${statuses.listed('committed')}, complete, the processor's own answer, with no other id or amount`,
        means: 'committed',
        why: 'the request was carried out',
      },
      {
        seen: '200 to the look-up, complete, with the id',
        means: 'committed',
        why: 'only charged payments are found',
      },
      ...statedProofs(statuses, options),
    ],
    responseHeaders: RestMessages.responseHeaders,
    pay: (payment) => messages.pay(payment),
    readPay(response, payment) {
      const meaning = ownMeaning(statuses, messages, response);
      if (meaning === 'committed' && !messages.agrees(response, payment)) return unknown(response);
      return outcomeOf(meaning, response);
    },
    find: (correlationId) => messages.find(correlationId),
    readFind(response, correlationId) {
      if (messages.isAbsence(response)) return { kind: 'absent' };
      const fields = response.status === 200 ? messages.read(response, correlationId) : null;
      if (fields === null) return unknown(response);
      return { kind: 'held', amountCents: fields.amountCents, requestedAtMs: fields.requestedAtMs };
    },
    ...healthOf(options, messages),
  };
}

/** What the answer to a payment means by its status, if it is complete and the processor's own where that matters. */
export function ownMeaning(
  statuses: StatusTable,
  messages: RestMessages,
  response: ContractResponse,
): StatusMeaning {
  const meaning = statuses.meaningOf(response.status);
  if (!response.isComplete) return 'unknown';
  // A proxy that refuses the request has not passed it on; whatever else it says is not about the payment.
  const mayBeForeign = meaning === 'unfit' || meaning === 'refused';
  return mayBeForeign || messages.isOwn(response) ? meaning : 'unknown';
}

export function outcomeOf(meaning: StatusMeaning, response: ContractResponse): PayOutcome {
  if (meaning === 'committed' || meaning === 'pending') return { kind: meaning };
  return { kind: meaning, reason: response.reason };
}

export function unknown({ reason }: ContractResponse): { readonly kind: 'unknown'; readonly reason: string } {
  return { kind: 'unknown', reason };
}

/** The proofs that `rest` and `rest-async` have in common. */
export function statedProofs(
  statuses: StatusTable,
  { absentStatuses, absentBody }: RestOptions,
): readonly Proof[] {
  const stated = (meaning: StatusMeaning, means: Proof['means'], after: string, why: string): Proof[] => {
    const listed = statuses.listed(meaning);
    return listed === '' ? [] : [{ seen: `${listed}${after}`, means, why }];
  };
  const asked = Object.keys(absentBody).map((name) => `\`${name}\``);
  const containing = asked.length === 0 ? 'as JSON' : `with the stated ${asked.join(' and ')}`;
  const absence = `${absentStatuses.join(', ')} to a look-up, ${containing}`;
  return [
    ...stated('unfit', 'not committed', '', 'these refuse every request before the payment is looked at'),
    ...stated('refused', 'not committed', '', 'the option `statuses` states it'),
    ...stated(
      'failed',
      'not committed',
      `, then ${absence}`,
      'the option `statuses` states that the call is over',
    ),
    {
      seen: `${absence}, after \`IN_DOUBT_HOLD_MS\``,
      means: 'not committed',
      why: 'no call can still be running, and the processor itself says that it does not hold the payment',
    },
    ...stated(
      'rejected',
      'rejected',
      ", the processor's own answer",
      'the option `statuses` states that it is final',
    ),
    {
      seen: `${statuses.listed('duplicate')} and other 4xx again and again, and ${absence}, each time`,
      means: 'rejected',
      why: 'it refuses this payment each time, and does not hold it',
    },
  ];
}

export function healthOf(
  { healthPath }: RestOptions,
  messages: RestMessages,
): { readonly health?: HealthRoute } {
  return healthPath === '' ? {} : { health: { request: messages.health, read: readHealth } };
}

/** A status is all that health routes have in common. */
function readHealth({ status, reason }: ContractResponse): Health {
  if (status === 429) return { kind: 'limited' };
  const failing = status >= 500;
  if (!failing && status > 299) return { kind: 'unknown', reason };
  return { kind: 'reported', failing, minResponseTimeMs: 0 };
}
