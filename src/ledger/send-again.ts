import type { Action, Reopening, ReopenReply } from './actions.ts';
import { byShard } from './by-shard.ts';
import type { Ledger, Reply } from './ledger.ts';
import { asTemporaryOwner } from './temporary-owner.ts';

const NAME = 'operator';

/**
 * Has rejected payments sent again. They are opened for an owner of their own whose lease has ended, so that workers take
 * them over as they do from one that died: nothing is lost if an instance stops meanwhile. `unavailable`: some may have been opened,
 * and repeating it is harmless. The replies are in the order of the payments.
 */
export function sendAgain(
  ledger: Ledger,
  instanceId: string,
  action: Action,
  payments: readonly Reopening[],
): Promise<Reply<ReopenReply[]>> {
  return byShard(ledger, payments, (own, shard) =>
    asTemporaryOwner(shard, { instanceId, name: NAME }, action.atMs, (owner) =>
      shard.reopen(owner, action, own),
    ),
  );
}
