import type { Dispatch, Health, LookUpOutcome, PayOutcome, TotalsOutcome } from './processor.ts';

/**
 * What a processor's API means: how to write each request, and what each answer says about the payment. A contract is
 * pure: it does no I/O, keeps no state and reads no clock, so that tests and simulations can run it as it is.
 * docs/contracts.md explains how to write one.
 *
 * Where a contract is silent, the gateway is careful. It decides some answers without asking the contract:
 *
 * | seen                                              | outcome     |
 * |---------------------------------------------------|-------------|
 * | no byte of the request was sent                   | `refused`   |
 * | this machine lacks a descriptor, port or memory   | `exhausted` |
 * | no status line: timeout, reset, garbage           | `unknown`   |
 * | the contract throws an error                      | `unknown`   |
 */
export interface Contract {
  readonly name: string;
  /** The answers from which it concludes that a payment was or was not committed; documentation is made from them. */
  readonly proofs: readonly Proof[];
  /** Response headers that it reads besides `Retry-After`, in lower case. Others are not kept. */
  readonly responseHeaders?: readonly string[];
  pay(payment: ContractPayment): ContractRequest;
  /** `response.status` is at least 200; the body may be incomplete. */
  readPay(response: ContractResponse, payment: ContractPayment): PayOutcome;
  /** The look-up: what the processor holds. Only the id is known, because the gateway may have lost everything else. */
  find(correlationId: string): ContractRequest;
  readFind(response: ContractResponse, correlationId: string): LookUpOutcome;
  /** Missing if the processor has no health route; then only calls open and close its breaker. */
  readonly health?: HealthRoute;
  /** Missing if the processor does not report totals; then an audit compares payment by payment. */
  readonly totals?: TotalsRoute;
  /**
   * The payment that a callback is about; null: this is not a callback about a payment. It is not believed, and only
   * makes the next look-up happen at once. Missing if the processor makes no callbacks.
   */
  readonly readCallback?: (body: string) => string | null;
}

export interface HealthRoute {
  readonly request: ContractRequest;
  read(response: ContractResponse): Health;
}

export interface TotalsRoute {
  request(fromMs: number, toMs: number, token: string): ContractRequest;
  read(response: ContractResponse): TotalsOutcome;
}

export type ContractPayment = Pick<Dispatch, 'correlationId' | 'amountCents' | 'requestedAtMs'>;

export interface Proof {
  /** What is seen, such as `HTTP 500, then 404 to the look-up`. */
  readonly seen: string;
  readonly means: 'committed' | 'not committed' | 'rejected';
  /** Why that follows: what the processor promises, or what HTTP says. */
  readonly why: string;
}

export interface ContractRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Begins with `/` and is appended to the URL of the processor. */
  readonly path: string;
  /** Without `Host`, `Content-Length` and `traceparent`, which the client adds. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface ContractResponse {
  readonly status: number;
  /** False: the connection ended, or the time was up, before the whole body was received. */
  readonly isComplete: boolean;
  /** The delay that `Retry-After` asks for; null: missing or invalid. */
  readonly retryAfterMs: number | null;
  /** One line for people: the status and the beginning of the body. It is made when it is read. */
  readonly reason: string;
  /** One of `responseHeaders`; empty: missing. */
  header(name: string): string;
  /** The body, as far as it was received. */
  text(): string;
}

/** What a contract's module exports by default. Throws a `SetupError` if the options are invalid. */
export type ContractFactory = (options: ContractOptions) => Contract;

export interface ContractOptions {
  /** The `options` of the processors file, as they are. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The value of an `Authorization` header; empty: none. */
  readonly authorization: string;
}
