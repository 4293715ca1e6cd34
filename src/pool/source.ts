import type { Payment } from '../core/payment.ts';

/** Where a pool thread takes accepted payments from. */
export interface Source {
  take(limit: number): QueuedPayment[];
  /** Resolves when there may be something to take. */
  wait(): Promise<void>;
  /** The journal may forget it: the ledger answers for it now, or it is never to be sent. */
  release(journalRef: number): void;
  /** From now on the ledger decides how a repeated post of this payment is answered. */
  leaveToLedger(correlationId: string): void;
}

export interface QueuedPayment extends Payment {
  readonly journalRef: number;
  /** Its trace context (`src/core/trace-context.ts`); null: none. */
  readonly trace: Buffer | null;
}
