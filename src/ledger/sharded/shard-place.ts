/** Which shard of how many. */
export interface ShardPlace {
  readonly position: number;
  readonly count: number;
}

/** The place of a ledger that is not one of several. */
export const ONLY_SHARD: ShardPlace = { position: 0, count: 1 };
