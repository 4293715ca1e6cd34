/**
 * A payment, as every part of the gateway knows it.
 *
 * A `correlationId` is a UUID in its canonical form: 36 characters, lower case. In memory layouts and in ledgers it takes
 * 16 bytes (`src/core/uuid.ts`). Amounts are whole cents; times are whole milliseconds in UTC.
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
