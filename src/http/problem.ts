import { PROCESSORS_MAX } from '../core/terms.ts';
import type { Unavailable } from '../ledger/ledger.ts';

/**
 * Every error that the gateway answers, as `application/problem+json` (RFC 9457). The key is the fragment of its `type`
 * and the heading of its section in `docs/errors.md`.
 */
const PROBLEMS = {
  'malformed-json': {
    status: '400 Bad Request',
    title: 'Malformed JSON',
    detail: 'The body is not valid JSON in UTF-8 (RFC 8259), or nests more than 64 levels deep.',
  },
  'idempotency-key-not-a-uuid': {
    status: '400 Bad Request',
    title: 'Idempotency-Key is not a UUID',
    detail:
      'The header `Idempotency-Key` must be a UUID, with or without quotes: it is the id of the payment.',
  },
  'correlation-id-repeated': {
    status: '400 Bad Request',
    title: 'Repeated member',
    detail: '`correlationId` is given more than once.',
    field: 'correlationId',
  },
  'amount-repeated': {
    status: '400 Bad Request',
    title: 'Repeated member',
    detail: '`amount` is given more than once.',
    field: 'amount',
  },
  'bad-window': {
    status: '400 Bad Request',
    title: 'Bad time window',
    detail:
      '`from` and `to` must be ISO 8601 timestamps, each given at most once, and `from` must not be after `to`.',
  },
  'bad-search': {
    status: '400 Bad Request',
    title: 'Bad search',
    detail: 'A parameter of this search has a value that it cannot have.',
  },
  'bad-cursor': {
    status: '400 Bad Request',
    title: 'Bad cursor',
    detail:
      '`after`, given at most once, or `Last-Event-ID` must be the `id` of an event of this ledger, or an ISO 8601 timestamp.',
  },
  'unknown-parameter': {
    status: '400 Bad Request',
    title: 'Unknown query parameter',
    detail: 'This path does not have this query parameter.',
  },
  'token-required': {
    status: '401 Unauthorized',
    title: 'API key required',
    detail: 'Send `Authorization: Bearer` with an API key of this gateway.',
    challenge: 'Bearer realm="dinossauro"',
  },
  'token-unknown': {
    status: '401 Unauthorized',
    title: 'Unknown API key',
    detail: 'This gateway does not know this API key.',
    challenge: 'Bearer realm="dinossauro", error="invalid_token"',
  },
  'scope-missing': {
    status: '403 Forbidden',
    title: 'API key without the scope',
    detail: 'This API key lacks the scope that this path needs.',
    challenge: 'Bearer realm="dinossauro", error="insufficient_scope"',
  },
  'loopback-only': {
    status: '403 Forbidden',
    title: 'Local clients only',
    detail: 'Only clients on the machine of the gateway may use this path, and not through a proxy.',
  },
  'purge-not-allowed': {
    status: '403 Forbidden',
    title: 'Purge not allowed',
    detail: 'Purging is off: this gateway runs without ALLOW_PURGE=true.',
  },
  'other-origin': {
    status: '403 Forbidden',
    title: 'Cross-origin request',
    detail: 'The request comes from a page of another origin.',
  },
  'no-such-route': {
    status: '404 Not Found',
    title: 'No such route',
    detail: 'This path does not exist. GET /openapi.json lists those that do.',
  },
  'events-off': {
    status: '404 Not Found',
    title: 'No events',
    detail: 'This gateway keeps no events. Set EVENTS=true at all instances.',
  },
  'no-such-payment': {
    status: '404 Not Found',
    title: 'No such payment',
    detail: 'No payment with this correlationId is known.',
  },
  'no-such-processor': {
    status: '404 Not Found',
    title: 'No such processor',
    detail: 'The deployment has no processor of this name.',
  },
  'no-such-webhook': {
    status: '404 Not Found',
    title: 'No such webhook',
    detail: 'The WEBHOOKS_FILE of this instance lists no webhook of this name.',
  },
  'method-not-allowed': {
    status: '405 Method Not Allowed',
    title: 'Method not allowed',
    detail: 'This path does not support this method; the header Allow lists those it supports.',
  },
  'amount-conflict': {
    status: '409 Conflict',
    title: 'Amount conflict',
    detail: 'A payment with this correlationId was accepted earlier with a different amount.',
    field: 'amount',
  },
  'processors-changed': {
    status: '412 Precondition Failed',
    title: 'Processors changed',
    detail: 'The processors have been changed meanwhile. Read them again, and decide again.',
  },
  'webhook-changed': {
    status: '412 Precondition Failed',
    title: 'Webhook changed',
    detail:
      'Others have changed this webhook at the same time, again and again. Nothing was changed. Try again.',
  },
  'processor-exists': {
    status: '409 Conflict',
    title: 'Processor exists',
    detail: 'There is another processor of this name.',
  },
  'too-many-processors': {
    status: '409 Conflict',
    title: 'Too many processors',
    detail: `A deployment has at most ${PROCESSORS_MAX} processors.`,
  },
  'last-processor': {
    status: '409 Conflict',
    title: 'Last processor',
    detail:
      'No other processor is in use, so that payments would wait without an end. Add or resume another one first.',
  },
  'books-not-in-use': {
    status: '409 Conflict',
    title: 'Books not in use',
    detail:
      'The books were restored or are being filled: what they call rejected may have been charged since.',
  },
  'body-too-large': {
    status: '413 Content Too Large',
    title: 'Body too large',
    detail: 'The body exceeds the limit of this gateway.',
  },
  'not-an-object': {
    status: '422 Unprocessable Content',
    title: 'Not an object',
    detail: 'The body must be a JSON object with `correlationId` and `amount`.',
  },
  'correlation-id-missing': {
    status: '422 Unprocessable Content',
    title: 'Missing correlationId',
    detail: '`correlationId` is missing.',
    field: 'correlationId',
  },
  'correlation-id-not-a-string': {
    status: '422 Unprocessable Content',
    title: 'correlationId is not a string',
    detail: '`correlationId` must be a string that holds a UUID.',
    field: 'correlationId',
  },
  'correlation-id-not-a-uuid': {
    status: '422 Unprocessable Content',
    title: 'correlationId is not a UUID',
    detail: '`correlationId` must be a UUID: 8-4-4-4-12 hexadecimal digits.',
    field: 'correlationId',
  },
  'idempotency-key-differs': {
    status: '422 Unprocessable Content',
    title: 'Idempotency-Key differs from correlationId',
    detail:
      'The header `Idempotency-Key` and `correlationId` are both the id of the payment, and must be the same.',
    field: 'correlationId',
  },
  'amount-missing': {
    status: '422 Unprocessable Content',
    title: 'Missing amount',
    detail: '`amount` is missing.',
    field: 'amount',
  },
  'amount-not-a-number': {
    status: '422 Unprocessable Content',
    title: 'amount is not a number',
    detail: '`amount` must be a JSON number, such as 19.90.',
    field: 'amount',
  },
  'amount-not-positive': {
    status: '422 Unprocessable Content',
    title: 'amount is not positive',
    detail: '`amount` must be greater than zero.',
    field: 'amount',
  },
  'amount-too-precise': {
    status: '422 Unprocessable Content',
    title: 'amount is not in whole cents',
    detail: '`amount` must have no more than two decimals.',
    field: 'amount',
  },
  'amount-too-large': {
    status: '422 Unprocessable Content',
    title: 'amount is too large',
    detail: '`amount` exceeds the limit of this gateway (MAX_AMOUNT).',
    field: 'amount',
  },
  'change-not-valid': {
    status: '422 Unprocessable Content',
    title: 'Change not valid',
    detail: 'The body does not say what is to change.',
  },
  'callback-not-readable': {
    status: '422 Unprocessable Content',
    title: 'Callback not readable',
    detail: 'The contract of this processor does not find the id of a payment in the body.',
  },
  'action-not-valid': {
    status: '422 Unprocessable Content',
    title: 'Action not valid',
    detail: 'A member of this action is missing, unknown or invalid.',
  },
  'payment-rejected': {
    status: '422 Unprocessable Content',
    title: 'Payment rejected',
    detail: 'This payment was accepted earlier, and has been rejected for good.',
  },
  'amount-not-taken': {
    status: '422 Unprocessable Content',
    title: 'No processor takes this amount',
    detail: '`amount` is outside of the limits of all processors.',
    field: 'amount',
  },
  'window-too-fine': {
    status: '422 Unprocessable Content',
    title: 'Window too fine',
    detail: 'For times older than RETENTION the books know the totals of whole minutes or hours only.',
  },
  'sum-too-large': {
    status: '422 Unprocessable Content',
    title: 'Sum too large',
    detail:
      'A sum exceeds 2^53 - 1 cents, the largest that JSON holds to the cent. Ask for a shorter window.',
  },
  'audit-running': {
    status: '429 Too Many Requests',
    title: 'Audit running',
    detail: 'This instance is already running an audit.',
    retryAfterSeconds: 5,
  },
  'rate-limited': {
    status: '429 Too Many Requests',
    title: 'Too many requests',
    detail: 'This API key has made more requests than it may. Nothing was accepted.',
    retryAfterSeconds: 1,
  },
  'queue-full': {
    status: '503 Service Unavailable',
    title: 'Queue full',
    detail: 'The queue of this gateway is full. The payment was not accepted.',
    retryAfterSeconds: 1,
  },
  'batches-limit': {
    status: '503 Service Unavailable',
    title: 'Too many batches',
    detail: 'This gateway is already reading as many batches as it can at once. Nothing was accepted.',
    retryAfterSeconds: 1,
  },
  'event-readers-limit': {
    status: '503 Service Unavailable',
    title: 'Too many readers of events',
    detail: 'As many clients read events as this gateway allows (EVENT_READERS).',
    retryAfterSeconds: 10,
  },
  'viewers-limit': {
    status: '503 Service Unavailable',
    title: 'Too many viewers',
    detail: 'The dashboard already has as many viewers as this gateway allows.',
    retryAfterSeconds: 10,
  },
  'journal-unavailable': {
    status: '503 Service Unavailable',
    title: 'Journal unavailable',
    detail: 'The journal cannot be written. The payment was not accepted.',
    retryAfterSeconds: 5,
  },
  'ledger-unavailable': {
    status: '503 Service Unavailable',
    title: 'Ledger unavailable',
    detail: 'The ledger does not answer.',
    retryAfterSeconds: 1,
  },
  'books-frozen': {
    status: '503 Service Unavailable',
    title: 'Books frozen',
    detail: 'The books are frozen. The payment was not accepted.',
    retryAfterSeconds: 5,
  },
  'audit-failed': {
    status: '503 Service Unavailable',
    title: 'Audit failed',
    detail: 'The audit ended without a report. The log of the gateway says why.',
    retryAfterSeconds: 5,
  },
  starting: {
    status: '503 Service Unavailable',
    title: 'Starting',
    detail: 'This gateway is still starting its threads.',
    retryAfterSeconds: 1,
  },
  stopping: {
    status: '503 Service Unavailable',
    title: 'Stopping',
    detail: 'This gateway is shutting down and accepts no new requests.',
    retryAfterSeconds: 5,
  },
} as const satisfies Record<string, ProblemType>;

