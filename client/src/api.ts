// Generated from openapi.yaml by `npm run contract`. Amounts are in whole cents here, and decimals on the wire.

/** The operations of the client. */
export const OPERATIONS = {
  postPayment: { method: 'POST', path: '/payments' },
  postBatch: { method: 'POST', path: '/payments-batch' },
  getPayment: { method: 'GET', path: '/payments/{correlationId}' },
  getSummary: { method: 'GET', path: '/payments-summary' },
  listPayments: { method: 'GET', path: '/payments' },
  readEvents: { method: 'GET', path: '/events' },
} as const;

/** The members that are amounts. */
export const AMOUNT_MEMBERS = ['amount', 'chargedAmount', 'conflictingAmount', 'maxAmount', 'minAmount', 'totalAmount'] as const;

/**
 * A processor does not work, so that it gets no payments but probes; or it works again. One instance of
 * the deployment at a time observes that, by its own circuit breaker.
 */
export interface CircuitEvent {
  readonly id: EventId;
  readonly type: 'processor.circuit-opened' | 'processor.circuit-closed';
  readonly timestamp: Stamp;
  readonly data: CircuitData;
}

/**
 * ISO 8601: a date, which means its midnight, or a date and time with up to nine fractional digits.
 * Without a zone it is UTC. Leap seconds and 24:00 are invalid.
 */
export type Moment = string;

/**
 * The processor rejected it for good: it will not be sent again, unless an operator wants it. Or an
 * operator has cancelled it before it was sent: then `processor` is null, and it will never be sent.
 */
export interface RejectedPayment {
  readonly amountCents: number;
  /** The first different amount that was posted under this id. It was never sent. */
  readonly conflictingAmountCents?: number;
  readonly correlationId: CorrelationId;
  readonly status: 'rejected';
  readonly acceptedAt: Stamp;
  /** Null: it was cancelled. */
  readonly processor: string | null;
  readonly requestedAt: StampOrNull;
  /** 0: it was cancelled before it was ever sent. */
  readonly attempts: number;
  readonly history?: History;
  readonly reason: string;
}

/**
 * What the books say about each attempt to have the payment charged, oldest first. Only operators get
 * it, and only from `GET /payments/{correlationId}`. Of many attempts, the last nine are kept;
 * `attempts` says how many there were.
 */
export type History = readonly Attempt[];

/** A UTC timestamp in milliseconds. */
export type Stamp = string;

/** A payment is charged, and counted in the books. */
export interface SettledEvent {
  readonly id: EventId;
  readonly type: 'payment.settled';
  readonly timestamp: Stamp;
  readonly data: SettledData;
}

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
  /** 0, unless it was rejected and is to be sent again. */
  readonly attempts: number;
  readonly history?: History;
}

/** An operator has added, removed, paused or resumed a processor. */
export interface PauseEvent {
  readonly id: EventId;
  readonly type: 'processor.added' | 'processor.removed' | 'processor.paused' | 'processor.resumed';
  readonly timestamp: Stamp;
  readonly data: PauseData;
}

/** An operator has changed limits of a processor. */
export interface LimitsEvent {
  readonly id: EventId;
  readonly type: 'processor.limits-changed';
  readonly timestamp: Stamp;
  readonly data: LimitsData;
}

/** An operator has changed the fee of a processor. */
export interface FeeEvent {
  readonly id: EventId;
  readonly type: 'processor.fee-changed';
  readonly timestamp: Stamp;
  readonly data: FeeData;
}

/** An operator holds it. It was not dispatched, and is not sent until it is released. */
export interface HeldPayment {
  /** It is missing while no instance has claimed the payment since it was held. */
  readonly amountCents?: number;
  /** The first different amount that was posted under this id. It was never sent. */
  readonly conflictingAmountCents?: number;
  readonly correlationId: CorrelationId;
  readonly status: 'held';
  readonly acceptedAt: Stamp;
  readonly processor: null;
  readonly requestedAt: null;
  /** 0, unless it was rejected before. */
  readonly attempts: number;
  readonly history?: History;
}

/** How many times it was claimed. */
export type Attempts = number;

/** Its processor has refused a payment for good, or an operator has cancelled it. */
export interface RejectedEvent {
  readonly id: EventId;
  readonly type: 'payment.rejected';
  readonly timestamp: Stamp;
  readonly data: RejectedData;
}

/** The name of the processor, which may no longer be configured. */
export type Processor = string;

/** The same each time that the event comes. */
export type EventId = string;

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

/** What has become of a payment, what an operator has changed, or whether a processor works. */
export type GatewayEvent = SettledEvent | RejectedEvent | PauseEvent | FeeEvent | LimitsEvent | CircuitEvent;

