import { equalJitterMs } from '../core/backoff.ts';
import { type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { OutageLog } from '../core/outage-log.ts';
import type { Lease } from './lease.ts';
import type { LedgerEntry, OwnerRecord, Shard, WorkerId } from './ledger.ts';
import type { ShardMetrics } from './shard-parts.ts';

export interface TakeoverParts {
  readonly lease: Lease;
  readonly worker: WorkerId;
  readonly shard: Shard;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: ShardMetrics;
}

/** An owner whose entries may be taken over, unless its lease turns out to end later than `leaseUntilMs`. */
export interface DeadOwner {
  readonly record: OwnerRecord;
  readonly leaseUntilMs: number;
}

/** Finds owners that are dead and moves what they hold to the owner of this lease, a batch at a time. */
export class Takeover {
  readonly #parts: TakeoverParts;
  /** The leases of other owners, as this one has seen them, by owner. */
  #seen = new Map<number, { readonly leaseUntilMs: number; readonly sinceMs: number }>();
  readonly #outage: OutageLog;

  constructor(parts: TakeoverParts) {
    this.#parts = parts;
    this.#outage = new OutageLog({
      log: parts.log,
      fields: { worker: parts.worker.name },
      began: 'a takeover waits for the ledger: this worker claims and settles nothing meanwhile',
      ended: 'a takeover has been answered',
    });
  }

  /** Earlier owners of the same worker. They are dead, whatever their leases say: this thread has replaced them. */
  async predecessors(): Promise<DeadOwner[]> {
    const { worker, lease } = this.#parts;
    const isPredecessor = ({ instanceId, name, owner }: OwnerRecord) =>
      instanceId === worker.instanceId && name === worker.name && owner < lease.owner;
    const records = (await this.#others()).filter(isPredecessor);
    return records.map((record) => ({ record, leaseUntilMs: Number.POSITIVE_INFINITY }));
  }

  /** Owners that have not renewed for a whole lease since this one first saw them so. A lease of 0 was ended. */
  async expired(): Promise<DeadOwner[]> {
    const { clock, leaseMs } = this.#parts;
    const records = await this.#others();
    const nowMs = clock.monotonicMs();
    const before = this.#seen;
    this.#seen = new Map();
    const isExpired = ({ owner, leaseUntilMs }: OwnerRecord) => {
      const last = before.get(owner);
      const sinceMs = last?.leaseUntilMs === leaseUntilMs ? last.sinceMs : nowMs;
      this.#seen.set(owner, { leaseUntilMs, sinceMs });
      return leaseUntilMs === 0 || nowMs - sinceMs >= leaseMs;
    };
    return records.filter(isExpired).map((record) => ({ record, leaseUntilMs: record.leaseUntilMs }));
  }

  /**
   * Takes over at most `limit` entries. Does not return before the ledger has answered, or this worker stops: entries
   * may already belong to this owner without its knowing, and until it knows them it must not claim anything.
   */
  async take({ record, leaseUntilMs }: DeadOwner, limit: number): Promise<readonly LedgerEntry[]> {
    const { shard, lease, clock, random, leaseMs } = this.#parts;
    for (let attempt = 1; !lease.stopped; attempt++) {
      const reply = await shard.takeOver(record.owner, lease.owner, limit, leaseUntilMs);
      lease.answered(reply.kind === 'ok');
      if (reply.kind === 'ok') {
        this.#outage.recovered();
        return reply.value;
      }
      this.#outage.failed(reply.reason);
      await sleep(clock, equalJitterMs({ baseMs: 50, maxMs: leaseMs / 4 }, attempt, random));
    }
    return [];
  }

  /** All that is to be had from an owner has been taken. */
  finished({ record: { instanceId, name, owner } }: DeadOwner, paymentCount: number): void {
    if (paymentCount === 0) return;
    const { log, metrics } = this.#parts;
    metrics.count('takeOvers');
    metrics.count('paymentsTakenOver', paymentCount);
    log.info({ instanceId, worker: name, owner, payments: paymentCount }, 'took over from a former owner');
  }

  async #others(): Promise<OwnerRecord[]> {
    const { shard, lease } = this.#parts;
    const owners = await shard.owners();
    return owners.kind === 'unavailable' ? [] : owners.value.filter(({ owner }) => owner !== lease.owner);
  }
}
