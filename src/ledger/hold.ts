import type { Action, HoldReply, NamedPayment, ReleaseReply } from './actions.ts';
import { byShard } from './by-shard.ts';
import type { Ledger, Reply } from './ledger.ts';
import { asTemporaryOwner } from './temporary-owner.ts';

const NAME = 'operator';

/**
 * Holds payments that were not dispatched. It needs no owner: the books decide between it and a claim, and an instance
 * gets to know it from the reply to its claim. `unavailable`: some may be held, and repeating it is harmless. The replies are in the order of the
 * payments.
 */
export function hold(
  ledger: Ledger,
  action: Action,
  payments: readonly NamedPayment[],
): Promise<Reply<HoldReply[]>> {
  return byShard(ledger, payments, (own, shard) => shard.hold(action, own));
}

/** Lets held payments be sent. As with payments that are sent again, workers take them over from an owner of their own. */
export function release(
  ledger: Ledger,
  instanceId: string,
  action: Action,
  payments: readonly NamedPayment[],
): Promise<Reply<ReleaseReply[]>> {
  return byShard(ledger, payments, (own, shard) =>
    asTemporaryOwner(shard, { instanceId, name: NAME }, action.atMs, (owner) =>
      shard.release(owner, action, own),
    ),
  );
}
