import type { OwnerRecord } from '../ledger/ledger.ts';

/**
 * The owners of all shards, one row for each life of a worker. A worker has an owner in every shard, numbered by each shard
 * for itself, so its newest ones belong together, then the ones before them. A row shows the lease that ends first.
 */
export function workersOf(shards: readonly (readonly OwnerRecord[])[]): readonly OwnerRecord[] {
  const rows = new Map<string, OwnerRecord>();
  for (const records of shards) {
    const lives = new Map<string, number>();
    for (const record of records.toSorted((one, other) => other.owner - one.owner)) {
      const worker = JSON.stringify([record.instanceId, record.name]);
      const life = lives.get(worker) ?? 0;
      lives.set(worker, life + 1);
      const key = `${life} ${worker}`;
      const row = rows.get(key) ?? record;
      const leaseUntilMs = Math.min(row.leaseUntilMs, record.leaseUntilMs);
      rows.set(key, { ...row, owner: Math.max(row.owner, record.owner), leaseUntilMs });
    }
  }
  return [...rows.values()].sort((one, other) => one.owner - other.owner);
}
