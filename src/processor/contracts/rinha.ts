import { centsToDecimal, readAmountCents } from '../../core/money.ts';
import type { Contract, ContractPayment, ContractRequest, ContractResponse } from '../contract.ts';
import { parseObject, readInstantMs } from '../json-body.ts';
import type { Health, LookUpOutcome, PayOutcome, TotalsOutcome } from '../processor.ts';

/**
 * The contract of the Rinha de Backend 2025. Its processor inserts a payment before it answers 200 or fails before it
 * inserts, so a 500 says that the call is over, and a 404 to a look-up after it is final. No other contract promises
 * that.
 */
export function rinha(authorization: string): Contract {
  const headers = authorization === '' ? {} : { authorization };
  const payHeaders = { ...headers, 'content-type': 'application/json' };
  // Payments that are claimed together share one timestamp.
  let instantMs = Number.NaN;
  let instantText = '';
  const instant = (ms: number): string => {
    if (ms !== instantMs) {
      instantMs = ms;
      instantText = new Date(ms).toISOString();
    }
    return instantText;
  };

  return {
    name: 'rinha',
    proofs: [
      { seen: 'any 2xx', means: 'committed', why: 'it inserts the payment before it answers 2xx' },
      {
        seen: '200 to the look-up, with the payment',
        means: 'committed',
        why: 'it finds only what it has inserted',
      },
      {
        seen: '429, or 503 with `Retry-After`',
        means: 'not committed',
        why: 'it refuses a call over its limit before it begins it',
      },
      {
        seen: '401, 403, 404, 405 and others that refuse every request',
        means: 'not committed',
        why: 'it refuses these before it reads the payment',
      },
      {
        seen: '500, then 404 to the look-up',
        means: 'not committed',
        why: 'it fails before it inserts, so the call is over',
      },
      {
        seen: '404 to a look-up after `IN_DOUBT_HOLD_MS`',
        means: 'not committed',
        why: 'no call can still be running, and it finds everything that it has inserted',
      },
      {
        seen: '400, 402 and other 4xx that refuse this payment',
        means: 'rejected',
        why: 'it validates a payment before it inserts it, always with the same result',
      },
      {
        seen: '422 again and again, and 404 to each look-up',
        means: 'rejected',
        why: 'it calls the payment a duplicate and does not hold it, so it will not take it',
      },
    ],
    pay: ({ correlationId, amountCents, requestedAtMs }: ContractPayment): ContractRequest => ({
      method: 'POST',
      path: '/payments',
      headers: payHeaders,
      body: `{"correlationId":"${correlationId}","amount":${centsToDecimal(amountCents)},"requestedAt":"${instant(requestedAtMs)}"}`,
    }),
    readPay,
    find: (correlationId) => ({ method: 'GET', path: `/payments/${correlationId}`, headers }),
    readFind,
    health: { request: { method: 'GET', path: '/payments/service-health', headers }, read: readHealth },
    totals: {
      request: (fromMs, toMs, token) => ({
        method: 'GET',
        path: `/admin/payments-summary?from=${new Date(fromMs).toISOString()}&to=${new Date(toMs).toISOString()}`,
        headers: { ...headers, 'x-rinha-token': token },
      }),
      read: readTotals,
    },
  };
}

/** These refuse every request, whatever the payment: a wrong URL, method, credentials or version. */
const UNFIT: ReadonlySet<number> = new Set([401, 403, 404, 405, 406, 407, 410, 411, 415, 421, 426, 451]);
/** These ask for another try, and do not say whether this one was committed. */
const UNCLEAR: ReadonlySet<number> = new Set([408, 409, 423, 425]);

/** A status line counts even if the body was cut off. */
function readPay(response: ContractResponse): PayOutcome {
  const { status } = response;
  if (status >= 200 && status <= 299) return { kind: 'committed' };
  const { reason } = response;
  if (status === 422) return { kind: 'duplicate', reason };
  if (status === 429 || (status === 503 && response.retryAfterMs !== null))
    return { kind: 'refused', reason };
  if (status === 500) return { kind: 'failed', reason };
  if (UNFIT.has(status)) return { kind: 'unfit', reason };
  if (status >= 400 && status <= 499 && !UNCLEAR.has(status)) return { kind: 'rejected', reason };
  return { kind: 'unknown', reason };
}

/** Anything ambiguous is unknown. */
function readFind(response: ContractResponse, correlationId: string): LookUpOutcome {
  if (response.isComplete && response.status === 404) return { kind: 'absent' };
  const text = response.text();
  const held = response.isComplete && response.status === 200 ? parseObject(text) : {};
  const amountCents = readAmountCents(text, 'amount');
  const requestedAtMs = readInstantMs(held['requestedAt']);
  const id = held['correlationId'];
  const isClear = typeof id === 'string' && id.toLowerCase() === correlationId;
  if (!isClear || amountCents === null || requestedAtMs === null) {
    return { kind: 'unknown', reason: response.reason };
  }
  return { kind: 'held', amountCents, requestedAtMs };
}

function readTotals(response: ContractResponse): TotalsOutcome {
  if (response.status === 401 || response.status === 403) return { kind: 'denied' };
  const text = response.text();
  const report = response.isComplete && response.status === 200 ? parseObject(text) : {};
  const count = report['totalRequests'];
  const amountCents = readAmountCents(text, 'totalAmount');
  if (!Number.isSafeInteger(count) || amountCents === null) {
    return { kind: 'unknown', reason: response.reason };
  }
  return { kind: 'reported', count: Number(count), amountCents };
}

function readHealth(response: ContractResponse): Health {
  if (response.status === 429) return { kind: 'limited' };
  const report = response.isComplete && response.status === 200 ? parseObject(response.text()) : {};
  const { failing, minResponseTime } = report;
  if (typeof failing !== 'boolean' || typeof minResponseTime !== 'number' || minResponseTime < 0) {
    return { kind: 'unknown', reason: response.reason };
  }
  return { kind: 'reported', failing, minResponseTimeMs: Math.round(minResponseTime) };
}