/** What operators have made of the limits of a processor. Those that are missing are as configured. */
export interface ChangedLimits {
  /** Most calls in flight, from each instance. */
  readonly callsAtOnce?: number;
  /** Most calls in any second, from each instance. */
  readonly callsPerSecond?: number;
  readonly minAmountCents?: number;
  readonly maxAmountCents?: number;
}

/** What the instance that answers has at the moment, whether it is in the books or not. */
export interface AnsweringInstance {
  readonly name: string;
  /** Payments that wait for a processor or for the ledger. */
  readonly waiting: number;
  /** Payments that may have been charged, so that only their processor can say. */
  readonly inDoubt: number;
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
  readonly history?: History;
}

export interface Attempt {
  readonly processor: Processor;
  readonly requestedAt: Stamp;
  /**
   * Why this processor. `cheapest-well`: it was the cheapest that was well and fast enough.
   * `after-failover-delay`: the payment had waited long enough for a cheaper one that failed.
   * `least-slow`: all were slow, and no other was faster. `probe`: one payment was to find out whether it
   * had recovered. `unknown`: the books do not say.
   */
  readonly why: 'unknown' | 'cheapest-well' | 'after-failover-delay' | 'least-slow' | 'probe';
  /**
   * The outcome. `charged`, `rejected`: its answer said so; `found-charged`, `found-rejected`: a look-up
   * said so. Nothing was charged with `refused` (not taken this time), `unfit` (it refused every
   * request), `exhausted` (this machine lacked what a call needs), `not-held` (a look-up found nothing,
   * when no call could be running any more) and `not-sent` (the reply of the ledger was lost).
   * `never-held`: it called the payment a duplicate again and again, and never held it. `unknown`: there
   * is no outcome yet, or the books do not say.
   */
  readonly outcome: 'unknown' | 'charged' | 'found-charged' | 'rejected' | 'found-rejected' | 'never-held' | 'refused' | 'unfit' | 'exhausted' | 'not-held' | 'not-sent';
}

export interface CircuitData {
  readonly processor: string;
  /** The instance that has observed it. */
  readonly instance: string;
}

export interface Fee {
  /** Share of the amount. */
  readonly share: number;
  /** Fixed part. */
  readonly fixed: number;
}

export interface FeeData {
  readonly processor: string;
  /** Who, as they said. */
  readonly by: string;
  /** Why, as they said. */
  readonly why: string;
  /** What payments cost there from then on; null if that is the fee of the configuration. */
  readonly fee: Fee | null;
}

export interface LimitsData {
  readonly processor: string;
  /** Who, as they said. */
  readonly by: string;
  /** Why, as they said. */
  readonly why: string;
  readonly limits: ChangedLimits;
}

export interface PauseData {
  readonly processor: string;
  /** Who, as they said. */
  readonly by: string;
  /** Why, as they said. */
  readonly why: string;
}

export interface PaymentPage {
  readonly payments: readonly Payment[];
  /** Gets the next page as `after`; null on the last page. */
  readonly next: string | null;
  readonly instance: AnsweringInstance;
}

export interface PaymentRequest {
  /** 8-4-4-4-12 hexadecimal digits, of any version and variant, in upper or lower case. */
  readonly correlationId: CorrelationId;
  readonly amountCents: number;
}

export interface RejectedData {
  readonly payment: RejectedPayment;
}

export interface SettledData {
  readonly payment: SentPayment;
  /** What its processor says that it has charged, which the totals count. */
  readonly chargedAmountCents: number;
}

export interface Totals {
  readonly totalRequests: number;
  readonly totalAmountCents: number;
}

export type CorrelationId = string;

export type Payment = AcceptedPayment | HeldPayment | SentPayment | RejectedPayment;

export type StampOrNull = Stamp | null;

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
      | '/errors#books-frozen'
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
  | Problem<422, '/errors#window-too-fine' | '/errors#sum-too-large'>
  | Problem<429, '/errors#rate-limited'>
  | Problem<503, '/errors#ledger-unavailable' | 'about:blank'>;

/** What `listPayments` answers instead of a success. */
export type ListProblem =
  | Problem<400, '/errors#bad-search' | '/errors#bad-window' | '/errors#unknown-parameter'>
  | Problem<401, '/errors#token-required' | '/errors#token-unknown'>
  | Problem<403, '/errors#loopback-only' | '/errors#scope-missing'>
  | Problem<404, '/errors#no-such-route'>
  | Problem<503, '/errors#ledger-unavailable' | 'about:blank'>;

/** What `readEvents` answers instead of a success. */
export type EventsProblem =
  | Problem<400, '/errors#bad-cursor' | '/errors#unknown-parameter'>
  | Problem<401, '/errors#token-required' | '/errors#token-unknown'>
  | Problem<403, '/errors#loopback-only' | '/errors#scope-missing'>
  | Problem<404, '/errors#events-off' | '/errors#no-such-route'>
  | Problem<503, '/errors#event-readers-limit' | '/errors#ledger-unavailable' | 'about:blank'>;
