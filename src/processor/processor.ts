import type { Payment, Totals } from '../core/payment.ts';

/** A payment processor: an outside service that charges for committing payments. */
export interface Processor {
  /** Whether `health` asks it anything. Otherwise only calls tell how it is doing. */
  readonly reportsHealth: boolean;
  /** Sends the payment. Resolves within `timeoutMs`; never rejects. */
  pay(dispatch: Dispatch, timeoutMs: number): Promise<PayOutcome>;
  /** The look-up: whether the processor holds the payment. Never rejects. `trace`: as in `Dispatch`. */
  find(correlationId: string, timeoutMs: number, trace?: Buffer | null): Promise<LookUpOutcome>;
  /** Never rejects. */
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
 * The outcome of one call of `pay`, before any look-up. The contract says which answer means what.
 *
 * | kind      | meaning                                                     | what follows                          |
 * |-----------|-------------------------------------------------------------|---------------------------------------|
 * | committed | committed with this timestamp                               | settle                                |
 * | duplicate | the processor says that it holds this id already            | look it up                            |
 * | pending   | accepted there and not charged yet; it stays there          | look it up, with backoff              |
 * | refused   | certainly not committed; another try may succeed            | back off, go anywhere                 |
 * | exhausted | not sent: no descriptor, port or memory here                | back off; not the processor's fault   |
 * | failed    | the call is over, so a look-up is final                     | look it up                            |
 * | unknown   | may be committed, now or until the hold time has passed     | in doubt: look it up, with backoff    |
 * | unfit     | not committed; the processor would refuse any payment       | open its breaker, go anywhere         |
 * | rejected  | will never be committed                                     | settle as rejected                    |
 */
export type PayOutcome = Resting &
  (
    | { readonly kind: 'committed' }
    | { readonly kind: 'pending' }
    | {
        readonly kind: 'duplicate' | 'refused' | 'exhausted' | 'failed' | 'unknown' | 'unfit' | 'rejected';
        readonly reason: string;
      }
  );

/**
 * The outcome of a look-up. Where a processor does not tell the amount or the timestamp, they are null and those of the
 * payment count.
 */
export type LookUpOutcome = Resting &
  (
    | { readonly kind: 'held'; readonly amountCents: number | null; readonly requestedAtMs: number | null }
    | { readonly kind: 'absent' }
    | { readonly kind: 'pending' }
    | { readonly kind: 'rejected'; readonly reason: string }
    | { readonly kind: 'unknown'; readonly reason: string }
  );

/** The processor has asked for a rest in its answer (`Retry-After`): nothing is sent to it meanwhile. */
interface Resting {
  readonly retryAfterMs?: number;
}

/** What an audit asks a processor. */
export interface ProcessorBooks {
  find(correlationId: string, timeoutMs: number): Promise<LookUpOutcome>;
  /**
   * The totals of payments stamped within [fromMs, toMs], both inclusive, whole and not before the year 1. `token`: its
   * admin token. Never rejects.
   */
  totals(fromMs: number, toMs: number, token: string, timeoutMs: number): Promise<TotalsOutcome>;
  close(): Promise<void>;
}

export type TotalsOutcome =
  | ({ readonly kind: 'reported' } & Totals)
  | { readonly kind: 'denied' }
  | { readonly kind: 'unknown'; readonly reason: string };

export type Health =
  | { readonly kind: 'reported'; readonly failing: boolean; readonly minResponseTimeMs: number }
  | { readonly kind: 'limited' }
  | { readonly kind: 'unknown'; readonly reason: string };
