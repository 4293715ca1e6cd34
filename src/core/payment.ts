/**
 * The words that every part of the gateway shares: a payment, and what is known of it.
 *
 * A `correlationId` is a UUID in its canonical form, 36 characters, lower case. Where it is laid out in memory
 * or in a store it takes 16 bytes (`src/core/uuid.ts`). Amounts are whole cents, times are whole milliseconds, UTC.
 */
export interface Payment {
  readonly correlationId: string;
  readonly amountCents: number;
  readonly acceptedAtMs: number;
}

export type PaymentStatus = 'accepted' | 'dispatched' | 'settled' | 'rejected';

/** Count and sum of the settled payments of one processor. */
export interface Totals {
  readonly count: number;
  readonly amountCents: number;
}
