import type { Payment, Totals } from '../core/payment.ts';

/** A payment processor as the gateway sees it: an outside service that charges for committing payments. */
export interface Processor {
  /** `POST /payments`. Resolves always, and within `timeoutMs`; never rejects. */
  pay(dispatch: Dispatch, timeoutMs: number): Promise<PayOutcome>;
  /** `GET /payments/{id}`: what the processor holds. Never rejects. `trace` as in `Dispatch`. */
  find(correlationId: string, timeoutMs: number, trace?: Buffer | null): Promise<LookUpOutcome>;
  /** `GET /payments/service-health`. Never rejects. */
  health(timeoutMs: number): Promise<Health>;
  close(): Promise<void>;
}

export interface Dispatch extends Payment {
  /** Stamped when the payment was claimed for this call, whole milliseconds, UTC. */
  readonly requestedAtMs: number;
  /** What the call is part of (`src/core/trace-context.ts`); null: no trace. */
  readonly trace: Buffer | null;
}

/**
 * What one call of `pay` showed, before anybody asked further (DESIGN section 4).
 *
 * | kind      | seen                                                    | meaning                               |
 * |-----------|---------------------------------------------------------|---------------------------------------|
 * | committed | 2xx                                                     | recorded there with this stamp        |
 * | duplicate | 422                                                     | committed earlier: ask `find`         |
 * | refused   | connection refused, 429, 503 with `Retry-After`         | certainly not committed               |
 * | exhausted | no descriptor, port or memory here for a connection     | not sent; says nothing of the processor |
 * | failed    | 500                                                     | the call is over: `find` has the truth |
 * | unknown   | timeout, reset, closed early, garbage, other 5xx or 3xx | may or may not be committed           |
 * | invalid   | other 4xx                                               | will never be committed               |
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

/** What an auditor may ask a processor. */
export interface ProcessorBooks {
  find(correlationId: string, timeoutMs: number): Promise<LookUpOutcome>;
  /**
   * `GET /admin/payments-summary`: what the processor holds with a stamp within [fromMs, toMs], both inclusive, whole
   * and not before the year 1. `token` is what its administrators show. Never rejects.
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
