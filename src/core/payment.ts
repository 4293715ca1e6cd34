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

/** `held`: accepted, and not to be sent until an operator releases it. */
export type PaymentStatus = 'accepted' | 'held' | 'dispatched' | 'settled' | 'rejected';

/** Whether the gateway still owes it an outcome. */
export function isOpen({ status }: { readonly status: PaymentStatus }): boolean {
  return status !== 'settled' && status !== 'rejected';
}

/** Count and sum of the settled payments of one processor. */
export interface Totals {
  readonly count: number;
  readonly amountCents: number;
}