interface ProblemType {
  readonly status: `${number} ${string}`;
  readonly title: string;
  readonly detail: string;
  readonly field?: string;
  readonly retryAfterSeconds?: number;
  /** The value of `WWW-Authenticate`. */
  readonly challenge?: string;
}

export type ProblemSlug = keyof typeof PROBLEMS;

/** A response, ready to be written. */
export interface Problem {
  readonly slug: ProblemSlug;
  /** The status line, such as `404 Not Found`. */
  readonly status: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** Rendered once: errors must stay cheap while the gateway is under attack. */
const RENDERED = Object.fromEntries(
  problemSlugs().map((slug) => [slug, render(slug, PROBLEMS[slug])]),
) as Record<ProblemSlug, Problem>;

/**
 * The response for a problem, with its usual detail and field unless `specifics` replaces them. For
 * `method-not-allowed`, use `methodNotAllowed`.
 */
export function problem(
  slug: Exclude<ProblemSlug, 'method-not-allowed'>,
  specifics?: Partial<Pick<ProblemType, 'detail' | 'field' | 'challenge' | 'retryAfterSeconds'>>,
): Problem {
  return specifics === undefined ? RENDERED[slug] : render(slug, { ...PROBLEMS[slug], ...specifics });
}

/** The response for a path that supports only the methods in `allow`, such as `GET, HEAD`. */
export function methodNotAllowed(allow: string): Problem {
  const { headers, ...others } = RENDERED['method-not-allowed'];
  return { ...others, headers: [...headers, ['Allow', allow]] };
}

/** The answer to an operator whose request the ledger has not carried out. */
export function ledgerProblem({ reason, refusal }: Unavailable): Problem {
  return refusal === 'frozen'
    ? problem('books-not-in-use', { detail: reason })
    : problem('ledger-unavailable');
}

export function problemSlugs(): ProblemSlug[] {
  return Object.keys(PROBLEMS) as ProblemSlug[];
}

function render(slug: ProblemSlug, type: ProblemType): Problem {
  const { status, title, detail, field, retryAfterSeconds, challenge } = type;
  const headers: [string, string][] = [['Content-Type', 'application/problem+json']];
  if (retryAfterSeconds !== undefined) headers.push(['Retry-After', String(retryAfterSeconds)]);
  const code = Number.parseInt(status, 10);
  // Caches may store these two without being told to (RFC 9110, 15.1).
  if (code === 404 || code === 405) headers.push(['Cache-Control', 'no-store']);
  if (challenge !== undefined) headers.push(['WWW-Authenticate', challenge]);
  const body = JSON.stringify({ type: `/errors#${slug}`, title, status: code, detail, field });
  return { slug, status, headers, body };
}
