import { type Action, assertActionPayments, type Cancellation, type CancelReply } from './actions.ts';
import { byShard } from './by-shard.ts';
import { assertAmount, assertTime, keptReason } from './commit.ts';
import type { Ledger, Reply } from './ledger.ts';

/**
 * Cancels payments that were not dispatched. It needs no owner: the books decide between it and a claim, and an instance
 * gets to know it from the reply to its claim. `unavailable`: some may have been cancelled, and repeating it is harmless. The replies are in the
 * order of the payments.
 */
export function cancel(
  ledger: Ledger,
  action: Action,
  payments: readonly Cancellation[],
): Promise<Reply<CancelReply[]>> {
  return byShard(ledger, payments, (own, shard) => shard.cancel(action, own));
}

/** What clients get to read. Who has cancelled the payment is in the log of actions. */
export function cancelReason({ why }: Action): string {
  return keptReason(`cancelled by an operator: ${why}`);
}

/** Every ledger checks this before it writes anything. */
export function assertCancellations({ atMs }: Action, payments: readonly Cancellation[]): void {
  assertActionPayments(payments);
  assertTime(atMs);
  for (const { amountCents } of payments) if (amountCents !== null) assertAmount(amountCents);
}
