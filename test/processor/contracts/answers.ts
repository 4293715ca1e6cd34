import { lookUpOutcomeOf, payOutcomeOf } from '../../../src/processor/answer.ts';
import type { Contract, ContractPayment } from '../../../src/processor/contract.ts';
import type { Response } from '../../../src/processor/http1/call.ts';
import type { LookUpOutcome, PayOutcome } from '../../../src/processor/processor.ts';

export const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3';
export const NOW_MS = Date.UTC(2025, 6, 15, 12, 0, 0);
export const PAYMENT: ContractPayment = { correlationId: ID, amountCents: 1990, requestedAtMs: NOW_MS };

/** A whole answer in JSON, unless `rest` says otherwise. */
export function answer(
  status: number,
  body: unknown = {},
  rest: Partial<Response> & { type?: string } = {},
): Response {
  const { type = 'application/json', ...parts } = rest;
  return {
    sent: true,
    status,
    retryAfter: '',
    cut: '',
    isExhausted: false,
    header: (name) => (name === 'content-type' ? type : ''),
    text: () => (typeof body === 'string' ? body : JSON.stringify(body)),
    ...parts,
  };
}

export function paid(contract: Contract, response: Response): PayOutcome {
  return payOutcomeOf(contract, response, PAYMENT, NOW_MS);
}

export function found(contract: Contract, response: Response): LookUpOutcome {
  return lookUpOutcomeOf(contract, response, ID, NOW_MS);
}
