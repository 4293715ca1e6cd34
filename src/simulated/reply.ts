/** How a simulated processor answers a call. */
export type Reply =
  | {
      readonly kind: 'answer';
      readonly status: Status;
      /** JSON, or plain text when `retryAfterS` is set; null: no body. */
      readonly body: string | null;
      readonly retryAfterS: number | null;
    }
  /** The connection ends without an answer. */
  | { readonly kind: 'drop' }
  /** Bytes that are not HTTP. */
  | { readonly kind: 'garbage' }
  /** An answer with an incomplete body. */
  | { readonly kind: 'half' };

const PHRASES = {
  200: '200 OK',
  201: '201 Created',
  202: '202 Accepted',
  204: '204 No Content',
  400: '400 Bad Request',
  401: '401 Unauthorized',
  402: '402 Payment Required',
  403: '403 Forbidden',
  404: '404 Not Found',
  405: '405 Method Not Allowed',
  408: '408 Request Timeout',
  409: '409 Conflict',
  422: '422 Unprocessable Entity',
  423: '423 Locked',
  425: '425 Too Early',
  429: '429 Too Many Requests',
  500: '500 Internal Server Error',
  503: '503 Service Unavailable',
} as const;

type Status = keyof typeof PHRASES;

export function statusLine(status: Status): string {
  return PHRASES[status];
}

export function answer(status: Status, body: string | null = null): Reply {
  return { kind: 'answer', status, body, retryAfterS: null };
}

export function later(status: 429 | 503, retryAfterS: number): Reply {
  return { kind: 'answer', status, body: 'Calm down. Try again later.', retryAfterS };
}

export const BAD_REQUEST = answer(400);
export const NOT_FOUND = answer(404);
export const FAILED = answer(500);
