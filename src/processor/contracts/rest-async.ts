import { isUuid } from '../../core/uuid.ts';
import type { Contract, ContractOptions, ContractResponse } from '../contract.ts';
import { parseObject, readLine } from '../json-body.ts';
import { healthOf, outcomeOf, ownMeaning, statedProofs, unknown } from './rest.ts';
import { type PaymentFields, RestMessages } from './rest-messages.ts';
import { type RestAsyncOptions, readRestAsyncOptions } from './rest-options.ts';
import { CAREFUL_RULES, type StatusRule, StatusTable } from './rest-statuses.ts';

const ASYNC_RULES: readonly StatusRule[] = [
  ...CAREFUL_RULES,
  { meaning: 'pending', statuses: [202], why: 'accepted, and charged later: a look-up tells the state' },
];

/**
 * A JSON API that accepts a payment first and charges it later: look-ups tell its state. A callback only makes the next
 * look-up happen at once.
 */
export function restAsync({ options: given, authorization }: ContractOptions): Contract {
  const options = readRestAsyncOptions(given);
  const messages = new RestMessages(options, authorization);
  const statuses = new StatusTable(ASYNC_RULES, options.statuses);
  const callbackIdField = options.callbackIdField || options.idField;
  const succeeded = options.succeededStates.map((state) => `\`${state}\``).join(' or ');
  const failed = options.failedStates.map((state) => `\`${state}\``).join(' or ');
  return {
    name: 'rest-async',
    proofs: [
      {
        seen: `200 to the look-up, complete, with the id and the state ${succeeded}`,
        means: 'committed',
        why: 'the processor says that it has charged the payment',
      },
      {
        seen: `${statuses.listed('committed')} or ${statuses.listed('pending')}, complete, with the id, the amount if any, and the state ${succeeded}`,
        means: 'committed',
        why: 'the processor charged the payment at once; without a state it is looked up',
      },
      ...statedProofs(statuses, options),
      {
        seen: `the id and the state ${failed}, in a complete answer to the payment or to the look-up`,
        means: 'rejected',
        why: 'the processor will not charge the payment any more',
      },
    ],
    responseHeaders: RestMessages.responseHeaders,
    pay: (payment) => messages.pay(payment),
    readPay(response, payment) {
      const meaning = ownMeaning(statuses, messages, response);
      if (meaning !== 'committed' && meaning !== 'pending') return outcomeOf(meaning, response);
      if (!messages.agrees(response, payment)) return unknown(response);
      const fields = messages.read(response, payment.correlationId);
      switch (fields === null ? 'none' : stateOf(fields, options)) {
        case 'succeeded':
          return { kind: 'committed' };
        case 'failed':
          return { kind: 'rejected', reason: whyOf(fields, options, response) };
        case 'pending':
          return { kind: 'pending' };
        case 'none':
          return meaning === 'pending' ? { kind: 'pending' } : unknown(response);
        case 'strange':
          return unknown(response);
      }
    },
    find: (correlationId) => messages.find(correlationId),
    readFind(response, correlationId) {
      if (messages.isAbsence(response)) return { kind: 'absent' };
      const fields = response.status === 200 ? messages.read(response, correlationId) : null;
      if (fields === null) return unknown(response);
      switch (stateOf(fields, options)) {
        case 'succeeded':
          return { kind: 'held', amountCents: fields.amountCents, requestedAtMs: fields.requestedAtMs };
        case 'failed':
          return { kind: 'rejected', reason: whyOf(fields, options, response) };
        case 'pending':
          return { kind: 'pending' };
        case 'none':
        case 'strange':
          return unknown(response);
      }
    },
    readCallback(body) {
      const id = parseObject(body)[callbackIdField];
      return typeof id === 'string' && isUuid(id) ? id.toLowerCase() : null;
    },
    ...healthOf(options, messages),
  };
}

type State = 'pending' | 'succeeded' | 'failed' | 'strange' | 'none';

function stateOf({ members }: PaymentFields, options: RestAsyncOptions): State {
  const state = members[options.stateField];
  if (state === undefined) return 'none';
  if (typeof state !== 'string') return 'strange';
  if (options.pendingStates.includes(state)) return 'pending';
  if (options.succeededStates.includes(state)) return 'succeeded';
  return options.failedStates.includes(state) ? 'failed' : 'strange';
}

/** Why the payment failed, in the processor's words. */
function whyOf(
  fields: PaymentFields | null,
  { reasonField }: RestAsyncOptions,
  response: ContractResponse,
): string {
  return readLine(fields?.members[reasonField]) || response.reason;
}
