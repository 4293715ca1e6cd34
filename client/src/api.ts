// Generated from openapi.yaml by `npm run contract`. Amounts are in whole cents here, and decimals on the wire.

/** The operations of the client. */
export const OPERATIONS = {
  postPayment: { method: 'POST', path: '/payments' },
  postBatch: { method: 'POST', path: '/payments-batch' },
  getPayment: { method: 'GET', path: '/payments/{correlationId}' },
  getSummary: { method: 'GET', path: '/payments-summary' },
} as const;

/** The members that are amounts. */
export const AMOUNT_MEMBERS = ['amount', 'conflictingAmount', 'totalAmount'] as const;

/**
 * ISO 8601: a date, which means its midnight, or a date and time with up to nine fractional digits.
 * Without a zone it is UTC. Leap seconds and 24:00 are invalid.
 */
export type Moment = string;

/** A UTC timestamp in milliseconds. */
export type Stamp = string;

/** A problem document (RFC 9457). */
export interface Problem<Status extends number = number, Type extends string = string> {
  /** A link to the section of `GET /errors` that explains it. Programs should use it and `status`. */
  readonly type: Type;
  /** For people. It may change. */
  readonly title: string;
  /** The same as the HTTP status. */
  readonly status: Status;
  /** For people. It may change. */
  readonly detail: string;
  /** The member of the body, or the parameter, that is invalid. */
  readonly field?: string;
}

/** Accepted, but not yet sent to any processor. */
export interface AcceptedPayment {
  readonly amountCents: number;
  /** The first different amount that was posted under this id. It was never sent. */
  readonly conflictingAmountCents?: number;
  readonly correlationId: CorrelationId;
  readonly status: 'accepted';
  readonly acceptedAt: Stamp;
  readonly processor: null;
  readonly requestedAt: null;
  readonly attempts: 0;
}

/** How many times it was claimed. */
export type Attempts = number;

/** The name of the processor, which may no longer be configured. */
export type Processor = string;

/** The processor rejected it for good. It will not be sent again. */
export interface RejectedPayment {
  readonly amountCents: number;
  /** The first different amount that was posted under this id. It was never sent. */
  readonly conflictingAmountCents?: number;
  readonly correlationId: CorrelationId;
  readonly status: 'rejected';
  readonly acceptedAt: Stamp;
  readonly processor: Processor;
  readonly requestedAt: Stamp;
  readonly attempts: Attempts;
  readonly reason: string;
}

/** What has become of a line of a batch. */
export interface BatchAnswer {
  /** The id of the payment. It is missing if the line is no payment. */
  readonly correlationId?: CorrelationId;
  /** What `POST /payments` would answer. 202, the payment is accepted; 503, post it again. */
  readonly status: number;
  /** If it was refused, a link to the section of `GET /errors` that explains it. */
  readonly type?: string;
  /** For people. It may change. */
  readonly title?: string;
  /** For people. It may change. */
  readonly detail?: string;
  /** The member that is invalid. */
  readonly field?: string;
}

/** `dispatched`: it may have been sent to `processor`. `settled`: it is committed there for good. */
export interface SentPayment {
  readonly amountCents: number;
  /** The first different amount that was posted under this id. It was never sent. */
  readonly conflictingAmountCents?: number;
  readonly correlationId: CorrelationId;
  readonly status: 'dispatched' | 'settled';
  readonly acceptedAt: Stamp;
  readonly processor: Processor;
  readonly requestedAt: Stamp;
  readonly attempts: Attempts;
}

export interface PaymentRequest {
  /** 8-4-4-4-12 hexadecimal digits, of any version and variant, in upper or lower case. */
  readonly correlationId: CorrelationId;
  readonly amountCents: number;
}

export interface Totals {
  readonly totalRequests: number;
  readonly totalAmountCents: number;
}

export type CorrelationId = string;

export type Payment = AcceptedPayment | SentPayment | RejectedPayment;

export type Summary = Readonly<Record<string, Totals>>;

/** What `postPayment` answers instead of a success. */
export type PostProblem =
  | Problem<
      400,
      | '/errors#malformed-json'
      | '/errors#correlation-id-repeated'
      | '/errors#amount-repeated'
      | '/errors#idempotency-key-not-a-uuid'
    >
  | Problem<401, '/errors#token-required' | '/errors#token-unknown'>
  | Problem<403, '/errors#scope-missing'>
  | Problem<409, '/errors#amount-conflict'>
  | Problem<413, '/errors#body-too-large'>
  | Problem<
      422,
      | '/errors#not-an-object'
      | '/errors#correlation-id-missing'
      | '/errors#correlation-id-not-a-string'
      | '/errors#correlation-id-not-a-uuid'
      | '/errors#idempotency-key-differs'
      | '/errors#amount-missing'
      | '/errors#amount-not-a-number'
      | '/errors#amount-not-positive'
      | '/errors#amount-too-precise'
      | '/errors#amount-too-large'
      | '/errors#payment-rejected'
      | '/errors#amount-not-taken'
    >
  | Problem<429, '/errors#rate-limited'>
  | Problem<
      503,
      | '/errors#queue-full'
      | '/errors#journal-unavailable'
      | '/errors#ledger-unavailable'
      | '/errors#stopping'
      | 'about:blank'
    >;

/** What `postBatch` answers instead of a success. */
export type BatchProblem =
  | Problem<400, '/errors#malformed-json'>
  | Problem<401, '/errors#token-required' | '/errors#token-unknown'>
  | Problem<403, '/errors#scope-missing'>
  | Problem<413, '/errors#body-too-large'>
  | Problem<429, '/errors#rate-limited'>
  | Problem<503, '/errors#batches-limit' | '/errors#stopping' | 'about:blank'>;

/** What `getPayment` answers instead of a success. */
export type FindProblem =
  | Problem<401, '/errors#token-required' | '/errors#token-unknown'>
  | Problem<403, '/errors#scope-missing'>
  | Problem<404, '/errors#no-such-payment'>
  | Problem<429, '/errors#rate-limited'>
  | Problem<503, '/errors#ledger-unavailable' | 'about:blank'>;

/** What `getSummary` answers instead of a success. */
export type SummaryProblem =
  | Problem<400, '/errors#bad-window' | '/errors#unknown-parameter'>
  | Problem<401, '/errors#token-required' | '/errors#token-unknown'>
  | Problem<403, '/errors#scope-missing'>
  | Problem<422, '/errors#window-too-fine'>
  | Problem<429, '/errors#rate-limited'>
  | Problem<503, '/errors#ledger-unavailable' | 'about:blank'>;
