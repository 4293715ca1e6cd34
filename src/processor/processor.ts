import type { Payment, Totals } from '../core/payment.ts';

/** A payment processor: an outside service that charges for committing payments. */
export interface Processor {
  /** `POST /payments`. Resolves within `timeoutMs`; never rejects. */
  pay(dispatch: Dispatch, timeoutMs: number): Promise<PayOutcome>;
  /** `GET /payments/{id}`: whether the processor holds the payment. Never rejects. `trace`: as in `Dispatch`. */
  find(correlationId: string, timeoutMs: number, trace?: Buffer | null): Promise<LookUpOutcome>;
  /** `GET /payments/service-health`. Never rejects. */
  health(timeoutMs: number): Promise<Health>;
  close(): Promise<void>;
}

export interface Dispatch extends Payment {
  /** When the payment was claimed for this call, in whole milliseconds. */
  readonly requestedAtMs: number;
  /** The trace context (`src/core/trace-context.ts`); null: not traced. */
  readonly trace: Buffer | null;
}

/**
 * The outcome of one call of `pay`, before any look-up.
 *
 * | kind      | seen                                                    | meaning                               |
 * |-----------|---------------------------------------------------------|---------------------------------------|
 * | committed | 2xx                                                     | committed with this timestamp         |
 * | duplicate | 422                                                     | committed earlier: ask `find`         |
 * | refused   | connection refused, 429, 503 with `Retry-After`         | certainly not committed               |
 * | exhausted | no descriptor, port or memory here for a connection     | not sent; not the processor's fault   |
 * | failed    | 500                                                     | the call is over: ask `find`          |
 * | unknown   | timeout, reset, closed early, garbage, other 5xx or 3xx | may or may not be committed           |
 * | rejected  | other 4xx                                               | will never be committed               |
 */
export type PayOutcome =
  | { readonly kind: 'committed' }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'refused'; readonly reason: string; readonly retryAfterMs: number | null }
  | { readonly kind: 'exhausted'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'unknown'; readonly reason: string }
  | { readonly kind: 'rejected'; readonly reason: string };

export type LookUpOutcome =
  | { readonly kind: 'held'; readonly amountCents: number; readonly requestedAtMs: number }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly reason: string };

/** What an audit asks a processor. */
export interface ProcessorBooks {
  find(correlationId: string, timeoutMs: number): Promise<LookUpOutcome>;
  /**
   * `GET /admin/payments-summary`: the totals of payments stamped within [fromMs, toMs], both inclusive, whole and not
   * before the year 1. `token`: its admin token. Never rejects.
   */
  totals(fromMs: number, toMs: number, token: string, timeoutMs: number): Promise<ToldTotals>;
  close(): Promise<void>;
}

export type ToldTotals =
  | ({ readonly kind: 'told' } & Totals)
  | { readonly kind: 'denied' }
  | { readonly kind: 'unknown'; readonly reason: string };

export type Health =
  | { readonly kind: 'reported'; readonly failing: boolean; readonly minResponseTimeMs: number }
  | { readonly kind: 'limited' }
  | { readonly kind: 'unknown'; readonly reason: string };
