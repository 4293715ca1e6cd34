// A contract for an invented processor, Caiman Pay. It takes forms and answers XML, accepts a charge with 201 and
// `Location`, and captures it later. `caiman-twin.ts` plays the processor. docs/contracts.md explains each part.

import {
  type Contract,
  type ContractOptions,
  type ContractResponse,
  centsToDecimal,
  decimalToCents,
  type LookUpOutcome,
  type PayOutcome,
  readInstantMs,
  SetupError,
} from '@dinossauro/gateway/contract';

/** For `dinossauro certify`. */
export const twin = async () => (await import('./caiman-twin.ts')).serveCaiman();

export default function caiman({ options, authorization }: ContractOptions): Contract {
  const { merchant } = options;
  if (typeof merchant !== 'string' || !/^[a-z]{1,20}$/.test(merchant)) {
    throw new SetupError('option merchant of the contract caiman is invalid; expected 1 to 20 small letters');
  }
  const headers = { accept: 'application/xml', ...(authorization === '' ? {} : { authorization }) };
  const charges = `/api/${merchant}/charges`;
  return {
    name: 'caiman',
    proofs: [
      { seen: '200 to the look-up, `captured`', means: 'committed', why: 'captured is charged' },
      {
        seen: '503, `closed`',
        means: 'not committed',
        why: 'Caiman refuses a charge at night before it begins',
      },
      { seen: '401, 403, 404, 405', means: 'not committed', why: 'Caiman has not read the charge' },
      {
        seen: '404, `no-such-charge`, to a look-up after `IN_DOUBT_HOLD_MS`',
        means: 'not committed',
        why: 'no call can still be running, and only Caiman itself answers with this code',
      },
      { seen: '402, `refused`, or the state `refused`', means: 'rejected', why: 'Caiman never captures it' },
    ],
    responseHeaders: ['location'],
    pay: ({ correlationId, amountCents, requestedAtMs }) => ({
      method: 'POST',
      path: charges,
      headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        reference: correlationId,
        amount: centsToDecimal(amountCents),
        issued: new Date(requestedAtMs).toISOString(),
      }).toString(),
    }),
    readPay,
    find: (correlationId) => ({ method: 'GET', path: `${charges}?reference=${correlationId}`, headers }),
    readFind,
    readCallback: (body) => /^[\da-f-]{36}$/.exec(attribute(body, 'reference'))?.[0] ?? null,
  };
}

function readPay(response: ContractResponse): PayOutcome {
  const { status, reason, isComplete } = response;
  if (status === 201 && response.header('location').startsWith('/api/')) return { kind: 'pending' };
  if ([401, 403, 404, 405].includes(status)) return { kind: 'unfit', reason };
  const code = isComplete ? attribute(response.text(), 'code') : '';
  if (status === 409 && code === 'reference-taken') return { kind: 'duplicate', reason };
  if (status === 503 && code === 'closed') return { kind: 'refused', reason };
  if (status === 402 && code === 'refused') return { kind: 'rejected', reason };
  return { kind: 'unknown', reason };
}

function readFind(response: ContractResponse, correlationId: string): LookUpOutcome {
  const { status, reason, isComplete } = response;
  const xml = isComplete ? response.text() : '';
  if (status === 404 && attribute(xml, 'code') === 'no-such-charge') return { kind: 'absent' };
  const state =
    status === 200 && attribute(xml, 'reference') === correlationId ? attribute(xml, 'state') : '';
  if (state === 'accepted') return { kind: 'pending' };
  if (state === 'refused') return { kind: 'rejected', reason };
  const amountCents = decimalToCents(attribute(xml, 'amount'));
  const requestedAtMs = readInstantMs(attribute(xml, 'issued'));
  const isHeld = state === 'captured' && amountCents !== null && requestedAtMs !== null;
  return isHeld ? { kind: 'held', amountCents, requestedAtMs } : { kind: 'unknown', reason };
}

/** An attribute of the only element of an answer, such as `<charge state="accepted"/>`; empty: missing. */
function attribute(xml: string, name: string): string {
  const element = /^<(?:charge|error)((?: [a-z]+="[^"<>]*")*)\/>\s*$/.exec(xml)?.[1] ?? '';
  return new RegExp(` ${name}="([^"]*)"`).exec(element)?.[1] ?? '';
}
