import type { Reply, Shard, WorkerId } from './ledger.ts';

/**
 * Writes as an owner whose lease has ended already at `nowMs`, so that workers take over what it leaves open, as they do
 * from an owner that died.
 */
export async function asTemporaryOwner<T>(
  shard: Shard,
  worker: WorkerId,
  nowMs: number,
  write: (owner: number) => Promise<Reply<T>>,
): Promise<Reply<T>> {
  const owner = await shard.acquireLease(worker, nowMs);
  if (owner.kind === 'unavailable') return owner;
  const reply = await write(owner.value);
  // If this is not answered, the lease expires by itself.
  await shard.releaseLease(owner.value);
  return reply;
}
