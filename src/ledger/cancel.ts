import type { Action, Cancellation, CancelReply } from './actions.ts';
import { byShard } from './by-shard.ts';
import type { Ledger, Reply } from './ledger.ts';

/**
 * Cancels payments that were not dispatched. It needs no owner: the books decide between it and a claim, and instances learn
 * of it when they claim. `unavailable`: some may have been cancelled, and repeating it is harmless. The replies are in the
 * order of the payments.
 */
export function cancel(
  ledger: Ledger,
  action: Action,
  payments: readonly Cancellation[],
): Promise<Reply<CancelReply[]>> {
  return byShard(ledger, payments, (own, shard) => shard.cancel(action, own));
}
