/**
 * Every problem the gateway answers, as `application/problem+json` (RFC 9457). The key is the fragment of its `type`
 * and the heading of its section in `docs/errors.md`.
 */
const PROBLEMS = {
  'malformed-json': {
    status: '400 Bad Request',
    title: 'Malformed JSON',
    detail: 'The body is not JSON in UTF-8 (RFC 8259), or is nested too deeply.',
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
    detail: '`from` and `to` are ISO 8601 timestamps, each given at most once, and `from` is not after `to`.',
  },
  'unknown-parameter': {
    status: '400 Bad Request',
    title: 'Unknown query parameter',
    detail: 'This path has no such query parameter.',
  },
  'token-required': {
    status: '401 Unauthorized',
    title: 'Token required',
    detail: 'This path wants `Authorization: Bearer` with the ADMIN_TOKEN of the gateway.',
    challenge: 'Bearer realm="dinossauro"',
  },
  'loopback-only': {
    status: '403 Forbidden',
    title: 'From this machine only',
    detail: 'This path answers clients on the machine of the gateway, and no proxy.',
  },
  'purge-not-allowed': {
    status: '403 Forbidden',
    title: 'Purge not allowed',
    detail: 'This gateway runs without ALLOW_PURGE=true.',
  },
  'other-origin': {
    status: '403 Forbidden',
    title: 'Another origin',
    detail: 'The page that asks is from another origin than this gateway.',
  },
  'no-such-route': {
    status: '404 Not Found',
    title: 'No such route',
    detail: 'No route has this path. GET /openapi.json lists those that exist.',
  },
  'no-such-payment': {
    status: '404 Not Found',
    title: 'No such payment',
    detail: 'No payment with this correlationId is known.',
  },
  'method-not-allowed': {
    status: '405 Method Not Allowed',
    title: 'Method not allowed',
    detail: 'This path answers other methods; the header Allow names them.',
  },
  'amount-conflict': {
    status: '409 Conflict',
    title: 'Known with another amount',
    detail: 'A payment with this correlationId and another amount was accepted earlier.',
    field: 'amount',
  },
  'body-too-large': {
    status: '413 Content Too Large',
    title: 'Body too large',
    detail: 'The body is larger than this gateway reads.',
  },
  'not-an-object': {
    status: '422 Unprocessable Content',
    title: 'Not an object',
    detail: 'The body is JSON, but no object with `correlationId` and `amount`.',
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
    detail: '`amount` is greater than this gateway takes.',
    field: 'amount',
  },
  'audit-running': {
    status: '429 Too Many Requests',
    title: 'Audit running',
    detail: 'Another audit of this instance is not over yet.',
    retryAfterSeconds: 5,
  },
  'queue-full': {
    status: '503 Service Unavailable',
    title: 'Queue full',
    detail: 'As many payments as this gateway holds are waiting. The payment was not accepted.',
    retryAfterSeconds: 1,
  },
  'viewers-limit': {
    status: '503 Service Unavailable',
    title: 'Too many viewers',
    detail: 'As many viewers as this gateway allows watch the dashboard.',
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
  'audit-failed': {
    status: '503 Service Unavailable',
    title: 'Audit failed',
    detail: 'The audit ended without a report; the log of the gateway says why.',
    retryAfterSeconds: 5,
  },
  starting: {
    status: '503 Service Unavailable',
    title: 'Starting',
    detail: 'The threads of this gateway are not all there yet.',
    retryAfterSeconds: 1,
  },
  stopping: {
    status: '503 Service Unavailable',
    title: 'Stopping',
    detail: 'This gateway is stopping and takes nothing new.',
    retryAfterSeconds: 5,
  },
} as const satisfies Record<string, ProblemType>;

interface ProblemType {
  readonly status: `${number} ${string}`;
  readonly title: string;
  readonly detail: string;
  readonly field?: string;
  readonly retryAfterSeconds?: number;
  /** What a client has to answer with, for `WWW-Authenticate`. */
  readonly challenge?: string;
}

export type ProblemSlug = keyof typeof PROBLEMS;

/** A response, ready to be written. */
export interface Problem {
  /** The status line, such as `404 Not Found`. */
  readonly status: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** Errors are answered under abuse too, so what is the same each time is rendered once. */
const RENDERED = Object.fromEntries(
  problemSlugs().map((slug) => [slug, render(slug, PROBLEMS[slug])]),
) as Record<ProblemSlug, Problem>;

/**
 * The response to a problem, with its usual detail and field, or with those of this one case. For
 * `method-not-allowed`, which must name the methods that are, see `methodNotAllowed`.
 */
export function problem(
  slug: Exclude<ProblemSlug, 'method-not-allowed'>,
  specifics?: { readonly detail: string; readonly field?: string },
): Problem {
  return specifics === undefined ? RENDERED[slug] : render(slug, { ...PROBLEMS[slug], ...specifics });
}

/** The response on a path that only answers the methods `allow`, such as `GET, HEAD`. */
export function methodNotAllowed(allow: string): Problem {
  const { status, headers, body } = RENDERED['method-not-allowed'];
  return { status, headers: [...headers, ['Allow', allow]], body };
}

export function problemSlugs(): ProblemSlug[] {
  return Object.keys(PROBLEMS) as ProblemSlug[];
}

function render(slug: ProblemSlug, type: ProblemType): Problem {
  const { status, title, detail, field, retryAfterSeconds, challenge } = type;
  const headers: [string, string][] = [['Content-Type', 'application/problem+json']];
  if (retryAfterSeconds !== undefined) headers.push(['Retry-After', String(retryAfterSeconds)]);
  const code = Number.parseInt(status, 10);
  // The only ones that a cache may keep without being told.
  if (code === 404 || code === 405) headers.push(['Cache-Control', 'no-store']);
  if (challenge !== undefined) headers.push(['WWW-Authenticate', challenge]);
  const body = JSON.stringify({ type: `/errors#${slug}`, title, status: code, detail, field });
  return { status, headers, body };
}
