import { readAmountCents } from '../core/money.ts';
import type { Health, LookUpOutcome, PayOutcome, ToldTotals } from './processor.ts';

/** The response to one HTTP call, complete or not. */
export interface Response {
  /** False: no byte of the request was sent, and none will be. */
  readonly sent: boolean;
  /** Status of the final response; 0: no status line was received. */
  readonly status: number;
  /** The header as received; empty: none. */
  readonly retryAfter: string;
  /** Why the response is incomplete; empty: it is complete. */
  readonly cut: string;
  /** Nothing was sent, because this machine has run out of something that a connection needs. */
  readonly isOwnLack: boolean;
  /** The body, as far as received. */
  text(): string;
}

/** The maximum that the ledger stores. */
const REASON_LENGTH_MAX = 200;
const RETRY_AFTER_MAX_MS = 86_400_000;

/** The outcome of `POST /payments`; see `PayOutcome`. A status line counts even if the body was cut off. */
export function readPayOutcome(response: Response, nowMs: number): PayOutcome {
  const { sent, status } = response;
  if (response.isOwnLack) return { kind: 'exhausted', reason: `not sent: ${responseReason(response)}` };
  if (!sent) return { kind: 'refused', reason: `not sent: ${responseReason(response)}`, retryAfterMs: null };
  if (status >= 200 && status <= 299) return { kind: 'committed' };
  if (status === 422) return { kind: 'duplicate' };
  const reason = responseReason(response);
  const retryAfterMs = readRetryAfterMs(response.retryAfter, nowMs);
  if (status === 429) return { kind: 'refused', reason, retryAfterMs };
  if (status === 503 && retryAfterMs !== null) return { kind: 'refused', reason, retryAfterMs };
  if (status === 500) return { kind: 'failed', reason };
  if (status >= 400 && status <= 499) return { kind: 'rejected', reason };
  return { kind: 'unknown', reason };
}

/** The result of `GET /payments/{correlationId}`. Anything ambiguous is unknown. */
export function readLookUpOutcome(response: Response, correlationId: string): LookUpOutcome {
  if (response.cut === '' && response.status === 404) return { kind: 'absent' };
  const text = response.text();
  const held = response.cut === '' && response.status === 200 ? parseObject(text) : {};
  const amountCents = readAmountCents(text, 'amount');
  const requestedAtMs = readInstantMs(held['requestedAt']);
  const id = held['correlationId'];
  const isClear = typeof id === 'string' && id.toLowerCase() === correlationId;
  if (!isClear || amountCents === null || requestedAtMs === null) {
    return { kind: 'unknown', reason: responseReason(response) };
  }
  return { kind: 'held', amountCents, requestedAtMs };
}

/** The result of `GET /admin/payments-summary`. */
export function readTotals(response: Response): ToldTotals {
  if (response.status === 401 || response.status === 403) return { kind: 'denied' };
  const text = response.text();
  const told = response.cut === '' && response.status === 200 ? parseObject(text) : {};
  const count = told['totalRequests'];
  const amountCents = readAmountCents(text, 'totalAmount');
  if (!Number.isSafeInteger(count) || amountCents === null) {
    return { kind: 'unknown', reason: responseReason(response) };
  }
  return { kind: 'told', count: Number(count), amountCents };
}

/** The result of `GET /payments/service-health`. */
export function readHealth(response: Response): Health {
  if (response.status === 429) return { kind: 'limited' };
  const report = response.cut === '' && response.status === 200 ? parseObject(response.text()) : {};
  const { failing, minResponseTime } = report;
  if (typeof failing !== 'boolean' || typeof minResponseTime !== 'number' || minResponseTime < 0) {
    return { kind: 'unknown', reason: responseReason(response) };
  }
  return { kind: 'reported', failing, minResponseTimeMs: Math.round(minResponseTime) };
}

/** The delay in a `Retry-After`, given in seconds or as a date; null: missing or invalid. */
function readRetryAfterMs(header: string, nowMs: number): number | null {
  let delayMs = Number.NaN;
  if (/^\d{1,9}$/.test(header)) delayMs = Number(header) * 1000;
  if (/^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(header)) {
    delayMs = Math.max(0, Date.parse(header) - nowMs);
  }
  return Number.isNaN(delayMs) ? null : Math.min(delayMs, RETRY_AFTER_MAX_MS);
}

const INSTANT = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?$/;

/**
 * An ISO 8601 instant, truncated to milliseconds. The official processor writes its timestamps without a zone; they are
 * UTC.
 */
function readInstantMs(value: unknown): number | null {
  const [, seconds, fraction = '', zone = 'Z'] = typeof value === 'string' ? (INSTANT.exec(value) ?? []) : [];
  if (seconds === undefined) return null;
  const instantMs = Date.parse(`${seconds}.${fraction.slice(0, 3).padEnd(3, '0')}${zone}`);
  return Number.isNaN(instantMs) ? null : instantMs;
}

/** The members of a JSON object; empty if the text is anything else. */
function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** One line for people: the status, why the response was cut off, and its body. */
function responseReason(response: Response): string {
  const parts: string[] = [];
  if (response.status !== 0) parts.push(`HTTP ${response.status}`);
  if (response.cut !== '') parts.push(response.cut);
  const said = response
    .text()
    .slice(0, REASON_LENGTH_MAX)
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim();
  if (said !== '') parts.push(said);
  return parts.join(': ').slice(0, REASON_LENGTH_MAX);
}
