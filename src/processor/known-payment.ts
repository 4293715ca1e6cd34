import { NO_STORY, type Story } from '../core/attempt.ts';
import type { PaymentStatus } from '../core/payment.ts';
import type { LookUpOutcome } from './processor.ts';

/** A look-up's answer about a payment that the processor knows. */
export type KnownThere = Extract<LookUpOutcome, { readonly kind: 'held' | 'pending' | 'rejected' }>;

/** What our books say of such a payment. */
export interface KnownPayment {
  readonly status: PaymentStatus;
  /** Null: the processor does not tell, or has not charged it. */
  readonly requestedAtMs: number | null;
  readonly chargedCents: number | null;
  /** Why it was rejected; else empty. */
  readonly reason: string;
  readonly story: Story;
}

const FOUND_CHARGED: Story = { ...NO_STORY, outcome: 'found-charged' };
const FOUND_REJECTED: Story = { ...NO_STORY, outcome: 'found-rejected' };

export function knownPayment(answer: KnownThere): KnownPayment {
  switch (answer.kind) {
    case 'held': {
      const { amountCents: chargedCents, requestedAtMs } = answer;
      return { status: 'settled', requestedAtMs, chargedCents, reason: '', story: FOUND_CHARGED };
    }
    case 'pending':
      return { status: 'dispatched', requestedAtMs: null, chargedCents: null, reason: '', story: NO_STORY };
    case 'rejected':
      return {
        status: 'rejected',
        requestedAtMs: null,
        chargedCents: null,
        reason: answer.reason,
        story: FOUND_REJECTED,
      };
  }
}
