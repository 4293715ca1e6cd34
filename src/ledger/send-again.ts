import type { Action, Reopening, ReopenReply } from './actions.ts';
import { type Ledger, ok, type Reply, type Shard } from './ledger.ts';

const NAME = 'operator';

/**
 * Has rejected payments sent again. They are opened for an owner of their own whose lease has ended, so that workers take
 * them over as they do from one that died: nothing is lost, whoever stops meanwhile. `unavailable`: some may have been opened,
 * and repeating it is harmless. The replies are in the order of the payments.
 */
export async function sendAgain(
  ledger: Ledger,
  instanceId: string,
  action: Action,
  payments: readonly Reopening[],
): Promise<Reply<ReopenReply[]>> {
  const replies: ReopenReply[] = [];
  for (const [position, shard] of ledger.shards.entries()) {
    const places = [...payments.keys()].filter(
      (place) => ledger.shardOf((payments[place] as Reopening).correlationId) === position,
    );
    if (places.length === 0) continue;
    const own = places.map((place) => payments[place] as Reopening);
    const reply = await reopenIn(shard, instanceId, action, own);
    if (reply.kind === 'unavailable') return reply;
    for (const [index, place] of places.entries()) replies[place] = reply.value[index] as ReopenReply;
  }
  return ok(replies);
}

async function reopenIn(
  shard: Shard,
  instanceId: string,
  action: Action,
  payments: readonly Reopening[],
): Promise<Reply<ReopenReply[]>> {
  const owner = await shard.acquireLease({ instanceId, name: NAME }, action.atMs);
  if (owner.kind === 'unavailable') return owner;
  const reply = await shard.reopen(owner.value, action, payments);
  // If this is not answered, the lease expires by itself.
  await shard.releaseLease(owner.value);
  return reply;
}
